package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// AvgPool2D takes the average of every window. Input: [H, W, C]; output: [H', W', C], with
// H' and W' by the rule of [Padding]:
//
//	y[p,q,c] = sum over i < KH, j < KW of x[p*s-t+i*d, q*s'-l+j*d', c] / n[p,q]
//
// where s, d and t (s', d' and l) are stride, dilation and the padding before, of the height
// (of the width), and x is 0 outside the picture. The divisor n is the number of the window's
// taps in the picture, as in Keras; with CountPadding, the number of those in the picture or
// its padding, which is the default of PyTorch; or Divisor. Gradient: every tap in the
// picture gets dy/n, and a pixel the sum of what its windows give it.
type AvgPool2D struct {
	Kernel       [2]int  // height and width, at least 1
	Stride       [2]int  // Kernel where it is not set
	Dilation     [2]int  // distance of the kernel's taps in pixels; {1, 1} where it is not set
	Padding      Padding // Valid where it is not set
	Ceil         bool    // as in [MaxPool2D]; taps beyond the padding never count
	CountPadding bool    // count_include_pad of PyTorch and ONNX
	Divisor      int     // divisor_override of PyTorch; none where it is 0
}

func init() { Register("avg_pool_2d", 1, AvgPool2D{}) }

func (l AvgPool2D) withDefaults() Layer {
	l.Stride = orPair(l.Stride, l.Kernel)
	l.Dilation = orPair(l.Dilation, [2]int{1, 1})
	return l
}

func (l AvgPool2D) sliding() *sliding {
	l = l.withDefaults().(AvgPool2D)
	return &sliding{kernel: l.Kernel, stride: l.Stride, dilation: l.Dilation, padding: l.Padding, ceil: l.Ceil}
}

// checkDivisor refuses contradictions.
func (l AvgPool2D) checkDivisor() error {
	if l.Divisor < 0 || l.Divisor > 0 && l.CountPadding {
		return fmt.Errorf("Divisor is %d and CountPadding %t, want a divisor of at least 1, or none, and not both", l.Divisor, l.CountPadding)
	}
	return nil
}

// Infer computes the size of the output.
func (l AvgPool2D) Infer(in []Shape) (Signature, error) {
	if err := wantPicture(in, 1); err != nil {
		return Signature{}, err
	}
	if err := l.checkDivisor(); err != nil {
		return Signature{}, err
	}
	out, err := l.sliding().inferPool(in[0])
	if err != nil {
		return Signature{}, err
	}
	return Signature{Outputs: []Shape{out}}, nil
}

// axes are the averages along the height and the width of pictures of a shape.
func (l AvgPool2D) axes(in Shape) (rows, cols *kernels.Axis) {
	h, w := l.sliding().windows(in)
	switch {
	case l.Divisor > 0:
		return h.PoolAxis(kernels.DivideNot).Scale(1 / float64(l.Divisor)), w.PoolAxis(kernels.DivideNot)
	case l.CountPadding:
		return h.PoolAxis(kernels.DividePadded), w.PoolAxis(kernels.DividePadded)
	}
	return h.PoolAxis(kernels.DivideInside), w.PoolAxis(kernels.DivideInside)
}

// Compile returns the arithmetic: averages of rows, and of columns of those.
func (l AvgPool2D) Compile(batch int, in []Shape) Routine {
	rows, cols := l.axes(in[0])
	return separable(batch, in[0], rows, cols, 0)
}
