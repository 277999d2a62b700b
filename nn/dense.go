package nn

import (
	"errors"
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// Dense is a fully connected layer, on the last axis: input [..., In], output
// [..., Units], y = activation(x·kernel + bias). Its parameters are kernel [In, Units]
// and, unless NoBias is set, bias [Units].
//
// Gradients, with dz = dy * activation'(z): dx = dz·kernelᵀ, dkernel = xᵀ·dz, dbias the sum
// of dz over all rows.
type Dense struct {
	Units      int // number of outputs, at least 1
	Activation ActivationFunc
	NoBias     bool
	KernelInit Initializer // Glorot uniform where it is not set
	BiasInit   Initializer // zeros where it is not set
}

func init() { Register("dense", 1, Dense{}) }

func (d Dense) withDefaults() Layer {
	d.KernelInit = d.KernelInit.or(GlorotUniform)
	d.BiasInit = d.BiasInit.or(Zeros)
	return d
}

// Epilogue is the activation.
func (d Dense) Epilogue() ActivationFunc { return d.Activation }

// WithEpilogue is the layer with another activation.
func (d Dense) WithEpilogue(f ActivationFunc) Layer {
	d.Activation = f
	return d
}

func (d Dense) withBias() (foldable, bool) {
	had := !d.NoBias
	d.NoBias = false
	return d, had
}

func (d Dense) kernelLayout(in []Shape) (kernelLayout, bool) {
	return kernelLayout{lastAxis(in[0]) * d.Units, d.Units, 1}, true
}

// Infer replaces the last axis by Units.
func (d Dense) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	if d.Units < 1 {
		return Signature{}, fmt.Errorf("Units is %d, want at least 1", d.Units)
	}
	if err := d.Activation.check(); err != nil {
		return Signature{}, err
	}
	if len(in[0]) == 0 {
		return Signature{}, errors.New("takes an input with at least one axis beside the batch's")
	}
	out := in[0].Clone()
	k := out[len(out)-1]
	if k == Any {
		return Signature{}, fmt.Errorf("needs a last axis of known size, got %v", in[0])
	}
	out[len(out)-1] = d.Units
	d = d.withDefaults().(Dense)
	params := []ParamSpec{{Name: "kernel", Shape: Shape{k, d.Units}, Init: d.KernelInit, FanIn: k, FanOut: d.Units}}
	if !d.NoBias {
		params = append(params, ParamSpec{Name: "bias", Shape: Shape{d.Units}, Init: d.BiasInit, FanIn: k, FanOut: d.Units})
	}
	return Signature{Outputs: []Shape{out}, Params: params}, nil
}

// Compile returns the arithmetic: matrix products with bias and activation fused.
func (d Dense) Compile(batch int, in []Shape) Routine { return d.compile(batch, in, false) }

// CompileData is the same for data, whose zeros are skipped where that can pay: looking
// for them takes about as long as a product by two columns.
func (d Dense) CompileData(batch int, in []Shape) Routine {
	const enough = 64 // columns
	return d.compile(batch, in, d.Units >= enough)
}

func (d Dense) compile(batch int, in []Shape, skipZeros bool) Routine {
	k := in[0][len(in[0])-1]
	rows := batch * in[0].Elems() / k
	return Routine{
		New32:   func() Op[float32] { return newDenseOp[float32](d, rows, k, skipZeros) },
		New64:   func() Op[float64] { return newDenseOp[float64](d, rows, k, skipZeros) },
		KeepIn:  true,
		KeepOut: d.Activation != Linear,
		FLOPs:   int64(rows) * int64(d.Units) * int64(2*k+1),
	}
}

type denseOp[T tensor.Float] struct {
	forward  *kernels.Gemm[T]
	backward *kernels.DenseGrad[T]
}

func newDenseOp[T tensor.Float](d Dense, rows, k int, skipZeros bool) *denseOp[T] {
	act := d.Activation.act()
	return &denseOp[T]{
		forward: kernels.NewGemm[T](kernels.GemmShape{M: rows, N: d.Units, K: k, Act: act, SkipZeros: skipZeros}),
		backward: kernels.NewDenseGrad[T](kernels.DenseGradShape{
			Batch: rows, In: k, Out: d.Units, Act: act, SkipZeros: skipZeros}),
	}
}

func (o *denseOp[T]) Forward(c *Call[T]) {
	var bias []T
	if len(c.Param) > 1 {
		bias = c.Param[1]
	}
	o.forward.Run(c.Team, c.Out[0], c.In[0], c.Param[0], bias)
}

func (o *denseOp[T]) Backward(c *Call[T]) {
	var dBias []T
	if len(c.DParam) > 1 {
		dBias = c.DParam[1]
	}
	o.backward.Run(c.Team, c.DIn[0], c.DParam[0], dBias, c.In[0], c.Param[0], c.DOut[0], c.Out[0])
}
