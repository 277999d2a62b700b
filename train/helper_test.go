package train_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/modelfile/safetensors"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/optim"
	"github.com/hourglass-go/hourglass/train"
)

const height, width = 5, 7

// pictures are n pictures with one bright row and one bright column each.
func pictures(n int, seed uint64) *dataset.Images {
	m := &dataset.Images{H: height, W: width, C: 1}
	for i := range n {
		k := rng.New(seed, uint64(i))
		row, column := k.IntN(0, height), k.IntN(1, width)
		for y := range height {
			for x := range width {
				b := byte(10)
				if y == row || x == column {
					b = 230
				}
				m.Pix = append(m.Pix, b)
			}
		}
	}
	return m
}

// newModel is a denoiser with state and a random layer.
func newModel() *nn.Model {
	x := nn.Input("picture", nn.Shape{height, width, 1})
	h := nn.Apply(nn.Flatten{}, x)
	h = nn.Apply(nn.Dense{Units: 24, Activation: nn.ReLU}, h)
	h = nn.Apply(nn.BatchNorm{Momentum: 0.9}, h)
	h = nn.Apply(nn.Dropout{Rate: 0.05}, h)
	h = nn.Named("code", nn.Dense{Units: 11, Activation: nn.ReLU}).Apply(h)
	h = nn.Apply(nn.Dense{Units: height * width, Activation: nn.Sigmoid}, h)
	m, err := nn.NewModel(x, nn.Apply(nn.Reshape{Shape: nn.Shape{height, width, 1}}, h))
	if err != nil {
		panic(err)
	}
	m.Init(5)
	return m
}

// newRun uses everything that a checkpoint has to hold: Adam's slots, a schedule,
// averages, early stopping, noise drawn anew each epoch, a last batch that is not full.
func newRun(dir string) *train.Run {
	noise := dataset.GaussianNoise{Min: 0.1, Max: 0.3}
	return &train.Run{
		Model: newModel(), Loss: nn.BinaryCrossEntropy{},
		Optimizer: &optim.Adam{LearningRate: 0.01},
		Schedule:  optim.WarmUp{Steps: 5, Then: optim.Cosine{Final: 0.1}},
		ClipNorm:  0.5, EMA: &optim.EMA{Decay: 0.9},
		Train:         dataset.Restoration(pictures(203, 1), 3, false, noise),
		Validation:    dataset.Restoration(pictures(41, 2), 3, true, noise),
		Metrics:       []string{"psnr", "psnr_input", "bce"},
		Monitor:       "val_psnr",
		EarlyStopping: &train.EarlyStopping{Patience: 4, RestoreBest: true},
		Epochs:        6, BatchSize: 16, Seed: 9, Workers: 2,
		Dir: dir, CheckpointEvery: 4 * time.Millisecond,
		Meta: modelfile.Metadata{Name: "rows", Task: "denoise"},
	}
}

func fit(t testing.TB, r *train.Run) *train.History {
	t.Helper()
	h, err := r.Fit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// weights copies all values of a model.
func weights(m *nn.Model) []float32 {
	var all []float32
	for _, p := range m.Params() {
		all = append(all, m.Store().Value(p)...)
	}
	return all
}

func sameBits(t testing.TB, what string, a, b []float32) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%s: %d values, want %d", what, len(b), len(a))
	}
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			t.Fatalf("%s: value %d is %v, want %v", what, i, b[i], a[i])
		}
	}
}

// sameFiles compares two folders of the same run: the model byte for byte, the
// checkpoint's vectors, and that nothing else lies there.
func sameFiles(t testing.TB, a, b string) {
	t.Helper()
	if x, y := readFile(t, a, train.ModelFile), readFile(t, b, train.ModelFile); x != y {
		t.Error("the model files differ")
	}
	x, y := tensorsOf(t, a), tensorsOf(t, b)
	if len(x) != len(y) {
		t.Errorf("checkpoints of %d and %d tensors", len(x), len(y))
	}
	for name, v := range x {
		sameBits(t, name, v, y[name])
	}
	if n := strings.Count(readFile(t, b, train.HistoryFile), "\n"); n != strings.Count(readFile(t, a, train.HistoryFile), "\n") {
		t.Errorf("the history has %d lines", n)
	}
	entries, err := os.ReadDir(b)
	if err != nil || len(entries) != 3 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

func readFile(t testing.TB, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func tensorsOf(t testing.TB, dir string) map[string][]float32 {
	t.Helper()
	text := readFile(t, dir, train.CheckpointFile)
	f, err := safetensors.Open(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]float32{}
	for _, info := range f.Tensors() {
		v := make([]float32, info.Elems())
		if err := f.ReadFloat32(info.Name, v); err != nil {
			t.Fatal(err)
		}
		all[info.Name] = v
	}
	return all
}
