package nn

import (
	"math"
	"testing"
)

func TestSqueezeExciteGradients(t *testing.T) {
	for _, c := range []struct {
		name  string
		block SqueezeExcite
		in    Shape
	}{
		{"usual", SqueezeExcite{}, Shape{5, 3, 17}},
		{"one channel", SqueezeExcite{}, Shape{3, 5, 1}},
		{"swish", SqueezeExcite{Ratio: 2, Activation: Swish, Gate: HardSigmoid, NoBias: true}, Shape{4, 3, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkGraph(t, GradientCheck{Inputs: []Shape{c.in}, Batch: 3, Training: true, Seed: 3}, func(in []*Node) []*Node {
				return []*Node{c.block.Build("se", in[0])}
			})
		})
	}
}

// The block is what the formula says.
func TestSqueezeExcite(t *testing.T) {
	x := Input("x", Shape{Any, Any, 2})
	m := must(NewModel(x, SqueezeExcite{}.Build("se", x)))
	in := random(1, 1, 3, 5, 2)
	y := predict(t, m, in)
	value := func(name string) []float32 {
		for _, p := range m.Params() {
			if p.Name == "se_"+name {
				return m.Store().Value(p)
			}
		}
		t.Fatalf("no parameter %s", name)
		return nil
	}
	var mean [2]float64
	for i, v := range in.Data {
		mean[i%2] += float64(v) / 15
	}
	k := value("reduce/kernel")
	h := max(mean[0]*float64(k[0])+mean[1]*float64(k[1]), 0)
	for i, v := range in.Data {
		want := float64(v) / (1 + math.Exp(-h*float64(value("expand/kernel")[i%2])))
		if got := float64(y.Data[i]); math.Abs(got-want) > 1e-6 {
			t.Fatalf("element %d is %v, want %v", i, got, want)
		}
	}
}

func TestSqueezeExciteRefusals(t *testing.T) {
	x := Input("x", Shape{4, 4, 8})
	if _, err := NewModel(x, SqueezeExcite{Ratio: -2}.Build("se", x)); err == nil {
		t.Error("a negative ratio was taken")
	}
	v := Input("v", Shape{8})
	if _, err := NewModel(v, SqueezeExcite{}.Build("se", v)); err == nil {
		t.Error("a vector was taken for a picture")
	}
}
