package nn

import (
	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// GlobalAvgPool2D takes the average of every channel over a whole picture (Lin et al. 2014).
// Input: [H, W, C]; output: [C], or [1, 1, C] with KeepDims: y[c] = sum of x[.., .., c]/(H*W).
// Gradient: every pixel gets dy/(H*W).
type GlobalAvgPool2D struct {
	KeepDims bool // as ONNX does
}

// GlobalMaxPool2D takes the maximum of every channel over a whole picture. Input: [H, W, C];
// output: [C], or [1, 1, C] with KeepDims. Gradient: dy goes to the first maximum in
// row-major order, as in [MaxPool2D]. (Keras divides it among equal maxima.)
type GlobalMaxPool2D struct {
	KeepDims bool // as ONNX does
}

func init() {
	Register("global_avg_pool_2d", 1, GlobalAvgPool2D{})
	Register("global_max_pool_2d", 1, GlobalMaxPool2D{})
}

// inferGlobal is the shape rule of both.
func inferGlobal(in []Shape, keepDims bool) (Signature, error) {
	if err := wantPicture(in, 1); err != nil {
		return Signature{}, err
	}
	out := Shape{in[0][2]}
	if keepDims {
		out = Shape{1, 1, in[0][2]}
	}
	return Signature{Outputs: []Shape{out}}, nil
}

// Infer leaves the channels.
func (l GlobalAvgPool2D) Infer(in []Shape) (Signature, error) { return inferGlobal(in, l.KeepDims) }

// Compile returns the arithmetic: the average of all rows, and of its columns.
func (l GlobalAvgPool2D) Compile(batch int, in []Shape) Routine {
	whole := func(n int) *kernels.Axis {
		return kernels.Window{In: n, Out: 1, Kernel: n, Stride: 1, Dilation: 1}.PoolAxis(kernels.DivideInside)
	}
	return separable(batch, in[0], whole(in[0][0]), whole(in[0][1]), 0)
}

// Infer leaves the channels.
func (l GlobalMaxPool2D) Infer(in []Shape) (Signature, error) { return inferGlobal(in, l.KeepDims) }

// Compile returns the arithmetic.
func (l GlobalMaxPool2D) Compile(batch int, in []Shape) Routine {
	pixels, ch := in[0][0]*in[0][1], in[0][2]
	return Routine{
		New32: func() Op[float32] { return &globalMaxOp[float32]{kernels.NewGlobalMax[float32](batch, pixels, ch)} },
		New64: func() Op[float64] { return &globalMaxOp[float64]{kernels.NewGlobalMax[float64](batch, pixels, ch)} },
		FLOPs: int64(batch) * int64(pixels*ch),
	}
}

type globalMaxOp[T tensor.Float] struct{ pool *kernels.GlobalMax[T] }

func (o *globalMaxOp[T]) Forward(c *Call[T]) { o.pool.Forward(c.Team, c.Out[0], c.In[0]) }

func (o *globalMaxOp[T]) Backward(c *Call[T]) {
	if c.DIn[0] != nil {
		o.pool.Backward(c.Team, c.DIn[0], c.DOut[0])
	}
}
