package nn

import (
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// Sampling draws from a normal distribution with independent components, by the
// reparameterisation of a variational autoencoder (Kingma and Welling 2014, 2.4):
//
//	z = mean + exp(logVariance/2)*e, e standard normal
//
// in training and in [Model.Sample]; otherwise z is the mean. Inputs: mean and logVariance of
// one shape; output: their shape.
//
// Gradients: dmean = dz, dlogVariance = dz * e*exp(logVariance/2)/2, or 0 where nothing was
// drawn. The draws are not kept: they are drawn again.
type Sampling struct{}

func init() { Register("sampling", 1, Sampling{}) }

// Stochastic marks the layer as one that draws.
func (Sampling) Stochastic() {}

// Infer returns the inputs' shape.
func (Sampling) Infer(in []Shape) (Signature, error) {
	if err := wantSameShapes(in, 2); err != nil {
		return Signature{}, err
	}
	return Signature{Outputs: []Shape{in[0].Clone()}}, nil
}

// Compile returns the arithmetic.
func (Sampling) Compile(batch int, in []Shape) Routine {
	return Routine{
		New32:  func() Op[float32] { return newSampling[float32]() },
		New64:  func() Op[float64] { return newSampling[float64]() },
		KeepIn: true,
		FLOPs:  int64(4 * batch * in[0].Elems()),
	}
}

type samplingOp[T tensor.Float] struct {
	call              *Call[T]
	forward, backward tiles
}

func newSampling[T tensor.Float]() *samplingOp[T] {
	o := &samplingOp[T]{}
	o.forward, o.backward = o.sample, o.gradSample
	return o
}

func (o *samplingOp[T]) sample(n int) {
	c := o.call
	mean, logVar, z := sampleOf(c.In[0], n, c.Batch), sampleOf(c.In[1], n, c.Batch), sampleOf(c.Out[0], n, c.Batch)
	key := c.Random.Fork(c.First + uint64(n))
	for i, m := range mean {
		z[i] = T(float64(m) + math.Exp(float64(logVar[i])/2)*key.Normal(uint64(i)))
	}
}

func (o *samplingOp[T]) gradSample(n int) {
	c := o.call
	logVar, dz, dlogVar := sampleOf(c.In[1], n, c.Batch), sampleOf(c.DOut[0], n, c.Batch), sampleOf(c.DIn[1], n, c.Batch)
	key := c.Random.Fork(c.First + uint64(n))
	for i, d := range dz {
		dlogVar[i] = T(float64(d) * math.Exp(float64(logVar[i])/2) / 2 * key.Normal(uint64(i)))
	}
}

func (o *samplingOp[T]) Forward(c *Call[T]) {
	if !c.Draw {
		copy(c.Out[0], c.In[0])
		return
	}
	o.call = c
	c.Team.Run(c.Batch, &o.forward)
}

func (o *samplingOp[T]) Backward(c *Call[T]) {
	if c.DIn[0] != nil {
		copy(c.DIn[0], c.DOut[0])
	}
	if c.DIn[1] == nil {
		return
	}
	if !c.Draw {
		clear(c.DIn[1])
		return
	}
	o.call = c
	c.Team.Run(c.Batch, &o.backward)
}
