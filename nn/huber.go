package nn

import (
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// Huber is the mean over a sample's elements of d²/2 where |d| <= Delta and of
// Delta*(|d| - Delta/2) elsewhere, with d = p-t (Huber 1964). Inputs: prediction and
// target of one shape, and a mask if wanted (one weight an element or a pixel; the loss is the
// weighted mean over the batch); output: one number a sample.
//
// Gradient: d clipped to ±Delta, over K.
type Huber struct {
	Delta float64 // 1 where it is 0
}

func init() { Register("huber", 1, Huber{}) }

func (h Huber) withDefaults() Layer {
	if h.Delta == 0 {
		h.Delta = 1
	}
	return h
}

// Infer returns one number a sample.
func (h Huber) Infer(in []Shape) (Signature, error) {
	if !(h.Delta >= 0) {
		return Signature{}, fmt.Errorf("Delta is %v, want more than 0", h.Delta)
	}
	return inferMaskedLoss(in)
}

// Compile returns the arithmetic.
func (h Huber) Compile(batch int, in []Shape) Routine {
	delta := h.withDefaults().(Huber).Delta
	return Routine{
		New32:  func() Op[float32] { return newHuber[float32](batch, in, delta) },
		New64:  func() Op[float64] { return newHuber[float64](batch, in, delta) },
		KeepIn: true,
		FLOPs:  int64(5 * batch * in[0].Elems()),
	}
}

func newHuber[T tensor.Float](batch int, in []Shape, delta float64) Op[T] {
	value := func(p, t []T) T {
		sum := 0.0
		for i, v := range p {
			d := math.Abs(float64(v - t[i]))
			if d <= delta {
				sum += d * d / 2
			} else {
				sum += delta * (d - delta/2)
			}
		}
		return T(sum)
	}
	grad := func(dp, dt, p, t []T, scale T) {
		for i, v := range p {
			d := min(max(v-t[i], -T(delta)), T(delta))
			signed(dp, dt, i, scale*d)
		}
	}
	return newMeanLoss(batch, in, value, grad)
}
