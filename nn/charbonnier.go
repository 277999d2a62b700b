package nn

import (
	"cmp"
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// Charbonnier is the mean over a sample's elements of sqrt(d² + Epsilon²), with d = p-t: an
// L1 loss that is smooth at 0 (Charbonnier et al. 1994; Lai et al. 2017 for
// super-resolution). Inputs: prediction and target of one shape, and a mask if wanted (one
// weight an element or a pixel; the loss is the weighted mean over the batch); output: one
// number a sample.
//
// Gradient: d/sqrt(d² + Epsilon²)/K.
type Charbonnier struct {
	Epsilon float64 // 1e-3 where it is 0
}

func init() { Register("charbonnier", 1, Charbonnier{}) }

func (l Charbonnier) withDefaults() Layer {
	l.Epsilon = cmp.Or(l.Epsilon, 1e-3)
	return l
}

// Infer returns one number a sample.
func (l Charbonnier) Infer(in []Shape) (Signature, error) {
	if !(l.Epsilon >= 0) {
		return Signature{}, fmt.Errorf("Epsilon is %v, want more than 0", l.Epsilon)
	}
	return inferMaskedLoss(in)
}

// Compile returns the arithmetic.
func (l Charbonnier) Compile(batch int, in []Shape) Routine {
	eps := l.withDefaults().(Charbonnier).Epsilon
	return Routine{
		New32:  func() Op[float32] { return newCharbonnier[float32](batch, in, eps) },
		New64:  func() Op[float64] { return newCharbonnier[float64](batch, in, eps) },
		KeepIn: true,
		FLOPs:  int64(5 * batch * in[0].Elems()),
	}
}

func newCharbonnier[T tensor.Float](batch int, in []Shape, eps float64) Op[T] {
	value := func(p, t []T) T {
		sum := 0.0
		for i, v := range p {
			sum += math.Hypot(float64(v-t[i]), eps)
		}
		return T(sum)
	}
	grad := func(dp, dt, p, t []T, scale T) {
		for i, v := range p {
			d := float64(v - t[i])
			signed(dp, dt, i, T(float64(scale)*d/math.Hypot(d, eps)))
		}
	}
	return newMeanLoss(batch, in, value, grad)
}
