package optim

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
)

// golden is what testdata/keras_golden.py dumped.
type golden struct {
	Keras      string
	Weights    []float32
	Gradients  [][]float32 // [step][parameter]
	Optimizers []struct {
		Name     string
		Settings map[string]any
		Weights  [][]float64 // [step][parameter], after the step
	}
	EMA struct {
		Decay   float64
		Average []float64
	}
	Clip struct {
		Max       float64
		Gradients []float64
	}
	Steps       []int
	Cosine      []float64
	Exponential []float64
	History     []float64
	Plateau     []struct {
		Settings map[string]any
		Rates    []float64 // after each epoch
	}
}

func readGolden(t *testing.T) golden {
	t.Helper()
	text, err := os.ReadFile("testdata/keras_golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// The weights after each of ten steps equal Keras's, within 5e-5 of the way that a
// weight has gone, and a rounding of the weight a step. Keras itself errs by 2e-5: it
// computes 1-0.999 in float32 in one place and in float64 in another.
func TestStepsEqualKeras(t *testing.T) {
	g := readGolden(t)
	for i, c := range g.Optimizers {
		t.Run(fmt.Sprint(i, "/", c.Name), func(t *testing.T) {
			o, err := New(c.Name, c.Settings)
			if err != nil {
				t.Fatal(err)
			}
			got := slices.Clone(g.Weights)
			o.Init(len(got))
			bound := make([]float64, len(got))
			for step, grads := range g.Gradients {
				o.Step(nil, got, grads, o.BaseRate())
				for p, want := range c.Weights[step] {
					before := float64(g.Weights[p])
					if step > 0 {
						before = c.Weights[step-1][p]
					}
					bound[p] += 5e-5*math.Abs(want-before) + 0x1p-23*math.Max(math.Abs(want), math.Abs(before))
					if diff := math.Abs(float64(got[p]) - want); !(diff <= bound[p]) {
						t.Errorf("step %d, parameter %d: %v, Keras %v: off by %.3g, allowed %.3g",
							step+1, p, got[p], want, diff, bound[p])
					}
				}
			}
		})
	}
}

func TestEMAEqualsKeras(t *testing.T) {
	g := readGolden(t)
	weights := slices.Clone(g.Weights)
	o, e := &SGD{}, &EMA{Decay: g.EMA.Decay}
	o.Init(len(weights))
	e.Init(len(weights))
	for _, grads := range g.Gradients {
		o.Step(nil, weights, grads, o.BaseRate())
		e.Update(nil, weights)
	}
	compare(t, "average", e.State().Slots[0].Data, g.EMA.Average, 2e-6)
}

func TestClipEqualsKeras(t *testing.T) {
	g := readGolden(t)
	grads := slices.Clone(g.Gradients[0])
	ClipNorm(nil, grads, g.Clip.Max)
	compare(t, "gradient", grads, g.Clip.Gradients, 1e-6)
}

func TestSchedulesEqualKeras(t *testing.T) {
	g := readGolden(t)
	cosine := Cosine{Final: 0.05}
	exponential := Exponential{Factor: 0.9}
	for i, step := range g.Steps {
		// Ten epochs of ten steps; Keras's exponential decay has one factor an epoch.
		p := Progress{Step: step, Epoch: step / 10, Steps: 100, Epochs: 10}
		near(t, fmt.Sprintf("cosine at step %d", step), cosine.Rate(0.2, p), g.Cosine[i], 1e-6)
		near(t, fmt.Sprintf("exponential at step %d", step), exponential.Rate(0.2, p), g.Exponential[i], 1e-6)
	}
}

func TestPlateauEqualsKeras(t *testing.T) {
	g := readGolden(t)
	for i, c := range g.Plateau {
		s, err := NewSchedule("plateau", c.Settings)
		if err != nil {
			t.Fatal(err)
		}
		for epoch, want := range c.Rates {
			got := s.Rate(0.1, Progress{Epoch: epoch + 1, History: g.History[:epoch+1]})
			near(t, fmt.Sprintf("case %d after epoch %d", i, epoch), got, want, 1e-6)
		}
	}
}

// compare requires |got-want| <= rtol*|want| for every element.
func compare(t *testing.T, what string, got []float32, want []float64, rtol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i, v := range got {
		near(t, fmt.Sprintf("%s %d", what, i), float64(v), want[i], rtol)
	}
}

func near(t *testing.T, what string, got, want, rtol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= rtol*math.Abs(want)) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
