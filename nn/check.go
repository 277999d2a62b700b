package nn

import (
	"fmt"
	"math/bits"
	"slices"
)

// maxElems is the most elements that a sample's value or a parameter may have: far more
// than fits a memory, and far from where arithmetic on sizes overflows.
const maxElems = 1 << (16 + bits.UintSize*3/8)

// within fails where a shape, as far as it is known, counts more than maxElems elements.
func within(s Shape) error {
	known := slices.DeleteFunc(s.Clone(), func(d int) bool { return d == Any })
	if n, ok := known.Count(); !ok || n > maxElems {
		return fmt.Errorf("a shape of %v has more than %d elements", s, maxElems)
	}
	return nil
}

func wrapInput(name string, err error) error {
	if err != nil {
		return fmt.Errorf("nn: input %q: %w", name, err)
	}
	return nil
}

// inferWithin is a layer's Infer, with its shapes held to the limit.
func inferWithin(l Layer, in []Shape) (Signature, error) {
	sig, err := l.Infer(in)
	if err != nil {
		return Signature{}, err
	}
	for _, s := range sig.Outputs {
		if err := within(s); err != nil {
			return Signature{}, err
		}
	}
	for _, p := range sig.Params {
		if err := within(p.Shape); err != nil {
			return Signature{}, fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	return sig, nil
}

// wantInputs fails unless a layer has n inputs.
func wantInputs(in []Shape, n int) error {
	if len(in) != n {
		return fmt.Errorf("takes %d inputs, got %d", n, len(in))
	}
	return nil
}

// wantSameShapes fails unless a layer has n inputs of one shape. Dimensions still
// unknown may turn out to agree.
func wantSameShapes(in []Shape, n int) error {
	if err := wantInputs(in, n); err != nil {
		return err
	}
	for _, s := range in[1:] {
		ok := len(s) == len(in[0])
		for axis := 0; ok && axis < len(s); axis++ {
			ok = s[axis] == in[0][axis] || s[axis] == Any || in[0][axis] == Any
		}
		if !ok {
			return fmt.Errorf("takes inputs of one shape, got %v and %v", in[0], s)
		}
	}
	return nil
}

// tiles makes a function of the tile's number a task for a team.
type tiles func(tile int)

// Do runs a tile.
func (f *tiles) Do(tile, _ int) { (*f)(tile) }
