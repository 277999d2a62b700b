package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// EntropyBottleneck makes a code of whole numbers, and tells how many bits an entropy coder needs
// for it that takes every number for an independent draw from a distribution of its own, a
// mixture of logistic ones (Ballé et al. 2017, with that density in place of a piecewise linear one).
// Input y: any shape with axes. Parameters: location, log_scale and logit, each [Components, ...],
// a number for each element behind that, or, with PerChannel, for each place along the last axis.
// Outputs, z of y's shape and one number a sample:
//
//	z = y + u, u uniform in [-1/2, 1/2), in training and in Model.Sample; otherwise y rounded
//	bits = -sum over i of log2 P_i(z_i)
//	P(z) = sum over k of w_k*(F(a_k) - F(b_k)), a_k, b_k = (z ± 1/2 - location_k)/scale_k
//
// with F(x) = 1/(1+exp(-x)), scale = exp(log_scale) and w = softmax(logit). The noise stands for
// rounding, which has no gradient: its density at a whole number is that number's probability.
//
// Gradients of log P, with r_k the share of component k in P: by z, the sum of r_k*(F(-a_k) -
// F(b_k))/scale_k; by location_k, the negative of its term; by log_scale_k, r_k*(b_k*F(b_k) -
// a_k*F(-a_k) - 1/(scale_k*(exp(1/scale_k)-1))); by logit_k, r_k - w_k. By y as by z, the noise
// held. Rounding's own is taken for 1.
type EntropyBottleneck struct {
	PerChannel bool
	Components int // of the mixture, 1 to 8; 3 where it is 0
}

func init() { Register("entropy_bottleneck", 1, EntropyBottleneck{}) }

// Stochastic marks the layer as one that draws.
func (EntropyBottleneck) Stochastic() {}

func (e EntropyBottleneck) withDefaults() Layer {
	if e.Components == 0 {
		e.Components = 3
	}
	return e
}

const maxComponents = 8

// Infer returns the input's shape, and one number a sample.
func (e EntropyBottleneck) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	e = e.withDefaults().(EntropyBottleneck)
	if e.Components < 1 || e.Components > maxComponents {
		return Signature{}, fmt.Errorf("Components is %d, want from 1 to %d", e.Components, maxComponents)
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
	each = append(Shape{e.Components}, each...)
	return Signature{
		Outputs: []Shape{in[0].Clone(), {}},
		Params: []ParamSpec{
			{Name: "location", Shape: each, Init: Zeros}, {Name: "log_scale", Shape: each, Init: scaleLadder}, {Name: "logit", Shape: each, Init: Zeros},
		},
	}, nil
}

// Compile returns the arithmetic.
func (e EntropyBottleneck) Compile(batch int, in []Shape) Routine {
	e = e.withDefaults().(EntropyBottleneck)
	elems := in[0].Elems()
	each := elems
	if e.PerChannel {
		each = lastAxis(in[0])
	}
	return Routine{
		New32: func() Op[float32] { return newEntropyBottleneck[float32](e.Components, each) },
		New64: func() Op[float64] { return newEntropyBottleneck[float64](e.Components, each) },
		Saved: (1 + 3*e.Components) * batch * elems,
		FLOPs: int64(30*e.Components) * int64(batch*elems),
	}
}

type entropyBottleneckOp[T tensor.Float] struct {
	components, each int // each: parameters of a kind and component; they repeat along the elements
	table            []mixturePart
	call             *Call[T]

	forward, backward, params tiles
}

// mixturePart is a component of an element's distribution.
type mixturePart struct {
	location, scale, weight float64
	share                   float64 // log of weight*(1-exp(-1/scale)); see sample
	slope                   float64 // of that by the logarithm of the scale
}

func newEntropyBottleneck[T tensor.Float](components, each int) *entropyBottleneckOp[T] {
	o := &entropyBottleneckOp[T]{components: components, each: each, table: make([]mixturePart, components*each)}
	o.forward, o.backward, o.params = o.sample, o.gradSample, o.gradParam
	return o
}

