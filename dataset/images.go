package dataset

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// Images holds pictures of one size as bytes, [N, H, W, C], channels last.
type Images struct {
	H, W, C    int
	Pix        []byte   // N*H*W*C values
	Labels     []int32  // the class of each picture, or nil
	Names      []string // where each picture came from, or nil
	ClassNames []string // what label 0, 1, ... means, or nil
}

// Memory is the number of bytes that the pictures and their labels take.
func (m *Images) Memory() int64 { return int64(len(m.Pix)) + 4*int64(len(m.Labels)) }

// Len returns N.
func (m *Images) Len() int {
	if size := m.H * m.W * m.C; size > 0 {
		return len(m.Pix) / size
	}
	return 0
}

// Shape returns [H, W, C].
func (m *Images) Shape() tensor.Shape { return tensor.Shape{m.H, m.W, m.C} }

// Bytes returns the values of picture i, without a copy. It panics where i is out of
// range.
func (m *Images) Bytes(i int) []byte {
	size := m.H * m.W * m.C
	return m.Pix[i*size : (i+1)*size : (i+1)*size]
}

// Name returns the name of picture i, or its number where it has none.
func (m *Images) Name(i int) string {
	if i < len(m.Names) {
		return m.Names[i]
	}
	return fmt.Sprintf("picture %d", i)
}

// Tensor returns pictures lo to hi-1 as [hi-lo, H, W, C] in 0..1. It panics where the
// range does not lie in the images.
func (m *Images) Tensor(lo, hi int) *tensor.Tensor {
	size := m.H * m.W * m.C
	t := tensor.New(hi-lo, m.H, m.W, m.C)
	toFloat(t.Data, m.Pix[lo*size:hi*size])
	return t
}

// Select returns a copy of the pictures at the indices, with their labels and names.
func (m *Images) Select(indices []int32) *Images {
	out := &Images{H: m.H, W: m.W, C: m.C, ClassNames: m.ClassNames}
	out.Pix = make([]byte, 0, len(indices)*m.H*m.W*m.C)
	for _, i := range indices {
		out.Pix = append(out.Pix, m.Bytes(int(i))...)
	}
	if m.Labels != nil {
		out.Labels = pick(m.Labels, indices)
	}
	if m.Names != nil {
		out.Names = pick(m.Names, indices)
	}
	return out
}

// toFloat writes the bytes as numbers in 0..1, b/255; dst has as many elements as src.
func toFloat(dst []float32, src []byte) { kernels.FromBytes(255, dst[:len(src)], src) }
