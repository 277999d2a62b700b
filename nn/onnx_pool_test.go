package nn

import "slices"

func onnxMaxPool(c *onnxCase) (onnxRun, error) {
	w, err := c.window(c.wholes("kernel_shape"))
	if err != nil {
		return onnxRun{}, err
	}
	l := MaxPool2D{
		Kernel: w.kernel, Stride: w.stride, Dilation: w.dilation, Padding: w.padding,
		Ceil: c.whole("ceil_mode", 0) != 0, Mask: len(c.Outputs) > 1,
	}
	run, err := c.pictures(l, nil)
	if err != nil || !l.Mask {
		return run, err
	}
	m := w.padding.margins
	run.want = append(run.want, onnxTaps(c.Outputs[1].goldenTensor, c.Inputs[0].Shape, w, [2]int{m.Top, m.Left}, c.whole("storage_order", 0) == 1))
	return run, nil
}

// onnxTaps turns numbers of elements of a picture [N, C, H, W] of the size, counted by rows or by
// columns, into numbers of taps in their window, our mask.
func onnxTaps(index goldenTensor, size Shape, w onnxWindow, before [2]int, byColumns bool) goldenTensor {
	taps := goldenTensor{Shape: index.Shape, Data: slices.Clone(index.Data)}
	height, width := size[2], size[3]
	for i, v := range index.Data {
		place := int(v) % (height * width)
		y, x := place/width, place%width
		if byColumns {
			y, x = place%height, place/height
		}
		p, q := i/index.Shape[3]%index.Shape[2], i%index.Shape[3]
		row := (y - p*w.stride[0] + before[0]) / w.dilation[0]
		col := (x - q*w.stride[1] + before[1]) / w.dilation[1]
		taps.Data[i] = float64(row*w.kernel[1] + col)
	}
	t, _ := taps.picture()
	return t
}

func onnxMaxUnpool(c *onnxCase) (onnxRun, error) {
	w, err := c.window(c.wholes("kernel_shape"))
	if err != nil {
		return onnxRun{}, err
	}
	l := MaxUnpool2D{Kernel: w.kernel, Stride: w.stride, Padding: w.padding}
	// Indices count in the picture that pooling has by default, also where another size is given.
	size := slices.Clone(c.Inputs[0].Shape)
	for axis := range 2 {
		size[2+axis] = (size[2+axis]-1)*w.stride[axis] + w.kernel[axis]
	}
	if s := c.input(2); s != nil {
		l.Size = [2]int{int(s.Data[2]), int(s.Data[3])}
	}
	run, err := c.pictures(l, nil)
	run.inputs = append(run.inputs, onnxTaps(c.Inputs[1].goldenTensor, size, w, [2]int{}, false))
	return run, err
}

func onnxAveragePool(c *onnxCase) (onnxRun, error) {
	w, err := c.window(c.wholes("kernel_shape"))
	if err != nil {
		return onnxRun{}, err
	}
	return c.pictures(AvgPool2D{
		Kernel: w.kernel, Stride: w.stride, Dilation: w.dilation, Padding: w.padding,
		Ceil: c.whole("ceil_mode", 0) != 0, CountPadding: c.whole("count_include_pad", 0) != 0,
	}, nil)
}

func onnxGlobal(l Layer) func(c *onnxCase) (onnxRun, error) {
	return func(c *onnxCase) (onnxRun, error) { return c.pictures(l, nil) }
}
