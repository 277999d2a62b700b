package train_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/optim"
	"github.com/hourglass-go/hourglass/train"
)

// variational is a model that pays for its code's divergence, and for another thing.
func variational(t *testing.T) *nn.Model {
	t.Helper()
	shape := nn.Shape{height, width, 1}
	x := nn.Input("picture", shape)
	h := nn.Apply(nn.Dense{Units: 16, Activation: nn.ReLU}, nn.Apply(nn.Flatten{}, x))
	mean, logVar := nn.Apply(nn.Dense{Units: 3}, h), nn.Apply(nn.Dense{Units: 3}, h)
	code := nn.Named("code", nn.Sampling{}).Apply(mean, logVar)
	y := nn.Apply(nn.Dense{Units: height * width, Activation: nn.Sigmoid}, nn.Apply(nn.Dense{Units: 16, Activation: nn.ReLU}, code))
	m, err := nn.NewModel(x, nn.Apply(nn.Reshape{Shape: shape}, y))
	if err != nil {
		t.Fatal(err)
	}
	m, err = m.WithPenalties(
		nn.Penalty{Name: "kl", Weight: 1, Cost: nn.Apply(nn.KLNormal{}, mean, logVar)},
		nn.Penalty{Name: "sparsity", Weight: 0.01, Cost: nn.Apply(nn.L1Norm{}, code)},
	)
	if err != nil {
		t.Fatal(err)
	}
	m.Init(2)
	return m
}

func newVariationalRun(t *testing.T, dir string) *train.Run {
	plain := func(set *dataset.Images) dataset.Set {
		s, err := dataset.Pictures{Images: set}.Set()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	return &train.Run{
		Model: variational(t), Loss: nn.BinaryCrossEntropy{Sum: true}, Optimizer: &optim.Adam{LearningRate: 0.01},
		Train: plain(pictures(203, 1)), Validation: plain(pictures(41, 2)),
		Metrics: []string{"psnr", "kl", train.ELBO, "sparsity"}, Monitor: "val_elbo",
		Epochs: 16, BatchSize: 16, Seed: 3, Dir: dir,
	}
}

// TestFitWithPenalties: the objective is the loss and the penalties, in training, in validation and
// by a model file's own account; what a prediction scores does not depend on draws.
func TestFitWithPenalties(t *testing.T) {
	dir := t.TempDir()
	r := newVariationalRun(t, dir)
	h := fit(t, r)
	first, last := h.Epochs[0].Metrics, h.Final()
	if !(last["val_elbo"] < first["val_elbo"]-2) || !(last["val_kl"] > 0) {
		t.Errorf("from %v to %v", first, last)
	}
	if want := last["val_elbo"] + 0.01*last["val_sparsity"]; math.Abs(last["val_loss"]-want) > 1e-4*want {
		t.Errorf("val_loss %v, want %v", last["val_loss"], want)
	}
	m, _, err := modelfile.Load(dir + "/" + train.ModelFile)
	if err != nil {
		t.Fatal(err)
	}
	if got := train.Costs(m); !slices.Equal(got, []string{"kl", train.ELBO, "sparsity"}) {
		t.Errorf("costs %v", got)
	}
	best := h.Epochs[h.Best-1].Metrics
	for _, batch := range []int{16, 41} {
		scores, err := train.Evaluate(context.Background(), m, r.Validation, batch, r.Metrics...)
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range scores {
			if want := best["val_"+name]; math.Abs(v-want) > 1e-5*math.Abs(want) {
				t.Errorf("batches of %d: %s is %v, epoch %d had %v", batch, name, v, h.Best, want)
			}
		}
	}
	alone, err := train.Evaluate(context.Background(), m, r.Validation, 16, "kl")
	if err != nil || math.Abs(alone["kl"]-best["val_kl"]) > 1e-5*alone["kl"] {
		t.Errorf("kl alone is %v, %v", alone, err)
	}
}

// TestResumeWithPenalties: draws too go on where they were.
func TestResumeWithPenalties(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	whole := newVariationalRun(t, a)
	whole.Epochs = 4
	fit(t, whole)
	half := newVariationalRun(t, b)
	half.Epochs = 2
	fit(t, half)
	rest := newVariationalRun(t, b)
	rest.Epochs, rest.Resume = 4, true
	fit(t, rest)
	sameFiles(t, a, b)
}
