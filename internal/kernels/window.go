package kernels

import "fmt"

// PadRule says how far a window may reach beyond the borders of its input.
type PadRule uint8

const (
	PadValid     PadRule = iota // not at all
	PadSame                     // as far as an output of ceil(in/stride) needs, the odd one at the end
	PadSameLower                // the same with the odd one at the beginning
	PadExplicit                 // by the numbers given
)

// Slide is how a window moves along one axis, of whatever size. Each axis of a picture
// has its own.
type Slide struct {
	Kernel, Stride, Dilation int // at least 1 each
	Rule                     PadRule
	Before, After            int // of PadExplicit
	// Ceil adds a last window that reaches beyond the padded input, where the others leave
	// something over. With it every window begins in the input or in the padding before it.
	Ceil bool
	// OutputPadding, less than Stride, lengthens the result of [Slide.Back] by that much.
	OutputPadding int
}

// Window is a [Slide] over an input of known size. Tap k of output o reads the input at
// o*Stride - Before + k*Dilation, where that is within [0, In).
type Window struct {
	In, Out                  int
	Kernel, Stride, Dilation int
	Before, After            int // padding; After only tells padding from what lies beyond
}

// Extent is the length of the input that a window spans.
func (s Slide) Extent() int { return (s.Kernel-1)*s.Dilation + 1 }

// slideMax bounds the numbers of a slide, which a file may hold, so that no product of
// two of them overflows.
const slideMax = 1<<15 - 1

// Check fails where the numbers are impossible for inputs of any size.
func (s Slide) Check() error {
	for _, f := range []struct {
		name       string
		value, min int
	}{
		{"kernel", s.Kernel, 1}, {"stride", s.Stride, 1}, {"dilation", s.Dilation, 1},
		{"padding before", s.Before, -slideMax}, {"padding after", s.After, -slideMax},
		{"output padding", s.OutputPadding, 0},
	} {
		if f.value < f.min || f.value > slideMax {
			return fmt.Errorf("%s is %d, want %d to %d", f.name, f.value, f.min, slideMax)
		}
	}
	if s.Extent() > slideMax {
		return fmt.Errorf("a kernel of %d dilated by %d spans %d, want at most %d", s.Kernel, s.Dilation, s.Extent(), slideMax)
	}
	if s.OutputPadding >= s.Stride {
		return fmt.Errorf("output padding is %d, want less than the stride %d", s.OutputPadding, s.Stride)
	}
	return nil
}

// Over is the slide over an input of a size:
//
//	valid     Out = floor((in - extent)/stride) + 1
//	same      Out = ceil(in/stride), padded by max((Out-1)*stride + extent - in, 0) in all
//	explicit  Out = floor((in + before + after - extent)/stride) + 1
//
// With Ceil the division of the first and the last rounds up, but Out is at most
// ceil((in + before)/stride). It fails where no window fits.
func (s Slide) Over(in int) (Window, error) {
	if err := s.Check(); err != nil {
		return Window{}, err
	}
	if s.Before < 0 || s.After < 0 {
		return Window{}, fmt.Errorf("padding is %d before and %d after, want at least 0", s.Before, s.After)
	}
	w := Window{In: in, Kernel: s.Kernel, Stride: s.Stride, Dilation: s.Dilation}
	if s.Rule == PadSame || s.Rule == PadSameLower {
		w.Out = ceilDiv(in, s.Stride)
		w.Before, w.After = s.split(max((w.Out-1)*s.Stride+s.Extent()-in, 0))
		return w, nil
	}
	if s.Rule == PadExplicit {
		w.Before, w.After = s.Before, s.After
	}
	room := in + w.Before + w.After - s.Extent()
	w.Out = floorDiv(room, s.Stride) + 1
	if s.Ceil {
		w.Out = min(-floorDiv(-room, s.Stride)+1, ceilDiv(in+w.Before, s.Stride))
	}
	if w.Out < 1 {
		return Window{}, fmt.Errorf("a kernel of %d, dilated by %d to span %d, does not fit into %d padded by %d and %d",
			s.Kernel, s.Dilation, s.Extent(), in, w.Before, w.After)
	}
	return w, nil
}

// split divides padding in two.
func (s Slide) split(total int) (before, after int) {
	half := total / 2
	if s.Rule == PadSameLower {
		return total - half, half
	}
	return half, total - half
}

