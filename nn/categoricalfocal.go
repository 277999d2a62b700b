package nn

import "cmp"

// CategoricalFocal is the focal loss of a softmax (Lin et al. 2017), cross-entropy over
// classes that cares less for what is predicted well already:
//
//	sum over pixels and classes of -m * w_c * s_c * (1-p_c)^Gamma * log(p_c), divided by Divisor
//
// Everything else, from inputs to gradients' limits, is as in [CategoricalCrossEntropy]; the
// paper's alpha is ClassWeights. Gradient by the logits: u_c - p_c*sum_k(u_k) with
// u_c = w_c*s_c*(Gamma*p_c*(1-p_c)^(Gamma-1)*log(p_c) - (1-p_c)^Gamma), times m/pixels.
type CategoricalFocal struct {
	Gamma          float64 // how little easy pixels count; 2 where it is 0
	Sparse         bool
	Ignore         []int     `json:",omitempty"` // labels of pixels that do not count; Sparse only
	ClassWeights   []float64 `json:",omitempty"` // one a class, at least 0; all 1 where it is empty
	LabelSmoothing float64   // in [0, 1)
	Divisor        Divisor   // PixelCount where it is empty
	PerSample      bool
	// Logits says that the prediction is logits.
	Logits bool
}

func init() { Register("categorical_focal", 1, CategoricalFocal{}) }

func (l CategoricalFocal) withDefaults() Layer {
	l.Gamma = cmp.Or(l.Gamma, 2)
	l.Divisor = cmp.Or(l.Divisor, PixelCount)
	return l
}

// FromLogits pairs the loss with the softmax.
func (l CategoricalFocal) FromLogits() (ActivationFunc, Layer) {
	l.Logits = true
	return Softmax, l
}

// TargetShape is the shape of the target for a prediction.
func (l CategoricalFocal) TargetShape(prediction Shape) Shape {
	return l.config().loss.TargetShape(prediction)
}

// Infer returns one number a sample.
func (l CategoricalFocal) Infer(in []Shape) (Signature, error) { return l.config().infer(in) }

// Compile returns the arithmetic.
func (l CategoricalFocal) Compile(batch int, in []Shape) Routine {
	return l.config().compile(batch, in)
}

func (l CategoricalFocal) config() classConfig {
	l = l.withDefaults().(CategoricalFocal)
	return classConfig{
		gamma: l.Gamma,
		loss: CategoricalCrossEntropy{
			Sparse: l.Sparse, Ignore: l.Ignore, ClassWeights: l.ClassWeights, LabelSmoothing: l.LabelSmoothing,
			Divisor: l.Divisor, PerSample: l.PerSample, Logits: l.Logits,
		},
	}
}
