package kernels

// Range is the positions From to To-1 along an axis.
type Range struct{ From, To int }

// Len is the number of positions.
func (r Range) Len() int { return r.To - r.From }

// Reads is the least range of the input that holds all that outputs out read, for a border
// of nothing, zeros or the last sample; the others would mirror a part at another place.
// Where outputs read nothing but what lies beyond, it is one position.
func (w Window) Reads(out Range, b Border) Range {
	r := Range{w.In, 0}
	for o := out.From; o < out.To; o++ {
		for k := range w.Kernel {
			if i := b.at(w.At(o, k), w.In); i >= 0 {
				r.From, r.To = min(r.From, i), max(r.To, i+1)
			}
		}
	}
	if r.From >= r.To {
		r.From = min(max(w.At(out.From, 0), 0), w.In-1)
		r.To = r.From + 1
	}
	return r
}

// Stamps is the same for the adjoint, which makes the input from the outputs: a range of
// outputs that holds all that reach positions in of the input.
func (w Window) Stamps(in Range) Range {
	first := -floorDiv((w.Kernel-1)*w.Dilation-in.From-w.Before, w.Stride) // rounded up
	beyond := floorDiv(in.To-1+w.Before, w.Stride) + 1
	r := Range{min(max(first, 0), w.Out-1), min(beyond, w.Out)}
	r.To = max(r.To, r.From+1)
	return r
}

// Part is the window between a range of the input and one of the outputs, both counted
// from 0. It is right where the former holds what the latter reads, or, for the adjoint, the
// other way round.
func (w Window) Part(in, out Range) Window {
	w.Before += in.From - out.From*w.Stride
	w.After += w.In - in.To
	w.In, w.Out = in.Len(), out.Len()
	w.After = min(w.After, max(w.At(w.Out-1, w.Kernel-1)+1-w.In, 0)) // further on nobody looks: parts are alike
	return w
}

// Settled is the shape with its passes in single precision pinned to the algorithm that
// they use, so that parts of its pictures are computed by the same.
func (s ConvShape) Settled() ConvShape {
	s.Algorithm = s.choose(true)
	return s
}
