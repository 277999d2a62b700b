package nn

// Conv2D is a convolution of pictures, which to a mathematician is a correlation. Input:
// [H, W, Cin]; output: [H', W', Filters], with H' and W' by the rule of [Padding]. Its
// parameters are kernel [KH, KW, Cin/Groups, Filters] and, unless NoBias is set, bias
// [Filters]:
//
//	z[p,q,o] = bias[o] + sum over i < KH, j < KW, c of x[p*s-t+i*d, q*s'-l+j*d', c] * kernel[i,j,c,o]
//	y = activation(z)
//
// where s, d and t (s', d' and l) are stride, dilation and the padding before, of the
// height (of the width), and Border says what x is outside the picture. With Groups, input
// and output channels are divided into as many groups of consecutive ones, and an output
// sees the channels of its own group alone; Groups = Cin is [DepthwiseConv2D].
//
// Gradients, with dz = dy * activation'(z): dbias is the sum of dz over all pixels, dx[.., c] the
// sum of dz[p,q,o] * kernel[i,j,c,o] over all terms that read the pixel, which is a transposed
// convolution, and dkernel[i,j,c,o] the sum of x[..., c] * dz[p,q,o] over all p, q.
//
// Dumoulin and Visin 2016 explain the arithmetic with drawings; dilation is of Yu and Koltun 2016.
type Conv2D struct {
	Filters    int     // output channels, at least 1
	Kernel     [2]int  // height and width, at least 1
	Stride     [2]int  // {1, 1} where it is not set
	Dilation   [2]int  // distance of the kernel's taps in pixels; {1, 1} where it is not set
	Padding    Padding // Valid where it is not set
	Border     Border  // any but BorderExclude; BorderZero where it is not set
	Groups     int     // 1 where it is 0
	Activation ActivationFunc
	NoBias     bool
	KernelInit Initializer // Glorot uniform where it is not set
	BiasInit   Initializer // zeros where it is not set
	// Algorithm pins how the convolution is computed, where it can be; usually the shape
	// chooses.
	Algorithm ConvAlgorithm `json:",omitempty"`

	// adds is the compiler's: there is a last input, of the output's shape, which is added
	// before the activation.
	adds bool
	// bfloat16 is the compiler's: predictions may compute in it.
	bfloat16 bool
}

func init() { Register("conv_2d", 1, Conv2D{}) }

func (l Conv2D) withDefaults() Layer {
	l.Stride = orPair(l.Stride, [2]int{1, 1})
	l.Dilation = orPair(l.Dilation, [2]int{1, 1})
	l.Border = orDefault(l.Border, BorderZero)
	if l.Groups == 0 {
		l.Groups = 1
	}
	l.KernelInit = l.KernelInit.or(GlorotUniform)
	l.BiasInit = l.BiasInit.or(Zeros)
	return l
}

// Epilogue is the activation.
func (l Conv2D) Epilogue() ActivationFunc { return l.Activation }

// WithEpilogue is the layer with another activation.
func (l Conv2D) WithEpilogue(f ActivationFunc) Layer {
	l.Activation = f
	return l
}

func (l Conv2D) convolution() *convolution {
	l = l.withDefaults().(Conv2D)
	return &convolution{
		sliding: sliding{kernel: l.Kernel, stride: l.Stride, dilation: l.Dilation, padding: l.Padding},
		border:  l.Border, groups: l.Groups, filters: l.Filters,
		activation: l.Activation, noBias: l.NoBias, kernelInit: l.KernelInit, biasInit: l.BiasInit, adds: l.adds,
		algorithm: l.Algorithm, bfloat16: l.bfloat16,
	}
}

func (l Conv2D) withBias() (foldable, bool) {
	had := !l.NoBias
	l.NoBias = false
	return l, had
}

func (l Conv2D) kernelLayout(in []Shape) (kernelLayout, bool) {
	return l.convolution().kernelLayout(in)
}

// Infer computes the size of the output.
func (l Conv2D) Infer(in []Shape) (Signature, error) { return l.convolution().infer(in) }

// takesParts is true of the picture where there are no groups.
func (l Conv2D) takesParts(input, of int) bool { return l.Groups <= 1 && !(l.adds && input == of-1) }

func (l Conv2D) withAddend() (Layer, bool) {
	could := !l.adds
	l.adds = true
	return l, could
}

// Compile returns the arithmetic, with bias and activation fused.
func (l Conv2D) Compile(batch int, in []Shape) Routine { return l.convolution().compile(batch, in) }
