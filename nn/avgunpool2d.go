package nn

import (
	"fmt"
)

// AvgUnpool2D spreads every value over the window that [AvgPool2D] would have averaged. Kernel,
// Stride, Dilation, Padding and Ceil are those of the pooling. Inputs: values v [H', W', C]
// and, where there is a second, the size [H, W, ...] to go back to; output: [H, W, C], with H and
// W as in [MaxUnpool2D]. There are two ways to spread, both linear; where windows overlap,
// what they give is added up:
//
//	y[p*s-t+i*d, q*s'-l+j*d', c] += v[p,q,c] / n[p,q]    for all i < KH, j < KW
//	y[p*s-t+i*d, q*s'-l+j*d', c] += v[p,q,c]             with Repeat
//
// The first shares the value out, n being the divisor of the pooling: it is the gradient of
// AvgPool2D, and keeps the sum. The second repeats it, which for windows side by side is
// enlarging by nearest neighbours; averaging that gives v again. Gradient: the sum, or the
// average, of dy over the window.
type AvgUnpool2D struct {
	Kernel       [2]int  // height and width, at least 1
	Stride       [2]int  // Kernel where it is not set
	Dilation     [2]int  // {1, 1} where it is not set
	Padding      Padding // Valid where it is not set
	Ceil         bool    // as in the pooling
	CountPadding bool    // as in the pooling
	Divisor      int     // as in the pooling; none where it is 0
	Repeat       bool    // the value itself, not its share
	Size         [2]int  // height and width of the output; see above where it is not set
}

func init() { Register("avg_unpool_2d", 1, AvgUnpool2D{}) }

func (l AvgUnpool2D) withDefaults() Layer {
	l.Stride = orPair(l.Stride, l.Kernel)
	l.Dilation = orPair(l.Dilation, [2]int{1, 1})
	return l
}

// pooling is the layer that this one undoes.
func (l AvgUnpool2D) pooling() AvgPool2D {
	p := AvgPool2D{
		Kernel: l.Kernel, Stride: l.Stride, Dilation: l.Dilation, Padding: l.Padding, Ceil: l.Ceil,
		CountPadding: l.CountPadding, Divisor: l.Divisor,
	}
	if l.Repeat {
		p.Divisor = 1
	}
	return p
}

// Infer finds the size before the pooling.
func (l AvgUnpool2D) Infer(in []Shape) (Signature, error) {
	if len(in) != 1 && len(in) != 2 {
		return Signature{}, fmt.Errorf("takes values and perhaps something of the size to go back to, got %d inputs", len(in))
	}
	if err := wantPicture(in[:1], 1); err != nil {
		return Signature{}, err
	}
	if l.Repeat && (l.Divisor != 0 || l.CountPadding) {
		return Signature{}, fmt.Errorf("Divisor is %d and CountPadding %t, but with Repeat nothing is divided", l.Divisor, l.CountPadding)
	}
	if err := l.pooling().checkDivisor(); err != nil {
		return Signature{}, err
	}
	var like Shape
	if len(in) == 2 {
		like = in[1]
	}
	out, err := l.pooling().sliding().unpooled(in[0], like, l.Size)
	if err != nil {
		return Signature{}, err
	}
	return Signature{Outputs: []Shape{out}}, nil
}

// Compile returns the arithmetic: the transpose of the pooling's.
func (l AvgUnpool2D) Compile(batch int, in []Shape) Routine {
	sig, _ := l.Infer(in)
	rows, cols := l.pooling().axes(sig.Outputs[0])
	return separable(batch, in[0], rows.Transpose(), cols.Transpose(), 0)
}
