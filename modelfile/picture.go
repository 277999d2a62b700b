package modelfile

import (
	"errors"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// Order says in what order a network wants the channels of a colour picture. The empty order
// is that of the picture: red, green, blue.
type Order string

// BGR is blue, green, red, as Caffe's networks and those of keras.applications want it.
const BGR Order = "BGR"

func checkOrder(p *Picture) error {
	switch {
	case p.Order == "":
		return nil
	case p.Order != BGR:
		return fmt.Errorf("%q; %q is right, or no order for red, green, blue", string(p.Order), BGR)
	case len(p.Shape) != 3 || p.Shape[2] != 3:
		return errors.New("an order for pictures that have not three channels")
	}
	return nil
}

// Normalises reports whether [Picture.Normalise] changes anything.
func (p *Picture) Normalises() bool {
	return p.Range != nil || p.Mean != nil || p.Deviation != nil || p.Order != ""
}

// Takes is the shape [H, W, C], C 1 or 3, H and W fixed or both free, of the one picture that
// a model takes to give one output. Other models are refused, and those that want its values
// other than from 0 to 1 and red first.
func (p *Picture) Takes(m *nn.Model) (nn.Shape, error) {
	if len(m.Inputs()) != 1 || len(m.Outputs()) != 1 {
		return nil, fmt.Errorf("the model has %d inputs and %d outputs, want one of each: a picture", len(m.Inputs()), len(m.Outputs()))
	}
	in := m.Inputs()[0].Shape()
	switch {
	case len(in) != 3 || (in[0] == nn.Any) != (in[1] == nn.Any) || in[2] != 1 && in[2] != 3:
		return nil, fmt.Errorf("the model takes %v, want a picture [height width 1 or 3]", in)
	case p.Normalises():
		return nil, errors.New("the model wants its pictures normalised, want one that takes values from 0 to 1")
	}
	return in, nil
}

// Normalise turns the values of a picture [..., C], from 0 to 1 and red first, into those
// that the network wants, in place: channels in Order, from 0..1 to Range, Mean subtracted,
// divided by Deviation. Mean and Deviation are in the network's order.
func (p *Picture) Normalise(x []float32) {
	if !p.Normalises() {
		return
	}
	channels := p.Shape[2]
	factor, shift := make([]float32, channels), make([]float32, channels)
	for c := range channels {
		low, high, mean, deviation := 0., 1., 0., 1.
		if p.Range != nil {
			low, high = p.Range[0], p.Range[1]
		}
		if p.Mean != nil {
			mean = p.Mean[c]
		}
		if p.Deviation != nil {
			deviation = p.Deviation[c]
		}
		factor[c], shift[c] = float32((high-low)/deviation), float32((low-mean)/deviation)
	}
	for ; len(x) >= channels; x = x[channels:] {
		if p.Order == BGR {
			x[0], x[2] = x[2], x[0]
		}
		for c := range channels {
			x[c] = x[c]*factor[c] + shift[c]
		}
	}
}
