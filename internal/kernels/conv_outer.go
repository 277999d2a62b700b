package kernels

import "github.com/hourglass-go/hourglass/internal/parallel"

// outerDirect computes the gradient of a convolution by its kernel,
//
//	dw[i,j,c,o] = sum over n, p, q of x[n, H.At(p,i), W.At(q,j), c] * y[n,p,q,o]
//
// from x and y where they lie: nothing is gathered into a matrix. For each tap the pixels of
// y that read inside x form a rectangle, and the pixels of x that they read lie at fixed
// distances. A micro-kernel walks over both at once and keeps a tile of dw in registers,
// some channels of x by some of y; see [outerPlan] for how the work is divided.
type outerDirect[T Float] struct {
	outerPlan
	x, y     [][]T // as the plan has them, not as the layer
	dw, sums []T   // a group's sums are shape.Weights() after those of the group before
	one      [1][]T
	team     *parallel.Team
	phase    outerPhase
}

// outerPhase is what the tiles of a parallel region do.
type outerPhase uint8

const (
	outerMultiply outerPhase = iota // sum the products of a group of chunks
	outerAdd                        // add the groups' sums
	outerTurn                       // put the sums of the convolution turned round in place
)

func newOuterDirect[T Float](s ConvShape) *outerDirect[T] {
	i := generic
	if isFloat32[T]() {
		i = active
	}
	return &outerDirect[T]{outerPlan: planOuter(&s, i)}
}

// scratch is for sums that are not dw itself.
func (o *outerDirect[T]) scratch() int {
	if o.groups == 1 && !o.turned {
		return 0
	}
	return o.groups * o.shape.Weights()
}

func (o *outerDirect[T]) run(team *parallel.Team, dw []T, x [][]T, y, scratch []T) {
	n := o.shape.Weights()
	if o.groups == 0 {
		clear(dw[:n])
		return
	}
	o.one[0] = y
	o.x, o.y, o.dw, o.sums, o.team = x, o.one[:], dw[:n], dw[:n], team
	if o.turned {
		o.x, o.y = o.y, o.x
	}
	if size := o.scratch(); size > 0 {
		o.sums = scratch[:size]
	}
	o.phase = outerMultiply
	team.Run(o.groups*o.tasks, o)
	if o.groups > 1 {
		o.phase = outerAdd
		team.Run(chunks(n), o)
	}
	if o.turned {
		o.phase = outerTurn
		team.Run(o.shape.taps(), o)
	}
	o.x, o.y, o.dw, o.sums, o.one[0], o.team = nil, nil, nil, nil, nil, nil
}

// Do implements [parallel.Task].
func (o *outerDirect[T]) Do(tile, worker int) {
	switch o.phase {
	case outerMultiply:
		o.multiply(tile/o.tasks, tile%o.tasks, parallel.Local[T](o.team, worker, o.local))
	case outerAdd:
		lo, hi := chunkOf(tile, o.shape.Weights())
		o.addGroups(lo, hi)
	case outerTurn:
		o.turn(tile)
	}
}

// multiply sums a group's products of some panels.
func (o *outerDirect[T]) multiply(group, task int, local []T) {
	n := o.shape.Weights()
	sums := o.sums[group*n:][:n]
	panels, split := o.task(task)
	first, beyond := group*o.chunks/o.groups, (group+1)*o.chunks/o.groups
	for k := first; k < beyond; k++ {
		v := outerView[T]{outerChunk: o.chunk(k)}
		if k+1 < beyond {
			o.lookAhead(&v.ahead, o.chunk(k+1))
		}
		rest := local
		if o.padded {
			rest = local[o.padPixels(&v, local):]
		}
		for i := range panels {
			b := &panels[i]
			o.packPanel(&v, b, rest)
			rows := b.hi - b.lo
			for r := b.lo + split*rows/o.splits; r < b.lo+(split+1)*rows/o.splits; r++ {
				o.block(sums, &v, &o.rows[r], b, k > first)
			}
		}
	}
}

// block adds a chunk's products of a row tile and a panel for all taps.
func (o *outerDirect[T]) block(sums []T, v *outerView[T], a *outerRows, b *outerPanel, add bool) {
	x := v.x
	if x == nil {
		x = o.x[a.array]
	}
	at := a.at
	var w outerWalk
	for i := range o.height {
		for j := range o.width {
			if o.walk(&w, &v.outerChunk, a, i, j); w.pixels > 0 || !add {
				outerProducts(o.isa, sums[at*o.shape.Out+b.at:], x, v.y, a.rows, b.cols, o.shape.Out, add, &w, &v.ahead)
			}
			at += o.tapRows
		}
	}
}

// outerView is a chunk of pixels and where they are.
type outerView[T Float] struct {
	outerChunk
	x []T // nil where that is the layer's
	y []T

	ahead outerAhead[T]
}

