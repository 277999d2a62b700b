package nn

import (
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// GaussianNoise adds normal noise of mean 0 to every element in training; otherwise it
// does nothing. Before the first layer it makes a denoising autoencoder (Vincent et al.
// 2008) of a plain one. Input and output: any shape. Gradient: dx = dy.
type GaussianNoise struct {
	Stddev float64 // standard deviation, at least 0
}

func init() { Register("gaussian_noise", 1, GaussianNoise{}) }

func (GaussianNoise) onlyInTraining() {}

// Infer returns the input's shape.
func (g GaussianNoise) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	if !(g.Stddev >= 0) || math.IsInf(g.Stddev, 1) {
		return Signature{}, fmt.Errorf("Stddev is %v, want a number that is not negative", g.Stddev)
	}
	return Signature{Outputs: []Shape{in[0].Clone()}}, nil
}

// Compile returns the arithmetic; it can run in place.
func (g GaussianNoise) Compile(batch int, in []Shape) Routine {
	return Routine{
		New32:   func() Op[float32] { return newGaussianNoiseOp[float32](g) },
		New64:   func() Op[float64] { return newGaussianNoiseOp[float64](g) },
		InPlace: true,
		FLOPs:   int64(2 * batch * in[0].Elems()),
	}
}

type gaussianNoiseOp[T tensor.Float] struct {
	stddev float64
	call   *Call[T]
	sample tiles
}

func newGaussianNoiseOp[T tensor.Float](g GaussianNoise) *gaussianNoiseOp[T] {
	o := &gaussianNoiseOp[T]{stddev: g.Stddev}
	o.sample = func(n int) {
		x, y := sampleOf(o.call.In[0], n, o.call.Batch), sampleOf(o.call.Out[0], n, o.call.Batch)
		key := o.call.Random.Fork(o.call.First + uint64(n))
		// Both precisions see the same draws.
		var draws [256]float32
		for at := 0; at < len(x); at += len(draws) {
			part := draws[:min(len(draws), len(x)-at)]
			key.Normals(part, uint64(at))
			for i, v := range part {
				y[at+i] = x[at+i] + T(o.stddev)*T(v)
			}
		}
	}
	return o
}

func (o *gaussianNoiseOp[T]) Forward(c *Call[T]) {
	if !c.Training {
		copy(c.Out[0], c.In[0])
		return
	}
	o.call = c
	c.Team.Run(c.Batch, &o.sample)
}

func (o *gaussianNoiseOp[T]) Backward(c *Call[T]) {
	if c.DIn[0] != nil {
		copy(c.DIn[0], c.DOut[0])
	}
}
