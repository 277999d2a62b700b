package nn

import (
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// MeanAbsoluteError is the L1 loss, the mean of |p-t| over a sample's elements. Inputs:
// prediction and target of one shape, and a mask if wanted (one weight an element or a
// pixel; the loss is the weighted mean over the batch); output: one number a sample.
//
// Gradient: sign(p-t)/K, 0 where p = t.
type MeanAbsoluteError struct{}

func init() { Register("mean_absolute_error", 1, MeanAbsoluteError{}) }

// Infer returns one number a sample.
func (MeanAbsoluteError) Infer(in []Shape) (Signature, error) { return inferMaskedLoss(in) }

// Compile returns the arithmetic.
func (MeanAbsoluteError) Compile(batch int, in []Shape) Routine {
	return Routine{
		New32:  func() Op[float32] { return newMeanLoss(batch, in, absoluteSum[float32], absoluteGrad[float32]) },
		New64:  func() Op[float64] { return newMeanLoss(batch, in, absoluteSum[float64], absoluteGrad[float64]) },
		KeepIn: true,
		FLOPs:  int64(3 * batch * in[0].Elems()),
	}
}

func absoluteSum[T tensor.Float](p, t []T) T {
	sum := 0.0
	for i, v := range p {
		sum += math.Abs(float64(v - t[i]))
	}
	return T(sum)
}

func absoluteGrad[T tensor.Float](dp, dt, p, t []T, scale T) {
	for i, v := range p {
		g := T(0)
		switch d := v - t[i]; {
		case d > 0:
			g = scale
		case d < 0:
			g = -scale
		}
		signed(dp, dt, i, g)
	}
}
