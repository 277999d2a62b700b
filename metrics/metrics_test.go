package metrics_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/metrics"
	"github.com/hourglass-go/hourglass/tensor"
)

// batch repeats testdata/golden.py's formula.
func batch(n, h, w, c int) (pred, target *tensor.Tensor) {
	pred, target = tensor.New(n, h, w, c), tensor.New(n, h, w, c)
	for i := range target.Data {
		rough := float32((i*i*7+i*13)%251) / 250
		smooth := float32(i/c%w) / float32(w)
		// The conversions keep a compiler from fusing the sums, which would round apart.
		target.Data[i] = float32(.25*rough) + float32(.75*smooth)
		noise := float32((i*31+i/7*5)%101) / 100
		pred.Data[i] = float32(.75*target.Data[i]) + float32(.25*noise)
	}
	return pred, target
}

// TestGolden holds every metric against scikit-image and Keras.
func TestGolden(t *testing.T) {
	data, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Shape                     [4]int
		PSNR, SSIM, MSE, MAE, BCE float64
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		pred, target := batch(c.Shape[0], c.Shape[1], c.Shape[2], c.Shape[3])
		want := map[string]float64{"psnr": c.PSNR, "ssim": c.SSIM, "mse": c.MSE, "mae": c.MAE, "bce": c.BCE}
		for _, p := range metrics.Protocols() {
			m, err := metrics.ByName(p.Name)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Add(pred, target); err != nil {
				t.Fatal(err)
			}
			rel := 1e-9
			if p.Name == "bce" {
				rel = 1e-6 // Keras computes in float32
			}
			if got := m.Value(); math.Abs(got-want[p.Name]) > rel*math.Abs(want[p.Name]) {
				t.Errorf("%v %s = %.12g, want %.12g", c.Shape, p.Name, got, want[p.Name])
			}
		}
	}
}

// TestBatchSize: the value is the same however the pictures are batched.
func TestBatchSize(t *testing.T) {
	pred, target := batch(5, 12, 17, 2)
	for _, p := range metrics.Protocols() {
		whole, _ := metrics.ByName(p.Name)
		single, _ := metrics.ByName(p.Name)
		if whole.Name() != p.Name || !math.IsNaN(whole.Value()) {
			t.Errorf("%s begins with the name %q and the value %v", p.Name, whole.Name(), whole.Value())
		}
		if err := whole.Add(pred, target); err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			a, _ := pred.Sample(i).Reshape(1, 12, 17, 2)
			b, _ := target.Sample(i).Reshape(1, 12, 17, 2)
			if err := single.Add(a, b); err != nil {
				t.Fatal(err)
			}
		}
		if d := whole.Value() - single.Value(); math.Abs(d) > 1e-12 {
			t.Errorf("%s differs by %g", p.Name, d)
		}
		whole.Reset()
		if !math.IsNaN(whole.Value()) {
			t.Errorf("%s is %v after Reset", p.Name, whole.Value())
		}
	}
}

// TestExact: equal pictures have the best score of every metric, and it is finite.
func TestExact(t *testing.T) {
	x := tensor.New(2, 11, 12, 1)
	for i := range x.Data {
		x.Data[i] = float32(i % 2)
	}
	for name, want := range map[string]float64{"psnr": metrics.ExactPSNR, "ssim": 1, "mse": 0, "mae": 0, "bce": 1e-7} {
		m, _ := metrics.ByName(name)
		if err := m.Add(x, x); err != nil {
			t.Fatal(err)
		}
		if math.Abs(m.Value()-want) > 1e-9 {
			t.Errorf("%s of equal pictures is %v, want %v", name, m.Value(), want)
		}
	}
	if !math.IsInf(metrics.PSNR(x.Data, x.Data), 1) {
		t.Error("PSNR of equal values is finite")
	}
	if v := metrics.BCE([]float32{0}, []float32{1}); math.Abs(v+math.Log(1e-7)) > 1e-9 {
		t.Errorf("a certain error costs %v", v)
	}
}

// TestNaN: a prediction that is not a number is not hidden.
func TestNaN(t *testing.T) {
	x, y := tensor.New(1, 11, 11, 1), tensor.New(1, 11, 11, 1)
	x.Data[5] = float32(math.NaN())
	for _, p := range metrics.Protocols() {
		m, _ := metrics.ByName(p.Name)
		if err := m.Add(x, y); err != nil {
			t.Fatal(err)
		}
		if !math.IsNaN(m.Value()) {
			t.Errorf("%s is %v", p.Name, m.Value())
		}
	}
}

func TestErrors(t *testing.T) {
	_, err := metrics.ByName("pnsr")
	var unknown *metrics.UnknownError
	if !errors.As(err, &unknown) || !strings.Contains(err.Error(), "psnr") {
		t.Errorf("error %v", err)
	}
	for _, c := range []struct {
		name         string
		pred, target tensor.Shape
		want         string
	}{
		{"mse", tensor.Shape{2, 3}, tensor.Shape{2, 4}, "[2 3] against targets [2 4]"},
		{"mse", tensor.Shape{2}, tensor.Shape{2}, "no batch"},
		{"mse", tensor.Shape{0, 3}, tensor.Shape{0, 3}, "no batch"},
		{"ssim", tensor.Shape{2, 10, 30, 1}, tensor.Shape{2, 10, 30, 1}, "smaller than the window, 11x11"},
		{"ssim", tensor.Shape{2, 784}, tensor.Shape{2, 784}, "[H W C] is needed"},
	} {
		m, _ := metrics.ByName(c.name)
		err := m.Add(tensor.New(c.pred...), tensor.New(c.target...))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s %v: error %v, want %q", c.name, c.pred, err, c.want)
		}
		if !math.IsNaN(m.Value()) {
			t.Errorf("%s counted a batch that it refused", c.name)
		}
	}
}

func BenchmarkSSIM(b *testing.B) {
	pred, target := batch(100, 28, 28, 1)
	m, _ := metrics.ByName("ssim")
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Add(pred, target); err != nil {
			b.Fatal(err)
		}
	}
}
