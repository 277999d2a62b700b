package dataset

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// degraded is a set whose inputs are corrupted targets.
type degraded struct {
	clean   Set
	shape   tensor.Shape // of one picture, made once: Fill allocates nothing
	key     rng.Key
	fixed   bool
	steps   []Corruption
	invalid error
}

// Restoration is [Degraded] of the pictures.
func Restoration(m *Images, seed uint64, fixed bool, c ...Corruption) Set {
	return Degraded(Same(m), seed, fixed, c...)
}

// Degraded returns the inputs of a set as targets, their corrupted forms as inputs, both
// [H, W, C] in 0..1. The corruptions are applied in the order given, each with draws of
// its own. They are drawn anew for every epoch from (seed, epoch, sample), or, where
// fixed, as validation and test need it, once from (seed, sample). The set's samples must be
// their own targets. Where it is [Sized], so is what is returned.
//
// A corruption that has a Validate() error method is asked for it; an error is what
// every Fill then returns.
func Degraded(clean Set, seed uint64, fixed bool, c ...Corruption) Set {
	r := &degraded{clean: clean, key: rng.New(seed, rng.Hash("corruption")), fixed: fixed, steps: c}
	r.shape, _ = clean.Shapes()
	if fixed {
		r.key = rng.New(seed, rng.Hash("fixed corruption"))
	}
	if !targetIsInput(clean) {
		r.invalid = fmt.Errorf("dataset: the set to be corrupted has targets of its own")
	}
	for _, step := range c {
		if err := Validate(step); err != nil {
			r.invalid = err
			break
		}
	}
	if s, ok := clean.(Sized); ok {
		return sizedDegraded{r, s}
	}
	return r
}

// Validate returns what is wrong with a corruption's parameters, or nil.
func Validate(c Corruption) error {
	v, ok := c.(interface{ Validate() error })
	if !ok {
		return nil
	}
	if err := v.Validate(); err != nil {
		return fmt.Errorf("dataset: %w", err)
	}
	return nil
}

func (r *degraded) Len() int              { return r.clean.Len() }
func (r *degraded) Memory() int64         { return Memory(r.clean) }
func (r *degraded) Name(index int) string { return sampleName(r.clean, index) }

func (r *degraded) Shapes() (input, target tensor.Shape) { return r.shape.Clone(), r.shape.Clone() }

func (r *degraded) Fill(epoch, index int, input, target []float32) error {
	return r.fill(epoch, index, input, target, r.shape)
}

func (r *degraded) fill(epoch, index int, input, target []float32, shape tensor.Shape) error {
	if r.invalid != nil {
		return r.invalid
	}
	if err := r.clean.Fill(epoch, index, target, target); err != nil {
		return err
	}
	copy(input, target)
	key := r.key
	if !r.fixed {
		key = key.Fork(uint64(epoch))
	}
	key = key.Fork(uint64(index))
	for i, step := range r.steps {
		step.Corrupt(key.Fork(uint64(i)), input, shape)
	}
	return nil
}

// sizedDegraded is a degraded set of samples of several sizes.
type sizedDegraded struct {
	*degraded
	sizes Sized
}

func (r sizedDegraded) SampleShapes(index int) (input, target tensor.Shape) {
	return r.sizes.SampleShapes(index)
}

func (r sizedDegraded) Fill(epoch, index int, input, target []float32) error {
	shape, _ := r.sizes.SampleShapes(index)
	return r.fill(epoch, index, input, target, shape)
}
