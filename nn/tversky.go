package nn

import "fmt"

// TverskyLoss is 1 less the Tversky index, Dice's coefficient with false positives and false
// negatives weighed apart (Salehi et al. 2017), for each sample the mean over the classes
// that are in the truth; one that is not is skipped. For each sample and class,
//
//	tversky = (I + Smooth) / (I + Alpha*sum(p*(1-t)) + Beta*sum((1-p)*t) + Smooth), I = sum(p*t)
//
// Alpha = Beta = 0.5, the default where both are 0, make it Dice's. Inputs and output are as
// in [DiceLoss].
//
// Gradient by p, for a class with divisor B and index v: (v*((1-Alpha-Beta)*t + Alpha) - t)/B
// over the number of classes.
type TverskyLoss struct {
	Alpha  float64 // of what is predicted and not true, at least 0
	Beta   float64 // of what is true and not predicted, at least 0
	Sparse bool
	Ignore []int   `json:",omitempty"` // labels of pixels that do not count; Sparse only
	Smooth float64 // at least 0; makes the indices of small regions less steep
}

func init() { Register("tversky_loss", 1, TverskyLoss{}) }

func (l TverskyLoss) withDefaults() Layer {
	if l.Alpha == 0 && l.Beta == 0 {
		l.Alpha, l.Beta = .5, .5
	}
	return l
}

func (l TverskyLoss) config() overlapConfig {
	l = l.withDefaults().(TverskyLoss)
	return overlapConfig{
		labels: classLabels{sparse: l.Sparse, ignore: l.Ignore},
		alpha:  l.Alpha, beta: l.Beta, smooth: l.Smooth,
	}
}

// TargetShape is the shape of the target for a prediction.
func (l TverskyLoss) TargetShape(prediction Shape) Shape { return overlapTarget(l.Sparse, prediction) }

// Infer returns one number a sample.
func (l TverskyLoss) Infer(in []Shape) (Signature, error) {
	if !(l.Alpha >= 0 && l.Beta >= 0) {
		return Signature{}, fmt.Errorf("Alpha is %v and Beta %v, want at least 0", l.Alpha, l.Beta)
	}
	return inferOverlap(l.config(), l.Smooth, in)
}

// Compile returns the arithmetic.
func (l TverskyLoss) Compile(batch int, in []Shape) Routine { return l.config().compile(batch, in) }