// Back is the slide of a transposed convolution of an input of a size: the axis of the
// convolution that it is the adjoint of, so that Out is the size given and In that of the
// result:
//
//	valid     In = out*stride + max(extent - stride, 0)
//	same      In = out*stride; of max(extent - stride, 0) surplus rows half are cut off before
//	explicit  In = (out-1)*stride + extent - before - after + output padding
//
// Explicit padding is what is cut off; where it is negative the result grows by rows that
// no input reaches. It fails where nothing is left.
func (s Slide) Back(out int) (Window, error) {
	if err := s.Check(); err != nil {
		return Window{}, err
	}
	w := Window{Out: out, Kernel: s.Kernel, Stride: s.Stride, Dilation: s.Dilation}
	surplus := max(s.Extent()-s.Stride, 0)
	switch s.Rule {
	case PadValid:
		w.In = out*s.Stride + surplus
	case PadExplicit:
		w.In = (out-1)*s.Stride + s.Extent() - s.Before - s.After + s.OutputPadding
		w.Before, w.After = s.Before, s.After
	default:
		w.In = out * s.Stride
		w.Before, w.After = s.split(surplus)
	}
	if s.Rule != PadExplicit && s.OutputPadding != 0 {
		return Window{}, fmt.Errorf("output padding is %d: it goes with explicit padding; valid and same fix the size", s.OutputPadding)
	}
	if w.In < 1 {
		return Window{}, fmt.Errorf("nothing is left of %d after %d are cut off before and %d after",
			(out-1)*s.Stride+s.Extent()+s.OutputPadding, s.Before, s.After)
	}
	return w, nil
}

// CheckInside fails where a window has no tap in the input.
func (w Window) CheckInside() error {
	// A window that starts in the input has its first tap there, so only those that start
	// before it, and the last, need a look.
	for o := 0; o < w.Out; o++ {
		if start := w.At(o, 0); start >= 0 && start < w.In {
			o = max(o, w.Out-2)
			continue
		}
		if w.Inside(o) == 0 {
			return fmt.Errorf("window %d of %d, %d taps from %d on at a distance of %d, has none in the input's 0 to %d",
				o, w.Out, w.Kernel, w.At(o, 0), w.Dilation, w.In-1)
		}
	}
	return nil
}

// floorDiv is a/b rounded down, for b > 0.
func floorDiv(a, b int) int {
	q := a / b
	if q*b > a {
		q--
	}
	return q
}

// At is where tap k of output o lies in the input, inside or not.
func (w Window) At(o, k int) int { return o*w.Stride - w.Before + k*w.Dilation }

// still says that every output reads the input at its own place and nothing else.
func (w Window) still() bool { return w.Kernel == 1 && w.Stride == 1 && w.Before == 0 && w.In == w.Out }

// Inside counts the taps of output o that lie in the input, Padded those that lie in the
// input or in its padding.
func (w Window) Inside(o int) int { return w.within(o, 0, w.In) }

// Padded: see [Window.Inside].
func (w Window) Padded(o int) int { return w.within(o, -w.Before, w.In+w.After) }

func (w Window) within(o, lo, hi int) int {
	n := 0
	for k := range w.Kernel {
		if i := w.At(o, k); i >= lo && i < hi {
			n++
		}
	}
	return n
}

// reads counts the pairs of an output and a tap that lies in the input.
func (w Window) reads() int {
	n := 0
	for o := range w.Out {
		n += w.Inside(o)
	}
	return n
}

// sources lists what every tap reads, -1 for nothing: tap k of output o is entry
// o*Kernel+k.
func (w Window) sources(b Border) []int32 {
	list := make([]int32, 0, w.Out*w.Kernel)
	for o := range w.Out {
		for k := range w.Kernel {
			list = append(list, int32(b.at(w.At(o, k), w.In)))
		}
	}
	return list
}

// readers is the inverse of sources: entry[start[i]:start[i+1]] are the entries that read
// position i, in ascending order.
type readers struct{ start, entry []int32 }

func (r *readers) of(i int) []int32 { return r.entry[r.start[i]:r.start[i+1]] }

// invert makes the readers of n positions.
func invert(sources []int32, n int) readers {
	r := readers{start: make([]int32, n+1)}
	for _, i := range sources {
		if i >= 0 {
			r.start[i+1]++
		}
	}
	for i := range n {
		r.start[i+1] += r.start[i]
	}
	r.entry = make([]int32, r.start[n])
	next := make([]int32, n)
	for e, i := range sources {
		if i >= 0 {
			r.entry[r.start[i]+next[i]] = int32(e)
			next[i]++
		}
	}
	return r
}

// windowTables say what the outputs of windows that slide over pictures read.
type windowTables struct {
	height, width Window
	rows, cols    []int32 // tap i of output row p reads row rows[p*height.Kernel+i], none where that is -1
	readers       readers // of rows
}

func newWindowTables(height, width Window, b Border) windowTables {
	t := windowTables{height: height, width: width, rows: height.sources(b), cols: width.sources(b)}
	t.readers = invert(t.rows, height.In)
	return t
}

// reads is a range of rows of the batch's inputs that holds all that pixels [p0, p1) of
// its outputs read.
func (t *windowTables) reads(p0, p1 int) (first, beyond int) {
	h := &t.height
	r0, r1 := p0/t.width.Out, (p1-1)/t.width.Out // rows of the outputs, the last included
	n0, n1 := r0/h.Out, r1/h.Out
	if n0 != n1 {
		return n0 * h.In, (n1 + 1) * h.In
	}
	first, beyond = h.In, 0
	for _, i := range t.rows[r0%h.Out*h.Kernel : (r1%h.Out+1)*h.Kernel] {
		if i >= 0 {
			first, beyond = min(first, int(i)), max(beyond, int(i)+1)
		}
	}
	return n0*h.In + first, n0*h.In + max(first, beyond)
}
