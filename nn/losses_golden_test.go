package nn

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/internal/hugepage"
	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/tensor"
)

// lossSession binds a layer on inputs of the shapes to memory.
func lossSession[T tensor.Float](t *testing.T, l Layer, batch int, shapes []Shape, op func(Routine) Op[T]) (*session[T], *runState) {
	t.Helper()
	var ins []*Node
	for i, s := range shapes {
		ins = append(ins, Input(string(rune('a'+i)), s))
	}
	m, err := NewModelOf(ins, Named("layer", l).ApplyAll(ins...))
	if err != nil {
		t.Fatal(err)
	}
	g := must(lower(m, shapes))
	p := newPlan(g, batch, true, true)
	return newSession(p, hugepage.Make[T](p.arena), &weights[T]{}, op), &runState{training: true}
}

// runLoss returns the output of a layer without parameters, and the gradients by its inputs
// of the sum of the output times the cotangent.
func runLoss[T tensor.Float](t *testing.T, l Layer, batch int, shapes []Shape, inputs [][]T, cotangent []T, workers int, op func(Routine) Op[T]) (out []T, grads [][]T) {
	t.Helper()
	s, state := lossSession(t, l, batch, shapes, op)
	state.team = parallel.Start(workers)
	defer state.team.Close()
	g := s.plan.graph
	s.bind(inputs)
	s.forward(state)
	out = slices.Clone(s.values[g.outputs[0]])
	copy(s.gradients[g.outputs[0]], cotangent)
	s.backward()
	for _, v := range g.inputs {
		grads = append(grads, s.gradients[v])
	}
	return out, grads
}

// lossCase is a loss as another library computes it, in double precision where it can; the
// scripts in testdata make the files. Type and Config are those of a model file.
type lossCase struct {
	Name, Type string
	Config     json.RawMessage
	// Tolerance is of max|difference| over max|reference|, where the library computes in
	// single precision.
	Tolerance float64
	Inputs    []string // in order
	Tensors   map[string]struct {
		Shape Shape
		Data  []float64
	}
}

func TestLossesGolden(t *testing.T) {
	for file, least := range map[string]int{"torch_classes": 60, "torch_pictures": 40, "keras": 20} {
		data, err := os.ReadFile("testdata/losses_" + file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var cases []lossCase
		if err := json.Unmarshal(data, &cases); err != nil {
			t.Fatal(err)
		}
		if len(cases) < least {
			t.Errorf("%s holds only %d cases", file, len(cases))
		}
		for _, c := range cases {
			t.Run(c.Name, func(t *testing.T) {
				c.compare(t, runCase(t, c, func(r Routine) Op[float64] { return r.New64() }), max(c.Tolerance, 1e-9))
				single := runCase(t, c, func(r Routine) Op[float32] { return r.New32() })
				c.compare(t, single, max(c.Tolerance, 5e-6))
			})
		}
	}
}

// runCase computes the tensors that a case has beside its inputs.
func runCase[T tensor.Float](t *testing.T, c lossCase, op func(Routine) Op[T]) map[string][]float64 {
	t.Helper()
	layer, err := unmarshalLayer(layerJSON{Name: "loss", Type: c.Type, Version: 1, Config: c.Config})
	if err != nil {
		t.Fatal(err)
	}
	convert := func(name string) []T {
		var x []T
		for _, v := range c.Tensors[name].Data {
			x = append(x, T(v))
		}
		return x
	}
	var shapes []Shape
	var inputs [][]T
	for _, name := range c.Inputs {
		shapes = append(shapes, c.Tensors[name].Shape[1:])
		inputs = append(inputs, convert(name))
	}
	out, grads := runLoss(t, layer, c.Tensors[c.Inputs[0]].Shape[0], shapes, inputs, convert("cotangent"), 2, op)
	got := map[string][]float64{"output": toFloat64s(out)}
	for i, name := range c.Inputs {
		got["grad_"+name] = toFloat64s(grads[i])
	}
	return got
}

func toFloat64s[T tensor.Float](x []T) []float64 { return toFloat64(make([]float64, len(x)), x) }

func (c lossCase) compare(t *testing.T, got map[string][]float64, tolerance float64) {
	t.Helper()
	for name, x := range got {
		want := c.Tensors[name].Data
		if len(want) == 0 && name != "output" && name != "grad_"+c.Inputs[0] {
			continue // labels and masks
		}
		if len(want) != len(x) {
			t.Fatalf("%s has %d values, want %d", name, len(x), len(want))
		}
		if e := relativeError(x, want); !(e <= tolerance) {
			t.Errorf("%s: error %.3g of its maximum", name, e)
		}
	}
}
