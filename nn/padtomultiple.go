package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// PadToMultiple pads pictures to the next size that a network's stride divides, so that
// it takes any size; [CropToMatch] on its output and the original is the inverse. Input:
// [H, W, C]; output: height and width rounded up to k*Multiple + Rest, k a whole number.
// Gradient: the sum over each pixel's images.
type PadToMultiple struct {
	Multiple [2]int // of height and width, at least 1
	Rest     [2]int // at least 0 and less than Multiple
	Border   Border // BorderReflect where it is not set; any but BorderExclude
	Anchor   Anchor // AnchorCenter, of an odd rest the smaller half first, where it is not set
}

func init() { Register("pad_to_multiple", 2, PadToMultiple{}) }

func (p PadToMultiple) withDefaults() Layer {
	p.Border = orDefault(p.Border, BorderReflect)
	p.Anchor = orDefault(p.Anchor, AnchorCenter)
	return p
}

// Infer rounds height and width up.
func (p PadToMultiple) Infer(in []Shape) (Signature, error) {
	if err := wantPicture(in, 1); err != nil {
		return Signature{}, err
	}
	p = p.withDefaults().(PadToMultiple)
	if err := checkSides("Multiple", p.Multiple); err != nil {
		return Signature{}, err
	}
	if min(p.Rest[0], p.Rest[1]) < 0 || p.Rest[0] >= p.Multiple[0] || p.Rest[1] >= p.Multiple[1] {
		return Signature{}, fmt.Errorf("Rest is %v, want at least 0 and less than Multiple, %v", p.Rest, p.Multiple)
	}
	if err := oneOf("Border", p.Border, BorderReflect, BorderEdge, BorderZero, BorderSymmetric, BorderWrap); err != nil {
		return Signature{}, err
	}
	if err := oneOf("Anchor", p.Anchor, AnchorCenter, AnchorStart); err != nil {
		return Signature{}, err
	}
	out := in[0].Clone()
	for axis, m := range p.Multiple {
		if out[axis] != Any {
			out[axis] += missing(out[axis], m, p.Rest[axis])
		}
	}
	return Signature{Outputs: []Shape{out}}, nil
}

// missing is what n lacks to a multiple of m plus a rest.
func missing(n, m, rest int) int { return (m + rest - n%m) % m }

// Compile returns the arithmetic.
func (p PadToMultiple) Compile(batch int, in []Shape) Routine {
	p = p.withDefaults().(PadToMultiple)
	var axes [2]*kernels.Axis
	for i := range axes {
		more := missing(in[0][i], p.Multiple[i], p.Rest[i])
		before := p.Anchor.before(more)
		axes[i] = kernels.NewPadAxis(in[0][i], before, more-before, borders[p.Border])
	}
	return separableOrView(batch, in[0], axes[0], axes[1], 0)
}
