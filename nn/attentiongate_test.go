package nn

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// checkGraph is a gradient check of a piece of a graph.
func checkGraph(t *testing.T, check GradientCheck, build func(in []*Node) []*Node) {
	t.Helper()
	var ins []*Node
	for i, s := range check.Inputs {
		ins = append(ins, Input(fmt.Sprint("in", i), s))
	}
	m, err := NewModelOf(ins, build(ins))
	if err != nil {
		t.Fatal(err)
	}
	worst, err := check.model(m)
	if err != nil {
		t.Fatal(err)
	}
	if !(worst <= 1e-6) {
		t.Errorf("error of the gradient is %.3g of its maximum", worst)
	}
}

func TestAttentionGateGradients(t *testing.T) {
	for _, c := range []struct {
		name string
		gate AttentionGate
		x, g Shape
	}{
		{"even", AttentionGate{}, Shape{6, 4, 3}, Shape{3, 2, 5}},
		{"odd", AttentionGate{Units: 3}, Shape{5, 7, 1}, Shape{2, 3, 2}},
		{"one size", AttentionGate{Stride: [2]int{1, 1}}, Shape{3, 5, 17}, Shape{3, 5, 3}},
		{"uneven stride", AttentionGate{Stride: [2]int{1, 3}, Units: 2, Output: true}, Shape{2, 6, 3}, Shape{2, 2, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkGraph(t, GradientCheck{Inputs: []Shape{c.x, c.g}, Batch: 3, Training: true}, func(in []*Node) []*Node {
				y, alpha := c.gate.Build("gate", in[0], in[1])
				if !y.Shape().Equal(c.x) || !alpha.Shape().Equal(Shape{c.x[0], c.x[1], 1}) {
					t.Errorf("shapes %v and %v of %v", y.Shape(), alpha.Shape(), c.x)
				}
				return []*Node{y, alpha}
			})
		})
	}
}

// The gate is what the formula says, computed pixel by pixel.
func TestAttentionGate(t *testing.T) {
	x, g := Input("x", Shape{Any, Any, 2}), Input("g", Shape{Any, Any, 1})
	y, alpha := AttentionGate{Units: 1, Stride: [2]int{1, 1}}.Build("gate", x, g)
	m := must(NewModelOf([]*Node{x, g}, []*Node{y, alpha}))
	for name, v := range map[string][]float32{"gate_x/kernel": {1, -2}, "gate_g/kernel": {3}, "gate_g/bias": {.5}, "gate_psi/kernel": {2}, "gate_psi/bias": {-1}} {
		for _, p := range m.Params() {
			if p.Name == name {
				copy(m.Store().Value(p), v)
			}
		}
	}
	a, b := random(1, 2, 3, 5, 2), random(2, 2, 3, 5, 1)
	out := must(m.Run(t.Context(), a, b))
	for i, v := range b.Data {
		h := max(float64(a.Data[2*i]-2*a.Data[2*i+1]+3*v)+.5, 0)
		want := 1 / (1 + math.Exp(1-2*h))
		if got := float64(out[1].Data[i]); math.Abs(got-want) > 1e-6 {
			t.Errorf("alpha of pixel %d is %v, want %v", i, got, want)
		}
		if got := out[0].Data[2*i+1]; got != a.Data[2*i+1]*out[1].Data[i] {
			t.Errorf("pixel %d is %v of %v", i, got, a.Data[2*i+1])
		}
	}
}

func TestAttentionGateNamesTheMistake(t *testing.T) {
	y, _ := AttentionGate{}.Build("gate", Input("x", Shape{7}), Input("g", Shape{3, 3, 1}))
	if _, err := NewModel(Input("x", Shape{7}), y); err == nil || !strings.Contains(err.Error(), "gate_x") {
		t.Errorf("error %v does not name the layer", err)
	}
}
