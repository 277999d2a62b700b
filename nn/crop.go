package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// Crop takes margins away. Input: [H, W, C]; output: [H-Top-Bottom, W-Left-Right, C].
// Gradient: dy with zeros for margins.
type Crop struct{ Margins }

func init() { Register("crop", 1, Crop{}) }

func (Crop) selects() {}

// Infer subtracts the margins.
func (p Crop) Infer(in []Shape) (Signature, error) {
	if err := wantPicture(in, 1); err != nil {
		return Signature{}, err
	}
	if err := p.check(); err != nil {
		return Signature{}, err
	}
	out := in[0].Clone()
	for axis, less := range [2]int{p.Top + p.Bottom, p.Left + p.Right} {
		if out[axis] == Any {
			continue
		}
		if out[axis] -= less; out[axis] < 1 {
			return Signature{}, fmt.Errorf("cannot take %d of %d pixels of %s", less, in[0][axis], [2]string{"height", "width"}[axis])
		}
	}
	return Signature{Outputs: []Shape{out}}, nil
}

// Compile returns the arithmetic.
func (p Crop) Compile(batch int, in []Shape) Routine {
	rows := kernels.NewPadAxis(in[0][0], -p.Top, -p.Bottom, kernels.BorderZero)
	cols := kernels.NewPadAxis(in[0][1], -p.Left, -p.Right, kernels.BorderZero)
	return separableOrView(batch, in[0], rows, cols, 0)
}
