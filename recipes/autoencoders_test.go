package recipes

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/tensor"
)

// tiny makes the recipes of autoencoders train in a moment, on the digits that come with the
// program.
var tiny = map[string][]string{
	"mnist-sparse":      {"model.code=9"},
	"mnist-contractive": {"model.code=9"},
	"conv-autoencoder":  {"model.filters=[3, 2]"},
	"vqvae-fashion":     {"model.width=4", "model.residual=2", "model.size=3", "model.codes=9"},
	"compress-fashion":  {"model.width=3", "model.code=2"},
	"vae-mnist":         {"model.filters=[2, 3]", "model.hidden=5", "metrics=[elbo, kl, psnr]"},
}

// TestAutoencoderRecipes: each trains, is scored as it was in training, and is drawn by embed and
// sample.
func TestAutoencoderRecipes(t *testing.T) {
	for name, set := range tiny {
		t.Run(name, func(t *testing.T) {
			r, err := Load(name, append(slices.Clone(set), "data=embedded-digits", "batch=500", "epochs=1", "validation=0.9")...)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			out, err := Train(t.Context(), r, TrainOptions{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			e, err := Evaluate(t.Context(), out.Model, "test", "")
			if err != nil {
				t.Fatal(err)
			}
			for metric, want := range out.Metrics {
				if got := e.Metrics[metric]; math.IsNaN(want) || got != want {
					t.Errorf("%s is %v in training and %v in evaluation", metric, want, got)
				}
			}
			plane := filepath.Join(dir, "plane.png")
			if _, err := Embed(t.Context(), out.Model, EmbedOptions{Split: "test", Method: "pca", Out: plane}); err != nil {
				t.Error(err)
			}
			grid := filepath.Join(dir, "grid.png")
			s, err := Sample(t.Context(), out.Model, SampleOptions{N: 13, Side: 4, Out: grid})
			if err != nil {
				t.Fatal(err)
			}
			if want := map[string]int{"vae-mnist": 4}[name]; s.Interpolations != 5 || s.N != 13 || s.Side != want {
				t.Errorf("sampled %+v", s)
			}
			for _, path := range []string{plane, grid} {
				if _, err := imageio.Open(path); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestAutoencodersRoundTrip: a model that was saved and loaded gives the same bits, at an odd size
// where it takes any.
func TestAutoencodersRoundTrip(t *testing.T) {
	for name, options := range map[string]map[string]any{
		"autoencoder":             {"picture": []int{9, 7, 2}, "hidden": []int{}, "code": 5, "contractive": .1, "sparsity": .2},
		"conv-autoencoder":        {"channels": 2, "filters": []int{3, 4}},
		"unpool-autoencoder":      {"channels": 2, "filters": []int{3, 4}},
		"vqvae":                   {"channels": 2, "width": 4, "residual": 3, "size": 3, "codes": 7},
		"compressive-autoencoder": {"picture": []int{9, 7, 2}, "width": 4, "code": 3},
		"vae":                     {"picture": []int{9, 7, 2}, "filters": []int{3, 4}, "latent": 3, "beta": 2},
	} {
		a, err := models.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := a.Build(options)
		if err != nil {
			t.Fatal(err)
		}
		m.Init(4)
		path := filepath.Join(t.TempDir(), "model.safetensors")
		if err := modelfile.Save(path, m, modelfile.Metadata{Name: name}); err != nil {
			t.Fatal(err)
		}
		back, _, err := modelfile.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		x := tensor.New(3, 9, 7, 2)
		for i := range x.Data {
			x.Data[i] = float32(i%11) / 11
		}
		y, err := m.Predict(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		z, err := back.Predict(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		if !y.Shape.Equal(x.Shape) || !z.Shape.Equal(x.Shape) || !slices.Equal(y.Data, z.Data) {
			t.Errorf("%s: other pictures after loading", name)
		}
		if len(back.Penalties()) != len(m.Penalties()) {
			t.Errorf("%s: %d penalties, had %d", name, len(back.Penalties()), len(m.Penalties()))
		}
	}
}
