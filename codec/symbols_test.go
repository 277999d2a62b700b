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

// TestMixtureNearsEntropy: symbols that are drawn as the bottleneck says take as many bits as
// it says, also where the components lie far apart.
func TestMixtureNearsEntropy(t *testing.T) {
	const elements, components = 5, 2
	location := []float32{0, .3, -7.5, 1000, 0, 0, .3, 40, 1000, 0}
	logScale := []float32{0, -4, 1.5, 3, -1, 2, 1, -2, -3, -1}
	logit := []float32{3, 0, 0, -1, 0, 0, -4, 0, 0, -20}
	m, err := newMixture(location, logScale, logit, components)
	if err != nil {
		t.Fatal(err)
	}
	const n = 20000
	var symbols []int32
	want := 0.0
	for i := range n {
		j := i % elements
		w := 1 / (1 + math.Exp(float64(logit[j+elements]-logit[j]))) // of the first component
		at := j
		if rng.New(4).Float64(uint64(2*i)) >= w {
			at += elements
		}
		p := rng.New(4).Float64(uint64(2*i + 1))
		k := math.Round(float64(location[at]) + math.Exp(float64(logScale[at]))*math.Log(p/(1-p)))
		symbols = append(symbols, int32(k))
		mass := func(at int) float64 {
			f := func(x float64) float64 {
				return 1 / (1 + math.Exp(-(x-float64(location[at]))/math.Exp(float64(logScale[at]))))
			}
			return f(k+.5) - f(k-.5)
		}
		want -= math.Log2(w*mass(j) + (1-w)*mass(j+elements))
	}
	if got := bitsOf(t, func() distribution { return m }, symbols); got > 1.01*want+200 || got < .99*want {
		t.Errorf("%.0f bits, by the distribution %.0f", got, want)
	}
	// In twice as large steps, half as far apart.
	if low, high := m.inSteps(2).interval(2); low > -30 || low < -36 || high < 20 || high > 30 {
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
	l, err := newMixture(location, logScale, []float32{3e38, -3e38, 0, 100, -100}, 1)
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
