package nn

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/internal/hugepage"
	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/tensor"
)

// goldenCase is a layer as Keras computes it; testdata/keras_golden.py makes the file.
// Gradients are those of the sum of the output times the cotangent.
type goldenCase struct {
	Name, Layer string
	Config      struct {
		Units      json.RawMessage // a number for a layer, a list for a network
		Activation string
		Alpha      *float64
		Momentum   float64
		Epsilon    float64
		Training   bool
		FromLogits bool `json:"from_logits"`
		Delta      float64
		Shape      Shape
	}
	Tensors map[string]struct {
		Shape Shape
		Data  []float32
	}
}

func goldenCases(t *testing.T) []goldenCase {
	t.Helper()
	data, err := os.ReadFile("testdata/keras_golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []goldenCase }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

// layer builds the case's layer, nil for a whole network.
func (c goldenCase) layer(t *testing.T) Layer {
	t.Helper()
	switch c.Layer {
	case "dense":
		var f ActivationFunc
		if err := f.UnmarshalText([]byte(c.Config.Activation)); err != nil {
			t.Fatal(err)
		}
		if c.Config.Alpha != nil {
			f.alpha = *c.Config.Alpha
		}
		units, err := strconv.Atoi(string(c.Config.Units))
		if err != nil {
			t.Fatal(err)
		}
		return Dense{Units: units, Activation: f}
	case "batch_norm":
		return BatchNorm{Momentum: c.Config.Momentum, Epsilon: c.Config.Epsilon}
	case "flatten":
		return Flatten{}
	case "reshape":
		return Reshape{Shape: c.Config.Shape}
	case "binary_cross_entropy":
		return BinaryCrossEntropy{Logits: c.Config.FromLogits}
	case "mean_absolute_error":
		return MeanAbsoluteError{}
	case "mean_squared_error":
		return MeanSquaredError{}
	case "huber":
		return Huber{Delta: c.Config.Delta}
	case "autoencoder":
		return nil
	}
	t.Fatalf("no layer for case %s", c.Name)
	return nil
}

// goldenTolerance is of max|difference| over max|reference|: a few units in the last
// place of float32 sums of a dozen terms.
const goldenTolerance = 2e-6

func TestKeras(t *testing.T) {
	ran := 0
	for _, c := range goldenCases(t) {
		layer := c.layer(t)
		if layer == nil {
			continue // whole networks are held against Keras where optimisers are at hand
		}
		ran++
		t.Run(c.Name, func(t *testing.T) { c.run(t, layer) })
	}
	if ran < 36 {
		t.Errorf("only %d cases", ran)
	}
}

func (c goldenCase) run(t *testing.T, layer Layer) {
	var ins []*Node
	var inputs [][]float32
	var shapes []Shape
	for _, name := range []string{"input", "target"} {
		if x, ok := c.Tensors[name]; ok {
			ins = append(ins, Input(name, x.Shape[1:]))
			shapes = append(shapes, x.Shape[1:])
			inputs = append(inputs, x.Data)
		}
	}
	m, err := NewModelOf(ins, Named("layer", layer).ApplyAll(ins...))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Params() {
		copy(m.Store().Value(p), c.Tensors[strings.TrimPrefix(p.Name, "layer/")].Data)
	}
	g := must(lower(m, shapes))
	g.optimise(true)
	p := newPlan(g, c.Tensors["input"].Shape[0], true, true)
	m.Store().Gradients()
	s := newSession(p, hugepage.Make[float32](p.arena), m.Store().weights(), func(r Routine) Op[float32] { return r.New32() })
	team := parallel.Start(2)
	defer team.Close()
	s.bind(inputs)
	s.forward(&runState{training: c.Config.Training, updateState: c.Config.Training, team: team})
	c.compare(t, "output", s.values[g.outputs[0]])
	copy(s.gradients[g.outputs[0]], c.Tensors["cotangent"].Data)
	s.backward()
	c.compare(t, "grad_input", s.gradients[g.inputs[0]])
	for _, q := range m.Params() {
		name := strings.TrimPrefix(q.Name, "layer/")
		switch {
		case q.Kind == Trainable:
			c.compare(t, "grad_"+name, m.Store().Gradient(q))
		case c.Config.Training:
			c.compare(t, "new_"+name, m.Store().Value(q))
		}
	}
}

func (c goldenCase) compare(t *testing.T, name string, got []float32) {
	t.Helper()
	want := c.Tensors[name].Data
	if len(want) == 0 || len(got) != len(want) {
		t.Fatalf("%s has %d values, Keras's %d", name, len(got), len(want))
	}
	if e := relativeError(got, want); !(e <= goldenTolerance) {
		t.Errorf("%s: error %.3g of its maximum", name, e)
	}
}

func relativeError[T tensor.Float](got, want []T) float64 {
	diff, scale := 0.0, 0.0
	for i, w := range want {
		diff = math.Max(diff, math.Abs(float64(got[i]-w)))
		scale = math.Max(scale, math.Abs(float64(w)))
	}
	return diff / scale
}
