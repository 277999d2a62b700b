package codec

import (
	"math"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/internal/rng"
)

// bitsOf is how many bits a payload has.
func bitsOf(t *testing.T, d func() distribution, symbols []int32) float64 {
	t.Helper()
	payload, n, err := encodeSymbols(d(), symbols)
	if err != nil {
		t.Fatal(err)
	}
	back, err := decodeSymbols(d(), payload, n, len(symbols))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(back, symbols) {
		t.Fatal("other symbols come back")
	}
	return float64(8 * len(payload))
}

// TestAdaptiveNearsEntropy: many symbols of one distribution take about as many bits as their
// entropy says.
func TestAdaptiveNearsEntropy(t *testing.T) {
	weights := [][]int{{1, 2, 90, 5, 2}, {20, 20, 20, 20, 20}, {0, 0, 1, 0, 99}}
	const n = 30000
	var symbols []int32
	entropy := 0.0
	for i := range n {
		w := weights[i%len(weights)]
		at, k := rng.New(8).IntN(uint64(i), 100), 0
		for ; at >= w[k]; k++ {
			at -= w[k]
		}
		symbols = append(symbols, int32(k-3))
		entropy -= math.Log2(float64(w[k]) / 100)
	}
	got := bitsOf(t, func() distribution { return newAdaptive(-3, 1, len(weights)) }, symbols)
	if got > 1.02*entropy+200 {
		t.Errorf("%.0f bits for an entropy of %.0f", got, entropy)
	}
}

// TestLogisticNearsEntropy: symbols that are drawn as the bottleneck says take as many bits as
// it says.
func TestLogisticNearsEntropy(t *testing.T) {
	location, logScale := []float32{0, .3, -7.5, 1000, 0}, []float32{0, -4, 1.5, 3, -1}
	l, err := newLogistic(location, logScale)
	if err != nil {
		t.Fatal(err)
	}
	const n = 20000
	var symbols []int32
	want := 0.0
	for i := range n {
		j := i % len(location)
		p := rng.New(4).Float64(uint64(i))
		s := math.Exp(float64(logScale[j]))
		k := math.Round(float64(location[j]) + s*math.Log(p/(1-p)))
		symbols = append(symbols, int32(k))
		f := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
		want -= math.Log2(f((k+.5-float64(location[j]))/s) - f((k-.5-float64(location[j]))/s))
	}
	if got := bitsOf(t, func() distribution { return l }, symbols); got > 1.01*want+200 || got < .99*want {
		t.Errorf("%.0f bits, by the distribution %.0f", got, want)
	}
	// In twice as large steps, half as far apart.
	wide := l.inSteps(2)
	if low, high := wide.interval(2); low > -8 || high < 0 || high-low > 80 {
		t.Errorf("in steps of 2, element 2 is from %d to %d", low, high)
	}
}

func TestSigmoidTable(t *testing.T) {
	for i, v := range sigmoids {
		x := float64(i-most*perUnit) / perUnit
		if want := whole / (1 + math.Exp(-x)); math.Abs(float64(v)-want) > 1.5 {
			t.Fatalf("at %v the table has %d, want %.1f", x, v, want)
		}
	}
}

// TestExtremeParameters: whatever a model has learnt, a symbol can be coded.
func TestExtremeParameters(t *testing.T) {
	location := []float32{0, 3e38, -3e38, 5, 5}
	logScale := []float32{-3e38, 3e38, 0, 88, -100}
	l, err := newLogistic(location, logScale)
	if err != nil {
		t.Fatal(err)
	}
	symbols := []int32{0, 0, 0, 5, 5}
	for _, step := range []float64{1, 1e-6, 1e6} {
		d := l.inSteps(step)
		payload, n, err := encodeSymbols(d, symbols)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeSymbols(d, payload, n, len(symbols))
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range back {
			if low, high := d.interval(i); v != min(max(symbols[i], low), high) {
				t.Errorf("step %v: symbol %d is %d, was %d of %d to %d", step, i, v, symbols[i], low, high)
			}
		}
	}
}
