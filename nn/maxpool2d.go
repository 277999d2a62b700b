package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// MaxPool2D takes the maximum of every window. Input: [H, W, C]; output: [H', W', C], with
// H' and W' by the rule of [Padding]:
//
//	y[p,q,c] = max over i < KH, j < KW of x[p*s-t+i*d, q*s'-l+j*d', c]
//
// where s, d and t (s', d' and l) are stride, dilation and the padding before, of the height
// (of the width); what lies outside the picture does not count. Gradient: dy goes to
// the first maximum of its window in row-major order; where windows overlap, a pixel gets
// the sum. A NaN counts for more than any number.
//
// With Mask there is a second output of the same shape for [MaxUnpool2D] (Zeiler et al.
// 2010, Badrinarayanan et al. 2017): the number i*KW + j of the tap that the maximum came from. It
// is counted inside the window so that it is exact in single precision for pictures of any
// size; pixel (p*s-t+i*d, q*s'-l+j*d') is where it points. It has no gradient.
type MaxPool2D struct {
	Kernel   [2]int  // height and width, at least 1
	Stride   [2]int  // Kernel where it is not set
	Dilation [2]int  // distance of the kernel's taps in pixels; {1, 1} where it is not set
	Padding  Padding // Valid where it is not set
	// Ceil adds a last window that reaches beyond the padded picture where the others
	// leave something over: ceil_mode of PyTorch and ONNX. Padding Same does so anyway.
	Ceil bool
	Mask bool // makes the second output
}

func init() { Register("max_pool_2d", 1, MaxPool2D{}) }

func (l MaxPool2D) withDefaults() Layer {
	l.Stride = orPair(l.Stride, l.Kernel)
	l.Dilation = orPair(l.Dilation, [2]int{1, 1})
	return l
}

func (l MaxPool2D) sliding() *sliding {
	l = l.withDefaults().(MaxPool2D)
	return &sliding{kernel: l.Kernel, stride: l.Stride, dilation: l.Dilation, padding: l.Padding, ceil: l.Ceil}
}

// Infer computes the size of the output.
func (l MaxPool2D) Infer(in []Shape) (Signature, error) {
	if err := wantPicture(in, 1); err != nil {
		return Signature{}, err
	}
	out, err := l.sliding().inferPool(in[0])
	if err != nil {
		return Signature{}, err
	}
	if taps := l.Kernel[0] * l.Kernel[1]; taps > kernels.MaxTaps {
		return Signature{}, fmt.Errorf("a kernel of %v has %d taps, want at most %d", l.Kernel, taps, kernels.MaxTaps)
	}
	sig := Signature{Outputs: []Shape{out}}
	if l.Mask {
		sig.Outputs = append(sig.Outputs, out.Clone())
	}
	return sig, nil
}

// Compile returns the arithmetic.
func (l MaxPool2D) Compile(batch int, in []Shape) Routine {
	r := l.routine(l.sliding().poolShape(batch, in[0]))
	if !l.Mask { // which is a second output
		s := l.sliding().poolShape(1, in[0])
		r.rows = windowRows{Window: s.H, part: func(rows kernels.Window) Routine {
			part := s
			part.H = rows
			return l.routine(part)
		}}
	}
	return r
}

func (l MaxPool2D) routine(s kernels.PoolShape) Routine {
	elems := s.Batch * s.H.Out * s.W.Out * s.Channels
	r := Routine{
		New32: func() Op[float32] { return &maxPoolOp[float32]{kernels.NewMaxPool[float32](s)} },
		New64: func() Op[float64] { return &maxPoolOp[float64]{kernels.NewMaxPool[float64](s)} },
		FLOPs: int64(elems) * int64(s.H.Kernel*s.W.Kernel),
	}
	if l.Mask {
		r.KeepOut = true
	} else {
		r.Saved = elems
	}
	return r
}

type maxPoolOp[T tensor.Float] struct{ pool *kernels.MaxPool[T] }

// mask is where the mask is: the second output, or what is saved for the gradient.
func (o *maxPoolOp[T]) mask(c *Call[T]) []T {
	if len(c.Out) > 1 {
		return c.Out[1]
	}
	return c.Saved
}

func (o *maxPoolOp[T]) Forward(c *Call[T]) {
	mask := o.mask(c)
	if len(c.Out) == 1 && len(c.DIn) == 0 {
		mask = nil // no gradient will be asked for
	}
	o.pool.Forward(c.Team, c.Out[0], mask, c.In[0])
}

func (o *maxPoolOp[T]) Backward(c *Call[T]) {
	switch {
	case c.DIn[0] == nil:
	case c.DOut[0] == nil: // only the mask is in use
		clear(c.DIn[0])
	default:
		o.pool.Backward(c.Team, c.DIn[0], c.DOut[0], o.mask(c))
	}
}
