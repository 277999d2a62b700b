package nn

import (
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// Rescale turns values into those that a network was trained on: it takes the channels in
// another order, scales and shifts each. Input and output: [..., C];
//
//	y[.., c] = x[.., Order[c]] * Scale[c] + Offset[c]
//
// It has no parameters. So a network that begins with weights trained on pictures of blue,
// green and red from 0 to 255 less their mean can be given red, green and blue from 0 to 1.
// Gradient: dx[.., Order[c]] = dy[.., c] * Scale[c].
type Rescale struct {
	Scale, Offset []float64 // one a channel
	Order         []int     // a permutation of the channels; nil leaves them where they are
}

func init() { Register("rescale", 1, Rescale{}) }

// Infer returns the input's shape.
func (l Rescale) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	ch, err := normChannels(in[0])
	if err != nil {
		return Signature{}, err
	}
	if len(l.Scale) != ch || len(l.Offset) != ch || l.Order != nil && len(l.Order) != ch {
		return Signature{}, fmt.Errorf("has %d Scales, %d Offsets and an Order of %d for %d channels, want one a channel", len(l.Scale), len(l.Offset), len(l.Order), ch)
	}
	seen := make([]bool, ch)
	for i := range ch {
		if math.IsNaN(l.Scale[i]-l.Scale[i]) || math.IsNaN(l.Offset[i]-l.Offset[i]) {
			return Signature{}, fmt.Errorf("Scale and Offset of channel %d are %v and %v, want finite numbers", i, l.Scale[i], l.Offset[i])
		}
		if l.Order == nil {
			continue
		}
		if c := l.Order[i]; c < 0 || c >= ch || seen[c] {
			return Signature{}, fmt.Errorf("Order is %v, want every channel once, from 0 to %d", l.Order, ch-1)
		}
		seen[l.Order[i]] = true
	}
	return Signature{Outputs: []Shape{in[0].Clone()}}, nil
}

// Compile returns the arithmetic.
func (l Rescale) Compile(batch int, in []Shape) Routine {
	return Routine{
		New32: func() Op[float32] { return newRescaleOp[float32](l) },
		New64: func() Op[float64] { return newRescaleOp[float64](l) },
		FLOPs: int64(2 * batch * in[0].Elems()),
	}
}

type rescaleOp[T tensor.Float] struct {
	scale, offset     []T
	order             []int
	call              *Call[T]
	forward, backward tiles // a tile is a sample
}

func newRescaleOp[T tensor.Float](l Rescale) *rescaleOp[T] {
	o := &rescaleOp[T]{order: l.Order}
	for i := range l.Scale {
		o.scale, o.offset = append(o.scale, T(l.Scale[i])), append(o.offset, T(l.Offset[i]))
		if l.Order == nil {
			o.order = append(o.order, i)
		}
	}
	ch := len(o.scale)
	o.forward = func(n int) {
		x, y := sampleOf(o.call.In[0], n, o.call.Batch), sampleOf(o.call.Out[0], n, o.call.Batch)
		for ; len(x) > 0; x, y = x[ch:], y[ch:] {
			for c, from := range o.order {
				y[c] = x[from]*o.scale[c] + o.offset[c]
			}
		}
	}
	o.backward = func(n int) {
		dx, dy := sampleOf(o.call.DIn[0], n, o.call.Batch), sampleOf(o.call.DOut[0], n, o.call.Batch)
		for ; len(dx) > 0; dx, dy = dx[ch:], dy[ch:] {
			for c, from := range o.order {
				dx[from] = dy[c] * o.scale[c]
			}
		}
	}
	return o
}

func (o *rescaleOp[T]) Forward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch, &o.forward)
}

func (o *rescaleOp[T]) Backward(c *Call[T]) {
	if c.DIn[0] != nil {
		o.call = c
		c.Team.Run(c.Batch, &o.backward)
	}
}
