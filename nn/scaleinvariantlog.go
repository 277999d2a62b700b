package nn

import (
	"cmp"
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// ScaleInvariantLog is the loss of depth of Eigen et al. 2014, for each sample with
// d = log(p) - log(t) over its K elements
//
//	sum(d²)/K - Lambda*(sum(d)/K)²
//
// A common factor of all depths costs little (Lambda 0.5) or nothing (1). Inputs: prediction
// and target of one shape, and a mask if wanted, one weight an element or a pixel, by which
// sums and K are weighed. Elements whose target is 0 or less have no depth and do not count;
// a sample without any has the loss 0. Output: one number a sample.
//
// The prediction is clipped to at least Epsilon, with the gradient 0 where it was; with
// LogPrediction it is log(p) itself and may be anything. Gradient by log(p):
// 2*(d - Lambda*sum(d)/K)/K.
type ScaleInvariantLog struct {
	Lambda        float64 // in (0, 1]; 0.5 where it is 0
	LogPrediction bool
	Epsilon       float64 // 1e-6 where it is 0
}

func init() { Register("scale_invariant_log", 1, ScaleInvariantLog{}) }

func (l ScaleInvariantLog) withDefaults() Layer {
	l.Lambda = cmp.Or(l.Lambda, .5)
	l.Epsilon = cmp.Or(l.Epsilon, 1e-6)
	return l
}

// Infer returns one number a sample.
func (l ScaleInvariantLog) Infer(in []Shape) (Signature, error) {
	if !(l.Lambda >= 0 && l.Lambda <= 1) || !(l.Epsilon >= 0) {
		return Signature{}, fmt.Errorf("Lambda is %v and Epsilon %v, want 0 < Lambda <= 1 and Epsilon > 0", l.Lambda, l.Epsilon)
	}
	return inferMaskedLoss(in)
}

// Compile returns the arithmetic.
func (l ScaleInvariantLog) Compile(batch int, in []Shape) Routine {
	l = l.withDefaults().(ScaleInvariantLog)
	per := 1
	if len(in) > 2 {
		per = in[0].Elems() / in[2].Elems()
	}
	return Routine{
		New32:  func() Op[float32] { return newScaleInvariantLog[float32](l, per, batch) },
		New64:  func() Op[float64] { return newScaleInvariantLog[float64](l, per, batch) },
		KeepIn: true,
		FLOPs:  int64(8 * batch * in[0].Elems()),
	}
}

type scaleInvariantLogOp[T tensor.Float] struct {
	loss              ScaleInvariantLog
	per               int // consecutive elements that share a weight
	call              *Call[T]
	weight, mean      []float64 // by sample: K, and sum(d)/K
	forward, backward tiles
}

func newScaleInvariantLog[T tensor.Float](l ScaleInvariantLog, per, batch int) *scaleInvariantLogOp[T] {
	o := &scaleInvariantLogOp[T]{loss: l, per: per, weight: make([]float64, batch), mean: make([]float64, batch)}
	o.forward, o.backward = o.sample, o.gradSample
	return o
}

// at is d of an element and its weight.
func (o *scaleInvariantLogOp[T]) at(i int, p, t, mask []T) (d, weight float64) {
	weight = 1
	if mask != nil {
		weight = float64(mask[i/o.per])
	}
	y, truth := float64(p[i]), float64(t[i])
	if weight == 0 || truth <= 0 {
		return 0, 0
	}
	if !o.loss.LogPrediction {
		y = math.Log(max(y, o.loss.Epsilon))
	}
	return y - math.Log(truth), weight
}

func (o *scaleInvariantLogOp[T]) sample(n int) {
	c := o.call
	p, t, mask := sampleOf(c.In[0], n, c.Batch), sampleOf(c.In[1], n, c.Batch), maskOf(c, 2, n)
	weight, sum, squares := 0.0, 0.0, 0.0
	for i := range p {
		d, w := o.at(i, p, t, mask)
		weight += w
		sum += w * d
		squares += w * d * d
	}
	o.weight[n], o.mean[n] = weight, sum*meanFactor(1, weight)
	c.Out[0][n] = T(squares*meanFactor(1, weight) - o.loss.Lambda*o.mean[n]*o.mean[n])
}

func (o *scaleInvariantLogOp[T]) gradSample(n int) {
	c := o.call
	p, t, mask := sampleOf(c.In[0], n, c.Batch), sampleOf(c.In[1], n, c.Batch), maskOf(c, 2, n)
	dp, dt := sampleOf(c.DIn[0], n, c.Batch), sampleOf(c.DIn[1], n, c.Batch)
	scale := 2 * float64(c.DOut[0][n]) * meanFactor(1, o.weight[n])
	for i, v := range p {
		d, w := o.at(i, p, t, mask)
		g := scale * w * (d - o.loss.Lambda*o.mean[n])
		if dp != nil {
			switch y := float64(v); {
			case w == 0:
				dp[i] = 0
			case o.loss.LogPrediction:
				dp[i] = T(g)
			case y < o.loss.Epsilon:
				dp[i] = 0
			default:
				dp[i] = T(g / y)
			}
		}
		if dt != nil {
			dt[i] = 0
			if w != 0 {
				dt[i] = T(-g / float64(t[i]))
			}
		}
	}
}

func (o *scaleInvariantLogOp[T]) Forward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch, &o.forward)
}

func (o *scaleInvariantLogOp[T]) Backward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch, &o.backward)
	clearGrads(c, 2)
}
