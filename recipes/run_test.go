package recipes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/tasks"
	"github.com/hourglass-go/hourglass/tensor"
	"github.com/hourglass-go/hourglass/train"
)

// small makes a recipe train in a moment.
var small = []string{"model.hidden=[12]", "model.code=6", "batch=1000", "epochs=2"}

func load(t *testing.T, name string, set ...string) *Recipe {
	t.Helper()
	r, err := Load(name, append(slices.Clone(small), set...)...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "demo")
	var told []string
	epochs := 0
	out, err := Demo(t.Context(), load(t, "demo"), TrainOptions{
		Dir: dir, Tell: func(s string) { told = append(told, s) }, OnEpoch: func(train.Epoch) { epochs++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	if epochs != 2 || out.Epochs != 2 || len(told) == 0 || math.IsNaN(out.Metrics["psnr"]-out.Metrics["psnr_input"]) {
		t.Errorf("%d epochs seen, told %q, outcome %+v", epochs, told, out)
	}
	report, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(report, []byte(`src="http`)) || bytes.Count(report, []byte("data:image/png;base64,")) != 2 {
		t.Error("the report is not self-contained, or lacks its two pictures")
	}
	for _, name := range []string{"digits.png", "curves.png"} {
		if _, err := imageio.Open(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	_, meta, err := modelfile.Load(out.Model)
	if err != nil {
		t.Fatal(err)
	}
	if meta.Task != Denoise || meta.Picture.Polarity != modelfile.LightOnDark || meta.Extra[tasks.FitKey] != tasks.FitDigit ||
		len(meta.Scores) != 3 || meta.Trained.Epochs != 2 {
		t.Errorf("metadata %+v", meta)
	}
	e, err := Evaluate(t.Context(), out.Model, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	if e.Metrics["psnr"] != out.Metrics["psnr"] || e.N != 2000 {
		t.Errorf("evaluated %+v, the demo said %v", e, out.Metrics)
	}
}

func TestDemoCancelledLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Demo(ctx, load(t, "demo"), TrainOptions{Dir: dir, OnEpoch: func(train.Epoch) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is there: %v", err)
	}
}

// pictures writes n pictures of stripes, dark on light, to a folder.
func pictures(t *testing.T, dir string, n, w, h int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		p := imageio.New(w, h, 1, 8)
		key := rng.New(uint64(i))
		for k := range w * h {
			p.Set(k%w, k/w, 0, 240-key.IntN(uint64(k), 12))
		}
		for x := range w {
			p.Set(x, (i+x/2)%h, 0, 10)
		}
		if err := p.Save(filepath.Join(dir, fmt.Sprintf("%02d.png", i))); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFolderOfPictures(t *testing.T) {
	data, dir := t.TempDir(), t.TempDir()
	pictures(t, data, 40, 17, 23)
	r := load(t, "folder-denoise", "model.picture=[16, 12, 1]", "batch=8", "epochs=4", "early_stopping={patience: 1, monitor: val_psnr}",
		"ema=0.9", "clip_norm=1", "schedule={name: cosine, warm_up: 2}", "metrics=[psnr, psnr_input]")
	out, err := Train(t.Context(), r, TrainOptions{Dir: dir, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	if out.Epochs < 1 || out.Epochs > 4 {
		t.Errorf("outcome %+v", out)
	}
	_, meta, err := modelfile.Load(out.Model)
	if err != nil {
		t.Fatal(err)
	}
	if meta.Picture.Polarity != modelfile.DarkOnLight || !meta.Picture.Shape.Equal(tensor.Shape{16, 12, 1}) {
		t.Errorf("pictures are %+v", meta.Picture)
	}
	for _, split := range Splits() {
		e, err := Evaluate(t.Context(), out.Model, split, data)
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]int{"test": 4, "train": 32, "validation": 4}[split]; e.N != want {
			t.Errorf("%d %s pictures, want %d", e.N, split, want)
		}
	}
	// Without labels there is less to measure, and still something to see.
	plane, err := Embed(t.Context(), out.Model, EmbedOptions{Data: data, Split: "train", Method: "tsne", Out: filepath.Join(dir, "plane.png"), Pictures: true})
	if err != nil {
		t.Fatal(err)
	}
	if plane.N != 36 || plane.KNN != nil || plane.NMI != nil {
		t.Errorf("embedded %+v", plane)
	}
	if _, err := Sample(t.Context(), out.Model, SampleOptions{Data: data, N: 3, Out: filepath.Join(dir, "grid.png")}); err != nil {
		t.Error(err)
	}
}

func TestPairs(t *testing.T) {
	data := t.TempDir()
	pictures(t, filepath.Join(data, "input"), 10, 8, 8)
	pictures(t, filepath.Join(data, "target"), 10, 8, 8)
	r := load(t, "folder-denoise", "model.picture=[8, 8, 1]", "batch=4", "corruption=[]", "metrics=[psnr, psnr_input]")
	if _, err := Train(t.Context(), r, TrainOptions{Dir: t.TempDir(), Data: data}); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ dir, set, want string }{
		{data, "model.picture=[8, 8, 1]", "must have no corruption (--set corruption=[])"},
		{filepath.Join(data, "input"), "corruption=[]", "must hold pairs"},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		r := load(t, "folder-denoise", "model.picture=[8, 8, 1]", "metrics=[psnr]", c.set)
		_, err := Train(t.Context(), r, TrainOptions{Dir: dir, Data: c.dir})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a refused run leaves its folder: %v", err)
		}
	}
}

func TestForceRemovesNothingElse(t *testing.T) {
	dir := t.TempDir()
	own := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(own, []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	r := load(t, "demo", "metrics=[psnr]", "epochs=1")
	for _, force := range []bool{false, true} {
		if _, err := Train(t.Context(), r, TrainOptions{Dir: dir, Force: force}); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(own); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestFittedNormal(t *testing.T) {
	// Two numbers that go together, one constant, one apart.
	key := rng.New(3)
	codes := tensor.New(500, 4)
	for i := range 500 {
		a, b := key.Normal(uint64(2*i)), key.Normal(uint64(2*i+1))
		copy(codes.Data[4*i:], []float32{float32(a), float32(2*a + 1), 7, float32(b)})
	}
	drawn := fitNormal(codes).draw(4000, rng.New(1))
	var mean [4]float64
	var together, apart float64
	for i := range 4000 {
		v := drawn.Data[4*i : 4*i+4]
		for c := range mean {
			mean[c] += float64(v[c]) / 4000
		}
		if math.Abs(float64(v[1]-2*v[0]-1)) > 0.1 && math.Abs(float64(v[0])) < 2 && math.Abs(float64(v[1])) < 4 {
			t.Fatalf("draw %d: %v: the second is not twice the first and one", i, v)
		}
		together += float64(v[0]*(v[1]-1)) / 4000
		apart += float64(v[0]*v[3]) / 4000
	}
	for c, want := range []float64{0, 1, 7, 0} {
		if math.Abs(mean[c]-want) > 0.25 {
			t.Errorf("mean %d is %.3f, want about %v", c, mean[c], want)
		}
	}
	if together < 1.5 || math.Abs(apart) > 0.3 {
		t.Errorf("covariances %.2f and %.2f, want about 2 and 0", together, apart)
	}
}

// TestPlaneOfCodes: the first number grows to the right, the second upwards, in equal steps of
// probability; the middle is the mean.
func TestPlaneOfCodes(t *testing.T) {
	codes := standardNormal(2).plane(3)
	for i, want := range [][2]float64{{-.96742, .96742}, {0, .96742}, {.96742, .96742}, {-.96742, 0}, {0, 0}} { // quantiles of 1/6, 1/2, 5/6
		for c := range 2 {
			if got := float64(codes.Data[2*i+c]); math.Abs(got-want[c]) > 1e-5 {
				t.Errorf("code %d is %v, want %v", i, codes.Data[2*i:2*i+2], want)
			}
		}
	}
	fitted := fitNormal(&tensor.Tensor{Shape: tensor.Shape{4, 2}, Data: []float32{1, 10, 3, 10, 1, 30, 3, 30}})
	corner := fitted.plane(1000).Data[:2]
	if corner[0] != 1 || corner[1] != 30 {
		t.Errorf("the first corner is %v, want the least and the greatest value that occur", corner)
	}
	// Standard deviations of 1.1547 and 11.547 about the mean (2, 20).
	if v := fitted.plane(3).Data[2*5]; math.Abs(float64(v)-min(2+1.1547*.96742, 3)) > 1e-4 {
		t.Errorf("the right of the middle row is %v", v)
	}
}
