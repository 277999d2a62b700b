package kernels

import "github.com/hourglass-go/hourglass/internal/parallel"

// What follows lets an algorithm that knows x as one array only work on parts: they are
// joined in the scratch, or the result is divided from there.

// joinRows is the number of pixels that one tile copies.
const joinRows = 256

// joiner copies between parts and one array.
type joiner[T Float] struct {
	widths        []int
	in, pixels    int
	parts         [][]T
	whole         []T
	joint, divide region
}

func newJoiner[T Float](s *ConvShape) *joiner[T] {
	j := &joiner[T]{widths: s.Parts, in: s.In, pixels: s.pixelsIn()}
	j.joint = func(tile int) { j.copy(tile, true) }
	j.divide = func(tile int) { j.copy(tile, false) }
	return j
}

func (j *joiner[T]) size() int { return j.pixels * j.in }

func (j *joiner[T]) run(team *parallel.Team, task *region, parts [][]T, whole []T) {
	j.parts, j.whole = parts, whole
	team.Run(ceilDiv(j.pixels, joinRows), task)
	j.parts, j.whole = nil, nil
}

func (j *joiner[T]) copy(tile int, join bool) {
	at := 0
	for i, n := range j.widths {
		for p := tile * joinRows; p < min((tile+1)*joinRows, j.pixels) && j.parts[i] != nil; p++ {
			part, whole := j.parts[i][p*n:][:n], j.whole[p*j.in+at:][:n]
			if join {
				copy(whole, part)
			} else {
				copy(part, whole)
			}
		}
		at += n
	}
}

// joinedPass is a pass over one array that is given parts.
type joinedPass[T Float] struct {
	convPass[T]
	*joiner[T]
	gathers bool
	one     [1][]T
}

func joinParts[T Float](s *ConvShape, p convPass[T], gathers bool) convPass[T] {
	if len(s.Parts) < 2 {
		return p
	}
	return &joinedPass[T]{convPass: p, joiner: newJoiner[T](s), gathers: gathers}
}

func (p *joinedPass[T]) scratch() int { return p.size() + p.convPass.scratch() }

func (p *joinedPass[T]) run(team *parallel.Team, out, in [][]T, form, bias, scratch []T) {
	whole, scratch := scratch[:p.size()], scratch[p.size():]
	p.one[0] = whole
	if p.gathers {
		p.joiner.run(team, &p.joint, in, whole)
		p.convPass.run(team, out, p.one[:], form, bias, scratch)
	} else {
		p.convPass.run(team, p.one[:], in, form, bias, scratch)
		p.joiner.run(team, &p.divide, out, whole)
	}
	p.one[0] = nil
}

// joinedOuter is the same for the kernel's gradient.
type joinedOuter[T Float] struct {
	convOuter[T]
	*joiner[T]
	one [1][]T
}

func joinOuter[T Float](s *ConvShape, o convOuter[T]) convOuter[T] {
	if len(s.Parts) < 2 {
		return o
	}
	return &joinedOuter[T]{convOuter: o, joiner: newJoiner[T](s)}
}

func (o *joinedOuter[T]) scratch() int { return o.size() + o.convOuter.scratch() }

func (o *joinedOuter[T]) run(team *parallel.Team, dw []T, x [][]T, y, scratch []T) {
	o.one[0] = scratch[:o.size()]
	o.joiner.run(team, &o.joint, x, o.one[0])
	o.convOuter.run(team, dw, o.one[:], y, scratch[o.size():])
	o.one[0] = nil
}
