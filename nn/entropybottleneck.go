package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// EntropyBottleneck makes a code of whole numbers, and tells how many bits an entropy coder needs
// for it that takes every number for an independent draw from a logistic distribution of its own
// (Ballé et al. 2017, with that density in place of a piecewise linear one). Input y: any shape
// with axes; parameters: location and log_scale, one number for each element, or, with
// PerChannel, for each place along the last axis. Outputs, of z and of one number a sample:
//
//	z = y + u, u uniform in [-1/2, 1/2), in training and in Model.Sample; otherwise y rounded
//	bits = -sum over i of log2(F((z_i+1/2-location_i)/scale_i) - F((z_i-1/2-location_i)/scale_i))
//
// with F(x) = 1/(1+exp(-x)) and scale = exp(log_scale). The noise stands for rounding, which has no
// gradient: its density at a whole number is that number's probability.
//
// Gradients, with a and b the two arguments of F: of the natural logarithm of the difference by z,
// (F(-a) - F(b))/scale; by location, its negative; by log_scale, b*F(b) - a*F(-a) -
// 1/(scale*(exp(1/scale)-1)). By y as by z, the noise held. Rounding's own is taken for 1.
type EntropyBottleneck struct {
	PerChannel bool
	ScaleInit  Initializer // of log_scale; zeros where it is not set
}

func init() { Register("entropy_bottleneck", 1, EntropyBottleneck{}) }

// Stochastic marks the layer as one that draws.
func (EntropyBottleneck) Stochastic() {}

func (e EntropyBottleneck) withDefaults() Layer {
	e.ScaleInit = e.ScaleInit.or(Zeros)
	return e
}

// Infer returns the input's shape, and one number a sample.
func (e EntropyBottleneck) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	if len(in[0]) == 0 {
		return Signature{}, errors.New("takes an input with at least one axis beside the batch's")
	}
	each := in[0].Clone()
	if e.PerChannel {
		each = each[len(each)-1:]
	}
	if !each.Known() {
		return Signature{}, fmt.Errorf("has parameters for each of %v, want a known size (PerChannel needs but that of the last axis)", each)
	}
	e = e.withDefaults().(EntropyBottleneck)
	return Signature{
		Outputs: []Shape{in[0].Clone(), {}},
		Params:  []ParamSpec{{Name: "location", Shape: each, Init: Zeros}, {Name: "log_scale", Shape: each, Init: e.ScaleInit}},
	}, nil
}

// Compile returns the arithmetic.
func (e EntropyBottleneck) Compile(batch int, in []Shape) Routine {
	elems := in[0].Elems()
	each := elems
	if e.PerChannel {
		each = lastAxis(in[0])
	}
	return Routine{
		New32: func() Op[float32] { return newEntropyBottleneck[float32](each) },
		New64: func() Op[float64] { return newEntropyBottleneck[float64](each) },
		Saved: 2 * batch * elems, // the derivatives of the logarithm by z and by log_scale
		FLOPs: int64(30 * batch * elems),
	}
}

type entropyBottleneckOp[T tensor.Float] struct {
	each                      int // parameters of a kind; they repeat along the elements
	scales                    []float64
	shares                    []float64 // of the logarithm: what a and b being 1/scale apart does to the difference
	slopes                    []float64 // of shares by the logarithm of the scale
	call                      *Call[T]
	forward, backward, params tiles
}

func newEntropyBottleneck[T tensor.Float](each int) *entropyBottleneckOp[T] {
	o := &entropyBottleneckOp[T]{each: each, scales: make([]float64, each), shares: make([]float64, each), slopes: make([]float64, each)}
	o.forward, o.backward, o.params = o.sample, o.gradSample, o.gradParam
	return o
}

func (o *entropyBottleneckOp[T]) Forward(c *Call[T]) {
	o.call = c
	for j, t := range c.Param[1] {
		o.scales[j] = math.Exp(float64(t))
		o.shares[j] = math.Log(-math.Expm1(-1 / o.scales[j]))
		o.slopes[j] = -1 / (o.scales[j] * math.Expm1(1/o.scales[j]))
	}
	c.Team.Run(c.Batch, &o.forward)
}

// sample uses F(a)-F(b) = F(a)*F(-b)*(1-exp(b-a)), whose logarithm is finite far out.
func (o *entropyBottleneckOp[T]) sample(n int) {
	c := o.call
	y, z := sampleOf(c.In[0], n, c.Batch), sampleOf(c.Out[0], n, c.Batch)
	saved := sampleOf(c.Saved, n, c.Batch)
	byZ, byScale := saved[:len(y)], saved[len(y):]
	key := c.Random.Fork(c.First + uint64(n))
	sum := 0.0
	for i, v := range y {
		at := math.RoundToEven(float64(v))
		if c.Draw {
			at = float64(v) + key.Float64(uint64(i)) - 0.5
		}
		z[i] = T(at)
		j := i % o.each
		s := o.scales[j]
		a := (at - float64(c.Param[0][j]) + 0.5) / s
		b := a - 1/s
		fa, la := sigmoid(-a)
		fb, lb := sigmoid(b)
		sum += max(-a, 0) + max(b, 0) + math.Log(la*lb) - o.shares[j]
		byZ[i] = T((fa - fb) / s)
		byScale[i] = T(b*fb - a*fa + o.slopes[j])
	}
	c.Out[1][n] = T(sum / math.Ln2)
}

// sigmoid is 1/(1+exp(-x)), and what the logarithm has to be taken of and added to max(x, 0) to
// make it log(1+exp(x)).
func sigmoid(x float64) (f, rest float64) {
	e := math.Exp(-math.Abs(x))
	if x < 0 {
		return e / (1 + e), 1 + e
	}
	return 1 / (1 + e), 1 + e
}

func (o *entropyBottleneckOp[T]) Backward(c *Call[T]) {
	o.call = c
	if c.DIn[0] != nil {
		c.Team.Run(c.Batch, &o.backward)
	}
	for _, d := range c.DParam {
		clear(d)
	}
	if c.DOut[1] != nil && (c.DParam[0] != nil || c.DParam[1] != nil) {
		c.Team.Run((o.each+bottleneckTile-1)/bottleneckTile, &o.params)
	}
}

func (o *entropyBottleneckOp[T]) gradSample(n int) {
	c := o.call
	dy := sampleOf(c.DIn[0], n, c.Batch)
	if c.DOut[0] != nil {
		copy(dy, sampleOf(c.DOut[0], n, c.Batch))
	} else {
		clear(dy)
	}
	if c.DOut[1] == nil {
		return
	}
	scale := -float64(c.DOut[1][n]) / math.Ln2
	for i, d := range sampleOf(c.Saved, n, c.Batch)[:len(dy)] {
		dy[i] += T(scale * float64(d))
	}
}

// bottleneckTile is how many parameters of a kind a tile sums gradients for.
const bottleneckTile = 64

func (o *entropyBottleneckOp[T]) gradParam(tile int) {
	c := o.call
	for n := range c.Batch {
		scale := -float64(c.DOut[1][n]) / math.Ln2
		saved := sampleOf(c.Saved, n, c.Batch)
		byZ, byScale := saved[:len(saved)/2], saved[len(saved)/2:]
		for first := tile * bottleneckTile; first < len(byZ); first += o.each {
			for i := first; i < min(first+bottleneckTile, first-first%o.each+o.each); i++ {
				if d := c.DParam[0]; d != nil {
					d[i%o.each] -= T(scale * float64(byZ[i]))
				}
				if d := c.DParam[1]; d != nil {
					d[i%o.each] += T(scale * float64(byScale[i]))
				}
			}
		}
	}
}
