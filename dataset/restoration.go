package dataset

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// restoration is a set of pictures with corrupted inputs.
type restoration struct {
	*Images
	shape   tensor.Shape // of one picture, made once: Fill allocates nothing
	key     rng.Key
	fixed   bool
	steps   []Corruption
	invalid error
}

// Restoration returns the pictures as targets, their corrupted forms as inputs, both
// [H, W, C] in 0..1. The corruptions are applied in the order given, each with draws of
// its own. They are drawn anew for every epoch from (seed, epoch, picture), or, where
// fixed, as validation and test need it, once from (seed, picture).
//
// A corruption that has a Validate() error method is asked for it; an error is what
// every Fill then returns.
func Restoration(m *Images, seed uint64, fixed bool, c ...Corruption) Set {
	r := &restoration{Images: m, shape: m.Shape(), key: rng.New(seed, rng.Hash("corruption")), fixed: fixed, steps: c}
	if fixed {
		r.key = rng.New(seed, rng.Hash("fixed corruption"))
	}
	for _, step := range c {
		if err := Validate(step); err != nil {
			r.invalid = err
			break
		}
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

func (r *restoration) Shapes() (input, target tensor.Shape) { return r.Shape(), r.Shape() }

func (r *restoration) Fill(epoch, index int, input, target []float32) error {
	if r.invalid != nil {
		return r.invalid
	}
	toFloat(target, r.Bytes(index))
	copy(input, target)
	key := r.key
	if !r.fixed {
		key = key.Fork(uint64(epoch))
	}
	key = key.Fork(uint64(index))
	for i, step := range r.steps {
		step.Corrupt(key.Fork(uint64(i)), input, r.shape)
	}
	return nil
}
