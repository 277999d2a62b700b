package imageio

import (
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// ToTensor returns the samples as a tensor [H, W, C] of values 0 to 1: v/255 or
// v/65535, each rounded once to float32. Alpha, where there is one, is the last channel.
func (p *Picture) ToTensor() *tensor.Tensor {
	t := tensor.New(p.Height, p.Width, p.Channels)
	if p.Depth == 8 {
		var table [256]float32
		for i := range table {
			table[i] = float32(float64(i) / 255)
		}
		for i, v := range p.Pix {
			t.Data[i] = table[v]
		}
		return t
	}
	for i := range t.Data {
		t.Data[i] = float32(float64(p.sample(i)) / 65535)
	}
	return t
}

// FromTensor returns the picture of a tensor [H, W] or [H, W, C], C 1 to 4, with depth
// bits a sample: values are clipped to 0..1, scaled by 255 or 65535 and rounded to
// nearest, so that FromTensor(p.ToTensor(), p.Depth) has p's very samples. It fails on
// another shape or depth, and on a value that is not a number.
func FromTensor(t *tensor.Tensor, depth int) (*Picture, error) {
	s := t.Shape
	if len(s) == 2 {
		s = tensor.Shape{s[0], s[1], 1}
	}
	if len(s) != 3 {
		return nil, fmt.Errorf("imageio: a tensor of shape %v is no picture; [H W] or [H W C] is", t.Shape)
	}
	p := &Picture{Height: s[0], Width: s[1], Channels: s[2], Depth: depth}
	if err := p.checkHeader(); err != nil {
		return nil, err
	}
	p.Pix = make([]byte, len(t.Data)*depth/8)
	scale := float64(p.Max())
	for i, v := range t.Data {
		if math.IsNaN(float64(v)) {
			return nil, fmt.Errorf("imageio: value %d of the tensor %v is not a number", i, t.Shape)
		}
		p.setSample(i, int(min(max(float64(v), 0), 1)*scale+.5))
	}
	return p, nil
}
