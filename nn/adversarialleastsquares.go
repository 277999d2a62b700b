package nn

// AdversarialLeastSquares is the adversarial loss of Mao et al. 2017 with the labels 1 for
// real and 0 for fake: the mean over a sample's scores z of
//
//	Real, Fool: (z-1)²/2
//	Fake:       z²/2
//
// Input: scores of any shape; output: one number a sample. Gradient: (z-1)/K or z/K.
type AdversarialLeastSquares struct {
	Goal Goal
}

func init() { Register("adversarial_least_squares", 1, AdversarialLeastSquares{}) }

// Infer returns one number a sample.
func (l AdversarialLeastSquares) Infer(in []Shape) (Signature, error) {
	return inferScores(l.Goal, in)
}

// Compile returns the arithmetic.
func (l AdversarialLeastSquares) Compile(batch int, in []Shape) Routine {
	label := 1.0
	if l.Goal == Fake {
		label = 0
	}
	return compileScores(batch, in,
		func(z float64) float64 { return (z - label) * (z - label) / 2 },
		func(z float64) float64 { return z - label })
}
