package nn

import "github.com/hourglass-go/hourglass/tensor"

// MeanSquaredError is the L2 loss, the mean of (p-t)² over a sample's elements. Inputs:
// prediction and target of one shape, and a mask if wanted (one weight an element or a
// pixel; the loss is the weighted mean over the batch); output: one number a sample.
//
// Gradient: 2(p-t)/K.
type MeanSquaredError struct{}

func init() { Register("mean_squared_error", 1, MeanSquaredError{}) }

// Infer returns one number a sample.
func (MeanSquaredError) Infer(in []Shape) (Signature, error) { return inferMaskedLoss(in) }

// Compile returns the arithmetic.
func (MeanSquaredError) Compile(batch int, in []Shape) Routine {
	return Routine{
		New32:  func() Op[float32] { return newMeanLoss(batch, in, squaredSum[float32], squaredGrad[float32]) },
		New64:  func() Op[float64] { return newMeanLoss(batch, in, squaredSum[float64], squaredGrad[float64]) },
		KeepIn: true,
		FLOPs:  int64(3 * batch * in[0].Elems()),
	}
}

func squaredSum[T tensor.Float](p, t []T) T {
	sum := 0.0
	for i, v := range p {
		d := float64(v - t[i])
		sum += d * d
	}
	return T(sum)
}

func squaredGrad[T tensor.Float](dp, dt, p, t []T, scale T) {
	for i, v := range p {
		signed(dp, dt, i, 2*scale*(v-t[i]))
	}
}
