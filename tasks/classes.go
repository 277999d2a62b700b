package tasks

import (
	"fmt"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/tensor"
)

// Classes are the numbers of the classes that scores [N, H, W, C] stand for, [N, H, W, 1]: the
// largest score's or, of one channel, 1 above 0.5.
func Classes(scores *tensor.Tensor) *tensor.Tensor {
	shape := scores.Shape.Clone()
	c := shape[len(shape)-1]
	shape[len(shape)-1] = 1
	classes := tensor.New(shape...)
	for i := range classes.Data {
		pixel := scores.Data[i*c : (i+1)*c]
		best := 0
		for k, v := range pixel {
			if v > pixel[best] {
				best = k
			}
		}
		if c == 1 && pixel[0] > 0.5 {
			best = 1
		}
		classes.Data[i] = float32(best)
	}
	return classes
}

// coloured is a picture of classes [H, W, 1], in the model's palette or, without one, in the grey
// values that are the classes' numbers.
func (p *Pipeline) coloured(classes *tensor.Tensor) (*imageio.Picture, error) {
	h, w := classes.Shape[0], classes.Shape[1]
	palette := p.meta.Palette
	if palette == nil {
		out := imageio.New(w, h, 1, 8)
		for i, v := range classes.Data {
			out.Pix[i] = byte(v)
		}
		return out, nil
	}
	out := imageio.New(w, h, 3, 8)
	for i, v := range classes.Data {
		if int(v) >= len(palette) {
			return nil, fmt.Errorf("a pixel is of class %d, the model's palette has %d colours", int(v), len(palette))
		}
		rgb := out.Pix[3*i : 3*i+3]
		if _, err := fmt.Sscanf(palette[int(v)], "#%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2]); err != nil {
			return nil, fmt.Errorf("%q is no colour", palette[int(v)])
		}
	}
	return out, nil
}
