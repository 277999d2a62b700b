package nn

import (
	"cmp"
	"fmt"
)

// Divisor is what a sum over pixels is divided by to make a mean of it.
type Divisor string

// The divisors.
const (
	// PixelCount divides by the number of pixels that count: those that are neither
	// ignored nor masked, or the sum of their mask.
	PixelCount Divisor = "pixel_count"
	// WeightSum divides by the sum of the class weights of the pixels that count, as
	// PyTorch does.
	WeightSum Divisor = "weight_sum"
)

// CategoricalCrossEntropy is the cross-entropy of a distribution over C classes, the last
// axis, in nats:
//
//	sum over pixels and classes of -m * w_c * s_c * log(p_c), divided by Divisor
//	s = (1-LabelSmoothing)*t + LabelSmoothing/C
//
// with the class weights w, and m the mask. Inputs: prediction p [..., C]; target t, of that
// shape or, Sparse, the number of the pixel's class, [...] or [..., 1]; and a mask if wanted,
// [...] or [..., 1]. Output: one number a sample. The mean is taken over all pixels of the
// batch, so that every pixel counts the same, whatever is ignored beside it; PerSample takes
// it over every sample alone. Where no pixel counts it is 0. A sparse label that is no class
// and not in Ignore makes the loss not a number.
//
// A prediction that comes out of a softmax is not used: the compiler hands the loss the
// logits z instead, for which log(p_c) = z_c - log(sum_k exp(z_k)), which neither clips nor
// overflows, with the gradient, for PixelCount, (p_c*sum_k(w_k*s_k) - w_c*s_c)*m/pixels. From
// probabilities, p is clipped to [1e-7, 1-1e-7], with the gradient -w_c*s_c/p_c*m/pixels, 0
// where it was clipped.
type CategoricalCrossEntropy struct {
	Sparse         bool
	Ignore         []int     `json:",omitempty"` // labels of pixels that do not count, such as 255; Sparse only
	ClassWeights   []float64 `json:",omitempty"` // one a class, at least 0; all 1 where it is empty
	LabelSmoothing float64   // in [0, 1)
	Divisor        Divisor   // PixelCount where it is empty
	PerSample      bool
	// Logits says that the prediction is logits.
	Logits bool
}

func init() { Register("categorical_cross_entropy", 1, CategoricalCrossEntropy{}) }

func (l CategoricalCrossEntropy) withDefaults() Layer {
	l.Divisor = cmp.Or(l.Divisor, PixelCount)
	return l
}

// FromLogits pairs the loss with the softmax.
func (l CategoricalCrossEntropy) FromLogits() (ActivationFunc, Layer) {
	l.Logits = true
	return Softmax, l
}

// TargetShape is the shape of the target for a prediction.
func (l CategoricalCrossEntropy) TargetShape(prediction Shape) Shape {
	if l.Sparse {
		return sparseTarget(prediction)
	}
	return prediction.Clone()
}

// Infer returns one number a sample.
func (l CategoricalCrossEntropy) Infer(in []Shape) (Signature, error) {
	return l.config().infer(in)
}

// Compile returns the arithmetic.
func (l CategoricalCrossEntropy) Compile(batch int, in []Shape) Routine {
	return l.config().compile(batch, in)
}

func (l CategoricalCrossEntropy) config() classConfig { return classConfig{loss: l} }

// classConfig is cross-entropy over classes, focal where gamma is not 0.
type classConfig struct {
	loss  CategoricalCrossEntropy
	gamma float64
}

func (k classConfig) infer(in []Shape) (Signature, error) {
	l := k.loss
	sig, err := classLabels{sparse: l.Sparse, ignore: l.Ignore}.infer(in, 2)
	if err != nil {
		return sig, err
	}
	classes := in[0][len(in[0])-1]
	switch {
	case len(l.ClassWeights) != 0 && len(l.ClassWeights) != classes:
		return Signature{}, fmt.Errorf("ClassWeights has %d numbers for %d classes", len(l.ClassWeights), classes)
	case !(l.LabelSmoothing >= 0 && l.LabelSmoothing < 1):
		return Signature{}, fmt.Errorf("LabelSmoothing is %v, want at least 0 and less than 1", l.LabelSmoothing)
	case !(k.gamma >= 0):
		return Signature{}, fmt.Errorf("Gamma is %v, want at least 0", k.gamma)
	case l.Divisor != "" && l.Divisor != PixelCount && l.Divisor != WeightSum:
		return Signature{}, fmt.Errorf("Divisor is %q, want %q or %q", string(l.Divisor), string(PixelCount), string(WeightSum))
	}
	for i, w := range l.ClassWeights {
		if !(w >= 0) {
			return Signature{}, fmt.Errorf("ClassWeights[%d] is %v, want at least 0", i, w)
		}
	}
	return sig, nil
}

func (k classConfig) compile(batch int, in []Shape) Routine {
	k.loss = k.loss.withDefaults().(CategoricalCrossEntropy)
	r := Routine{
		New32:  func() Op[float32] { return newClassLoss[float32](k, batch, in) },
		New64:  func() Op[float64] { return newClassLoss[float64](k, batch, in) },
		KeepIn: true,
		FLOPs:  int64(6 * batch * in[0].Elems()),
	}
	if k.loss.Logits {
		r.Saved = batch * in[0].Elems() // the softmax
	}
	return r
}
