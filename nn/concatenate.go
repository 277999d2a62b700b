package nn

import (
	"errors"
	"fmt"

	"github.com/hourglass-go/hourglass/tensor"
)

// Concatenate joins its inputs along an axis, the last one (channels) unless told
// otherwise: [H, W, C1] and [H, W, C2] make [H, W, C1+C2], a skip connection (Ronneberger
// et al. 2015). Gradient: each input gets its slice of dy.
type Concatenate struct {
	// Axis counts the batch's as 0, so a picture's are 1 (rows), 2 (columns) and 3 or, from
	// the end, -1 (channels), which 0 stands for.
	Axis int
}

func init() { Register("concatenate", 1, Concatenate{}) }

func (l Concatenate) withDefaults() Layer {
	if l.Axis == 0 {
		l.Axis = -1
	}
	return l
}

// sampleAxis turns an axis that counts the batch's as 0 into one of a sample's shape.
func sampleAxis(axis, rank int) (int, error) {
	at := axis - 1
	if axis < 0 {
		at = rank + axis
	}
	if at < 0 || at >= rank {
		return 0, fmt.Errorf("axis %d is not one of the %d beside the batch's: want 1 to %d, or -%d to -1", axis, rank, rank, rank)
	}
	return at, nil
}

// Infer adds up the sizes along the axis; along the others they have to agree.
func (l Concatenate) Infer(in []Shape) (Signature, error) {
	if len(in) == 0 {
		return Signature{}, errors.New("takes at least one input")
	}
	axis, err := sampleAxis(l.withDefaults().(Concatenate).Axis, len(in[0]))
	if err != nil {
		return Signature{}, err
	}
	out := in[0].Clone()
	for _, s := range in[1:] {
		if len(s) != len(out) {
			return Signature{}, fmt.Errorf("takes inputs of one rank, got %v", in)
		}
		for i, d := range s {
			switch {
			case i == axis && (out[i] == Any || d == Any):
				out[i] = Any
			case i == axis:
				out[i] += d
			case out[i] == Any:
				out[i] = d
			case d != Any && d != out[i]:
				return Signature{}, fmt.Errorf("takes inputs that agree in all but axis %d, got %v", axis+1, in)
			}
		}
	}
	return Signature{Outputs: []Shape{out}}, nil
}

// Compile returns the arithmetic: copies.
func (l Concatenate) Compile(batch int, in []Shape) Routine {
	axis, _ := sampleAxis(l.withDefaults().(Concatenate).Axis, len(in[0]))
	rows, widths := batch*in[0][:axis].Elems(), make([]int, len(in))
	for i, s := range in {
		widths[i] = s[axis:].Elems()
	}
	r := Routine{
		New32: func() Op[float32] { return newConcatenateOp[float32](rows, widths) },
		New64: func() Op[float64] { return newConcatenateOp[float64](rows, widths) },
	}
	if axis > 0 {
		r.rows = ownRowsOf(in, func(in []Shape) Routine { return l.Compile(1, in) })
	}
	return r
}

// concatenateOp sees input i as rows of widths[i] elements, the output as rows of them all.
type concatenateOp[T tensor.Float] struct {
	rows, inTile      int
	widths            []int
	total             int
	call              *Call[T]
	forward, backward tiles
}

func newConcatenateOp[T tensor.Float](rows int, widths []int) *concatenateOp[T] {
	o := &concatenateOp[T]{rows: rows, widths: widths}
	for _, w := range widths {
		o.total += w
	}
	o.inTile = max(longRow/o.total, 1)
	o.forward = func(tile int) {
		at := 0
		for i, w := range o.widths {
			x, y := o.call.In[i], o.call.Out[0][at:]
			for row := tile * o.inTile; row < min((tile+1)*o.inTile, o.rows); row++ {
				copy(y[row*o.total:][:w], x[row*w:])
			}
			at += w
		}
	}
	o.backward = func(tile int) {
		at := 0
		for i, w := range o.widths {
			if dx, dy := o.call.DIn[i], o.call.DOut[0][at:]; dx != nil {
				for row := tile * o.inTile; row < min((tile+1)*o.inTile, o.rows); row++ {
					copy(dx[row*w:][:w], dy[row*o.total:])
				}
			}
			at += w
		}
	}
	return o
}

func (o *concatenateOp[T]) tiles() int { return (o.rows + o.inTile - 1) / o.inTile }

func (o *concatenateOp[T]) Forward(c *Call[T]) {
	o.call = c
	c.Team.Run(o.tiles(), &o.forward)
}

func (o *concatenateOp[T]) Backward(c *Call[T]) {
	o.call = c
	c.Team.Run(o.tiles(), &o.backward)
}
