package nn

// AdversarialHinge is the hinge form of the adversarial loss (Lim and Ye 2017; Miyato et
// al. 2018): the mean over a sample's scores z of
//
//	Real: max(0, 1-z)
//	Fake: max(0, 1+z)
//	Fool: -z
//
// Input: scores of any shape; output: one number a sample. Gradient: -1/K, 1/K or 0 within
// the margin; at its very edge 0.
type AdversarialHinge struct {
	Goal Goal
}

func init() { Register("adversarial_hinge", 1, AdversarialHinge{}) }

// Infer returns one number a sample.
func (l AdversarialHinge) Infer(in []Shape) (Signature, error) { return inferScores(l.Goal, in) }

// Compile returns the arithmetic.
func (l AdversarialHinge) Compile(batch int, in []Shape) Routine {
	if l.Goal == Fool {
		return compileScores(batch, in,
			func(z float64) float64 { return -z },
			func(float64) float64 { return -1 })
	}
	sign := -1.0
	if l.Goal == Fake {
		sign = 1
	}
	return compileScores(batch, in,
		func(z float64) float64 { return max(0, 1+sign*z) },
		func(z float64) float64 {
			if 1+sign*z > 0 {
				return sign
			}
			return 0
		})
}
