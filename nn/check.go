package nn

import "fmt"

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
