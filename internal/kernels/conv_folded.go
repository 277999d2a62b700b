package kernels

import "github.com/hourglass-go/hourglass/internal/parallel"

// foldedPass is the scattering pass of a picture with a border, where it is the gradient by the
// layer's input: a pass over the picture with the border around it, in the scratch, whose pixels
// are then added where their values came from.
type foldedPass[T Float] struct {
	convPass[T]
	widths     []int // channels of the parts
	batch      int
	h, w       int // of the picture
	tall, wide int // with its border
	left       int
	rows       [][]int  // by row of the picture, those that it is the sum of, its own first
	cols       [][2]int // columns of the border, and those of the picture that they are added to
	padded     [][]T
	out        [][]T
	fold       region
}

// newFoldedPass makes the pass of s, which has a border.
func newFoldedPass[T Float](s *ConvShape) convPass[T] {
	around := *s
	around.Border = BorderZero
	around.H, around.W = s.H.padded(), s.W.padded()
	p := &foldedPass[T]{
		convPass: newScatterPass[T](&around), widths: s.parts(), batch: s.Batch,
		h: s.H.In, w: s.W.In, tall: around.H.In, wide: around.W.In, left: s.W.Before,
		rows: make([][]int, s.H.In), padded: make([][]T, len(s.parts())),
	}
	for y := range p.rows {
		p.rows[y] = []int{s.H.Before + y}
	}
	for i := range p.tall {
		if y := s.Border.at(i-s.H.Before, p.h); y != i-s.H.Before {
			p.rows[y] = append(p.rows[y], i)
		}
	}
	for j := range p.wide {
		if x := s.Border.at(j-p.left, p.w); x != j-p.left {
			p.cols = append(p.cols, [2]int{j, x})
		}
	}
	p.fold = p.foldRow
	return p
}

// padded is the window over an input with as much padding around it as is read.
func (w Window) padded() Window {
	w.In, w.Before, w.After = max(w.At(w.Out-1, w.Kernel-1)+1, w.In)+w.Before, 0, 0
	return w
}

// size is the elements of the pictures with their borders.
func (p *foldedPass[T]) size() int {
	n := 0
	for _, ch := range p.widths {
		n += p.batch * p.tall * p.wide * ch
	}
	return n
}

func (p *foldedPass[T]) scratch() int      { return p.size() + p.convPass.scratch() }
func (p *foldedPass[T]) freshScratch() int { return p.size() + freshScratch(p.convPass) }

func (p *foldedPass[T]) run(team *parallel.Team, out, in [][]T, form, bias, scratch []T) {
	p.convPass.run(team, p.carve(out, scratch), in, form, bias, scratch[p.size():])
	p.foldAll(team, out)
}

func (p *foldedPass[T]) runFresh(team *parallel.Team, out, in [][]T, w, bias, scratch []T) {
	runFresh(team, p.convPass, p.carve(out, scratch), in, w, bias, scratch[p.size():])
	p.foldAll(team, out)
}

// carve takes the parts that are wanted out of the scratch.
func (p *foldedPass[T]) carve(out [][]T, scratch []T) [][]T {
	for i, ch := range p.widths {
		n := p.batch * p.tall * p.wide * ch
		p.padded[i] = nil
		if out[i] != nil {
			p.padded[i] = scratch[:n]
		}
		scratch = scratch[n:]
	}
	return p.padded
}

func (p *foldedPass[T]) foldAll(team *parallel.Team, out [][]T) {
	p.out = out
	team.Run(p.batch*p.h, &p.fold)
	p.out = nil
	clear(p.padded)
}

// foldRow adds up a row of a picture.
func (p *foldedPass[T]) foldRow(tile int) {
	n, y := tile/p.h, tile%p.h
	for i, ch := range p.widths {
		if p.out[i] == nil {
			continue
		}
		dst := p.out[i][tile*p.w*ch:][:p.w*ch]
		for k, from := range p.rows[y] {
			src := p.padded[i][(n*p.tall+from)*p.wide*ch:][:p.wide*ch]
			if inner := src[p.left*ch:][:p.w*ch]; k == 0 {
				copy(dst, inner)
			} else {
				Add(dst, dst, inner)
			}
			for _, c := range p.cols {
				at := dst[c[1]*ch:][:ch]
				Add(at, at, src[c[0]*ch:][:ch])
			}
		}
	}
}
