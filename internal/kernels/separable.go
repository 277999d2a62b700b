package kernels

import (
	"unsafe"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// Separable applies one [Axis] to the rows and another to the columns of a batch of
// pictures [N, In, In, C]:
//
//	dst[n,y,x,c] = sum over i, j of rows[y,i] * cols[x,j] * src[n,i,j,c]
//
// and a constant where either map has no tap. T is the type of the pictures' elements and
// A the one in which sums are taken. For each output row the input's rows are first added
// up, then that one row goes along the columns: the working memory is a row, and every
// element of dst is one sum in a fixed order. The gradient of a map without constant is
// the Separable of both transposes. One goroutine uses it at a time; it allocates in
// NewSeparable only.
type Separable[A, T Float] struct {
	rows, cols axisOf[A]
	channels   int
	batch      int
	fill       T
	tiles      int
	dst, src   []T
	scratch    []A
}

// axisOf is an axis with weights of the type that sums are taken in.
type axisOf[A Float] struct {
	*Axis
	w    []A
	same bool // the identity
}

func newAxisOf[A Float](a *Axis) axisOf[A] {
	o := axisOf[A]{Axis: a, w: make([]A, len(a.weight)), same: a.Identity()}
	for i, w := range a.weight {
		o.w[i] = A(w)
	}
	return o
}

// separableTiles is the number of tiles that the output's rows are divided into.
const separableTiles = 32

// wideChannels is from where on a pixel is worth a call of a vector pass.
const wideChannels = 16

// NewSeparable prepares the map for batches of n pictures of the given channels. Fill is
// the constant.
func NewSeparable[A, T Float](n int, rows, cols *Axis, channels int, fill float64) *Separable[A, T] {
	return &Separable[A, T]{rows: newAxisOf[A](rows), cols: newAxisOf[A](cols), channels: channels, batch: n,
		fill: T(fill), tiles: min(n*rows.Out, separableTiles)}
}

// SeparableScratch is the number of elements of working memory that Run needs for pictures
// whose rows have that many elements.
func SeparableScratch(n, outRows, inRow int) int { return min(n*outRows, separableTiles) * inRow }

// Run sets dst to the map of src, which it must not overlap. Scratch has at least
// SeparableScratch elements.
func (s *Separable[A, T]) Run(team *parallel.Team, dst, src []T, scratch []A) {
	outRow, inRow := s.cols.Out*s.channels, s.cols.In*s.channels
	need("Separable", "dst", len(dst), s.batch*s.rows.Out*outRow)
	need("Separable", "src", len(src), s.batch*s.rows.In*inRow)
	need("Separable", "scratch", len(scratch), SeparableScratch(s.batch, s.rows.Out, inRow))
	s.dst, s.src, s.scratch = dst, src, scratch
	team.Run(s.tiles, s)
	s.dst, s.src, s.scratch = nil, nil, nil
}

// Do implements [parallel.Task].
func (s *Separable[A, T]) Do(tile, _ int) {
	outRow, inRow := s.cols.Out*s.channels, s.cols.In*s.channels
	total := s.batch * s.rows.Out
	buffer := s.scratch[tile*inRow : (tile+1)*inRow]
	begin := tile * total / s.tiles
	for r := begin; r < (tile+1)*total/s.tiles; r++ {
		n, y := r/s.rows.Out, r%s.rows.Out
		dst := s.dst[r*outRow : (r+1)*outRow]
		switch {
		case s.rows.Empty(y):
			Fill(dst, s.fill)
		case r > begin && y > 0 && s.repeats(y):
			copy(dst, s.dst[(r-1)*outRow:r*outRow])
		default:
			src := s.src[n*s.rows.In*inRow : (n+1)*s.rows.In*inRow]
			s.row(dst, src, y, buffer)
		}
	}
}

// repeats reports whether output row y is the same single input row as the one before it.
func (s *Separable[A, T]) repeats(y int) bool {
	at, end, before := s.rows.start[y], s.rows.start[y+1], s.rows.start[y-1]
	return end-at == 1 && at-before == 1 && s.rows.index[at] == s.rows.index[before] && s.rows.w[at] == s.rows.w[before]
}

// row computes output row y of one picture.
func (s *Separable[A, T]) row(dst, src []T, y int, buffer []A) {
	inRow := len(buffer)
	lo, hi := s.rows.start[y], s.rows.start[y+1]
	first := int(s.rows.index[lo]) * inRow
	plain := hi-lo == 1 && s.rows.w[lo] == 1
	if direct, ok := sameType[A](src); ok {
		// No conversion: rows are used where they lie, or summed by vector passes.
		if plain {
			s.across(dst, direct[first:first+inRow])
			return
		}
		if out, ok := sameType[A](dst); ok && s.cols.same {
			buffer = out
		}
		Scale(s.rows.w[lo], buffer, direct[first:first+inRow])
		for k := lo + 1; k < hi; k++ {
			at := int(s.rows.index[k]) * inRow
			Axpy(s.rows.w[k], buffer, direct[at:at+inRow])
		}
		if !s.cols.same {
			s.across(dst, buffer)
		}
		return
	}
	clear(buffer)
	for k := lo; k < hi; k++ {
		at, w := int(s.rows.index[k])*inRow, s.rows.w[k]
		for i, v := range src[at : at+inRow] {
			buffer[i] += w * A(v)
		}
	}
	s.across(dst, buffer)
}

// across applies the columns' map to one row.
func (s *Separable[A, T]) across(dst []T, src []A) {
	c := s.channels
	for x := 0; x < s.cols.Out; x++ {
		lo, hi := int(s.cols.start[x]), int(s.cols.start[x+1])
		to := dst[x*c : (x+1)*c]
		switch {
		case lo == hi:
			Fill(to, s.fill)
		case hi-lo == 1 && s.cols.w[lo] == 1:
			run := s.run(x)
			from := int(s.cols.index[lo]) * c
			convert(dst[x*c:(x+run)*c], src[from:from+run*c])
			x += run - 1
		case c == 1:
			sum := A(0)
			for k, w := range s.cols.w[lo:hi] {
				sum += w * src[s.cols.index[lo+k]]
			}
			to[0] = T(sum)
		default:
			s.pixel(to, src, lo, hi)
		}
	}
}

// run is the number of outputs from x on that are a copy of neighbouring inputs.
func (s *Separable[A, T]) run(x int) int {
	n, at := 1, s.cols.start[x]
	for x+n < s.cols.Out && s.cols.start[x+n+1] == at+int32(n)+1 &&
		s.cols.index[at+int32(n)] == s.cols.index[at]+int32(n) && s.cols.w[at+int32(n)] == 1 {
		n++
	}
	return n
}

// pixel sums the taps lo to hi of one pixel.
func (s *Separable[A, T]) pixel(dst []T, src []A, lo, hi int) {
	c := len(dst)
	if out, ok := sameType[A](dst); ok && c >= wideChannels {
		at := int(s.cols.index[lo]) * c
		Scale(s.cols.w[lo], out, src[at:at+c])
		for k := lo + 1; k < hi; k++ {
			at := int(s.cols.index[k]) * c
			Axpy(s.cols.w[k], out, src[at:at+c])
		}
		return
	}
	if c > wideChannels { // sums of another type than the elements
		for at := 0; at < c; at += wideChannels {
			end := min(at+wideChannels, c)
			s.sum(dst[at:end], src[at:], lo, hi)
		}
		return
	}
	s.sum(dst, src, lo, hi)
}

// sum adds up the taps lo to hi of at most wideChannels channels, the first of which is
// that of src.
func (s *Separable[A, T]) sum(dst []T, src []A, lo, hi int) {
	var sums [wideChannels]A
	acc := sums[:len(dst)]
	for k := lo; k < hi; k++ {
		w := s.cols.w[k]
		for i, v := range src[int(s.cols.index[k])*s.channels:][:len(acc)] {
			acc[i] += w * v
		}
	}
	for i, v := range acc {
		dst[i] = T(v)
	}
}

// convert copies src to dst.
func convert[A, T Float](dst []T, src []A) {
	if to, ok := sameType[A](dst); ok {
		copy(to, src)
		return
	}
	for i, v := range src[:len(dst)] {
		dst[i] = T(v)
	}
}

// sameType views a slice of T as one of A where these are one type.
func sameType[A, T Float](x []T) ([]A, bool) {
	if isFloat32[A]() != isFloat32[T]() {
		return nil, false
	}
	return unsafe.Slice((*A)(unsafe.Pointer(unsafe.SliceData(x))), len(x)), true
}
