package models

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

// goldenCase is a network as another library computes it; testdata/autoencoders_peers.py
// makes the files.
type goldenCase struct {
	Name         string
	Architecture string
	Options      map[string]any
	Params       map[string]goldenTensor
	Input        goldenTensor
	Outputs      map[string]goldenTensor
}

type goldenTensor struct {
	Shape tensor.Shape
	Data  []float32
}

func goldenCases(t *testing.T, name string) []goldenCase {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []goldenCase }
	if err := json.NewDecoder(z).Decode(&file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

// setParams gives the model the values by name, and wants them to be all that it has.
func (c *goldenCase) setParams(t *testing.T, m *nn.Model) {
	t.Helper()
	for _, p := range m.Params() {
		v, ok := c.Params[p.Name]
		if !ok || !v.Shape.Equal(p.Shape) {
			t.Fatalf("parameter %s %v is %v in the golden file", p.Name, p.Shape, v.Shape)
		}
		copy(m.Store().Value(p), v.Data)
	}
	if n := len(m.Params()); n != len(c.Params) {
		t.Fatalf("%d parameters, the golden file has %d", n, len(c.Params))
	}
}

// TestAutoencodersAgainstPeers: the same weights give the same picture and the same code as in
// Keras and PyTorch, at sizes that the network's stride does not divide.
func TestAutoencodersAgainstPeers(t *testing.T) {
	const tolerance = 1e-5 // of the largest value
	for _, library := range []string{"keras", "torch"} {
		for _, c := range goldenCases(t, "autoencoders_"+library+".json.gz") {
			t.Run(library+"/"+c.Architecture+"/"+c.Name, func(t *testing.T) {
				a, err := ByName(c.Architecture)
				if err != nil {
					t.Fatal(err)
				}
				m, err := a.Build(c.Options)
				if err != nil {
					t.Fatal(err)
				}
				c.setParams(t, m)
				x := &tensor.Tensor{Shape: c.Input.Shape, Data: c.Input.Data}
				for name, want := range c.Outputs {
					out := m.Outputs()[0]
					if name != "pixels" {
						out = m.Node(name)
					}
					for _, p := range m.Penalties() {
						if p.Name == name {
							out = p.Cost
						}
					}
					part, err := nn.NewModel(m.Inputs()[0], out)
					if err != nil {
						t.Fatal(err)
					}
					got, err := part.Predict(t.Context(), x)
					if err != nil {
						t.Fatal(err)
					}
					if !got.Shape.Equal(want.Shape) {
						t.Fatalf("%s is %v, want %v", name, got.Shape, want.Shape)
					}
					if e := relativeError(got.Data, want.Data); !(e <= tolerance) {
						t.Errorf("%s is off by %.3g of its maximum", name, e)
					}
				}
			})
		}
	}
}

// relativeError is max|got-want| over max|want|.
func relativeError(got, want []float32) float64 {
	diff, scale := 0.0, 0.0
	for i, w := range want {
		diff = max(diff, math.Abs(float64(got[i]-w)))
		scale = max(scale, math.Abs(float64(w)))
	}
	return diff / scale
}

// parametersOf counts the values of an architecture's model.
func parametersOf(t *testing.T, name string, options map[string]any) int {
	t.Helper()
	a, err := ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := a.Build(options)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, p := range m.Params() {
		n += p.Shape.Elems()
	}
	return n
}

func TestAutoencoderParameters(t *testing.T) {
	for _, c := range []struct {
		name    string
		options map[string]any
		want    int
	}{
		{"conv-autoencoder", nil, 28353}, // keras.io/examples/vision/autoencoder
		{"conv-autoencoder", map[string]any{"down": "stride", "up": "upsampling"}, 28353},
		{"conv-autoencoder", map[string]any{"channels": 3, "filters": []int{16}}, 3*9*16 + 16 + 16*9*16 + 16 + 16*9*3 + 3},
		{"unpool-autoencoder", nil, 28353},
		{"vae", nil, 69076 + 65089}, // keras.io/examples/generative/vae, encoder and decoder
	} {
		if got := parametersOf(t, c.name, c.options); got != c.want {
			t.Errorf("%s %v: %d parameters, want %d", c.name, c.options, got, c.want)
		}
	}
}

func TestAutoencodersRefuse(t *testing.T) {
	for _, c := range []struct {
		name    string
		options map[string]any
		want    string
	}{
		{"conv-autoencoder", map[string]any{"down": "sideways"}, `models: conv-autoencoder: down is "sideways", must be pool or stride`},
		{"conv-autoencoder", map[string]any{"up": "unpool"}, `models: conv-autoencoder: up is "unpool", must be transposed or upsampling`},
		{"conv-autoencoder", map[string]any{"channels": -1}, "models: conv-autoencoder: channels is -1, must be from 1 to 65536"},
		{"conv-autoencoder", map[string]any{"filters": []int{}}, "models: conv-autoencoder: filters has 0 levels, must have from 1 to 10"},
		{"conv-autoencoder", map[string]any{"filters": slices.Repeat([]int{1}, 11)}, "models: conv-autoencoder: filters has 11 levels, must have from 1 to 10"},
		{"vqvae", map[string]any{"width": 1}, "models: vqvae: width is 1, must be from 2 to 65536"},
		{"vqvae", map[string]any{"codes": 1 << 30}, "models: vqvae: codes is 1073741824, must be from 1 to 1048576"},
		{"vae", map[string]any{"picture": []int{28}}, "models: vae: picture is [28], must be height, width and channels, all known and at least 1"},
		{"vae", map[string]any{"latent": -2}, "models: vae: latent is -2, must be from 1 to 1048576"},
		{"vae", map[string]any{"beta": 0}, "models: vae: beta is 0, must be above 0; left out, it is 1"},
		{"vae", map[string]any{"beta": -1}, "models: vae: beta is -1, must be a number of at least 0"},
		{"vae", map[string]any{"beta": "much"}, "models: vae: beta is much, must be a number"},
		{"autoencoder", map[string]any{"contractive": .1}, "models: autoencoder: contractive is 0.1, which has a closed form for one layer alone: hidden must be []"},
		{"autoencoder", map[string]any{"sparsity": -.1}, "models: autoencoder: sparsity is -0.1, must be a number of at least 0"},
		{"unpool-autoencoder", map[string]any{"filters": []int{8, 0}}, "models: unpool-autoencoder: a level of 0 filters, must be from 1 to 65536"},
	} {
		a, err := ByName(c.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Build(c.options); err == nil || err.Error() != c.want {
			t.Errorf("%s %v: error %v, want %s", c.name, c.options, err, c.want)
		}
	}
}

// TestParts: encoder and decoder, one after the other, are the whole, with its weights.
func TestParts(t *testing.T) {
	for _, c := range []struct {
		name    string
		options map[string]any
	}{
		{"autoencoder", map[string]any{"picture": []int{12, 8, 1}, "hidden": []int{6}, "code": 3}},
		{"autoencoder", map[string]any{"picture": []int{12, 8, 1}, "hidden": []int{}, "code": 3, "contractive": .1}},
		{"conv-autoencoder", map[string]any{"filters": []int{3, 2}}},
		{"vae", map[string]any{"picture": []int{12, 8, 1}, "filters": []int{3}, "latent": 5}},
		{"vqvae", map[string]any{"width": 4, "residual": 3, "size": 2, "codes": 5}},
	} {
		a, err := ByName(c.name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := a.Build(c.options)
		if err != nil {
			t.Fatal(err)
		}
		encoder, err := Encoder(m)
		if err != nil {
			t.Fatal(err)
		}
		decoder, err := Decoder(m)
		if err != nil {
			t.Fatal(err)
		}
		if encoder.Store() != m.Store() || decoder.Store() != m.Store() {
			t.Errorf("%s: the parts have weights of their own", c.name)
		}
		x := tensorOfOnes(2, 12, 8, 1)
		code, err := encoder.Predict(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decoder.Predict(t.Context(), code)
		if err != nil {
			t.Fatal(err)
		}
		want, err := m.Predict(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Shape.Equal(want.Shape) || !slices.Equal(got.Data, want.Data) {
			t.Errorf("%s: the parts give %v %v, the whole %v %v", c.name, got.Shape, got.Data, want.Shape, want.Data)
		}
	}
	unpool, err := UnpoolAutoencoder{}.Build()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decoder(unpool); err == nil || !strings.Contains(err.Error(), "needs more than the code") {
		t.Errorf("the decoder of an unpooling model: error %v", err)
	}
	dncnn, err := DnCNN{Depth: 3, Width: 2}.Build()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Encoder(dncnn); err == nil {
		t.Error("a model without a code has an encoder")
	}
}

// TestPenalties: the options' weights are those of the penalties, and 0 is none.
func TestPenalties(t *testing.T) {
	for _, c := range []struct {
		m    builder
		want string
	}{
		{Autoencoder{}, ""},
		{Autoencoder{Sparsity: 1e-3}, "sparsity 0.001 "},
		{Autoencoder{Hidden: []int{}, Contractive: .1, Sparsity: .2}, "contraction 0.1 sparsity 0.2 "},
		{VAE{Beta: 4}, "kl 4 "},
		{VQVAE{Width: 4}, "codebook 1 commitment 0.25 "},
	} {
		m, err := c.m.Build()
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, p := range m.Penalties() {
			got += fmt.Sprint(p.Name, " ", p.Weight, " ")
		}
		if got != c.want {
			t.Errorf("%+v: penalties %q, want %q", c.m, got, c.want)
		}
	}
}
