package nn

import "github.com/hourglass-go/hourglass/internal/kernels"

// PadToMultiple pads pictures to the next size that a network's stride divides, so that
// it takes any size; [CropToMatch] on its output and the original is the inverse. Input:
// [H, W, C]; output: height and width rounded up to a multiple. Gradient: the sum over
// each pixel's images.
type PadToMultiple struct {
	Multiple [2]int // of height and width, at least 1
	Border   Border // BorderReflect where it is not set; any but BorderExclude
	Anchor   Anchor // AnchorCenter, of an odd rest the smaller half first, where it is not set
}

func init() { Register("pad_to_multiple", 1, PadToMultiple{}) }

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
	if err := oneOf("Border", p.Border, BorderReflect, BorderEdge, BorderZero, BorderSymmetric, BorderWrap); err != nil {
		return Signature{}, err
	}
	if err := oneOf("Anchor", p.Anchor, AnchorCenter, AnchorStart); err != nil {
		return Signature{}, err
	}
	out := in[0].Clone()
	for axis, m := range p.Multiple {
		if out[axis] != Any {
			out[axis] += missing(out[axis], m)
		}
	}
	return Signature{Outputs: []Shape{out}}, nil
}

// missing is what n lacks to a multiple of m.
func missing(n, m int) int { return (m - n%m) % m }

// Compile returns the arithmetic.
func (p PadToMultiple) Compile(batch int, in []Shape) Routine {
	p = p.withDefaults().(PadToMultiple)
	var axes [2]*kernels.Axis
	for i := range axes {
		more := missing(in[0][i], p.Multiple[i])
		before := p.Anchor.before(more)
		axes[i] = kernels.NewPadAxis(in[0][i], before, more-before, borders[p.Border])
	}
	return separableOrView(batch, in[0], axes[0], axes[1], 0)
}
