package nn

import "slices"

// adding is implemented by a layer that can add another value to its own before the
// activation: a residual connection.
type adding interface {
	Activated
	// withAddend is the layer that takes such a value, of the output's shape, as its last
	// input, and whether there was room for it.
	withAddend() (Layer, bool)
}

// addResiduals merges the sum of two values into the layer that makes one of them, where
// nobody else reads that. Of two such layers it is the later one, whose input is about to
// be forgotten.
func (g *graph) addResiduals() {
	for i := 0; i < len(g.steps); i++ {
		sum := g.steps[i]
		if _, ok := sum.layer.(Add); !ok || len(sum.in) != 2 {
			continue
		}
		made, addend := sum.in[0], sum.in[1]
		if g.producer(addend) > g.producer(made) {
			made, addend = addend, made
		}
		if g.mergeSum(i, made, addend) || g.mergeSum(i, addend, made) {
			i--
		}
	}
}

// mergeSum merges the sum of step i into the layer that makes one of its operands. What
// results takes the place of the sum, as the other may be computed in between.
func (g *graph) mergeSum(i, made, addend int) bool {
	p := g.producer(made)
	if p < 0 || g.consumers(made) != 1 || !g.shapes[made].Equal(g.shapes[addend]) {
		return false
	}
	before, ok := g.steps[p].layer.(adding)
	if !ok || before.Epilogue() != Linear {
		return false
	}
	layer, ok := before.withAddend()
	if !ok {
		return false
	}
	s := g.steps[p]
	s.layer, s.in, s.out = layer, append(slices.Clone(s.in), addend), g.steps[i].out
	g.steps[i] = s
	g.remove(p)
	return true
}
