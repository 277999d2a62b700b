package dataset

import (
	"fmt"
	"math"
	"slices"

	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// Set is a finite sequence of training samples, each an input and its target.
type Set interface {
	// Len returns the number of samples.
	Len() int
	// Shapes returns the shape of one input and of one target, without a batch axis.
	Shapes() (input, target tensor.Shape)
	// Fill writes sample index, as it is in the given epoch, to input and target, which
	// have as many elements as the shapes say and arrive with any content. The result
	// depends on nothing but epoch and index. It must be safe for concurrent use, and
	// should not allocate.
	Fill(epoch, index int, input, target []float32) error
}

// A Set may also have a name for each sample, which errors then carry.
type namer interface{ Name(index int) string }

// sampleName is the name of a sample of the set, or its number.
func sampleName(s Set, index int) string {
	if n, ok := s.(namer); ok {
		return n.Name(index)
	}
	return fmt.Sprintf("sample %d", index)
}

// A Set whose target is its input says so, which spares writing it twice: Fill is
// then called with one slice for both.
type reflexive interface{ targetIsInput() bool }

func targetIsInput(s Set) bool {
	r, ok := s.(reflexive)
	return ok && r.targetIsInput()
}

// same is the set of an autoencoder.
type same struct{ *Images }

// Same returns the pictures as inputs that are their own targets, [H, W, C] in 0..1.
// A Loader gives both as one tensor.
func Same(m *Images) Set { return same{m} }

func (s same) targetIsInput() bool { return true }

func (s same) Shapes() (input, target tensor.Shape) { return s.Shape(), s.Shape() }

func (s same) Fill(_, index int, input, target []float32) error {
	toFloat(input, s.Bytes(index))
	if len(target) > 0 && &target[0] != &input[0] {
		copy(target, input)
	}
	return nil
}

// pairs joins two lists of pictures.
type pairs struct{ in, out *Images }

// Pairs returns the pictures of input with those of target, in order, as bytes/255. The
// sizes may differ, the counts may not.
func Pairs(input, target *Images) (Set, error) {
	if input.Len() != target.Len() {
		return nil, fmt.Errorf("dataset: %d inputs cannot be paired with %d targets", input.Len(), target.Len())
	}
	return pairs{input, target}, nil
}

func (p pairs) Len() int                             { return p.in.Len() }
func (p pairs) Memory() int64                        { return p.in.Memory() + p.out.Memory() }
func (p pairs) Name(index int) string                { return p.in.Name(index) }
func (p pairs) Shapes() (input, target tensor.Shape) { return p.in.Shape(), p.out.Shape() }

func (p pairs) Fill(_, index int, input, target []float32) error {
	toFloat(input, p.in.Bytes(index))
	toFloat(target, p.out.Bytes(index))
	return nil
}

// memory is a set held as tensors.
type memory struct{ in, out *tensor.Tensor }

// Slices returns the samples of two tensors, [N, ...] each, as they are, without a copy.
// A target that is the input itself makes the set of an autoencoder.
func Slices(input, target *tensor.Tensor) (Set, error) {
	if len(input.Shape) < 2 || len(target.Shape) < 2 {
		return nil, fmt.Errorf("dataset: shapes %v and %v need a batch axis and at least one more", input.Shape, target.Shape)
	}
	if input.Shape[0] != target.Shape[0] {
		return nil, fmt.Errorf("dataset: %d inputs cannot be paired with %d targets", input.Shape[0], target.Shape[0])
	}
	return memory{input, target}, nil
}

func (m memory) Len() int            { return m.in.Shape[0] }
func (m memory) targetIsInput() bool { return m.in == m.out }

// Memory is the number of bytes that the tensors take.
func (m memory) Memory() int64 {
	n := len(m.in.Data)
	if !m.targetIsInput() {
		n += len(m.out.Data)
	}
	return 4 * int64(n)
}

func (m memory) Shapes() (input, target tensor.Shape) {
	return m.in.Shape[1:].Clone(), m.out.Shape[1:].Clone()
}

func (m memory) Fill(_, index int, input, target []float32) error {
	copy(input, m.in.Data[index*len(input):])
	copy(target, m.out.Data[index*len(target):])
	return nil
}

// subset is a choice of samples.
type subset struct {
	Set
	indices []int32
}

// Subset returns the samples of s at the indices, in their order. A sample is the same,
// its corruption included, as in s. The slice is kept, not copied. It panics where an
// index lies outside s.
func Subset(s Set, indices []int32) Set {
	for _, i := range indices {
		if i < 0 || int(i) >= s.Len() {
			panic(fmt.Sprintf("dataset: index %d outside a set of %d samples", i, s.Len()))
		}
	}
	return subset{s, indices}
}

func (s subset) Len() int              { return len(s.indices) }
func (s subset) Name(index int) string { return sampleName(s.Set, int(s.indices[index])) }
func (s subset) targetIsInput() bool   { return targetIsInput(s.Set) }

// Memory is the share of the whole set's memory that the choice is of its samples.
func (s subset) Memory() int64 {
	return 4*int64(len(s.indices)) + Memory(s.Set)*int64(len(s.indices))/int64(max(s.Set.Len(), 1))
}

// Memory is the number of bytes that a set's samples take: what its own Memory method
// says, or, without one, a byte for each value of its inputs, as pictures are held.
func Memory(s Set) int64 {
	if m, ok := s.(interface{ Memory() int64 }); ok {
		return m.Memory()
	}
	input, _ := s.Shapes()
	return int64(s.Len()) * int64(input.Elems())
}

func (s subset) Fill(epoch, index int, input, target []float32) error {
	return s.Set.Fill(epoch, int(s.indices[index]), input, target)
}

// pick returns those at the indices, nil where there are none.
func pick[T any](all []T, indices []int32) (picked []T) {
	for _, i := range indices {
		picked = append(picked, all[i])
	}
	return picked
}

// Split divides the indices 0..n-1 in two lists, ascending, without overlap: fraction of
// them, rounded, go to val, the same ones for the same n, fraction and seed. A fraction
// outside 0..1 counts as the nearer end. As long as n allows it, a fraction
// inside leaves neither list empty.
func Split(n int, fraction float64, seed uint64) (train, val []int32) {
	if !(fraction > 0) {
		fraction = 0
	}
	count := int(math.Round(min(fraction, 1) * float64(n)))
	if fraction > 0 && fraction < 1 && n > 1 {
		count = min(max(count, 1), n-1)
	}
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	rng.New(seed, rng.Hash("split")).Shuffle(order)
	train, val = order[count:], order[:count:count]
	slices.Sort(train)
	slices.Sort(val)
	return train, val
}
