package train_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/optim"
	"github.com/hourglass-go/hourglass/tensor"
)

// TestTenStepsEqualKeras trains a small autoencoder ten steps from Keras's weights, with
// each optimiser, and compares losses and weights with Keras's own. The script that made
// the values stands beside them.
func TestTenStepsEqualKeras(t *testing.T) {
	text, err := os.ReadFile("../nn/testdata/keras_golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []goldenRun }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, c := range file.Cases {
		if c.Layer != "autoencoder" {
			continue
		}
		ran++
		t.Run(c.Name, c.run)
	}
	if ran != 3 {
		t.Errorf("%d optimisers, want 3", ran)
	}
}

// goldenRun is a whole network's ten steps. Its configuration holds units per layer, the
// input's first; a layer's own case has other things under the same keys.
type goldenRun struct {
	Name, Layer string
	Config      map[string]json.RawMessage
	Tensors     map[string]struct {
		Shape []int
		Data  []float32
	}
}

func (c goldenRun) config(t *testing.T, key string, to any) {
	t.Helper()
	if err := json.Unmarshal(c.Config[key], to); err != nil {
		t.Fatalf("%s: %v", key, err)
	}
}

func (c goldenRun) run(t *testing.T) {
	var units []int
	var name string
	var settings map[string]any
	c.config(t, "units", &units)
	c.config(t, "optimizer", &name)
	c.config(t, "settings", &settings)

	x := nn.Input("x", nn.Shape{units[0]})
	h := x
	for i, n := range units[1:] {
		f := nn.ReLU
		if i == len(units)-2 {
			f = nn.Sigmoid
		}
		h = nn.Named(fmt.Sprint(i), nn.Dense{Units: n, Activation: f}).Apply(h)
	}
	model, err := nn.NewModel(x, h)
	if err != nil {
		t.Fatal(err)
	}
	store := model.Store()
	for _, p := range model.Params() {
		copy(store.Value(p), c.Tensors["initial_"+strings.ReplaceAll(p.Name, "/", "_")].Data)
	}
	inputs, loss, err := nn.WithLoss(model, nn.BinaryCrossEntropy{})
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := nn.NewTrainer(inputs, loss, nn.TrainerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer trainer.Close()
	optimizer, err := optim.New(name, settings)
	if err != nil {
		t.Fatal(err)
	}
	optimizer.Init(len(store.Trainable()))
	batch, err := tensor.FromSlice(c.Tensors["batch"].Data, c.Tensors["batch"].Shape...)
	if err != nil {
		t.Fatal(err)
	}
	for step, want := range c.Tensors["losses"].Data {
		got, err := trainer.Gradient(step, batch, batch)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got-float64(want)) > 1e-5*math.Abs(float64(want)) {
			t.Errorf("loss before step %d is %v, Keras's %v", step, got, want)
		}
		optimizer.Step(trainer.Team(), store.Trainable(), store.Gradients(), optimizer.BaseRate())
	}
	for _, p := range model.Params() {
		worst, scale := 0.0, 0.0
		want := c.Tensors["final_"+strings.ReplaceAll(p.Name, "/", "_")].Data
		if len(want) != p.Shape.Elems() {
			t.Fatalf("Keras has %d values of %s", len(want), p.Name)
		}
		for i, v := range store.Value(p) {
			worst = math.Max(worst, math.Abs(float64(v-want[i])))
			scale = math.Max(scale, math.Abs(float64(want[i])))
		}
		// Ten steps of float32 rounding, which the square roots of small second moments
		// enlarge.
		if !(worst <= 2e-5*scale) {
			t.Errorf("%s: error %.3g of its maximum", p.Name, worst/scale)
		}
	}
}
