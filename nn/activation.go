package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// Activation applies a function to every element; [Softmax] to every vector along the last
// axis. Input and output: any shape [..., C].
//
// Gradient: dx = dy * f'(x), where f' is computed from the output y, except for swish, GELU
// and hard swish, which keep their input; for softmax dx_c = y_c (dy_c - sum_k dy_k y_k).
type Activation struct {
	Function ActivationFunc
}

func init() { Register("activation", 1, Activation{}) }

// Infer returns the input's shape.
func (a Activation) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	if err := a.Function.check(); err != nil {
		return Signature{}, err
	}
	if a.Function.soft && (len(in[0]) == 0 || in[0][len(in[0])-1] == Any) {
		return Signature{}, fmt.Errorf("softmax needs a last axis of known size, got %v", in[0])
	}
	return Signature{Outputs: []Shape{in[0].Clone()}}, nil
}

// Compile returns the arithmetic; it can run in place.
func (a Activation) Compile(batch int, in []Shape) Routine {
	n := in[0].Elems()
	cols := n
	if len(in[0]) > 0 {
		cols = in[0][len(in[0])-1]
	}
	fromInput := a.Function.fromInput()
	r := Routine{KeepIn: fromInput, KeepOut: !fromInput, InPlace: true, GradInPlace: []int{0}, FLOPs: int64(n * batch)}
	r.rows = ownRowsOf(in, func(in []Shape) Routine { return a.Compile(1, in) })
	if a.Function.soft {
		r.New32 = func() Op[float32] { return newSoftmaxOp[float32](cols) }
		r.New64 = func() Op[float64] { return newSoftmaxOp[float64](cols) }
		return r
	}
	r.New32 = func() Op[float32] { return newActivationOp[float32](a.Function) }
	r.New64 = func() Op[float64] { return newActivationOp[float64](a.Function) }
	return r
}

type activationOp[T tensor.Float] struct {
	act               kernels.Act
	call              *Call[T]
	forward, backward *kernels.Each
}

func newActivationOp[T tensor.Float](f ActivationFunc) *activationOp[T] {
	o := &activationOp[T]{act: f.act()}
	o.forward = kernels.NewEach(func(lo, hi int) {
		kernels.Activate(o.act, o.call.Out[0][lo:hi], o.call.In[0][lo:hi])
	})
	o.backward = kernels.NewEach(func(lo, hi int) {
		dx, dy := o.call.DIn[0][lo:hi], o.call.DOut[0][lo:hi]
		if f.fromInput() {
			kernels.ActivateGradFromInput(o.act, dx, dy, o.call.In[0][lo:hi])
		} else {
			kernels.ActivateGrad(o.act, dx, dy, o.call.Out[0][lo:hi])
		}
	})
	return o
}

func (o *activationOp[T]) Forward(c *Call[T]) {
	o.call = c
	o.forward.Run(c.Team, len(c.Out[0]))
}

func (o *activationOp[T]) Backward(c *Call[T]) {
	if c.DIn[0] == nil {
		return
	}
	o.call = c
	o.backward.Run(c.Team, len(c.Out[0]))
}

type softmaxOp[T tensor.Float] struct {
	cols              int
	call              *Call[T]
	forward, backward tiles
}

// softmaxRows is the number of rows in a tile.
const softmaxRows = 64

func newSoftmaxOp[T tensor.Float](cols int) *softmaxOp[T] {
	o := &softmaxOp[T]{cols: cols}
	part := func(tile int) (lo, hi int) {
		step := softmaxRows * cols
		return tile * step, min((tile+1)*step, len(o.call.Out[0]))
	}
	o.forward = func(tile int) {
		lo, hi := part(tile)
		kernels.Softmax(o.call.Out[0][lo:hi], o.call.In[0][lo:hi], cols)
	}
	o.backward = func(tile int) {
		lo, hi := part(tile)
		kernels.SoftmaxGrad(o.call.DIn[0][lo:hi], o.call.DOut[0][lo:hi], o.call.Out[0][lo:hi], cols)
	}
	return o
}

func (o *softmaxOp[T]) tiles(c *Call[T]) int {
	o.call = c
	return (len(c.Out[0])/o.cols + softmaxRows - 1) / softmaxRows
}

func (o *softmaxOp[T]) Forward(c *Call[T]) { c.Team.Run(o.tiles(c), &o.forward) }

func (o *softmaxOp[T]) Backward(c *Call[T]) {
	if c.DIn[0] != nil {
		c.Team.Run(o.tiles(c), &o.backward)
	}
}
