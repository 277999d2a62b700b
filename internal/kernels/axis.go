package kernels

import "fmt"

// Axis is a linear map along one axis of a picture, from In samples to Out: output i is
// the sum of weight*input over its taps. It is a sparse matrix of Out rows, computed
// once; resizing, padding and cropping are all of this form, and the gradient of each is
// the transpose.
type Axis struct {
	In, Out int
	start   []int32 // the taps of output i are number start[i] to start[i+1]
	index   []int32 // the input of a tap
	weight  []float64
}

// newAxis returns a map whose rows are yet to be added.
func newAxis(in, out int) *Axis {
	if in < 1 || out < 0 {
		panic(fmt.Sprintf("kernels: an axis from %d to %d samples", in, out))
	}
	return &Axis{In: in, Out: out, start: append(make([]int32, 0, out+1), 0)}
}

// tap adds a tap to the row that is being built.
func (a *Axis) tap(index int, weight float64) {
	a.index = append(a.index, int32(index))
	a.weight = append(a.weight, weight)
}

// endRow ends the row.
func (a *Axis) endRow() { a.start = append(a.start, int32(len(a.index))) }

// Transpose returns the map's adjoint: with A from x to y it is Aᵀ from y to x, the taps of
// each row in ascending order.
func (a *Axis) Transpose() *Axis {
	t := &Axis{In: a.Out, Out: a.In, start: make([]int32, a.In+1)}
	t.index, t.weight = make([]int32, len(a.index)), make([]float64, len(a.weight))
	for _, j := range a.index {
		t.start[j+1]++
	}
	for j := range a.In {
		t.start[j+1] += t.start[j]
	}
	next := append([]int32(nil), t.start...)
	for i := range a.Out {
		for k := a.start[i]; k < a.start[i+1]; k++ {
			at := next[a.index[k]]
			next[a.index[k]]++
			t.index[at], t.weight[at] = int32(i), a.weight[k]
		}
	}
	return t
}

// Taps is the number of taps of all rows: the multiplications along the axis.
func (a *Axis) Taps() int { return len(a.index) }

// Empty reports whether output i has no taps: it does not depend on the input.
func (a *Axis) Empty(i int) bool { return a.start[i] == a.start[i+1] }

// Identity reports whether the map changes nothing.
func (a *Axis) Identity() bool {
	if a.In != a.Out || len(a.index) != a.Out {
		return false
	}
	for i, j := range a.index {
		if int(a.start[i]) != i || int(j) != i || a.weight[i] != 1 {
			return false
		}
	}
	return true
}

// Border says what lies beyond the ends of an axis.
type Border int

// The borders, with what stands beside the samples a b c d.
const (
	// BorderExclude is nothing: a resampling drops those taps and divides by the sum of
	// the others.
	BorderExclude Border = iota
	BorderZero           // 0 0 0 | a b c d | 0 0 0: zeros, or another constant
	BorderEdge           // a a a | a b c d | d d d: the last sample again and again
	// BorderSymmetric mirrors the samples at the edge: c b a | a b c d | d c b. It goes on
	// from one mirror to the other where there is need of more.
	BorderSymmetric
	// BorderReflect mirrors them at the centre of the last: d c b | a b c d | c b a,
	// repeated too; an axis of one sample repeats it.
	BorderReflect
	BorderWrap // b c d | a b c d | a b c: the axis begins anew
)

// at returns the sample, 0 to n-1, that stands at position i, and -1 for none.
func (b Border) at(i, n int) int {
	if i >= 0 && i < n {
		return i
	}
	switch b {
	case BorderEdge:
		return min(max(i, 0), n-1)
	case BorderSymmetric:
		i = modulo(i, 2*n)
		return min(i, 2*n-1-i)
	case BorderReflect:
		if n == 1 {
			return 0
		}
		i = modulo(i, 2*n-2)
		return min(i, 2*n-2-i)
	case BorderWrap:
		return modulo(i, n)
	}
	return -1
}

// modulo is i mod n in 0 to n-1.
func modulo(i, n int) int { return (i%n + n) % n }

// NewPadAxis is the map that puts before and after samples to the ends of an axis, or
// takes them away where a number is negative. It panics where nothing remains.
func NewPadAxis(in, before, after int, b Border) *Axis {
	a := newAxis(in, in+before+after)
	for i := range a.Out {
		if j := b.at(i-before, in); j >= 0 {
			a.tap(j, 1)
		}
		a.endRow()
	}
	return a
}
