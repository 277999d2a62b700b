package nn

// LayerSummary is a line of a model's table: a use of a layer.
type LayerSummary struct {
	Name, Type string
	Output     Shape // without the batch axis
	// Parameters counts all of the layer's values, 0 for a later use of a shared one.
	Parameters int
	FLOPs      int64 // of a forward pass of one sample
}

// Summary is a model's table and its sums.
type Summary struct {
	Layers []LayerSummary
	// Parameters counts all values, moving statistics too; Trainable those that training
	// changes by gradient.
	Parameters, Trainable int
	// FLOPs are those of one sample's forward pass, an addition and a multiplication
	// counted one each; ArenaBytes is the memory that it takes beside the weights.
	FLOPs, ArenaBytes int64
}

// Summary describes the model for inputs of the given sizes, one for each input; without
// sizes, for those it was built with, which must then have no Any.
func (m *Model) Summary(sizes ...Shape) (Summary, error) {
	if len(sizes) == 0 {
		for _, in := range m.inputs {
			sizes = append(sizes, in.shape)
		}
	}
	g, err := lower(m, sizes)
	if err != nil {
		return Summary{}, err
	}
	var sum Summary
	for i, n := range m.inputs {
		sum.Layers = append(sum.Layers, LayerSummary{Name: n.Name(), Type: "input", Output: sizes[i].Clone()})
	}
	seen := map[*Handle]bool{}
	for i, s := range g.steps {
		in := make([]Shape, len(s.in))
		for k, v := range s.in {
			in[k] = g.shapes[v]
		}
		line := LayerSummary{Name: s.name, Type: TypeName(s.layer), Output: g.shapes[s.out[0]], FLOPs: s.layer.Compile(1, in).FLOPs}
		if h := m.apps[i].handle; !seen[h] {
			seen[h] = true
			for _, p := range h.params {
				line.Parameters += p.Shape.Elems()
				if p.Kind == Trainable {
					sum.Trainable += p.Shape.Elems()
				}
			}
		}
		sum.Parameters += line.Parameters
		sum.FLOPs += line.FLOPs
		sum.Layers = append(sum.Layers, line)
	}
	g.optimise(false)
	sum.ArenaBytes = 4 * int64(newPlan(g, 1, false, false).arena)
	return sum, nil
}
