package models

import (
	"compress/gzip"
	"encoding/json"
	"hash/crc32"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

// familyCase is a convolutional network as another library computes it;
// testdata/families.py makes the files.
type familyCase struct {
	Name         string
	Architecture string
	Options      map[string]any
	Parameters   int
	Input        tensor.Shape // nil for one that is only counted
	Output       struct {
		Shape  tensor.Shape
		Stride int
		Data   []float32
	}
}

func familyCases(t *testing.T, library string) []familyCase {
	t.Helper()
	f, err := os.Open("testdata/families_" + library + ".json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []familyCase }
	if err := json.NewDecoder(z).Decode(&file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

// drawn is the value of a parameter, or the picture, of that name: draw of families.py.
func drawn(name string, shape tensor.Shape) []float32 {
	scale, shift := 0.1, 0.
	switch name[strings.LastIndexByte(name, '/')+1:] {
	case "kernel":
		scale = math.Sqrt(6 / float64(shape[:len(shape)-1].Elems()))
	case "gamma", "moving_variance":
		scale, shift = 0.5, 1
	case "picture":
		scale, shift = 0.5, 0.5
	}
	v := make([]float32, shape.Elems())
	base := uint64(crc32.ChecksumIEEE([]byte(name))) << 32
	for i := range v {
		z := (base + uint64(i) + 1) * 0x9E3779B97F4A7C15
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		z ^= z >> 31
		v[i] = float32(shift + scale*(float64(z>>11)*0x1p-52-1))
	}
	return v
}

func (c *familyCase) build(t *testing.T) *nn.Model {
	t.Helper()
	a, err := ByName(c.Architecture)
	if err != nil {
		t.Fatal(err)
	}
	m, err := a.Build(c.Options)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestFamiliesAgainstPeers: as many parameters as in PyTorch and Keras and, at narrow widths
// and odd sizes, the same output from the same weights.
func TestFamiliesAgainstPeers(t *testing.T) {
	const tolerance = 1e-4 // of the largest value
	worst := 0.
	seen := map[string]bool{}
	for _, library := range []string{"torch", "keras"} {
		for _, c := range familyCases(t, library) {
			t.Run(library+"/"+c.Architecture+"/"+c.Name, func(t *testing.T) {
				m := c.build(t)
				count := 0
				for _, p := range m.Params() {
					count += p.Shape.Elems()
				}
				if count != c.Parameters {
					t.Errorf("%d parameters, want %d", count, c.Parameters)
				}
				if c.Input == nil {
					return
				}
				seen[c.Architecture] = true
				for _, p := range m.Params() {
					copy(m.Store().Value(p), drawn(p.Name, p.Shape))
				}
				y, err := m.Predict(t.Context(), &tensor.Tensor{Shape: c.Input, Data: drawn("picture", c.Input)})
				if err != nil {
					t.Fatal(err)
				}
				if !y.Shape.Equal(c.Output.Shape) {
					t.Fatalf("output %v, want %v", y.Shape, c.Output.Shape)
				}
				most, off := 0., 0.
				for i, want := range c.Output.Data {
					most = max(most, math.Abs(float64(want)))
					off = max(off, math.Abs(float64(y.Data[i*c.Output.Stride]-want)))
				}
				worst = max(worst, off/most)
				if !(off <= tolerance*most) {
					t.Errorf("off by %.3g of the largest value, %.3g", off/most, most)
				}
			})
		}
	}
	t.Logf("the largest difference is %.3g of an output's largest value", worst)
	for _, a := range All() {
		m, err := a.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		if !seen[a.Name] && m.Node("code") == nil { // autoencoders have peers of their own
			t.Errorf("%s is compared with no peer", a.Name)
		}
	}
}

// The normalisations in the graph are those that an import tells.
func TestNormalise(t *testing.T) {
	for n, want := range map[Normalise][3]float32{
		NormaliseBGR: {127.5 - 103.939, 255 - 116.779, 0 - 123.68},
		NormaliseRGB: {(0 - 0.485) / 0.229, (1 - 0.456) / 0.224, (0.5 - 0.406) / 0.225},
	} {
		m, err := VGGUNet{Width: 2, Normalise: n}.Build()
		if err != nil {
			t.Fatal(err)
		}
		front, err := nn.NewModel(m.Inputs()[0], m.Node("normalise"))
		if err != nil {
			t.Fatal(err)
		}
		y, err := front.Predict(t.Context(), &tensor.Tensor{Shape: tensor.Shape{1, 1, 1, 3}, Data: []float32{0, 1, 0.5}})
		if err != nil {
			t.Fatal(err)
		}
		for c := range want {
			if math.Abs(float64(y.Data[c]-want[c])) > 1e-4 {
				t.Errorf("%s: %v, want %v", n, y.Data, want)
			}
		}
	}
}
