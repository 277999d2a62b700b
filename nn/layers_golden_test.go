package nn

import (
	"compress/gzip"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/internal/hugepage"
	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/tensor"
)

// layersGolden is what testdata/layers_golden.py writes.
type layersGolden struct {
	Cases []struct {
		Name       string
		Layer      string
		Config     json.RawMessage
		Training   bool
		Inputs     []goldenTensor
		Params     map[string]goldenTensor
		Outputs    goldenTensor
		Cotangent  goldenTensor
		GradInputs []goldenTensor          `json:"grad_inputs"`
		GradParams map[string]goldenTensor `json:"grad_params"`
		NewState   map[string]goldenTensor `json:"new_state"`
	}
}

type goldenTensor struct {
	Shape Shape
	Data  []float64
}

// readGzipJSON decodes a compressed file of testdata.
func readGzipJSON(t *testing.T, name string, v any) {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(v); err != nil {
		t.Fatal(err)
	}
}

// A library's values, computed in double precision and written with nine digits. Errors are
// max|difference| over max|reference| or 1, the size of what goes in, where that is more:
// the gradient of a norm of two elements all but vanishes.
func TestLayersGolden(t *testing.T) {
	for _, library := range []string{"torch", "keras"} {
		var file layersGolden
		readGzipJSON(t, "layers_golden_"+library+".json.gz", &file)
		if len(file.Cases) < 100 {
			t.Errorf("%s: only %d cases", library, len(file.Cases))
		}
		for _, c := range file.Cases {
			t.Run(library+"/"+c.Name, func(t *testing.T) {
				l, err := unmarshalLayer(layerJSON{c.Name, c.Layer, 1, c.Config})
				if err != nil {
					t.Fatal(err)
				}
				in := goldenRun{layer: l, inputs: c.Inputs, params: c.Params, training: c.Training, cotangent: c.Cotangent.Data}
				check := func(precision string, limit float64, out goldenResult) {
					compare := func(what string, got, want []float64) {
						t.Helper()
						if len(got) != len(want) {
							t.Fatalf("%s, %s: %d values, want %d", precision, what, len(got), len(want))
						}
						if e := largestError(got, want); !(e <= limit) {
							t.Errorf("%s, %s: error %.3g of its maximum", precision, what, e)
						}
					}
					compare("output", out.outputs[0], c.Outputs.Data)
					for i, want := range c.GradInputs {
						compare("gradient by an input", out.gradInputs[i], want.Data)
					}
					for name, want := range c.GradParams {
						compare("gradient by "+name, out.gradParams[name], want.Data)
					}
					for name, want := range c.NewState {
						compare("new "+name, out.state[name], want.Data)
					}
				}
				// PyTorch's hard sigmoid has 1/6 in single precision.
				check("double", 5e-8, runGolden(t, in, func(r Routine) Op[float64] { return r.New64() }))
				check("single", 1e-5, runGolden(t, in, func(r Routine) Op[float32] { return r.New32() }))
			})
		}
	}
}

func largestError(got, want []float64) float64 {
	diff, scale := 0.0, 1.0
	for i, w := range want {
		diff = max(diff, math.Abs(got[i]-w))
		scale = max(scale, math.Abs(w))
	}
	return diff / scale
}

type goldenRun struct {
	layer     Layer
	then      func(h *Node, in []*Node) *Node // more of a graph behind the layer's output; nil for none
	inputs    []goldenTensor                  // with the batch axis
	params    map[string]goldenTensor
	training  bool
	cotangent []float64 // nil: forward alone
}

type goldenResult struct {
	outputs    [][]float64
	gradInputs [][]float64
	gradParams map[string][]float64
	state      map[string][]float64 // after the run
}

// runGolden runs a layer forward and backward in one precision.
func runGolden[T tensor.Float](t *testing.T, r goldenRun, op func(Routine) Op[T]) goldenResult {
	t.Helper()
	var ins []*Node
	var shapes []Shape
	var data [][]T
	for i, x := range r.inputs {
		ins = append(ins, Input(string(rune('a'+i)), x.Shape[1:]))
		shapes = append(shapes, x.Shape[1:])
		data = append(data, convert[T](x.Data))
	}
	var outs []*Node
	if r.then == nil {
		outs = Named("layer", r.layer).ApplyAll(ins...)
	} else {
		outs = []*Node{r.then(Named("layer", r.layer).Apply(ins[0]), ins)}
	}
	m, err := NewModelOf(ins, outs)
	if err != nil {
		t.Fatal(err)
	}
	w := &weights[T]{gradients: make([]T, m.Store().Sizes()[Trainable])}
	for k := range w.values {
		w.values[k] = make([]T, len(m.Store().Values(Kind(k))))
	}
	for _, p := range m.Params() {
		name := strings.TrimPrefix(p.Name, "layer/")
		v := r.params[name]
		if len(v.Data) != p.Shape.Elems() {
			t.Fatalf("%s has shape %v, the library's %v", name, p.Shape, v.Shape)
		}
		copy(w.value(p), convert[T](v.Data))
	}
	g := must(lower(m, shapes))
	g.optimise(true)
	p := newPlan(g, r.inputs[0].Shape[0], true, true)
	s := newSession(p, hugepage.Make[T](p.arena), w, op)
	team := parallel.Start(2)
	defer team.Close()
	s.bind(data)
	s.forward(&runState{training: r.training, updateState: r.training, team: team})
	out := goldenResult{gradParams: map[string][]float64{}, state: map[string][]float64{}}
	for _, v := range g.outputs {
		out.outputs = append(out.outputs, convert[float64](s.values[v]))
	}
	if r.cotangent != nil {
		copy(s.gradients[g.outputs[0]], convert[T](r.cotangent))
		s.backward()
		for _, v := range g.inputs {
			out.gradInputs = append(out.gradInputs, convert[float64](s.gradients[v]))
		}
	}
	for _, p := range m.Params() {
		name := strings.TrimPrefix(p.Name, "layer/")
		if p.Kind == State {
			out.state[name] = convert[float64](w.value(p))
		} else {
			out.gradParams[name] = convert[float64](w.gradient(p))
		}
	}
	return out
}

func convert[To, From tensor.Float](x []From) []To {
	y := make([]To, len(x))
	for i, v := range x {
		y[i] = To(v)
	}
	return y
}
