package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// WeightedSum adds values of one shape, each times its weight: an objective of several
// losses. Inputs: one for each weight; output: their shape. Gradient: dx_i = Weights[i]*dy.
type WeightedSum struct {
	Weights []float64
}

func init() { Register("weighted_sum", 1, WeightedSum{}) }

// Infer returns the inputs' shape.
func (w WeightedSum) Infer(in []Shape) (Signature, error) {
	if len(w.Weights) == 0 {
		return Signature{}, fmt.Errorf("Weights is empty, want one for each input")
	}
	if err := wantSameShapes(in, len(w.Weights)); err != nil {
		return Signature{}, err
	}
	return Signature{Outputs: []Shape{in[0].Clone()}}, nil
}

// Compile returns the arithmetic.
func (w WeightedSum) Compile(batch int, in []Shape) Routine {
	return Routine{
		New32: func() Op[float32] { return weightedSumOp[float32](w) },
		New64: func() Op[float64] { return weightedSumOp[float64](w) },
		FLOPs: int64(2 * len(in) * batch * in[0].Elems()),
	}
}

type weightedSumOp[T tensor.Float] WeightedSum

func (o weightedSumOp[T]) Forward(c *Call[T]) {
	kernels.Scale(T(o.Weights[0]), c.Out[0], c.In[0])
	for i := 1; i < len(c.In); i++ {
		kernels.Axpy(T(o.Weights[i]), c.Out[0], c.In[i])
	}
}

func (o weightedSumOp[T]) Backward(c *Call[T]) {
	for i, dx := range c.DIn {
		if dx != nil {
			kernels.Scale(T(o.Weights[i]), dx, c.DOut[0])
		}
	}
}