// lookAhead lists what a chunk of a task consists of.
func (o *outerDirect[T]) lookAhead(h *outerAhead[T], c outerChunk) {
	s := &o.shape
	rows := interval{s.H.At(c.p.lo, 0), s.H.At(c.p.hi-1, s.H.Kernel-1) + 1}.and(interval{0, s.H.In})
	for k, n := range o.arrays {
		if line := s.W.In * n; rows.len() > 0 {
			h.note(o.x[k][(c.n.lo*s.H.In+rows.lo)*line : ((c.n.hi-1)*s.H.In+rows.hi)*line])
		}
	}
	if o.tasks > 1 {
		return // between a task's columns lie those of others
	}
	for k, n := range o.columns {
		line := s.W.Out * n
		h.note(o.y[k][(c.n.lo*s.H.Out+c.p.lo)*line : ((c.n.hi-1)*s.H.Out+c.p.hi)*line])
	}
}

// packPanel sets where the chunk's pixels of y are, and copies them before if it is worth
// while.
func (o *outerDirect[T]) packPanel(v *outerView[T], b *outerPanel, local []T) {
	h, w := o.shape.H.Out, o.shape.W.Out
	y := o.y[b.array]
	v.pitchB, v.lineB, v.pictureB = b.pitch, b.pitch*w, b.pitch*w*h
	v.b = v.n.lo*v.pictureB + v.p.lo*v.lineB + v.q.lo*v.pitchB + b.first
	if !o.packs(b) {
		v.y = y
		return
	}
	from := v.outerChunk
	v.y, v.b = local, 0
	v.pitchB = o.tile.cols
	v.lineB = v.pitchB * v.q.len()
	v.pictureB = v.lineB * v.p.len()
	for n := range v.n.len() {
		for p := range v.p.len() {
			src := y[from.b+n*from.pictureB+p*from.lineB:]
			dst := v.y[n*v.pictureB+p*v.lineB:]
			copyColumns(dst, src, v.q.len(), b.cols, v.pitchB, from.pitchB)
		}
	}
}

// copyColumns copies rows of cols elements, which are a pitch apart.
func copyColumns[T Float](dst, src []T, rows, cols, dstPitch, srcPitch int) {
	if v := simd[T](); v != nil && cols == dstPitch && cols == 2*v.lanes {
		v.copyPanel(&f32(dst)[0], &f32(src)[0], rows, 4*srcPitch)
		return
	}
	for r := range rows {
		copy(dst[r*dstPitch:][:cols], src[r*srcPitch:])
	}
}

// padPixels copies the chunk's pixels of x to where they have their borders beside them. It
// returns the number of elements used of local.
func (o *outerDirect[T]) padPixels(v *outerView[T], local []T) int {
	s := &o.shape
	rows, cols := padSide(&s.H, v.p.len()), padSide(&s.W, v.q.len())
	v.x = local[:v.n.len()*rows*cols*s.In]
	row, col := s.H.At(v.p.lo, 0), s.W.At(v.q.lo, 0)
	dst := v.x
	for n := v.n.lo; n < v.n.hi; n++ {
		for r := range rows {
			line := dst[:cols*s.In]
			dst = dst[cols*s.In:]
			if from := s.Border.at(row+r, s.H.In); from >= 0 {
				o.padLine(line, n*s.H.In+from, col)
			} else {
				clear(line)
			}
		}
	}
	return len(v.x)
}

// padLine copies pixels of a row of x, the first at col, which may lie outside.
func (o *outerDirect[T]) padLine(line []T, row, col int) {
	s := &o.shape
	for at := 0; at < len(line); {
		n, from := 1, s.Border.at(col, s.W.In)
		if from == col && col >= 0 { // inside, and so are those that follow
			n = min(s.W.In-col, (len(line)-at)/s.In)
		}
		if from < 0 {
			clear(line[at : at+s.In])
		} else {
			o.joinPixels(line[at:], row*s.W.In+from, n)
		}
		at += n * s.In
		col += n
	}
}

// joinPixels copies n pixels of x from the arrays that their channels are in.
func (o *outerDirect[T]) joinPixels(dst []T, pixel, n int) {
	at := 0
	for k, width := range o.arrays {
		src := o.x[k][pixel*width:][:n*width]
		if len(o.arrays) == 1 {
			copy(dst, src)
			return
		}
		copyColumns(dst[at:], src, n, width, o.shape.In, width)
		at += width
	}
}

// addGroups adds elements of all groups to dw or, where they have to be turned, to the first
// group's.
func (o *outerDirect[T]) addGroups(lo, hi int) {
	n := o.shape.Weights()
	dst := o.dw
	if o.turned {
		dst = o.sums
	}
	Add(dst[lo:hi], o.sums[lo:hi], o.sums[n+lo:n+hi])
	for g := 2; g < o.groups; g++ {
		Add(dst[lo:hi], dst[lo:hi], o.sums[g*n+lo:g*n+hi])
	}
}

// turn copies a tap of the gradient from the convolution turned round, where it is the tap
// opposite and channels of x are those of y.
func (o *outerDirect[T]) turn(tap int) {
	in, out := o.shape.Out, o.shape.In // of the layer
	dst := o.dw[tap*in*out:][:in*out]
	src := o.sums[(o.shape.taps()-1-tap)*in*out:]
	for c := range in {
		for k := range out {
			dst[c*out+k] = src[k*in+c]
		}
	}
}
