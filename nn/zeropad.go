package nn

import (
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// ZeroPad puts zeros around pictures. Input: [H, W, C]; output:
// [Top+H+Bottom, Left+W+Right, C]. Gradient: dy without the margins.
type ZeroPad struct{ Margins }

// ConstantPad is [ZeroPad] with another number.
type ConstantPad struct {
	Margins
	Value float64
}

func init() {
	Register("zero_pad", 1, ZeroPad{})
	Register("constant_pad", 1, ConstantPad{})
}

// Infer adds the margins.
func (p ZeroPad) Infer(in []Shape) (Signature, error) { return p.inferPad(in) }

// Compile returns the arithmetic.
func (p ZeroPad) Compile(batch int, in []Shape) Routine {
	return p.compilePad(batch, in, BorderZero, 0)
}

// Infer adds the margins.
func (p ConstantPad) Infer(in []Shape) (Signature, error) {
	if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
		return Signature{}, fmt.Errorf("Value is %v, want a finite number", p.Value)
	}
	return p.inferPad(in)
}

// Compile returns the arithmetic.
func (p ConstantPad) Compile(batch int, in []Shape) Routine {
	return p.compilePad(batch, in, BorderZero, p.Value)
}

// inferPad is the shape rule of all padding layers.
func (m Margins) inferPad(in []Shape) (Signature, error) {
	if err := wantPicture(in, 1); err != nil {
		return Signature{}, err
	}
	if err := m.check(); err != nil {
		return Signature{}, err
	}
	out := in[0].Clone()
	for axis, more := range [2]int{m.Top + m.Bottom, m.Left + m.Right} {
		if out[axis] != Any {
			out[axis] += more
		}
	}
	return Signature{Outputs: []Shape{out}}, nil
}

// compilePad is the arithmetic of all padding layers. The gradient of a pixel is the sum
// over its copies.
func (m Margins) compilePad(batch int, in []Shape, b Border, value float64) Routine {
	rows := kernels.NewPadAxis(in[0][0], m.Top, m.Bottom, borders[b])
	cols := kernels.NewPadAxis(in[0][1], m.Left, m.Right, borders[b])
	return separableOrView(batch, in[0], rows, cols, value)
}
