package nn

import (
	"github.com/hourglass-go/hourglass/tensor"
)

// SeparableConv2D is a depthwise convolution without bias followed by one of 1x1 (Chollet
// 2017). Input: [H, W, C]; output: [H', W', Filters]. Its parameters are depthwise_kernel
// [KH, KW, C, Multiplier], pointwise_kernel [1, 1, C*Multiplier, Filters] and, unless NoBias
// is set, bias [Filters]:
//
//	h = DepthwiseConv2D(x)    y = activation(h·pointwise_kernel + bias)
//
// Gradients are those of the two layers one after the other; h is kept for them.
type SeparableConv2D struct {
	Filters       int     // output channels, at least 1
	Kernel        [2]int  // height and width, at least 1
	Stride        [2]int  // {1, 1} where it is not set
	Dilation      [2]int  // {1, 1} where it is not set
	Padding       Padding // Valid where it is not set
	Border        Border  // any but BorderExclude; BorderZero where it is not set
	Multiplier    int     // 1 where it is 0
	Activation    ActivationFunc
	NoBias        bool
	DepthwiseInit Initializer // Glorot uniform where it is not set
	PointwiseInit Initializer // Glorot uniform where it is not set
	BiasInit      Initializer // zeros where it is not set
}

func init() { Register("separable_conv_2d", 1, SeparableConv2D{}) }

func (l SeparableConv2D) withDefaults() Layer {
	d := l.depthwise().withDefaults().(DepthwiseConv2D)
	l.Stride, l.Dilation, l.Border, l.Multiplier, l.DepthwiseInit = d.Stride, d.Dilation, d.Border, d.Multiplier, d.KernelInit
	l.PointwiseInit = l.PointwiseInit.or(GlorotUniform)
	l.BiasInit = l.BiasInit.or(Zeros)
	return l
}

// Epilogue is the activation.
func (l SeparableConv2D) Epilogue() ActivationFunc { return l.Activation }

// WithEpilogue is the layer with another activation.
func (l SeparableConv2D) WithEpilogue(f ActivationFunc) Layer {
	l.Activation = f
	return l
}

// depthwise and pointwise are the two layers that it consists of.
func (l SeparableConv2D) depthwise() DepthwiseConv2D {
	return DepthwiseConv2D{
		Kernel: l.Kernel, Stride: l.Stride, Dilation: l.Dilation, Padding: l.Padding, Border: l.Border,
		Multiplier: l.Multiplier, NoBias: true, KernelInit: l.DepthwiseInit,
	}
}

func (l SeparableConv2D) pointwise() Conv2D {
	return Conv2D{
		Filters: l.Filters, Kernel: [2]int{1, 1}, Activation: l.Activation, NoBias: l.NoBias,
		KernelInit: l.PointwiseInit, BiasInit: l.BiasInit,
	}
}

// Infer computes the size of the output.
func (l SeparableConv2D) Infer(in []Shape) (Signature, error) {
	first, err := l.depthwise().convolution(max(channels(in), 1)).inferDepthwise(in, "depthwise_kernel")
	if err != nil {
		return Signature{}, err
	}
	second, err := l.pointwise().Infer(first.Outputs)
	if err != nil {
		return Signature{}, err
	}
	second.Params[0].Name = "pointwise_kernel"
	second.Params = append(first.Params, second.Params...)
	return second, nil
}

// Compile returns the arithmetic of both layers.
func (l SeparableConv2D) Compile(batch int, in []Shape) Routine {
	first := l.depthwise().convolution(in[0][2])
	between, _ := first.sliding.infer(in[0], first.filters)
	a, b := first.compile(batch, in), l.pointwise().Compile(batch, []Shape{between})
	n := batch * between.Elems()
	return Routine{
		New32:   func() Op[float32] { return newSeparableConvOp(a.New32(), b.New32(), n) },
		New64:   func() Op[float64] { return newSeparableConvOp(a.New64(), b.New64(), n) },
		Scratch: n + max(a.Scratch, b.Scratch, a.FreshScratch, b.FreshScratch, a.BackwardScratch, b.BackwardScratch),
		Saved:   n,
		KeepIn:  true,
		KeepOut: b.KeepOut,
		FLOPs:   a.FLOPs + b.FLOPs,
	}
}

type separableConvOp[T tensor.Float] struct {
	depthwise, pointwise Op[T]
	first, second        Call[T]
	between              int // elements of h
}

func newSeparableConvOp[T tensor.Float](depthwise, pointwise Op[T], between int) *separableConvOp[T] {
	one := func() [][]T { return make([][]T, 1) }
	return &separableConvOp[T]{
		depthwise: depthwise, pointwise: pointwise, between: between,
		first:  Call[T]{In: one(), Out: one(), DIn: one(), DOut: one()},
		second: Call[T]{In: one(), DIn: one()},
	}
}

// split makes the calls of the two layers out of that of this one.
func (o *separableConvOp[T]) split(c *Call[T]) {
	a, b := &o.first, &o.second
	a.Batch, b.Batch, a.Team, b.Team = c.Batch, c.Batch, c.Team, c.Team
	a.In[0], a.Out[0], a.Param = c.In[0], c.Saved[:o.between], c.Param[:1]
	b.In[0], b.Out, b.Param = a.Out[0], c.Out, c.Param[1:]
	a.Scratch = c.Scratch[o.between:]
	b.Scratch = a.Scratch
}

func (o *separableConvOp[T]) Forward(c *Call[T]) {
	o.split(c)
	o.depthwise.Forward(&o.first)
	o.pointwise.Forward(&o.second)
}

func (o *separableConvOp[T]) Backward(c *Call[T]) {
	o.split(c)
	a, b := &o.first, &o.second
	a.DOut[0] = c.Scratch[:o.between]
	b.DIn[0], b.DOut, b.DParam = a.DOut[0], c.DOut, c.DParam[1:]
	o.pointwise.Backward(b)
	a.DIn[0], a.DParam = c.DIn[0], c.DParam[:1]
	o.depthwise.Backward(a)
}
