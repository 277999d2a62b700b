package nn

import (
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// KLNormal is the Kullback-Leibler divergence, in nats, of a normal distribution with
// independent components from the standard normal one, summed over the components: the
// second part of a variational autoencoder's loss (Kingma and Welling 2014, appendix B),
//
//	sum of (mean² + exp(logVariance) - 1 - logVariance)/2.
//
// Inputs: mean and logVariance of one shape; output: one number a sample. Gradients: mean
// by the mean, (exp(logVariance)-1)/2 by the logarithm.
type KLNormal struct{}

func init() { Register("kl_normal", 1, KLNormal{}) }

// Infer returns one number a sample.
func (KLNormal) Infer(in []Shape) (Signature, error) { return inferLoss(in) }

// Compile returns the arithmetic.
func (KLNormal) Compile(batch int, in []Shape) Routine {
	return Routine{
		New32:  func() Op[float32] { return newKLNormal[float32]() },
		New64:  func() Op[float64] { return newKLNormal[float64]() },
		KeepIn: true,
		FLOPs:  int64(6 * batch * in[0].Elems()),
	}
}

type klNormalOp[T tensor.Float] struct {
	call              *Call[T]
	forward, backward tiles
}

func newKLNormal[T tensor.Float]() *klNormalOp[T] {
	o := &klNormalOp[T]{}
	o.forward, o.backward = o.sample, o.gradSample
	return o
}

func (o *klNormalOp[T]) sample(n int) {
	c := o.call
	mean, logVar := sampleOf(c.In[0], n, c.Batch), sampleOf(c.In[1], n, c.Batch)
	sum := 0.0
	for i, m := range mean {
		// Expm1 keeps what is left where the variance is close to 1.
		m, l := float64(m), float64(logVar[i])
		sum += m*m + math.Expm1(l) - l
	}
	c.Out[0][n] = T(sum / 2)
}

func (o *klNormalOp[T]) gradSample(n int) {
	c := o.call
	dout := float64(c.DOut[0][n])
	if c.DIn[0] != nil {
		dm := sampleOf(c.DIn[0], n, c.Batch)
		for i, m := range sampleOf(c.In[0], n, c.Batch) {
			dm[i] = T(dout * float64(m))
		}
	}
	if c.DIn[1] != nil {
		dl := sampleOf(c.DIn[1], n, c.Batch)
		for i, l := range sampleOf(c.In[1], n, c.Batch) {
			dl[i] = T(dout * math.Expm1(float64(l)) / 2)
		}
	}
}

func (o *klNormalOp[T]) Forward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch, &o.forward)
}

func (o *klNormalOp[T]) Backward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch, &o.backward)
}
