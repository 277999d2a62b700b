package nn

import (
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/tensor"
)

// TestFeatureLoss: mistakes are named, and the features of equal pictures do not differ.
func TestFeatureLoss(t *testing.T) {
	x, p, target := Input("x", Shape{5, 3, 1}), Input("p", Shape{5, 3, 1}), Input("target", Shape{5, 3, 1})
	features, err := NewModel(x, Apply(Dense{Units: 4, Activation: Tanh}, x))
	if err != nil {
		t.Fatal(err)
	}
	if err := FeatureLoss(features, MeanSquaredError{}, p, target).Err(); err == nil || !strings.Contains(err.Error(), `"dense/kernel" is trainable`) {
		t.Errorf("a trainable network: error %v", err)
	}
	must(features.Store().SetFrozen("*/*", true))
	if err := FeatureLoss(features, MeanSquaredError{}, p, target, 1, 2).Err(); err == nil || !strings.Contains(err.Error(), "2 weights for the 1 outputs") {
		t.Errorf("two weights: error %v", err)
	}
	m, err := NewModelOf([]*Node{p, target}, []*Node{FeatureLoss(features, MeanSquaredError{}, p, target)})
	if err != nil {
		t.Fatal(err)
	}
	a, b := tensor.New(2, 5, 3, 1), tensor.New(2, 5, 3, 1)
	b.Data[20] = 1
	out, err := m.Run(t.Context(), a, b)
	if err != nil {
		t.Fatal(err)
	}
	if out[0].Data[0] != 0 || !(out[0].Data[1] > 0) {
		t.Errorf("losses %v, want 0 and more", out[0].Data)
	}
}
