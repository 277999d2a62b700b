package nn

import "math"

// AdversarialBCE is the adversarial loss of Goodfellow et al. 2014, cross-entropy from
// logits z, in its non-saturating form: the mean over a sample's scores of
//
//	Real, Fool: log(1+exp(-z))
//	Fake:       log(1+exp(z))
//
// Input: scores of any shape; output: one number a sample. Gradient: ∓sigmoid(∓z)/K.
type AdversarialBCE struct {
	Goal Goal
}

func init() { Register("adversarial_bce", 1, AdversarialBCE{}) }

// Infer returns one number a sample.
func (l AdversarialBCE) Infer(in []Shape) (Signature, error) { return inferScores(l.Goal, in) }

// Compile returns the arithmetic.
func (l AdversarialBCE) Compile(batch int, in []Shape) Routine {
	sign := -1.0
	if l.Goal == Fake {
		sign = 1
	}
	return compileScores(batch, in,
		func(z float64) float64 { return max(sign*z, 0) + math.Log1p(math.Exp(-math.Abs(z))) },
		func(z float64) float64 { return sign / (1 + math.Exp(-sign*z)) })
}
