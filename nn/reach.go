package nn

import "math"

// reach is how far an output pixel sees, along the height and the width, in pixels of the
// model's first input: field pixels wide, and step pixels from the field of its neighbour.
type reach struct{ field, step [2]float64 }

// unbounded is the field of what sees the whole picture.
var unbounded = math.Inf(1)

// reachOf is the reach of a layer's outputs for the reaches of its inputs, and their shapes.
// Statistics of a whole picture that only shift and scale (instance and group normalisation)
// do not count; nor does padding.
func reachOf(l Layer, in []reach, shapes []Shape, out Shape) reach {
	r := in[0]
	for _, other := range in[1:] {
		for axis := range 2 {
			r.field[axis] = max(r.field[axis], other.field[axis])
		}
	}
	switch l := l.(type) {
	case Conv2D:
		return r.through(l.convolution().sliding)
	case Conv2DTranspose:
		return r.through(l.convolution().sliding)
	case DepthwiseConv2D:
		return r.through(sliding{kernel: l.Kernel, stride: orPair(l.Stride, [2]int{1, 1}), dilation: orPair(l.Dilation, [2]int{1, 1})})
	case SeparableConv2D:
		return r.through(sliding{kernel: l.Kernel, stride: orPair(l.Stride, [2]int{1, 1}), dilation: orPair(l.Dilation, [2]int{1, 1})})
	case MaxPool2D:
		return r.through(*l.sliding())
	case AvgPool2D:
		return r.through(*l.sliding())
	case Resize, UpSampling2D:
		return r.resized(shapes[0], out, 2) // two pixels lie next to a place, along an axis
	case MaxUnpool2D, AvgUnpool2D, DepthToSpace:
		return r.resized(shapes[0], out, 1)
	case SpaceToDepth:
		return r.resized(shapes[0], out, float64(l.Block[0]))
	case GlobalAvgPool2D, GlobalMaxPool2D:
		r.field = [2]float64{unbounded, unbounded}
	case Dense:
		if len(shapes[0]) == 1 && shapes[0][0] > 1 { // else it works on the channels of a pixel
			r.field = [2]float64{unbounded, unbounded}
		}
	}
	return r
}

// through is the reach behind a sliding window. A transposed convolution's pixel sees every
// stride-th tap of its kernel.
func (r reach) through(s sliding) reach {
	for axis := range 2 {
		extent, stride := float64((s.kernel[axis]-1)*s.dilation[axis]+1), float64(s.stride[axis])
		if s.transposed {
			r.field[axis] += (math.Ceil(extent/stride) - 1) * r.step[axis]
			r.step[axis] /= stride
			continue
		}
		r.field[axis] += (extent - 1) * r.step[axis]
		r.step[axis] *= stride
	}
	return r
}

// resized is the reach behind a change of size that mixes so many pixels along an axis.
func (r reach) resized(from, to Shape, pixels float64) reach {
	for axis := range 2 {
		if from[axis] == to[axis] {
			continue
		}
		r.field[axis] += (pixels - 1) * r.step[axis]
		r.step[axis] *= float64(from[axis]) / float64(to[axis])
	}
	return r
}

// pixels is the field, rounded up, of at most the size of the picture.
func (r reach) pixels(picture Shape) [2]int {
	var p [2]int
	for axis := range p {
		p[axis] = picture[axis]
		if f := math.Ceil(r.field[axis] - 1e-6); f < float64(p[axis]) {
			p[axis] = int(f)
		}
	}
	return p
}