// prepare fills the table, the components of an element side by side.
func (o *entropyBottleneckOp[T]) prepare(c *Call[T]) {
	for j := range o.each {
		parts := o.table[j*o.components:][:o.components]
		most := math.Inf(-1)
		for k := range parts {
			most = max(most, float64(c.Param[2][k*o.each+j]))
		}
		sum := 0.0
		for k := range parts {
			s := math.Exp(float64(c.Param[1][k*o.each+j]))
			parts[k] = mixturePart{
				location: float64(c.Param[0][k*o.each+j]), scale: s,
				weight: math.Exp(float64(c.Param[2][k*o.each+j]) - most),
				share:  math.Log(-math.Expm1(-1 / s)),
				slope:  -1 / (s * math.Expm1(1/s)),
			}
			sum += parts[k].weight
		}
		for k := range parts {
			parts[k].weight /= sum
			parts[k].share += math.Log(parts[k].weight)
		}
	}
}

func (o *entropyBottleneckOp[T]) Forward(c *Call[T]) {
	o.call = c
	o.prepare(c)
	c.Team.Run(c.Batch, &o.forward)
}

// sample uses F(a)-F(b) = F(a)*F(-b)*(1-exp(b-a)), whose logarithm is finite far out. What is
// saved of an element are the derivatives of log P by z, and by the three parameters of each
// component.
func (o *entropyBottleneckOp[T]) sample(n int) {
	c := o.call
	y, z := sampleOf(c.In[0], n, c.Batch), sampleOf(c.Out[0], n, c.Batch)
	saved := sampleOf(c.Saved, n, c.Batch)
	width := 1 + 3*o.components
	key := c.Random.Fork(c.First + uint64(n))
	var logs, byZ, byScale [maxComponents]float64
	total := 0.0
	for i, v := range y {
		at := math.RoundToEven(float64(v))
		if c.Draw {
			at = float64(v) + key.Float64(uint64(i)) - 0.5
		}
		z[i] = T(at)
		parts := o.table[i%o.each*o.components:][:o.components]
		most := math.Inf(-1)
		for k, p := range parts {
			a := (at - p.location + 0.5) / p.scale
			b := a - 1/p.scale
			fa, la := sigmoid(-a)
			fb, lb := sigmoid(b)
			logs[k] = p.share - max(-a, 0) - max(b, 0) - math.Log(la*lb)
			byZ[k] = (fa - fb) / p.scale
			byScale[k] = b*fb - a*fa + p.slope
			most = max(most, logs[k])
		}
		sum := 0.0
		for k := range parts {
			logs[k] = math.Exp(logs[k] - most)
			sum += logs[k]
		}
		total += most + math.Log(sum)
		d := saved[i*width:][:width]
		d[0] = 0
		for k, p := range parts {
			r := logs[k] / sum
			d[0] += T(r * byZ[k])
			d[1+3*k], d[2+3*k], d[3+3*k] = T(-r*byZ[k]), T(r*byScale[k]), T(r-p.weight)
		}
	}
	c.Out[1][n] = T(-total / math.Ln2)
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
	if c.DOut[1] != nil {
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
	saved, width := sampleOf(c.Saved, n, c.Batch), 1+3*o.components
	for i := range dy {
		dy[i] += T(scale * float64(saved[i*width]))
	}
}

// bottleneckTile is how many elements' parameters a tile sums gradients for.
const bottleneckTile = 64

func (o *entropyBottleneckOp[T]) gradParam(tile int) {
	c, width := o.call, 1+3*o.components
	for n := range c.Batch {
		scale := -float64(c.DOut[1][n]) / math.Ln2
		saved := sampleOf(c.Saved, n, c.Batch)
		for first := 0; first < len(saved)/width; first += o.each {
			for j := tile * bottleneckTile; j < min((tile+1)*bottleneckTile, o.each); j++ {
				for k, v := range saved[(first+j)*width+1:][:width-1] {
					if d := c.DParam[k%3]; d != nil {
						d[k/3*o.each+j] += T(scale * float64(v))
					}
				}
			}
		}
	}
}
