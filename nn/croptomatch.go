package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// Anchor says where a smaller picture lies in a larger one.
type Anchor string

// The anchors.
const (
	// AnchorCenter leaves the floor of half the difference at the top and the left.
	AnchorCenter Anchor = "center"
	AnchorStart  Anchor = "start" // at the top left
)

// before is how much of the difference comes first.
func (a Anchor) before(difference int) int {
	if a == AnchorStart {
		return 0
	}
	return difference / 2
}

// CropToMatch crops its first input to the size of its second, as where a decoder meets a
// skip connection (Long et al. 2015, Ronneberger et al. 2015). It is the inverse of
// [PadToMultiple] with the same anchor. Inputs: [H, W, C] and [H', W', ...] with H' <= H,
// W' <= W; output: [H', W', C]. Gradient: dy with zeros around; none for the second input.
type CropToMatch struct {
	Anchor Anchor // AnchorCenter where it is not set
	// Offset is the first row and column that are taken, counted from the anchor at the
	// start; it is not allowed with AnchorCenter.
	Offset [2]int
}

func init() { Register("crop_to_match", 1, CropToMatch{}) }

func (CropToMatch) selects() {}

func (p CropToMatch) withDefaults() Layer {
	p.Anchor = orDefault(p.Anchor, AnchorCenter)
	return p
}

// Infer returns the size of the second input with the channels of the first.
func (p CropToMatch) Infer(in []Shape) (Signature, error) {
	if err := wantPictureAndSize(in); err != nil {
		return Signature{}, err
	}
	p = p.withDefaults().(CropToMatch)
	if err := oneOf("Anchor", p.Anchor, AnchorCenter, AnchorStart); err != nil {
		return Signature{}, err
	}
	if least, most := min(p.Offset[0], p.Offset[1]), max(p.Offset[0], p.Offset[1]); least < 0 || most > maxSide ||
		p.Anchor == AnchorCenter && most > 0 {
		return Signature{}, fmt.Errorf("Offset is %v, want 0 to %d, and 0 with Anchor %q", p.Offset, maxSide, string(AnchorCenter))
	}
	for axis, name := range []string{"height", "width"} {
		from, to := in[0][axis], in[1][axis]
		if from != Any && to != Any && p.Offset[axis]+to > from {
			return Signature{}, fmt.Errorf("cannot take %s %d from %d on of %d", name, to, p.Offset[axis], from)
		}
	}
	return Signature{Outputs: []Shape{{in[1][0], in[1][1], in[0][2]}}}, nil
}

// Compile returns the arithmetic; a crop that takes everything costs nothing.
func (p CropToMatch) Compile(batch int, in []Shape) Routine {
	p = p.withDefaults().(CropToMatch)
	var axes [2]*kernels.Axis
	for i := range axes {
		more := in[0][i] - in[1][i]
		before := p.Anchor.before(more) + p.Offset[i]
		axes[i] = kernels.NewPadAxis(in[0][i], -before, before-more, kernels.BorderZero)
	}
	return separableOrView(batch, in[0], axes[0], axes[1], 0)
}
