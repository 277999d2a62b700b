package nn

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/hourglass-go/hourglass/tensor"
)

// resizeGolden is a case of testdata/resize_golden_*.json; testdata/resize_golden.py
// makes them and says what is in them.
type resizeGolden struct {
	Name, Type string
	Config     json.RawMessage
	In, Out    Shape
	Seed       int
	X, Y, DX   []float64
	Tolerance  float64
}

// goldenFill is the script's fill: an input, or a cotangent.
func goldenFill[T tensor.Float](n, seed int) []T {
	x := make([]T, n)
	for i := range x {
		x[i] = T(float32(float64((i*7919+13*seed)%1009)/504.5 - 1))
	}
	return x
}

// TestResizeEqualsOthers holds resizing, padding, cropping and reordering against
// PyTorch, TensorFlow and ONNX, in both precisions.
func TestResizeEqualsOthers(t *testing.T) {
	least := map[string]int{"torch": 100, "keras": 120, "onnx": 52}
	for name, n := range least {
		data, err := os.ReadFile("testdata/resize_golden_" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var file struct{ Cases []resizeGolden }
		if err := json.Unmarshal(data, &file); err != nil {
			t.Fatal(err)
		}
		if len(file.Cases) < n {
			t.Errorf("%s: only %d cases", name, len(file.Cases))
		}
		for _, c := range file.Cases {
			runResizeGolden[float32](t, c)
			runResizeGolden[float64](t, c)
		}
	}
}

func runResizeGolden[T tensor.Float](t *testing.T, c resizeGolden) {
	t.Helper()
	layer, err := unmarshalLayer(layerJSON{Name: "layer", Type: c.Type, Version: 1, Config: c.Config})
	if err != nil {
		t.Errorf("%s: %v", c.Name, err)
		return
	}
	if sig, err := layer.Infer([]Shape{c.In[1:]}); err != nil || !sig.Outputs[0].Equal(c.Out[1:]) {
		t.Errorf("%s, %s of %v: output %v, want %v; %v", c.Name, c.Config, c.In, sig.Outputs, c.Out, err)
		return
	}
	x := goldenFill[T](c.In.Elems(), c.Seed)
	for i, v := range c.X {
		x[i] = T(v)
	}
	y, dx := runLayer(t, layer, []Shape{c.In[1:]}, [][]T{x}, func(n int) []T { return goldenFill[T](n, c.Seed+1) })
	check := func(what string, got []T, want []float64) {
		worst, scale := 0., 0.
		for i, v := range want {
			worst, scale = math.Max(worst, math.Abs(float64(got[i])-v)), math.Max(scale, math.Abs(v))
		}
		if !(worst <= c.Tolerance*scale) {
			t.Errorf("%s, %s of %v: the %s is off by %.3g, of at most %.3g, in %T", c.Name, c.Config, c.In, what, worst, scale, x[0])
		}
	}
	check("output", y, c.Y)
	if c.DX != nil {
		check("gradient", dx[0], c.DX)
	}
}
