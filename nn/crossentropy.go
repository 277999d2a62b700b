package nn

import (
	"errors"
	"math"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// BinaryCrossEntropy is the mean over a sample's elements of -t*log(p) - (1-t)*log(1-p),
// in nats, for targets and predictions in [0, 1]. Grey targets make it bottom out at their
// own entropy, not at 0. Inputs: prediction and target of one shape, and a mask if wanted (one
// weight an element or a pixel; the loss is the weighted mean over the batch); output: one
// number a sample.
//
// A prediction that comes out of a sigmoid is not used: the compiler hands the loss the
// logits z instead, for which it is max(z,0) - z*t + log(1+exp(-|z|)), which cannot
// overflow, with the gradient (sigmoid(z)-t)/K. From probabilities, p is clipped to
// [1e-7, 1-1e-7] as in Keras, with the gradient (p-t)/(p(1-p))/K, 0 where it was clipped.
//
// With Sum it is the sum over the elements, the logarithm of a picture's probability where
// each pixel is one of being white: K above is then 1. There is no mask for that.
type BinaryCrossEntropy struct {
	// Logits says that the prediction is logits.
	Logits bool
	// Sum adds the elements up instead of taking their mean.
	Sum bool
}

func init() { Register("binary_cross_entropy", 1, BinaryCrossEntropy{}) }

// FromLogits pairs the loss with the sigmoid.
func (b BinaryCrossEntropy) FromLogits() (ActivationFunc, Layer) {
	b.Logits = true
	return Sigmoid, b
}

// Infer returns one number a sample.
func (b BinaryCrossEntropy) Infer(in []Shape) (Signature, error) {
	if b.Sum && len(in) > 2 {
		return Signature{}, errors.New("Sum takes no mask: a mask's weights are those of a mean")
	}
	return inferMaskedLoss(in)
}

// Compile returns the arithmetic.
func (b BinaryCrossEntropy) Compile(batch int, in []Shape) Routine {
	r := Routine{KeepIn: true, FLOPs: int64(6 * batch * in[0].Elems())}
	divisor := in[0].Elems()
	if b.Sum {
		divisor = 1
	}
	switch {
	case b.Logits && len(in) > 2:
		r.New32 = func() Op[float32] { return newMeanLoss(batch, in, bceLogitsSum[float32], bceLogitsGrad[float32]) }
		r.New64 = func() Op[float64] { return newMeanLoss(batch, in, bceLogitsSum[float64], bceLogitsGrad[float64]) }
	case b.Logits:
		r.Saved = batch * in[0].Elems()
		r.New32 = func() Op[float32] { return newLogitsLoss[float32](divisor) }
		r.New64 = func() Op[float64] { return newLogitsLoss[float64](divisor) }
	case b.Sum:
		r.New32 = func() Op[float32] { return newPairLoss(1, bceSum[float32], bceGrad[float32]) }
		r.New64 = func() Op[float64] { return newPairLoss(1, bceSum[float64], bceGrad[float64]) }
	default:
		r.New32 = func() Op[float32] { return newMeanLoss(batch, in, bceSum[float32], bceGrad[float32]) }
		r.New64 = func() Op[float64] { return newMeanLoss(batch, in, bceSum[float64], bceGrad[float64]) }
	}
	return r
}

// logitsLoss computes value and gradient in one pass, as both need the same
// exponential; the gradient is kept for Backward.
type logitsLoss[T tensor.Float] struct {
	call              *Call[T]
	forward, backward tiles
}

func newLogitsLoss[T tensor.Float](divisor int) *logitsLoss[T] {
	k := T(divisor)
	o := &logitsLoss[T]{}
	o.forward = func(n int) {
		c := o.call
		z, t := sampleOf(c.In[0], n, c.Batch), sampleOf(c.In[1], n, c.Batch)
		var dz []T
		if len(c.DIn) > 0 {
			dz = sampleOf(c.Saved, n, c.Batch)
		}
		c.Out[0][n] = kernels.BCELogits(dz, z, t, 1/k) / k
	}
	o.backward = func(n int) {
		c := o.call
		dout := c.DOut[0][n]
		if c.DIn[0] != nil {
			kernels.Scale(dout, sampleOf(c.DIn[0], n, c.Batch), sampleOf(c.Saved, n, c.Batch))
		}
		if c.DIn[1] != nil {
			z, dt := sampleOf(c.In[0], n, c.Batch), sampleOf(c.DIn[1], n, c.Batch)
			kernels.Scale(-dout/k, dt, z)
		}
	}
	return o
}

func (o *logitsLoss[T]) Forward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch, &o.forward)
}

func (o *logitsLoss[T]) Backward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch, &o.backward)
}

func bceLogitsSum[T tensor.Float](z, t []T) T { return kernels.BCELogits(nil, z, t, 0) }

func bceLogitsGrad[T tensor.Float](dz, dt, z, t []T, scale T) {
	if dz != nil {
		kernels.BCELogits(dz, z, t, scale)
	}
	if dt != nil {
		kernels.Scale(-scale, dt, z)
	}
}

const bceEpsilon = 1e-7

func bceSum[T tensor.Float](p, t []T) T {
	sum := 0.0
	for i, v := range p {
		// In T, so that a prediction at the limit scores as it does in Keras.
		q := min(max(v, bceEpsilon), 1-bceEpsilon)
		y := float64(t[i])
		sum -= y*math.Log(float64(q)) + (1-y)*math.Log(float64(1-q))
	}
	return T(sum)
}

func bceGrad[T tensor.Float](dp, dt, p, t []T, scale T) {
	for i, v := range p {
		q := min(max(v, bceEpsilon), 1-bceEpsilon)
		if dp != nil {
			dp[i] = 0
			if q == v {
				dp[i] = scale * (q - t[i]) / (q * (1 - q))
			}
		}
		if dt != nil {
			dt[i] = scale * T(math.Log((1-float64(q))/float64(q)))
		}
	}
}
