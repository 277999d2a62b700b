package nn

import (
	"fmt"
	"slices"

	"github.com/hourglass-go/hourglass/tensor"
)

// PReLU is a leaky ReLU with learnt slopes (He et al. 2015, 2.1): y = x where x > 0, else
// alpha*x. Input and output: any shape [..., C]. Its parameter alpha has that shape too,
// with 1 for the axes along which it is shared.
//
// Gradients: dx = dy where x > 0, else alpha*dy; dalpha = sum of dy*min(x, 0) over the batch
// and the shared axes.
type PReLU struct {
	// SharedAxes are the axes along which alpha is the same, counting the batch's as 0, so
	// that a picture's are 1, 2, 3. Where it is empty these are all but the last: one alpha
	// a channel.
	SharedAxes []int
	// PerElement gives every element an alpha of its own, as Keras does unless told
	// otherwise; SharedAxes must be empty then.
	PerElement bool
	AlphaInit  Initializer // 0.25 where it is not set; Keras has zeros
}

func init() { Register("prelu", 1, PReLU{}) }

func (p PReLU) withDefaults() Layer {
	p.AlphaInit = p.AlphaInit.or(Constant(0.25))
	return p
}

// Infer returns the input's shape.
func (p PReLU) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	alpha, err := p.alphaShape(in[0])
	if err != nil {
		return Signature{}, err
	}
	init := p.withDefaults().(PReLU).AlphaInit
	return Signature{
		Outputs: []Shape{in[0].Clone()},
		Params:  []ParamSpec{{Name: "alpha", Shape: alpha, Init: init, FanIn: alpha.Elems(), FanOut: alpha.Elems()}},
	}, nil
}

func (p PReLU) alphaShape(in Shape) (Shape, error) {
	if p.PerElement && len(p.SharedAxes) > 0 {
		return nil, fmt.Errorf("PerElement contradicts SharedAxes %v", p.SharedAxes)
	}
	alpha := in.Clone()
	switch {
	case p.PerElement:
	case len(p.SharedAxes) == 0:
		for i := range max(len(alpha)-1, 0) {
			alpha[i] = 1
		}
	default:
		for _, a := range p.SharedAxes {
			at, err := sampleAxis(a, len(in))
			if err != nil {
				return nil, fmt.Errorf("SharedAxes: %w", err)
			}
			alpha[at] = 1
		}
	}
	if slices.Contains(alpha, Any) {
		return nil, fmt.Errorf("has an alpha of shape %v for inputs %v: axes of unknown size must be shared", alpha, in)
	}
	return alpha, nil
}

// Compile returns the arithmetic.
func (p PReLU) Compile(batch int, in []Shape) Routine {
	alpha, _ := p.alphaShape(in[0])
	b := newBroadcast(in[0], []Shape{in[0], alpha})
	return Routine{
		New32:   func() Op[float32] { return newPReLUOp[float32](b) },
		New64:   func() Op[float64] { return newPReLUOp[float64](b) },
		Scratch: batch * alpha.Elems(), // a sample's gradient by alpha
		KeepIn:  true,
		InPlace: true,
		FLOPs:   int64(batch * in[0].Elems()),
	}
}

// preluOp takes the slope as the second operand of a broadcast.
type preluOp[T tensor.Float] struct {
	broadcast
	call                          *Call[T]
	forward, backward, alphaGrads tiles
}

func newPReLUOp[T tensor.Float](b broadcast) *preluOp[T] {
	o := &preluOp[T]{broadcast: b}
	o.forward = func(n int) {
		o.apply(o.call.Out[0], o.call.In[0], n)
	}
	o.backward = func(n int) {
		o.apply(o.call.DIn[0], o.call.DOut[0], n)
	}
	o.alphaGrads = o.alphaGrad
	return o
}

// apply multiplies a sample of v by the slope where the input is not positive.
func (o *preluOp[T]) apply(to, v []T, n int) {
	x := sampleOf(o.call.In[0], n, o.call.Batch)
	to, v = sampleOf(to, n, o.call.Batch), sampleOf(v, n, o.call.Batch)
	for row := range o.rows() {
		alpha, step := o.call.Param[0][o.at(&o.operands[1], row):], o.operands[1].step
		for i := row * o.inner; i < (row+1)*o.inner; i++ {
			g := v[i]
			if x[i] <= 0 {
				g *= alpha[0]
			}
			to[i] = g
			if step > 0 {
				alpha = alpha[1:]
			}
		}
	}
}

// alphaGrad puts sample n's gradient by alpha into its part of Scratch.
func (o *preluOp[T]) alphaGrad(n int) {
	x, dy := sampleOf(o.call.In[0], n, o.call.Batch), sampleOf(o.call.DOut[0], n, o.call.Batch)
	sum := sampleOf(o.call.Scratch, n, o.call.Batch)
	clear(sum)
	for row := range o.rows() {
		lo, _ := o.part(1, row)
		for i := range o.inner {
			if k := row*o.inner + i; x[k] <= 0 {
				sum[lo+i*o.operands[1].step] += dy[k] * x[k]
			}
		}
	}
}

func (o *preluOp[T]) Forward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch, &o.forward)
}

func (o *preluOp[T]) Backward(c *Call[T]) {
	o.call = c
	if d := c.DParam[0]; d != nil {
		c.Team.Run(c.Batch, &o.alphaGrads)
		clear(d)
		for n := range c.Batch {
			addRow(d, sampleOf(c.Scratch, n, c.Batch))
		}
	}
	if c.DIn[0] != nil {
		c.Team.Run(c.Batch, &o.backward)
	}
}
