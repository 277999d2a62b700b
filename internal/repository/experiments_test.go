package repository_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hourglass-go/hourglass/recipes"
)

// An experiment is a recipe that is carried out in full, and what it has to reach on
// the test pictures.
type experiment struct {
	recipe  string
	set     []string
	atLeast map[string]float64
	atMost  map[string]float64
}

// The bounds lie a little below what the recipes say that they reach, so that another
// processor's rounding does not matter.
var experiments = []experiment{
	{"mnist-autoencoder", []string{"seed=1", "epochs=4"}, nil, map[string]float64{"bce": 0.112}},
	{"mnist-autoencoder", []string{"seed=1"}, map[string]float64{"psnr": 22.2}, map[string]float64{"bce": 0.0835}},
	{"mnist-autoencoder", []string{"seed=2"}, map[string]float64{"psnr": 22.2}, map[string]float64{"bce": 0.0835}},
	{"mnist-autoencoder", []string{"seed=3"}, map[string]float64{"psnr": 22.2}, map[string]float64{"bce": 0.0835}},
	{"mnist-autoencoder-simple", []string{"seed=1"}, map[string]float64{"psnr": 23.4}, map[string]float64{"bce": 0.078}},
	{"mnist-denoise", []string{"seed=1"}, map[string]float64{"psnr": 18.6}, nil},
}

// TestSlowExperiments trains the recipes on the full MNIST. It takes minutes.
func TestSlowExperiments(t *testing.T) {
	if os.Getenv("HOURGLASS_SLOW") == "" {
		t.Skip("takes minutes: runs where HOURGLASS_SLOW is set")
	}
	if os.Getenv("HOURGLASS_DATA") == "" {
		t.Skip("needs the full MNIST: HOURGLASS_DATA names the folder that holds mnist/")
	}
	for _, e := range experiments {
		t.Run(fmt.Sprint(e.recipe, e.set), func(t *testing.T) {
			r, err := recipes.Load(e.recipe, e.set...)
			if err != nil {
				t.Fatal(err)
			}
			out, err := recipes.Train(context.Background(), r, recipes.TrainOptions{Dir: filepath.Join(t.TempDir(), "run")})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d epochs, %.3f s each: %v", out.Epochs, out.SecondsPerEpoch, out.Metrics)
			for name, bound := range e.atLeast {
				if v := out.Metrics[name]; !(v >= bound) {
					t.Errorf("%s is %.4f, want at least %g", name, v, bound)
				}
			}
			for name, bound := range e.atMost {
				if v := out.Metrics[name]; !(v <= bound) {
					t.Errorf("%s is %.4f, want at most %g", name, v, bound)
				}
			}
		})
	}
}
