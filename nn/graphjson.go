package nn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// graphJSON is a model without its weights. Nodes are in an order of evaluation; a value
// is referred to as [node, output].
type graphJSON struct {
	Layers  []layerJSON `json:"layers"`
	Nodes   []nodeJSON  `json:"nodes"`
	Inputs  [][2]int    `json:"inputs"`
	Outputs [][2]int    `json:"outputs"`
	// Penalties may use layers and nodes that the outputs do not.
	Penalties []penaltyJSON `json:"penalties,omitempty"`
}

type penaltyJSON struct {
	Name   string  `json:"name"`
	Weight float64 `json:"weight"`
	Cost   [2]int  `json:"cost"`
}

// nodeJSON is an input, with its shape, or a use of a layer.
type nodeJSON struct {
	Input string   `json:"input,omitempty"`
	Shape Shape    `json:"shape,omitempty"`
	Layer string   `json:"layer,omitempty"`
	From  [][2]int `json:"from,omitempty"`
}

// MarshalGraph writes the model's graph and its layers' hyperparameters as JSON, without
// weights. It fails where a layer's type is not registered.
func (m *Model) MarshalGraph() ([]byte, error) {
	var j graphJSON
	at := map[*Node][2]int{}
	apps := slices.Concat(m.apps, m.costApps)
	handles := handlesOf(apps)
	for _, n := range m.inputs {
		at[n] = [2]int{len(j.Nodes), 0}
		j.Inputs = append(j.Inputs, at[n])
		// An inner node that the model begins at bears a layer's name, which that layer
		// may need for another use.
		name := n.Name()
		for slices.ContainsFunc(handles, func(h *Handle) bool { return h.name == name }) {
			name += "_input"
		}
		j.Nodes = append(j.Nodes, nodeJSON{Input: name, Shape: n.shape})
	}
	for _, h := range handles {
		l, err := marshalLayer(h.name, h.layer)
		if err != nil {
			return nil, err
		}
		j.Layers = append(j.Layers, l)
	}
	for _, a := range apps {
		n := nodeJSON{Layer: a.handle.name}
		for _, in := range a.in {
			n.From = append(n.From, at[in])
		}
		for k, out := range a.out {
			at[out] = [2]int{len(j.Nodes), k}
		}
		j.Nodes = append(j.Nodes, n)
	}
	for _, out := range m.outputs {
		j.Outputs = append(j.Outputs, at[out])
	}
	for _, p := range m.penalties {
		j.Penalties = append(j.Penalties, penaltyJSON{p.Name, p.Weight, at[p.Cost]})
	}
	return json.Marshal(j)
}

// UnmarshalModel builds the model that MarshalGraph wrote; its weights start from seed 0.
// Unknown layers, fields and versions are refused by name.
func UnmarshalModel(data []byte) (*Model, error) {
	var j graphJSON
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return nil, fmt.Errorf("nn: graph: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("nn: graph: text follows its JSON")
	}
	handles := map[string]*Handle{}
	for _, l := range j.Layers {
		if l.Name == "" || handles[l.Name] != nil {
			return nil, fmt.Errorf("nn: graph: two layers are called %q", l.Name)
		}
		layer, err := unmarshalLayer(l)
		if err != nil {
			return nil, err
		}
		handles[l.Name] = Named(l.Name, layer)
	}
	var nodes [][]*Node
	find := func(refs [][2]int) ([]*Node, error) {
		var found []*Node
		for _, r := range refs {
			if r[0] < 0 || r[0] >= len(nodes) || r[1] < 0 || r[1] >= len(nodes[r[0]]) {
				return nil, fmt.Errorf("nn: graph: reference %v is to nothing that comes before it", r)
			}
			found = append(found, nodes[r[0]][r[1]])
		}
		return found, nil
	}
	for _, l := range j.Layers {
		if !slices.ContainsFunc(j.Nodes, func(n nodeJSON) bool { return n.Layer == l.Name }) {
			return nil, fmt.Errorf("nn: graph: no node uses layer %q", l.Name)
		}
	}
	for _, n := range j.Nodes {
		made, err := n.build(handles, find)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, made)
	}
	ins, err := find(j.Inputs)
	if err != nil {
		return nil, err
	}
	outs, err := find(j.Outputs)
	if err != nil {
		return nil, err
	}
	m, err := NewModelOf(ins, outs)
	if err != nil || len(j.Penalties) == 0 {
		return m, err
	}
	var penalties []Penalty
	for _, p := range j.Penalties {
		cost, err := find([][2]int{p.Cost})
		if err != nil {
			return nil, err
		}
		penalties = append(penalties, Penalty{p.Name, p.Weight, cost[0]})
	}
	return m.WithPenalties(penalties...)
}

func (n nodeJSON) build(handles map[string]*Handle, find func([][2]int) ([]*Node, error)) ([]*Node, error) {
	if n.Input != "" {
		if n.Layer != "" || len(n.From) > 0 {
			return nil, errors.New("nn: graph: a node is an input and a layer at once")
		}
		in := Input(n.Input, n.Shape)
		return []*Node{in}, in.err
	}
	h := handles[n.Layer]
	if h == nil {
		return nil, fmt.Errorf("nn: graph: node of unknown layer %q", n.Layer)
	}
	if n.Shape != nil {
		return nil, fmt.Errorf("nn: graph: a use of layer %q states a shape, which only an input does", n.Layer)
	}
	from, err := find(n.From)
	if err != nil {
		return nil, err
	}
	outs := h.ApplyAll(from...)
	if i := slices.IndexFunc(outs, func(o *Node) bool { return o.err != nil }); i >= 0 {
		return nil, outs[i].err
	}
	return outs, nil
}
