package nn

import (
	"context"
	"math"
	"testing"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// TestWithPrecision: predictions in bfloat16 differ from those in float32 by as much as 8
// bits do, and the model itself goes on as before.
func TestWithPrecision(t *testing.T) {
	x := Input("image", Shape{Any, Any, 32})
	y := Apply(Conv2D{Filters: 64, Kernel: [2]int{3, 3}, Padding: Same, Activation: ReLU, Algorithm: Winograd2}, x)
	m, err := NewModel(x, y)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.WithPrecision("float16"); err == nil {
		t.Error("an unknown precision was taken")
	}
	half, err := m.WithPrecision(BFloat16)
	if !kernels.HasBFloat16() {
		if err == nil {
			t.Error("bfloat16 without instructions for it")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	in := tensor.New(2, 21, 18, 32)
	for i := range in.Data {
		in.Data[i] = float32(i%97)/97 - 0.3
	}
	predict := func(m *Model) []float32 {
		out, err := m.Predict(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		return out.Data
	}
	full, reduced, again := predict(m), predict(half), predict(m)
	var difference, size float64
	for i, v := range full {
		if again[i] != v {
			t.Fatalf("element %d was %v and is %v after a prediction in bfloat16", i, v, again[i])
		}
		difference += math.Pow(float64(reduced[i]-v), 2)
		size += math.Pow(float64(v), 2)
	}
	if share := math.Sqrt(difference / size); !(share > 1e-4 && share < 1e-2) {
		t.Errorf("the difference is %.3g of the result", share)
	}
}
