package nn

import (
	"errors"
	"slices"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// Add is the sum of two or more inputs: a residual connection (He et al. 2016). Along each
// axis the inputs agree or have the size 1, which is repeated; [C] and [1, 1, C] both go
// with [H, W, C]. Output: the shape that comes of it.
//
// Gradient: dx_i = dy, summed over the axes along which x_i was repeated.
type Add struct{}

// Subtract is the first input minus the second, with [Add]'s rule of shapes. Gradients: dy
// and -dy, summed over repeated axes.
type Subtract struct{}

// Multiply is the product of two or more inputs, with [Add]'s rule of shapes: a gate
// [1, 1, C] scales channels, one of [H, W, 1] pixels.
//
// Gradient: dx_i = dy * product of the other inputs, summed over the axes along which x_i
// was repeated.
type Multiply struct{}

func init() {
	Register("add", 1, Add{})
	Register("subtract", 1, Subtract{})
	Register("multiply", 1, Multiply{})
}

// Infer returns the shape of the sum.
func (Add) Infer(in []Shape) (Signature, error) { return inferMerge(in) }

// Infer returns the shape of the difference.
func (Subtract) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 2); err != nil {
		return Signature{}, err
	}
	return inferMerge(in)
}

// Infer returns the shape of the product.
func (Multiply) Infer(in []Shape) (Signature, error) { return inferMerge(in) }

func inferMerge(in []Shape) (Signature, error) {
	if len(in) < 2 {
		return Signature{}, errors.New("takes two inputs or more")
	}
	out, err := broadcastShape(in)
	if err != nil {
		return Signature{}, err
	}
	return Signature{Outputs: []Shape{out}}, nil
}

// Compile returns the arithmetic.
func (Add) Compile(batch int, in []Shape) Routine { return compileMerge(mergeSum, batch, in) }

// Compile returns the arithmetic.
func (Subtract) Compile(batch int, in []Shape) Routine {
	return compileMerge(mergeDifference, batch, in)
}

// Compile returns the arithmetic.
func (Multiply) Compile(batch int, in []Shape) Routine { return compileMerge(mergeProduct, batch, in) }

type mergeKind int

const (
	mergeSum mergeKind = iota
	mergeDifference
	mergeProduct
)

func compileMerge(kind mergeKind, batch int, in []Shape) Routine {
	out, _ := broadcastShape(in)
	b := newBroadcast(out, in)
	var shared []int // a product's gradients need all of the output's
	for i := range in {
		if kind != mergeProduct && b.operands[i].full {
			shared = append(shared, i)
		}
	}
	r := Routine{
		New32:   func() Op[float32] { return newMergeOp[float32](kind, b) },
		New64:   func() Op[float64] { return newMergeOp[float64](kind, b) },
		Scratch: batch * b.inner,
		KeepIn:  kind == mergeProduct,
		// Of more than two, a later input could be the overwritten first once more.
		InPlace:     len(in) == 2,
		GradInPlace: shared,
		FLOPs:       int64(batch * out.Elems() * (len(in) - 1)),
	}
	if !slices.ContainsFunc(in, func(s Shape) bool { return !s.Equal(out) }) {
		r.rows = ownRowsOf(in, func(in []Shape) Routine { return compileMerge(kind, 1, in) })
	}
	return r
}

// mergeOp combines each row of the first operand with those of the others.
type mergeOp[T tensor.Float] struct {
	broadcast
	kind              mergeKind
	call              *Call[T]
	forward, backward tiles
	input             int // the one whose gradient is computed
	rowsInTile        int
	tilesInSample     int
}

func newMergeOp[T tensor.Float](kind mergeKind, b broadcast) *mergeOp[T] {
	o := &mergeOp[T]{broadcast: b, kind: kind}
	o.rowsInTile = max(longRow/b.inner, 1)
	o.tilesInSample = (b.rows() + o.rowsInTile - 1) / o.rowsInTile
	o.forward = func(tile int) {
		n, lo := tile/o.tilesInSample, tile%o.tilesInSample*o.rowsInTile
		o.forwardRows(n, lo, min(lo+o.rowsInTile, o.rows()))
	}
	o.backward = func(tile int) {
		if !o.operands[o.input].full {
			o.backwardRepeated(tile)
			return
		}
		n, lo := tile/o.tilesInSample, tile%o.tilesInSample*o.rowsInTile
		dx := sampleOf(o.call.DIn[o.input], n, o.call.Batch)
		for row := lo; row < min(lo+o.rowsInTile, o.rows()); row++ {
			o.gradientRow(dx[row*o.inner:][:o.inner], n, row)
		}
	}
	return o
}

func (o *mergeOp[T]) Forward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch*o.tilesInSample, &o.forward)
}

// rowOf is input i's part of a row of sample n.
func (o *mergeOp[T]) rowOf(i, n, row int) []T {
	lo, hi := o.part(i, row)
	return sampleOf(o.call.In[i], n, o.call.Batch)[lo:hi]
}

func (o *mergeOp[T]) forwardRows(n, lo, hi int) {
	out := sampleOf(o.call.Out[0], n, o.call.Batch)
	for row := lo; row < hi; row++ {
		dst := out[row*o.inner:][:o.inner]
		setRow(dst, o.rowOf(0, n, row))
		for i := 1; i < len(o.operands); i++ {
			x := o.rowOf(i, n, row)
			switch o.kind {
			case mergeSum:
				addRow(dst, x)
			case mergeDifference:
				subtractRow(dst, x)
			case mergeProduct:
				multiplyRow(dst, x)
			}
		}
	}
}

func (o *mergeOp[T]) Backward(c *Call[T]) {
	o.call = c
	for i, dx := range c.DIn {
		if dx == nil {
			continue
		}
		o.input = i
		if o.operands[i].full {
			c.Team.Run(c.Batch*o.tilesInSample, &o.backward)
		} else {
			c.Team.Run(c.Batch, &o.backward)
		}
	}
}

// gradientRow sets g to the gradient by the input's row, before any is summed.
func (o *mergeOp[T]) gradientRow(g []T, n, row int) {
	if dy := sampleOf(o.call.DOut[0], n, o.call.Batch)[row*o.inner:]; &g[0] != &dy[0] {
		copy(g, dy)
	}
	switch {
	case o.kind == mergeDifference && o.input == 1:
		kernels.Scale(-1, g, g)
	case o.kind == mergeProduct:
		for i := range o.operands {
			if i != o.input {
				multiplyRow(g, o.rowOf(i, n, row))
			}
		}
	}
}

// backwardRepeated sums the gradient of sample n over the axes along which the input was
// repeated, row after row.
func (o *mergeOp[T]) backwardRepeated(n int) {
	dx, g := sampleOf(o.call.DIn[o.input], n, o.call.Batch), sampleOf(o.call.Scratch, n, o.call.Batch)
	clear(dx)
	for row := range o.rows() {
		o.gradientRow(g, n, row)
		lo, hi := o.part(o.input, row)
		gatherRow(dx[lo:hi], g)
	}
}
