package nn

import "fmt"

// DepthwiseConv2D convolves every channel on its own, by Multiplier kernels. Input:
// [H, W, C]; output: [H', W', C*Multiplier], where outputs c*Multiplier to
// (c+1)*Multiplier-1 are those of channel c. Its parameters are kernel
// [KH, KW, C, Multiplier] and, unless NoBias is set, bias [C*Multiplier]:
//
//	z[p,q,c*Multiplier+m] = bias[..] + sum over i < KH, j < KW of x[p*s-t+i*d, q*s'-l+j*d', c] * kernel[i,j,c,m]
//	y = activation(z)
//
// It is [Conv2D] with C groups, and so are its gradients.
type DepthwiseConv2D struct {
	Kernel     [2]int  // height and width, at least 1
	Stride     [2]int  // {1, 1} where it is not set
	Dilation   [2]int  // {1, 1} where it is not set
	Padding    Padding // Valid where it is not set
	Border     Border  // any but BorderExclude; BorderZero where it is not set
	Multiplier int     // 1 where it is 0
	Activation ActivationFunc
	NoBias     bool
	KernelInit Initializer // Glorot uniform where it is not set
	BiasInit   Initializer // zeros where it is not set
}

func init() { Register("depthwise_conv_2d", 1, DepthwiseConv2D{}) }

func (l DepthwiseConv2D) withDefaults() Layer {
	l.Stride = orPair(l.Stride, [2]int{1, 1})
	l.Dilation = orPair(l.Dilation, [2]int{1, 1})
	l.Border = orDefault(l.Border, BorderZero)
	if l.Multiplier == 0 {
		l.Multiplier = 1
	}
	l.KernelInit = l.KernelInit.or(GlorotUniform)
	l.BiasInit = l.BiasInit.or(Zeros)
	return l
}

// Epilogue is the activation.
func (l DepthwiseConv2D) Epilogue() ActivationFunc { return l.Activation }

// WithEpilogue is the layer with another activation.
func (l DepthwiseConv2D) WithEpilogue(f ActivationFunc) Layer {
	l.Activation = f
	return l
}

// convolution is the layer for pictures of ch channels.
func (l DepthwiseConv2D) convolution(ch int) *convolution {
	l = l.withDefaults().(DepthwiseConv2D)
	return &convolution{
		sliding: sliding{kernel: l.Kernel, stride: l.Stride, dilation: l.Dilation, padding: l.Padding},
		border:  l.Border, groups: ch, filters: ch * l.Multiplier,
		activation: l.Activation, noBias: l.NoBias, kernelInit: l.KernelInit, biasInit: l.BiasInit,
	}
}

func (l DepthwiseConv2D) withBias() (foldable, bool) {
	had := !l.NoBias
	l.NoBias = false
	return l, had
}

func (l DepthwiseConv2D) kernelLayout(in []Shape) (kernelLayout, bool) {
	return l.convolution(in[0][2]).kernelLayout(in)
}

// Infer computes the size of the output.
func (l DepthwiseConv2D) Infer(in []Shape) (Signature, error) {
	return l.convolution(max(channels(in), 1)).inferDepthwise(in, "kernel")
}

// Compile returns the arithmetic.
func (l DepthwiseConv2D) Compile(batch int, in []Shape) Routine {
	return l.convolution(in[0][2]).compile(batch, in)
}

// channels is the last axis of the first input where that is a picture, else Any.
func channels(in []Shape) int {
	if len(in) == 0 || len(in[0]) != 3 {
		return Any
	}
	return in[0][2]
}

// inferDepthwise is infer for a kernel, called name, that is declared as
// [KH, KW, C, Multiplier]: the same numbers in the same order.
func (v *convolution) inferDepthwise(in []Shape, name string) (Signature, error) {
	if ch := channels(in); ch > 0 && v.filters < ch {
		return Signature{}, fmt.Errorf("Multiplier is %d, want at least 1", v.filters/ch)
	}
	sig, err := v.infer(in)
	if err == nil {
		k := sig.Params[0].Shape
		sig.Params[0] = v.kernelSpec(name, Shape{k[0], k[1], v.groups, v.filters / v.groups})
	}
	return sig, err
}
