package nn

import (
	"slices"
)

// onnxWindow is a sliding window's geometry; one dimension is a window of height 1.
type onnxWindow struct {
	kernel, stride, dilation, outputPadding [2]int
	padding                                 Padding
}

func (c *onnxCase) window(kernel []int) (onnxWindow, error) {
	space := len(c.Inputs[0].Shape) - 2
	if space > 2 {
		return onnxWindow{}, notApplicable("three dimensions of space")
	}
	pair := func(v []int, or int) [2]int {
		if v == nil {
			v = slices.Repeat([]int{or}, space)
		}
		if len(v) == 1 {
			v = []int{1, v[0]}
		}
		return [2]int(v)
	}
	w := onnxWindow{
		kernel: pair(kernel, 1), stride: pair(c.wholes("strides"), 1), dilation: pair(c.wholes("dilations"), 1),
		outputPadding: pair(c.wholes("output_padding"), 0),
	}
	switch c.text("auto_pad", "NOTSET") {
	case "SAME_UPPER":
		w.padding = Same
	case "SAME_LOWER":
		w.padding = SameLower
	case "VALID":
		w.padding = Valid
	default:
		switch p := c.wholes("pads"); len(p) {
		case 0:
			w.padding = Explicit(0, 0, 0, 0)
		case 2:
			w.padding = Explicit(0, 0, p[0], p[1])
		default:
			w.padding = Explicit(p[0], p[2], p[1], p[3])
		}
	}
	if space == 1 {
		w.outputPadding[0] = 0
	}
	return w, nil
}

// onnxKernel is [M, C, KH, KW] as [KH, KW, C, M].
func onnxKernel(t goldenTensor) goldenTensor {
	if len(t.Shape) == 3 {
		t = t.reshaped(t.Shape[0], t.Shape[1], 1, t.Shape[2])
	}
	return t.permuted(2, 3, 1, 0)
}

func (c *onnxCase) convParams() map[string]goldenTensor {
	p := map[string]goldenTensor{"kernel": onnxKernel(c.Inputs[1].goldenTensor)}
	if b := c.input(2); b != nil {
		p["bias"] = b.goldenTensor
	}
	return p
}

func onnxConv(c *onnxCase) (onnxRun, error) {
	kernel := c.Inputs[1].Shape
	w, err := c.window(kernel[2:])
	if err != nil {
		return onnxRun{}, err
	}
	return c.pictures(Conv2D{
		Filters: kernel[0], Kernel: w.kernel, Stride: w.stride, Dilation: w.dilation, Padding: w.padding,
		Groups: c.whole("group", 1), NoBias: c.input(2) == nil,
	}, c.convParams())
}

func onnxConvTranspose(c *onnxCase) (onnxRun, error) {
	kernel, groups := c.Inputs[1].Shape, c.whole("group", 1)
	w, err := c.window(kernel[2:])
	if err != nil {
		return onnxRun{}, err
	}
	if size := c.wholes("output_shape"); size != nil {
		w.padding = c.paddingFor(w, [2]int(size[len(size)-2:]))
	}
	return c.pictures(Conv2DTranspose{
		Filters: kernel[1] * groups, Kernel: w.kernel, Stride: w.stride, Dilation: w.dilation, Padding: w.padding,
		OutputPadding: w.outputPadding, Groups: groups, NoBias: c.input(2) == nil,
	}, c.convParams())
}

// paddingFor is what has to be cut off a transposed convolution for an output of the size, as
// an importer works it out.
func (c *onnxCase) paddingFor(w onnxWindow, size [2]int) Padding {
	var before, after [2]int
	for axis, out := range size {
		in := c.Inputs[0].Shape[2+axis]
		total := w.stride[axis]*(in-1) + w.outputPadding[axis] + (w.kernel[axis]-1)*w.dilation[axis] + 1 - out
		after[axis] = total >> 1 // rounded down, where total is negative too
		if c.text("auto_pad", "NOTSET") == "SAME_UPPER" {
			after[axis] = total - total>>1
		}
		before[axis] = total - after[axis]
	}
	return Explicit(before[0], after[0], before[1], after[1])
}
