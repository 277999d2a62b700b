package nn

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Model is a closed graph: what lies between its inputs and its outputs. Models built
// over the same nodes or handles share their weights.
type Model struct {
	inputs, outputs []*Node
	apps            []*application // in an order of evaluation
	penalties       []Penalty
	costApps        []*application // what the penalties need beside apps, in an order of evaluation
	store           *Store
	sessions        sessionCache
	precision       Precision
}

// NewModel closes the graph from the input in to the output out. Its error is the first
// mistake made in building the graph. The weights start from seed 0; see [Model.Init].
func NewModel(in, out *Node) (*Model, error) {
	return NewModelOf([]*Node{in}, []*Node{out})
}

// NewModelOf is [NewModel] for any number of inputs and outputs. An input may be any
// node, an inner one too: the model then is the part of the graph behind it, such as
// a decoder.
func NewModelOf(ins, outs []*Node) (*Model, error) {
	if len(ins) == 0 || len(outs) == 0 {
		return nil, errors.New("nn: a model needs an input and an output")
	}
	for _, n := range slices.Concat(ins, outs) {
		if n == nil {
			return nil, errors.New("nn: an input or output of the model is nil")
		}
		if n.err != nil {
			return nil, n.err
		}
	}
	for i, n := range ins {
		if slices.Contains(ins[:i], n) {
			return nil, fmt.Errorf("nn: %s is an input of the model twice", n.Name())
		}
	}
	m := &Model{inputs: slices.Clone(ins), outputs: slices.Clone(outs)}
	if err := m.collect(); err != nil {
		return nil, err
	}
	handles := m.handles()
	if err := nameHandles(ins, handles); err != nil {
		return nil, err
	}
	m.store = adopt(handles)
	return m, nil
}

// collect lists the applications between the inputs and the outputs, each after those
// it reads from.
func (m *Model) collect() error {
	seen := map[*application]bool{}
	used := map[*Node]bool{}
	var visit func(n *Node) error
	visit = func(n *Node) error {
		if slices.Contains(m.inputs, n) {
			used[n] = true
			return nil
		}
		if n.app == nil {
			return fmt.Errorf("nn: output depends on input %q %v, which is not among the model's inputs", n.name, n.shape)
		}
		if seen[n.app] {
			return nil
		}
		seen[n.app] = true
		for _, in := range n.app.in {
			if err := visit(in); err != nil {
				return err
			}
		}
		m.apps = append(m.apps, n.app)
		return nil
	}
	for _, out := range m.outputs {
		if err := visit(out); err != nil {
			return err
		}
	}
	for _, in := range m.inputs {
		if !used[in] {
			return fmt.Errorf("nn: no output of the model depends on input %q %v", in.Name(), in.shape)
		}
	}
	return nil
}

// handles lists the layers in the order of their first use.
func (m *Model) handles() []*Handle { return handlesOf(m.apps) }

func handlesOf(apps []*application) []*Handle {
	var hs []*Handle
	for _, a := range apps {
		if !slices.Contains(hs, a.handle) {
			hs = append(hs, a.handle)
		}
	}
	return hs
}

// nameHandles names the layers that have no name after their type, numbered from the
// second on: dense, dense_1. It fails where two layers bear one name.
func nameHandles(ins []*Node, handles []*Handle) error {
	taken := map[string]string{}
	for _, n := range ins {
		if n.app == nil {
			if taken[n.name] != "" {
				return fmt.Errorf("nn: two inputs are called %q", n.name)
			}
			taken[n.name] = "an input"
		}
	}
	for _, h := range handles {
		if h.name == "" {
			continue
		}
		if what := taken[h.name]; what != "" {
			return fmt.Errorf("nn: layer %s has the name of %s: give it another", h.label(), what)
		}
		taken[h.name] = "another layer"
	}
	// Names of parameters count too: a store keeps those of other models apart by them.
	for _, h := range handles {
		for _, p := range h.params {
			if p.store == nil {
				continue
			}
			for _, q := range p.store.resolve().params {
				layer := q.Name[:strings.LastIndexByte(q.Name, '/')]
				if taken[layer] == "" {
					taken[layer] = "another layer"
				}
			}
		}
	}
	for _, h := range handles {
		if h.name != "" {
			continue
		}
		base := TypeName(h.layer)
		h.name = base
		for i := 1; taken[h.name] != ""; i++ {
			h.name = fmt.Sprintf("%s_%d", base, i)
		}
		taken[h.name] = "another layer"
	}
	return nil
}

// Apply uses the model as a layer: its graph is repeated on other inputs, with the same
// weights. It returns the first output. Penalties stay with the model.
func (m *Model) Apply(in ...*Node) *Node { return m.ApplyAll(in...)[0] }

// ApplyAll is [Model.Apply] for all outputs.
func (m *Model) ApplyAll(in ...*Node) []*Node {
	if len(in) != len(m.inputs) {
		err := fmt.Errorf("nn: a model of %d inputs was applied to %d", len(m.inputs), len(in))
		return slices.Repeat([]*Node{{err: err}}, len(m.outputs))
	}
	to := map[*Node]*Node{}
	for i, n := range m.inputs {
		to[n] = in[i]
	}
	for _, a := range m.apps {
		args := make([]*Node, len(a.in))
		for i, n := range a.in {
			args[i] = to[n]
		}
		outs := a.handle.ApplyAll(args...)
		for i, n := range a.out {
			to[n] = outs[min(i, len(outs)-1)]
		}
	}
	outs := make([]*Node, len(m.outputs))
	for i, n := range m.outputs {
		outs[i] = to[n]
	}
	return outs
}

// Inputs are the model's inputs in order.
func (m *Model) Inputs() []*Node { return slices.Clone(m.inputs) }

// Outputs are the model's outputs in order.
func (m *Model) Outputs() []*Node { return slices.Clone(m.outputs) }

// Node finds a value of the graph by its name, nil if there is none: the place to cut
// an encoder or a decoder out of a model.
func (m *Model) Node(name string) *Node {
	for _, n := range m.inputs {
		if n.Name() == name {
			return n
		}
	}
	for _, a := range m.apps {
		for _, n := range a.out {
			if n.Name() == name {
				return n
			}
		}
	}
	return nil
}

// Store holds the model's weights, and those of the models it shares some with.
func (m *Model) Store() *Store { return m.store.resolve() }

// Params lists the parameters that this model uses, in the order of their first use.
func (m *Model) Params() []*Param {
	var ps []*Param
	for _, h := range m.handles() {
		ps = append(ps, h.params...)
	}
	return ps
}

// Init draws the weights anew from a seed.
func (m *Model) Init(seed uint64) { m.Store().Init(seed) }
