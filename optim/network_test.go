package optim_test

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

// goldenNetwork is a small autoencoder that Keras trained for ten steps on one batch;
// the script beside the file made it.
type goldenNetwork struct {
	Name, Layer string
	Config      struct {
		Optimizer string
		Settings  map[string]any
		Units     json.RawMessage // a list, in cases that are networks
	}
	Tensors map[string]struct{ Data []float32 }
}

// The weights after ten steps of a whole network, and the losses on the way, equal
// Keras's. Bounds: 1e-5 of the largest weight of a tensor, 1e-6 of a loss.
func TestNetworkEqualsKeras(t *testing.T) {
	text, err := os.ReadFile("../nn/testdata/keras_golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []goldenNetwork }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	networks := 0
	for _, c := range file.Cases {
		if c.Layer == "autoencoder" {
			networks++
			t.Run(c.Config.Optimizer, func(t *testing.T) { trainGolden(t, c) })
		}
	}
	if networks == 0 {
		t.Error("the file holds no network")
	}
}

func trainGolden(t *testing.T, c goldenNetwork) {
	var units []int
	if err := json.Unmarshal(c.Config.Units, &units); err != nil {
		t.Fatal(err)
	}
	x := nn.Input("x", nn.Shape{units[0]})
	h := x
	for i, u := range units[1:] {
		f := nn.ReLU
		if i == len(units)-2 {
			f = nn.Sigmoid
		}
		h = nn.Named(fmt.Sprint(i), nn.Dense{Units: u, Activation: f}).Apply(h)
	}
	model, err := nn.NewModel(x, h)
	if err != nil {
		t.Fatal(err)
	}
	store := model.Store()
	golden := func(part string, p *nn.Param) []float32 {
		return c.Tensors[part+"_"+strings.ReplaceAll(p.Name, "/", "_")].Data
	}
	for _, p := range store.Params() {
		if n := copy(store.Value(p), golden("initial", p)); n != p.Shape.Elems() {
			t.Fatalf("%s: %d golden values, want %d", p.Name, n, p.Shape.Elems())
		}
	}

	inputs, total, err := nn.WithLoss(model, nn.BinaryCrossEntropy{})
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := nn.NewTrainer(inputs, total, nn.TrainerOptions{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer trainer.Close()
	batch, err := tensor.FromSlice(c.Tensors["batch"].Data, 6, units[0])
	if err != nil {
		t.Fatal(err)
	}
	optimizer, err := optim.New(c.Config.Optimizer, c.Config.Settings)
	if err != nil {
		t.Fatal(err)
	}
	optimizer.Init(len(store.Trainable()))
	for step, want := range c.Tensors["losses"].Data {
		loss, err := trainer.Gradient(step, batch, batch)
		if err != nil {
			t.Fatal(err)
		}
		if !(math.Abs(loss-float64(want)) <= 1e-6*float64(want)) {
			t.Errorf("step %d: loss %v, Keras %v", step, loss, want)
		}
		optimizer.Step(nil, store.Trainable(), store.Gradients(), optimizer.BaseRate())
	}
	for _, p := range store.Params() {
		var difference, largest float64
		for i, want := range golden("final", p) {
			difference = max(difference, math.Abs(float64(store.Value(p)[i]-want)))
			largest = max(largest, math.Abs(float64(want)))
		}
		if !(difference <= 1e-5*largest) {
			t.Errorf("%s: off by %.3g of %.3g", p.Name, difference, largest)
		}
	}
}
