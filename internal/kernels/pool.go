package kernels

import "github.com/hourglass-go/hourglass/internal/parallel"

// PoolShape is the geometry of pooling pictures x [Batch, H.In, W.In, Channels] to
// y [Batch, H.Out, W.Out, Channels]. Every window has a tap in the picture; what lies
// outside does not count.
type PoolShape struct {
	Batch    int
	H, W     Window
	Channels int
}

func (s *PoolShape) elemsIn() int  { return s.Batch * s.H.In * s.W.In * s.Channels }
func (s *PoolShape) elemsOut() int { return s.Batch * s.H.Out * s.W.Out * s.Channels }

// MaxTaps is the number of taps of a window that a mask can tell apart in single precision.
const MaxTaps = 1 << 24

// MaxPool takes the maximum of every window, and undoes that. A mask, of the shape of y,
// says which tap of its window each maximum came from: tap i, j is number i*W.Kernel + j.
// Of equal maxima the first counts; a NaN counts for more than any number. Anything may
// stand in a mask that comes from outside: what names no tap in the picture is ignored. One
// goroutine uses a MaxPool at a time; it allocates in NewMaxPool only.
type MaxPool[T Float] struct {
	shape PoolShape
	windowTables
	forward, claims region
	halve, double   region        // the same for windows that halve a picture
	passes          *columnPasses // of those, nil where plain Go does the work

	x, y, mask []T
	settle     settler[T] // one of the following, made once: making one allocates
	reverse    bool

	add, set, take settler[T]
}

// NewMaxPool prepares the passes for windows of at most MaxTaps taps.
func NewMaxPool[T Float](s PoolShape) *MaxPool[T] {
	p := &MaxPool[T]{shape: s, windowTables: newWindowTables(s.H, s.W, BorderZero)}
	p.forward, p.claims = p.forwardRow, p.claimsRow
	p.add, p.set, p.take = addClaims[T], setClaims[T], takeClaims[T]
	p.halve, p.double = p.halveRow, p.doubleRow
	if isFloat32[T]() && s.Channels > 0 && s.H.halves() && s.W.halves() {
		p.passes = columnSets[active]
	}
	return p
}

// halves says whether windows are pairs of neighbours, all inside.
func (w *Window) halves() bool {
	return w.Kernel == 2 && w.Stride == 2 && w.Dilation == 1 && w.Before == 0 && w.Out > 0 && 2*w.Out <= w.In
}

// Forward sets y to the maxima of x and, unless it is nil, mask.
func (p *MaxPool[T]) Forward(team *parallel.Team, y, mask, x []T) {
	p.bind(x, y, mask)
	if p.passes != nil {
		team.Run(p.shape.Batch*p.shape.H.Out, &p.halve)
	} else {
		team.Run(p.shape.Batch*p.shape.H.Out, &p.forward)
	}
	p.x, p.y, p.mask = nil, nil, nil
}

// Backward sets dx: each dy is added to where its maximum came from.
func (p *MaxPool[T]) Backward(team *parallel.Team, dx, dy, mask []T) {
	if p.passes == nil {
		p.run(team, dx, dy, mask, p.add, false)
		return
	}
	p.bind(dx, dy, mask)
	need("MaxPool", "mask", len(mask), p.shape.elemsOut())
	team.Run(p.shape.Batch*ceilDiv(p.shape.H.In, 2), &p.double)
	p.x, p.y, p.mask = nil, nil, nil
}

// Unpool sets x to zeros, and to each v where the mask says. Of several v for one position
// the last counts.
func (p *MaxPool[T]) Unpool(team *parallel.Team, x, v, mask []T) {
	p.run(team, x, v, mask, p.set, false)
}

// UnpoolGrad sets dv, from dx, which it destroys: what counted gets the gradient.
func (p *MaxPool[T]) UnpoolGrad(team *parallel.Team, dv, dx, mask []T) {
	clear(dv[:p.shape.elemsOut()])
	p.run(team, dx, dv, mask, p.take, true)
}

func (p *MaxPool[T]) bind(x, y, mask []T) {
	need("MaxPool", "the larger picture", len(x), p.shape.elemsIn())
	need("MaxPool", "the smaller picture", len(y), p.shape.elemsOut())
	if mask != nil {
		need("MaxPool", "mask", len(mask), p.shape.elemsOut())
	}
	p.x, p.y, p.mask = x, y, mask
}

// run settles all claims.
func (p *MaxPool[T]) run(team *parallel.Team, x, y, mask []T, settle settler[T], reverse bool) {
	p.bind(x, y, mask)
	need("MaxPool", "mask", len(mask), p.shape.elemsOut())
	p.settle, p.reverse = settle, reverse
	team.Run(p.shape.Batch*p.shape.H.In, &p.claims)
	p.x, p.y, p.mask = nil, nil, nil
}

// forwardRow computes a row of y.
func (p *MaxPool[T]) forwardRow(row int) {
	s := &p.shape
	ch := s.Channels
	x := p.x[row/s.H.Out*s.H.In*s.W.In*ch:]
	rows := p.rows[row%s.H.Out*s.H.Kernel:][:s.H.Kernel]
	for q := range s.W.Out {
		at := (row*s.W.Out + q) * ch
		y, mask := p.y[at:at+ch], p.mask
		if mask != nil {
			mask = mask[at : at+ch]
		}
		first := true
		for i, from := range rows {
			if from < 0 {
				continue
			}
			for j, col := range p.cols[q*s.W.Kernel:][:s.W.Kernel] {
				if col < 0 {
					continue
				}
				v := x[(int(from)*s.W.In+int(col))*ch:][:ch]
				switch tap := T(i*s.W.Kernel + j); {
				case first:
					copy(y, v)
					Fill(mask, tap)
					first = false
				case mask == nil:
					maxOf(y, v)
				default:
					maxWithTap(y, mask, v, tap)
				}
			}
		}
	}
}

