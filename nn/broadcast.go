package nn

import (
	"fmt"
	"slices"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// broadcastShape is the shape of an elementwise function of inputs of the given shapes.
// They are aligned at the last axis, as in NumPy; along each axis they agree, or have the
// size 1 and are repeated: a gate [1, 1, C] or [H, W, 1] meets a picture [H, W, C].
func broadcastShape(in []Shape) (Shape, error) {
	rank := 0
	for _, s := range in {
		rank = max(rank, len(s))
	}
	out := slices.Repeat(Shape{1}, rank)
	for _, s := range in {
		for i, d := range s {
			o := &out[rank-len(s)+i]
			switch {
			case *o == 1, *o == Any && d > 1:
				*o = d
			case d != 1 && d != Any && d != *o:
				return nil, fmt.Errorf("takes inputs that agree along each axis or have 1 there, got %v", in)
			}
		}
	}
	return out, nil
}

// broadcast walks over a sample of the output in rows, along which each operand either
// proceeds element by element or stays at one.
type broadcast struct {
	dims     []int // of the rows, the innermost first
	inner    int   // elements in a row
	operands []operand
}

type operand struct {
	strides []int // along dims; 0 where the operand is repeated
	step    int   // along a row: 1 or 0
	full    bool  // as large as the output
}

// longRow is the number of elements that a row is not to exceed, so that the rows of one
// picture are work for many.
const longRow = 1 << 14

// newBroadcast takes shapes without Any that broadcastShape accepts. Neighbouring axes
// that all operands treat alike become one.
func newBroadcast(out Shape, in []Shape) broadcast {
	// From the last axis to the first; dims[0] is the innermost.
	dims, strides := []int{1}, make([][]int, len(in))
	for i := range strides {
		strides[i] = []int{0}
	}
	for axis := len(out) - 1; axis >= 0; axis-- {
		d, last := out[axis], len(dims)-1
		if d == 1 {
			continue
		}
		stride := make([]int, len(in))
		merge := dims[last]*d <= longRow
		for i, s := range in {
			if k := axis - (len(out) - len(s)); k >= 0 && s[k] != 1 {
				stride[i] = s[k+1:].Elems()
			}
			merge = merge && stride[i] == strides[i][last]*dims[last]
		}
		switch {
		case dims[last] == 1:
			dims[last] = d
			for i := range in {
				strides[i][last] = stride[i]
			}
		case merge:
			dims[last] *= d
		default:
			dims = append(dims, d)
			for i := range in {
				strides[i] = append(strides[i], stride[i])
			}
		}
	}
	b := broadcast{dims: dims[1:], inner: dims[0], operands: make([]operand, len(in))}
	for i, s := range in {
		b.operands[i] = operand{strides: strides[i][1:], step: strides[i][0], full: s.Elems() == out.Elems()}
	}
	return b
}

func (b *broadcast) rows() int {
	n := 1
	for _, d := range b.dims {
		n *= d
	}
	return n
}

// at is where the operand's part of a row lies in a sample of it.
func (b *broadcast) at(o *operand, row int) int {
	off := 0
	for i, d := range b.dims {
		off += row % d * o.strides[i]
		row /= d
	}
	return off
}

// part is the operand's part of a row of a sample x: the row's elements, or the one that
// stands for them all.
func (b *broadcast) part(i, row int) (lo, hi int) {
	o := &b.operands[i]
	lo = b.at(o, row)
	if o.step == 0 {
		return lo, lo + 1
	}
	return lo, lo + b.inner
}

// addRow, subtractRow and multiplyRow combine a row with an operand's part of it.
func addRow[T tensor.Float](dst, part []T) {
	if len(part) == len(dst) {
		kernels.Add(dst, dst, part)
		return
	}
	for i := range dst {
		dst[i] += part[0]
	}
}

func subtractRow[T tensor.Float](dst, part []T) {
	if len(part) == len(dst) {
		kernels.Axpy(-1, dst, part)
		return
	}
	for i := range dst {
		dst[i] -= part[0]
	}
}

func multiplyRow[T tensor.Float](dst, part []T) {
	if len(part) == len(dst) {
		kernels.Mul(dst, dst, part)
		return
	}
	kernels.Scale(part[0], dst, dst)
}

// setRow fills a row with an operand's part of it.
func setRow[T tensor.Float](dst, part []T) {
	if len(part) == len(dst) {
		copy(dst, part)
		return
	}
	kernels.Fill(dst, part[0])
}

// gatherRow is the transpose of setRow: it adds a row to the part that was repeated.
func gatherRow[T tensor.Float](part, row []T) {
	if len(part) == len(row) {
		kernels.Add(part, part, row)
		return
	}
	part[0] += kernels.Sum(row)
}
