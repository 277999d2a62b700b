package nn

import "fmt"

// Conv2DTranspose is the adjoint of a convolution from pictures [H', W', Filters] to
// [H, W, Cin]: what [Conv2D] of the same geometry and kernel does to gradients, as a layer.
// It is called deconvolution too (Zeiler et al. 2010, Long et al. 2015). Input: [H, W, Cin];
// output: [H', W', Filters]. Its parameters are kernel [KH, KW, Filters/Groups, Cin], which is
// the array of that convolution, and, unless NoBias is set, bias [Filters]:
//
//	z[v,u,f] = bias[f] + sum of x[p,q,c] * kernel[i,j,f,c] over all p, q, i, j, c
//	           with p*s - t + i*d = v and q*s' - l + j*d' = u
//	y = activation(z)
//
// where s, d and t (s', d' and l) are stride, dilation and what is cut off before, of the height
// (of the width). So every input pixel stamps the kernel, scaled by its value, onto the
// output, a stride from the stamp of the pixel before. Equivalently: put s-1 zeros between
// the pixels, pad by extent-1-t and convolve at stride 1 with the kernel turned by 180 degrees.
//
// The size of the output, with extent = (kernel-1)*dilation + 1, is
//
//	valid     H' = H*s + max(extent - s, 0)
//	same      H' = H*s; of the surplus max(extent - s, 0), half, rounded down, is cut off before
//	          (SameLower: rounded up)
//	explicit  H' = (H-1)*s + extent - before - after + OutputPadding
//
// Where the kernel is smaller than the stride, some pixels are the bias alone. Explicit padding
// is what is cut off, as in PyTorch and ONNX; a negative number adds such pixels instead.
// Keras's output_padding with valid is Explicit(0, 0, 0, 0) with OutputPadding; with same it is
// Explicit(t/2, t-t/2, ...) for t = extent - extent%2 - output_padding, without OutputPadding.
//
// Gradients, with dz = dy * activation'(z): dx is the convolution of dz with the kernel, dbias the
// sum of dz over all pixels, and dkernel[i,j,f,c] the sum of dz[v,u,f] * x[p,q,c] over the terms above.
type Conv2DTranspose struct {
	Filters       int     // output channels, at least 1
	Kernel        [2]int  // height and width, at least 1
	Stride        [2]int  // {1, 1} where it is not set
	Dilation      [2]int  // distance of the kernel's taps in pixels; {1, 1} where it is not set
	Padding       Padding // Valid where it is not set
	OutputPadding [2]int  // with Explicit; at least 0 and less than Stride
	Groups        int     // 1 where it is 0
	Activation    ActivationFunc
	NoBias        bool
	KernelInit    Initializer // Glorot uniform where it is not set; Bilinear makes it an upsampling
	BiasInit      Initializer // zeros where it is not set
}

func init() { Register("conv_2d_transpose", 1, Conv2DTranspose{}) }

func (l Conv2DTranspose) withDefaults() Layer {
	l.Stride = orPair(l.Stride, [2]int{1, 1})
	l.Dilation = orPair(l.Dilation, [2]int{1, 1})
	if l.Groups == 0 {
		l.Groups = 1
	}
	l.KernelInit = l.KernelInit.or(GlorotUniform)
	l.BiasInit = l.BiasInit.or(Zeros)
	return l
}

// Epilogue is the activation.
func (l Conv2DTranspose) Epilogue() ActivationFunc { return l.Activation }

// WithEpilogue is the layer with another activation.
func (l Conv2DTranspose) WithEpilogue(f ActivationFunc) Layer {
	l.Activation = f
	return l
}

func (l Conv2DTranspose) convolution() *convolution {
	l = l.withDefaults().(Conv2DTranspose)
	return &convolution{
		sliding: sliding{
			kernel: l.Kernel, stride: l.Stride, dilation: l.Dilation, padding: l.Padding,
			outputPadding: l.OutputPadding, transposed: true,
		},
		border: BorderZero, groups: l.Groups, filters: l.Filters,
		activation: l.Activation, noBias: l.NoBias, kernelInit: l.KernelInit, biasInit: l.BiasInit,
	}
}

func (l Conv2DTranspose) withBias() (foldable, bool) {
	had := !l.NoBias
	l.NoBias = false
	return l, had
}

func (l Conv2DTranspose) kernelLayout(in []Shape) (kernelLayout, bool) {
	return l.convolution().kernelLayout(in)
}

// Infer computes the size of the output.
func (l Conv2DTranspose) Infer(in []Shape) (Signature, error) {
	if ch := channels(in); l.KernelInit == Bilinear && ch != Any && ch != l.Filters {
		return Signature{}, fmt.Errorf("a bilinear kernel makes as many channels as there are: Filters is %d, the input has %d", l.Filters, ch)
	}
	return l.convolution().infer(in)
}

// Compile returns the arithmetic: matrix products whose results are summed into the output.
func (l Conv2DTranspose) Compile(batch int, in []Shape) Routine {
	return l.convolution().compile(batch, in)
}
