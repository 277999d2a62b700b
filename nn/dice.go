package nn

import "fmt"

// DiceLoss is 1 less Dice's coefficient of overlap, for each sample the mean over the
// classes that are in the truth; one that is not is skipped. For each sample and class,
//
//	dice = (2*sum(p*t) + Smooth) / (sum(p) + sum(t) + Smooth)
//
// Squared makes the divisor sum(p²) + sum(t²) (Milletari et al. 2016). Inputs: prediction,
// probabilities [..., C]; target of that shape or, Sparse, the number of the pixel's class,
// [...] or [..., 1], where a single channel is that of class 1; and a mask if wanted, [...] or
// [..., 1], by which pixels are weighed. Output: one number a sample, 0 where no class is in
// the truth.
//
// Gradient by p, for a class with divisor B and coefficient d: (d - 2t)/B over the number of
// classes, (2*d*p - 2*t)/B where Squared.
type DiceLoss struct {
	Sparse  bool
	Ignore  []int   `json:",omitempty"` // labels of pixels that do not count; Sparse only
	Smooth  float64 // at least 0; makes the coefficients of small regions less steep
	Squared bool
}

func init() { Register("dice_loss", 1, DiceLoss{}) }

func (l DiceLoss) config() overlapConfig {
	return overlapConfig{
		labels: classLabels{sparse: l.Sparse, ignore: l.Ignore}, squared: l.Squared,
		// Numerator and denominator are halved.
		alpha: .5, beta: .5, smooth: l.Smooth / 2,
	}
}

// TargetShape is the shape of the target for a prediction.
func (l DiceLoss) TargetShape(prediction Shape) Shape { return overlapTarget(l.Sparse, prediction) }

// Infer returns one number a sample.
func (l DiceLoss) Infer(in []Shape) (Signature, error) { return inferOverlap(l.config(), l.Smooth, in) }

// Compile returns the arithmetic.
func (l DiceLoss) Compile(batch int, in []Shape) Routine { return l.config().compile(batch, in) }

func overlapTarget(sparse bool, prediction Shape) Shape {
	if sparse {
		return sparseTarget(prediction)
	}
	return prediction.Clone()
}

func inferOverlap(k overlapConfig, smooth float64, in []Shape) (Signature, error) {
	if !(smooth >= 0) {
		return Signature{}, fmt.Errorf("Smooth is %v, want at least 0", smooth)
	}
	return k.labels.infer(in, 1)
}
