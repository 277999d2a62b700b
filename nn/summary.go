package nn

// LayerSummary is a line of a model's table: a use of a layer.
type LayerSummary struct {
	Name, Type string
	Output     Shape // without the batch axis
	// Parameters counts all of the layer's values, 0 for a later use of a shared one.
	Parameters int
	FLOPs      int64 // of a forward pass of one sample
	// From are the lines of the values that the layer reads.
	From []int
	// Field is how many pixels of the first input, in height and width, an output pixel can
	// depend on; 0 where that is no picture.
	Field [2]int
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
	lines, reaches := make([]int, len(g.shapes)), make([]reach, len(g.shapes)) // of each value
	picture := len(sizes[0]) == 3
	for i, n := range m.inputs {
		line := LayerSummary{Name: n.Name(), Type: "input", Output: sizes[i].Clone()}
		lines[g.inputs[i]], reaches[g.inputs[i]] = i, reach{[2]float64{1, 1}, [2]float64{1, 1}}
		if picture {
			line.Field = [2]int{1, 1}
		}
		sum.Layers = append(sum.Layers, line)
	}
	seen := map[*Handle]bool{}
	for i, s := range g.steps {
		in := make([]Shape, len(s.in))
		for k, v := range s.in {
			in[k] = g.shapes[v]
		}
		line := LayerSummary{Name: s.name, Type: TypeName(s.layer), Output: g.shapes[s.out[0]], FLOPs: s.layer.Compile(1, in).FLOPs}
		var before []reach
		for _, v := range s.in {
			line.From, before = append(line.From, lines[v]), append(before, reaches[v])
		}
		if len(before) > 0 {
			r := reachOf(s.layer, before, in, line.Output)
			for _, v := range s.out {
				lines[v], reaches[v] = len(sum.Layers), r
			}
			if picture {
				line.Field = r.pixels(sizes[0])
			}
		}
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
