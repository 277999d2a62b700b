// Package tensor holds the one array type that flows through Hourglass.
//
// Layout: row-major, the batch axis first and channels last. A batch of pictures is
// [N, H, W, C], and its element (n, y, x, c) is Data[((n*H+y)*W+x)*C+c]. A tensor
// owns no hidden state: Reshape shares Data, Clone does not. Functions here panic
// only on a caller's bug (a negative dimension, an index out of range); everything
// that can be wrong with outside input is checked, with an error, where it enters.
package tensor

import "fmt"

// Float is the element type of an array: float32 in use, float64 where gradients
// are checked.
type Float interface{ float32 | float64 }

// Of is a dense row-major array with elements of type T.
type Of[T Float] struct {
	Shape Shape
	Data  []T
}

// Tensor is the float32 array that everything outside a gradient check uses.
type Tensor = Of[float32]

// New returns a zeroed float32 tensor of the shape. It panics where a dimension is
// negative.
func New(shape ...int) *Tensor { return NewOf[float32](shape...) }

// NewOf is [New] for any element type.
func NewOf[T Float](shape ...int) *Of[T] {
	s := Shape(shape).Clone()
	return &Of[T]{Shape: s, Data: make([]T, s.Elems())}
}

// FromSlice wraps data, without a copy, as a tensor of the shape. It fails where
// the shape does not count exactly len(data) elements.
func FromSlice[T Float](data []T, shape ...int) (*Of[T], error) {
	s := Shape(shape).Clone()
	for _, d := range s {
		if d < 0 {
			return nil, fmt.Errorf("tensor: shape %v has a negative dimension", s)
		}
	}
	if s.Elems() != len(data) {
		return nil, fmt.Errorf("tensor: shape %v counts %d elements, the slice has %d", s, s.Elems(), len(data))
	}
	return &Of[T]{Shape: s, Data: data}, nil
}

// Clone returns a copy that shares nothing with t.
func (t *Of[T]) Clone() *Of[T] {
	c := NewOf[T](t.Shape...)
	copy(c.Data, t.Data)
	return c
}

// Reshape returns a tensor of another shape over the same Data. It fails where the
// number of elements differs.
func (t *Of[T]) Reshape(shape ...int) (*Of[T], error) { return FromSlice(t.Data, shape...) }

// Sample returns sample n of a batch, without a copy: shape [H, W, C] for a batch
// [N, H, W, C]. It panics where n is out of range.
func (t *Of[T]) Sample(n int) *Of[T] {
	s := t.Shape[1:]
	k := s.Elems()
	return &Of[T]{Shape: s.Clone(), Data: t.Data[n*k : (n+1)*k : (n+1)*k]}
}

// Offset is the position in Data of the element at the index, one number an axis.
// It panics where an index is out of its axis' range.
func (t *Of[T]) Offset(index ...int) int {
	if len(index) != len(t.Shape) {
		panic(fmt.Sprintf("tensor: %d indices for shape %v", len(index), t.Shape))
	}
	off := 0
	for axis, i := range index {
		if i < 0 || i >= t.Shape[axis] {
			panic(fmt.Sprintf("tensor: index %v outside shape %v", index, t.Shape))
		}
		off = off*t.Shape[axis] + i
	}
	return off
}

// At returns the element at the index. It panics where the index is out of range.
func (t *Of[T]) At(index ...int) T { return t.Data[t.Offset(index...)] }

// Set stores v at the index. It panics where the index is out of range.
func (t *Of[T]) Set(v T, index ...int) { t.Data[t.Offset(index...)] = v }
