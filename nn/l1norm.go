package nn

import (
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// L1Norm is the sum of the absolute values of a sample's elements: as a penalty on a code it
// makes an autoencoder sparse (Ng 2011, Glorot et al. 2011). Input: any shape; output: one
// number a sample. Gradient: dx = dy * sign(x), 0 where x = 0.
type L1Norm struct{}

func init() { Register("l1_norm", 1, L1Norm{}) }

// Infer returns one number a sample.
func (L1Norm) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	return Signature{Outputs: []Shape{{}}}, nil
}

// Compile returns the arithmetic.
func (L1Norm) Compile(batch int, in []Shape) Routine {
	return Routine{
		New32:  func() Op[float32] { return newL1Norm[float32]() },
		New64:  func() Op[float64] { return newL1Norm[float64]() },
		KeepIn: true,
		FLOPs:  int64(2 * batch * in[0].Elems()),
	}
}

type l1NormOp[T tensor.Float] struct {
	call              *Call[T]
	forward, backward tiles
}

func newL1Norm[T tensor.Float]() *l1NormOp[T] {
	o := &l1NormOp[T]{}
	o.forward = func(n int) {
		sum := 0.0
		for _, v := range sampleOf(o.call.In[0], n, o.call.Batch) {
			sum += math.Abs(float64(v))
		}
		o.call.Out[0][n] = T(sum)
	}
	o.backward = func(n int) {
		c := o.call
		dx, dy := sampleOf(c.DIn[0], n, c.Batch), c.DOut[0][n]
		for i, v := range sampleOf(c.In[0], n, c.Batch) {
			switch {
			case v > 0:
				dx[i] = dy
			case v < 0:
				dx[i] = -dy
			default:
				dx[i] = 0
			}
		}
	}
	return o
}

func (o *l1NormOp[T]) Forward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch, &o.forward)
}

func (o *l1NormOp[T]) Backward(c *Call[T]) {
	if c.DIn[0] == nil {
		return
	}
	o.call = c
	c.Team.Run(c.Batch, &o.backward)
}