// halveRow computes a row of y from the two rows of x that it is made of.
func (p *MaxPool[T]) halveRow(row int) {
	s := &p.shape
	n := s.W.In * s.Channels
	x := f32(p.x)[(row/s.H.Out*s.H.In+2*(row%s.H.Out))*n:]
	at := row * s.W.Out * s.Channels
	if p.mask == nil {
		p.passes.maxPool2(&f32(p.y)[at], &x[0], &x[n], s.W.Out, s.Channels)
		return
	}
	p.passes.maxPool2Mask(&f32(p.y)[at], &f32(p.mask)[at], &x[0], &x[n], s.W.Out, s.Channels)
}

// doubleRow computes two rows of dx, one where there is one left: no window reaches that, nor
// a last column without a pair.
func (p *MaxPool[T]) doubleRow(pair int) {
	s := &p.shape
	n, pairs := s.W.In*s.Channels, ceilDiv(s.H.In, 2)
	picture, line := pair/pairs, pair%pairs
	x := p.x[(picture*s.H.In+2*line)*n:]
	if line >= s.H.Out {
		clear(x[:min(2, s.H.In-2*line)*n])
		return
	}
	at := (picture*s.H.Out + line) * s.W.Out * s.Channels
	p.passes.maxPool2Grad(&f32(p.y)[at], &f32(p.mask)[at], &f32(x)[0], &f32(x)[n], s.W.Out, s.Channels)
	reached := 2 * s.W.Out * s.Channels
	clear(x[reached:n])
	clear(x[n+reached : 2*n])
}

// maxOf computes y[c] = max(y[c], v[c]); the first NaN stays.
func maxOf[T Float](y, v []T) {
	v = v[:len(y)]
	for c, best := range y {
		if x := v[c]; x > best || x != x && best == best {
			y[c] = x
		}
	}
}

// maxWithTap is maxOf that notes the tap where it takes v.
func maxWithTap[T Float](y, mask, v []T, tap T) {
	mask, v = mask[:len(y)], v[:len(y)]
	for c, best := range y {
		if x := v[c]; x > best || x != x && best == best {
			y[c], mask[c] = x, tap
		}
	}
}

// claimsRow lets the windows that reach a row of x settle what their values claim in it, in
// order or the other way round. A value claims one position, so no two rows meet in a value.
func (p *MaxPool[T]) claimsRow(row int) {
	s := &p.shape
	ch := s.Channels
	n := s.W.In * ch
	x := p.x[row*n:][:n]
	if !p.reverse {
		clear(x)
	}
	entries := p.readers.of(row % s.H.In)
	for k := range entries {
		if p.reverse {
			k = len(entries) - 1 - k
		}
		line, i := int(entries[k])/s.H.Kernel, int(entries[k])%s.H.Kernel
		line += row / s.H.In * s.H.Out
		lo, hi := T(i*s.W.Kernel), T((i+1)*s.W.Kernel)
		for q := range s.W.Out {
			if p.reverse {
				q = s.W.Out - 1 - q
			}
			at := (line*s.W.Out + q) * ch
			p.settle(x, p.y[at:at+ch], p.mask[at:at+ch], p.cols[q*s.W.Kernel:][:s.W.Kernel], lo, hi)
		}
	}
}

// settler settles the claims of one window's values, the channels of y, to a row x of a
// picture: those whose tap, in mask, is in [lo, hi). The taps' columns are cols.
type settler[T Float] func(x, y, mask []T, cols []int32, lo, hi T)

func addClaims[T Float](x, y, mask []T, cols []int32, lo, hi T) {
	for c, tap := range mask {
		if tap >= lo && tap < hi {
			if col := int(cols[int(tap-lo)]); col >= 0 {
				x[col*len(mask)+c] += y[c]
			}
		}
	}
}

func setClaims[T Float](x, y, mask []T, cols []int32, lo, hi T) {
	for c, tap := range mask {
		if tap >= lo && tap < hi {
			if col := int(cols[int(tap-lo)]); col >= 0 {
				x[col*len(mask)+c] = y[c]
			}
		}
	}
}

// takeClaims hands x out to y and leaves zeros behind for those who come later.
func takeClaims[T Float](x, y, mask []T, cols []int32, lo, hi T) {
	for c, tap := range mask {
		if tap >= lo && tap < hi {
			if col := int(cols[int(tap-lo)]); col >= 0 {
				y[c], x[col*len(mask)+c] = x[col*len(mask)+c], 0
			}
		}
	}
}

// PoolDivisor says what the sum of a window is divided by.
type PoolDivisor uint8

const (
	// DivideInside divides by the number of taps in the picture.
	DivideInside PoolDivisor = iota
	// DividePadded divides by the number of taps in the picture and its padding.
	DividePadded
	// DivideNot does not divide.
	DivideNot
)

// PoolAxis is the average of every window along one axis. Average pooling is that of the
// height and that of the width together.
func (w Window) PoolAxis(d PoolDivisor) *Axis {
	a := newAxis(w.In, w.Out)
	for o := range w.Out {
		weight := 1.
		switch d {
		case DivideInside:
			weight = 1 / float64(w.Inside(o))
		case DividePadded:
			weight = 1 / float64(w.Padded(o))
		}
		for k := range w.Kernel {
			if i := w.At(o, k); i >= 0 && i < w.In {
				a.tap(i, weight)
			}
		}
		a.endRow()
	}
	return a
}

// Scale multiplies all weights of the map, and returns it.
func (a *Axis) Scale(by float64) *Axis {
	for i := range a.weight {
		a.weight[i] *= by
	}
	return a
}
