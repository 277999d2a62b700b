package nn

import (
	"fmt"
	"slices"
)

// graph is a model with its shapes resolved, in a form that is easy to rewrite: values
// are numbers, and a step reads some and defines others.
type graph struct {
	shapes  []Shape // of each value, without the batch axis
	inputs  []int
	outputs []int
	steps   []graphStep
}

type graphStep struct {
	name    string
	use     int // how many uses of its handle come before
	layer   Layer
	params  []*Param
	in, out []int
}

// lower resolves the model's shapes for inputs of the given ones.
func lower(m *Model, in []Shape) (*graph, error) {
	if err := checkInputs(m.inputs, in); err != nil {
		return nil, err
	}
	g := &graph{}
	value := map[*Node]int{}
	define := func(n *Node, s Shape) int {
		value[n] = len(g.shapes)
		g.shapes = append(g.shapes, s)
		return value[n]
	}
	for i, n := range m.inputs {
		g.inputs = append(g.inputs, define(n, in[i].Clone()))
	}
	uses := map[*Handle]int{}
	for _, a := range m.apps {
		s := graphStep{name: a.handle.name, use: uses[a.handle], layer: a.handle.layer, params: a.handle.params}
		uses[a.handle]++
		shapes := make([]Shape, len(a.in))
		for i, n := range a.in {
			s.in = append(s.in, value[n])
			shapes[i] = g.shapes[value[n]]
		}
		sig, err := inferWithin(s.layer, shapes)
		if err != nil {
			return nil, fmt.Errorf("nn: layer %s on inputs of shapes %v: %w", a.handle.label(), shapes, err)
		}
		for i, n := range a.out {
			if !sig.Outputs[i].Known() {
				return nil, fmt.Errorf("nn: layer %s: output %v is still unknown for inputs %v", a.handle.label(), sig.Outputs[i], shapes)
			}
			s.out = append(s.out, define(n, sig.Outputs[i]))
		}
		g.steps = append(g.steps, s)
	}
	for _, n := range m.outputs {
		g.outputs = append(g.outputs, value[n])
	}
	return g, nil
}

// checkInputs compares the shapes of a batch's samples with what a model takes.
func checkInputs(want []*Node, got []Shape) error {
	if len(got) != len(want) {
		return fmt.Errorf("nn: the model takes %d inputs, got %d", len(want), len(got))
	}
	for i, n := range want {
		ok := len(n.shape) == len(got[i])
		for axis := 0; ok && axis < len(n.shape); axis++ {
			d := got[i][axis]
			ok = d > 0 && (n.shape[axis] == Any || n.shape[axis] == d)
		}
		if !ok {
			return fmt.Errorf("nn: input %q takes samples of shape %v, got %v", n.Name(), n.shape, got[i])
		}
	}
	return nil
}

// newValue adds a value of the shape.
func (g *graph) newValue(s Shape) int {
	g.shapes = append(g.shapes, s)
	return len(g.shapes) - 1
}

// producer is the index of the step that defines v, -1 for an input.
func (g *graph) producer(v int) int {
	return slices.IndexFunc(g.steps, func(s graphStep) bool { return slices.Contains(s.out, v) })
}

// consumers counts the uses of v, as an output of the graph too.
func (g *graph) consumers(v int) int {
	n := 0
	for _, s := range g.steps {
		for _, in := range s.in {
			if in == v {
				n++
			}
		}
	}
	for _, out := range g.outputs {
		if out == v {
			n++
		}
	}
	return n
}

// clone copies the graph as far as rewriting changes it.
func (g *graph) clone() *graph {
	return &graph{
		shapes: slices.Clone(g.shapes), inputs: g.inputs, outputs: g.outputs,
		steps: slices.Clone(g.steps),
	}
}
