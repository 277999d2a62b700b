package nn

import (
	"cmp"
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// BinaryFocal is the focal loss of a sigmoid (Lin et al. 2017): binary cross-entropy that
// cares less for what is predicted well already. It is the mean over a sample's elements of
//
//	a * q^Gamma * (-t*log(p) - (1-t)*log(1-p)), q = p + t - 2*p*t, a = Alpha*t + (1-Alpha)*(1-t)
//
// where q, for a target of 0 or 1, is the probability given to the wrong answer, and a is 1
// where Alpha is 0. Inputs: prediction and target of one shape, values in [0, 1], and a
// mask if wanted (one weight an element or a pixel; the loss is the weighted mean over the
// batch); output: one number a sample.
//
// From logits z, which the compiler hands the loss where the prediction comes out of a
// sigmoid, nothing is clipped. Gradient there, with b the binary cross-entropy and K
// elements: a*(Gamma*q^(Gamma-1)*(1-2t)*p*(1-p)*b + q^Gamma*(p-t))/K. From probabilities, p
// is clipped to [1e-7, 1-1e-7], with the gradient 0 where it was.
type BinaryFocal struct {
	Gamma float64 // how little easy elements count; 2 where it is 0
	Alpha float64 // weight of elements whose target is 1, in (0, 1); no weights where it is 0
	// Logits says that the prediction is logits.
	Logits bool
}

func init() { Register("binary_focal", 1, BinaryFocal{}) }

func (l BinaryFocal) withDefaults() Layer {
	l.Gamma = cmp.Or(l.Gamma, 2)
	return l
}

// FromLogits pairs the loss with the sigmoid.
func (l BinaryFocal) FromLogits() (ActivationFunc, Layer) {
	l.Logits = true
	return Sigmoid, l
}

// Infer returns one number a sample.
func (l BinaryFocal) Infer(in []Shape) (Signature, error) {
	if !(l.Gamma >= 0) || !(l.Alpha >= 0 && l.Alpha < 1) {
		return Signature{}, fmt.Errorf("Gamma is %v and Alpha %v, want Gamma of at least 0 and 0 <= Alpha < 1", l.Gamma, l.Alpha)
	}
	return inferMaskedLoss(in)
}

// Compile returns the arithmetic.
func (l BinaryFocal) Compile(batch int, in []Shape) Routine {
	l = l.withDefaults().(BinaryFocal)
	return Routine{
		New32:  func() Op[float32] { return newBinaryFocal[float32](batch, in, l) },
		New64:  func() Op[float64] { return newBinaryFocal[float64](batch, in, l) },
		KeepIn: true,
		FLOPs:  int64(16 * batch * in[0].Elems()),
	}
}

func newBinaryFocal[T tensor.Float](batch int, in []Shape, l BinaryFocal) Op[T] {
	value := func(p, t []T) T {
		sum := 0.0
		for i, v := range p {
			e := l.at(float64(v), float64(t[i]))
			sum += e.weight * math.Pow(e.wrong, l.Gamma) * e.entropy
		}
		return T(sum)
	}
	grad := func(dp, dt, p, t []T, scale T) {
		for i, v := range p {
			gp, gt := l.gradient(float64(v), float64(t[i]))
			if dp != nil {
				dp[i] = T(float64(scale) * gp)
			}
			if dt != nil {
				dt[i] = T(float64(scale) * gt)
			}
		}
	}
	return newMeanLoss(batch, in, value, grad)
}

// focalElement holds the parts of one element's loss.
type focalElement struct {
	p, logit, weight, wrong, entropy float64
	clipped                          bool
}

func (l BinaryFocal) at(v, t float64) focalElement {
	e := focalElement{p: v, logit: v, weight: 1}
	if l.Logits {
		e.p = 1 / (1 + math.Exp(-v))
		e.entropy = max(v, 0) - v*t + math.Log1p(math.Exp(-math.Abs(v)))
	} else {
		e.p = min(max(v, bceEpsilon), 1-bceEpsilon)
		e.clipped = e.p != v
		e.logit = math.Log(e.p) - math.Log1p(-e.p)
		e.entropy = -t*math.Log(e.p) - (1-t)*math.Log1p(-e.p)
	}
	e.wrong = e.p*(1-t) + (1-e.p)*t
	if l.Alpha != 0 {
		e.weight = l.Alpha*t + (1-l.Alpha)*(1-t)
	}
	return e
}

// gradient is the derivative of one element's loss by the prediction and by the target.
func (l BinaryFocal) gradient(v, t float64) (dp, dt float64) {
	e := l.at(v, t)
	if e.wrong <= 0 {
		return 0, 0
	}
	power := math.Pow(e.wrong, l.Gamma)
	slope := l.Gamma * power / e.wrong * e.entropy
	dp = e.weight * (slope*(1-2*t)*e.p*(1-e.p) + power*(e.p-t)) // by the logit
	switch {
	case e.clipped:
		dp = 0
	case !l.Logits:
		dp /= e.p * (1 - e.p)
	}
	dt = e.weight * (slope*(1-2*e.p) - power*e.logit)
	if l.Alpha != 0 {
		dt += (2*l.Alpha - 1) * power * e.entropy
	}
	return dp, dt
}
