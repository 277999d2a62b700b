package kernels

import "slices"

// Range is the positions From to To-1 along an axis.
type Range struct{ From, To int }

// Len is the number of positions.
func (r Range) Len() int { return r.To - r.From }

// Reads is the least range of the input that a part needs which makes outputs out, for any
// border but BorderWrap: all that they read, and where that is mirrored, the border. Where
// outputs read nothing but what lies beyond, it is one position.
func (w Window) Reads(out Range, b Border) Range {
	r := Range{w.In, 0}
	mirrors := b == BorderReflect || b == BorderSymmetric
	for o := out.From; o < out.To; o++ {
		for k := range w.Kernel {
			at := w.At(o, k)
			if i := b.at(at, w.In); i >= 0 {
				r.From, r.To = min(r.From, i), max(r.To, i+1)
			}
			if mirrors && at < 0 {
				r.From = 0
			}
			if mirrors && at >= w.In {
				r.To = w.In
			}
			if mirrors && (at <= -w.In || at >= 2*w.In-1) { // mirrored more than once
				return Range{0, w.In}
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

// Reads is the least range of the input that holds all that outputs out read, one position where
// that is nothing.
func (a *Axis) Reads(out Range) Range {
	r := Range{a.In, 0}
	for _, i := range a.index[a.start[out.From]:a.start[out.To]] {
		r.From, r.To = min(r.From, int(i)), max(r.To, int(i)+1)
	}
	if r.From >= r.To {
		return Range{0, 1}
	}
	return r
}

// Part is the map between what outputs out read and these, both counted from 0.
func (a *Axis) Part(out Range) *Axis {
	in, first, beyond := a.Reads(out), a.start[out.From], a.start[out.To]
	p := &Axis{In: in.Len(), Out: out.Len(), weight: a.weight[first:beyond]}
	for _, at := range a.start[out.From : out.To+1] {
		p.start = append(p.start, at-first)
	}
	for _, i := range a.index[first:beyond] {
		p.index = append(p.index, i-int32(in.From))
	}
	return p
}

// Equal reports whether two maps are the same.
func (a *Axis) Equal(b *Axis) bool {
	return a.In == b.In && a.Out == b.Out && slices.Equal(a.start, b.start) && slices.Equal(a.index, b.index) && slices.Equal(a.weight, b.weight)
}

// Settled is the shape with its passes in single precision pinned to the algorithm that
// they use, so that parts of its pictures are computed by the same.
func (s ConvShape) Settled() ConvShape {
	s.Algorithm = s.choose(true)
	return s
}
