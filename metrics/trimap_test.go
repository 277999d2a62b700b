package metrics

import (
	"math"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/tensor"
)

// TestNearBorders compares with every pair of pixels.
func TestNearBorders(t *testing.T) {
	const h, w = 7, 11
	labels := make([]float32, h*w)
	for i := range labels {
		labels[i] = float32(i * i % 97 / 90)
	}
	for n := range 4 {
		want := make([]bool, h*w)
		for i := range want {
			for k := range want {
				if max(i/w-k/w, k/w-i/w) <= n && max(i%w-k%w, k%w-i%w) <= n && labels[i] != labels[k] {
					want[i] = true
				}
			}
		}
		if got := nearBorders(labels, h, w, n); !slices.Equal(got, want) {
			t.Errorf("within %d: %v, want %v", n, got, want)
		}
	}
}

// TestTrimap: a prediction that is right but for its distance from the true border counts only there.
func TestTrimap(t *testing.T) {
	const h, w, border, shifted = 4, 20, 10, 11
	pred, target := tensor.New(2, h, w, 1), tensor.New(2, h, w)
	for i := range target.Data {
		if i%w >= border {
			target.Data[i] = 1
		}
		if i%w >= shifted {
			pred.Data[i] = .9
		}
	}
	// Of the n columns on either side, one of class 1 is missed.
	for name, n := range map[string]float64{"miou_border": 4, "miou_border_within1": 2, "miou_border_within0": 1} {
		m, err := ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if !math.IsNaN(m.Value()) {
			t.Errorf("%s of nothing is %v", name, m.Value())
		}
		if err := m.Add(pred, target); err != nil {
			t.Fatal(err)
		}
		if want := ((n-1)/n + n/(n+1)) / 2; math.Abs(m.Value()-want) > 1e-12 {
			t.Errorf("%s is %v, want %v", name, m.Value(), want)
		}
		if err := m.Add(tensor.New(2, w, 1), tensor.New(2, w)); err == nil {
			t.Errorf("%s takes pictures without rows", name)
		}
	}
}
