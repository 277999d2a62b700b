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

// golden is what testdata/golden.py writes.
type golden struct {
	Pictures, Segmentations, Binaries, Depths []goldenCase
	Rands                                     []struct {
		Shape     [3]int
		Error     float64
		First     [3]float64 // error, recall, precision of the first picture
		AllLabels float64    `json:"all_labels"`
	}
}

type goldenCase struct {
	Shape     [4]int
	Values    map[string]float64
	Confusion []int64
}

func readGolden(t *testing.T) golden {
	t.Helper()
	data, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// compare scores a batch by all metrics that the case has values of.
func (c goldenCase) compare(t *testing.T, pred, target *tensor.Tensor) {
	t.Helper()
	if len(c.Values) == 0 {
		t.Fatalf("%v has no values", c.Shape)
	}
	for name, want := range c.Values {
		m, err := metrics.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Add(pred, target); err != nil {
			t.Fatal(err)
		}
		rel := 1e-9
		if name == "bce" {
			rel = 1e-6 // Keras computes in float32
		}
		if got := m.Value(); !(math.Abs(got-want) <= rel*math.Abs(want)) || m.Name() != name {
			t.Errorf("%v %s = %.12g, want %.12g", c.Shape, name, got, want)
		}
	}
}

// TestGolden holds every metric against scikit-image, scikit-learn, Keras and formulas.
func TestGolden(t *testing.T) {
	g := readGolden(t)
	for _, c := range append(g.Pictures, g.Binaries...) {
		pred, target := batch(c.Shape[0], c.Shape[1], c.Shape[2], c.Shape[3])
		c.compare(t, pred, target)
	}
	for _, c := range g.Segmentations {
		scores, labels := segmentation(c.Shape[0], c.Shape[1], c.Shape[2], c.Shape[3])
		c.compare(t, scores, labels)
		m := metrics.NewConfusion(c.Shape[3], 255)
		if err := m.Add(scores.Data, labels.Data, c.Shape[3]); err != nil {
			t.Fatal(err)
		}
		for i, want := range c.Confusion {
			if got := m.Count(i/m.Classes(), i%m.Classes()); got != want {
				t.Errorf("%v: %d pixels of class %d are predicted as %d, want %d", c.Shape, got, i/m.Classes(), i%m.Classes(), want)
			}
		}
	}
	for _, c := range g.Depths {
		pred, target := batch(c.Shape[0], c.Shape[1], c.Shape[2], c.Shape[3])
		for i, v := range target.Data {
			if target.Data[i] = v + .125; v > .75 {
				target.Data[i] = 0
			}
			pred.Data[i] += .125
		}
		c.compare(t, pred, target)
	}
}

// segmentation repeats testdata/golden.py's formula.
func segmentation(n, h, w, c int) (scores, labels *tensor.Tensor) {
	scores, labels = tensor.New(n, h, w, c), tensor.New(n, h, w, 1)
	for i := range scores.Data {
		if scores.Data[i] = float32((i*i*7+i*13)%251) / 250; i%c == c-1 {
			scores.Data[i] = -1
		}
	}
	for k := range labels.Data {
		if labels.Data[k] = float32((k*k*3 + k/5) % (c - 1)); int(labels.Data[k]) == c-2 {
			labels.Data[k] = 255
		}
	}
	return scores, labels
}

// blobs repeats testdata/golden.py's formula.
func blobs(n, h, w, a, b int) *tensor.Tensor {
	t := tensor.New(n, h, w)
	for i := range t.Data {
		z, y, x := i/(h*w), i/w%h, i%w
		if s := y*a + x*b + y*x/7 + 11*z; s%12 != 0 {
			t.Data[i] = float32(s/12 + 1)
		}
	}
	return t
}

func TestAdaptedRand(t *testing.T) {
	numbers := func(x []float32) []int32 {
		var s []int32
		for _, v := range x {
			s = append(s, int32(v))
		}
		return s
	}
	for _, c := range readGolden(t).Rands {
		truth, pred := blobs(c.Shape[0], c.Shape[1], c.Shape[2], 3, 1), blobs(c.Shape[0], c.Shape[1], c.Shape[2], 2, 2)
		m, err := metrics.ByName("adapted_rand_error")
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Add(pred, truth); err != nil {
			t.Fatal(err)
		}
		p, q := numbers(pred.Sample(0).Data), numbers(truth.Sample(0).Data)
		first, precision, recall := metrics.AdaptedRand(p, q, 0)
		all, _, _ := metrics.AdaptedRand(p, q)
		got := []float64{m.Value(), first, recall, precision, all}
		for i, want := range []float64{c.Error, c.First[0], c.First[1], c.First[2], c.AllLabels} {
			if math.Abs(got[i]-want) > 1e-12 {
				t.Errorf("%v: value %d is %v, want %v", c.Shape, i, got[i], want)
			}
		}
	}
	// Two segments merged: every pair is kept, so recall is whole and precision is not.
	if e, precision, recall := metrics.AdaptedRand([]int32{1, 1, 1, 1}, []int32{1, 1, 2, 2}); recall != 1 || precision != 1./3 || e != .5 {
		t.Errorf("merged segments: error %v, precision %v, recall %v", e, precision, recall)
	}
}

// everyBatch makes a batch that a metric can score.
func everyBatch(name string, n int) (pred, target *tensor.Tensor) {
	switch p, _ := metrics.Lookup(name); {
	case name == "ms_ssim":
		return batch(n, 161, 163, 1)
	case name == "adapted_rand_error":
		return blobs(n, 12, 17, 2, 2), blobs(n, 12, 17, 3, 1)
	case p.Parameter == "_ignoreN":
		return segmentation(n, 12, 17, 3)
	}
	return batch(n, 12, 17, 3)
}

// everyName lists all metrics, with a parameter where there is one to choose.
func everyName() []string {
	var names []string
	for _, p := range metrics.Protocols() {
		switch p.Parameter {
		case "":
			names = append(names, p.Name)
		case "_ignoreN":
			names = append(names, p.Name+"_ignore255")
		default:
			names = append(names, p.Name, p.Name+strings.TrimSuffix(p.Parameter, "N")+"0")
		}
	}
	return names
}

// TestBatchSize: the value is the same however the pictures are batched.
func TestBatchSize(t *testing.T) {
	for _, name := range everyName() {
		pred, target := everyBatch(name, 3)
		whole, err := metrics.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		single, _ := metrics.ByName(name)
		if whole.Name() != name || !math.IsNaN(whole.Value()) {
			t.Errorf("%s begins with the name %q and the value %v", name, whole.Name(), whole.Value())
		}
		if err := whole.Add(pred, target); err != nil {
			t.Fatal(err)
		}
		for i := range pred.Shape[0] {
			one := func(x *tensor.Tensor) *tensor.Tensor {
				s := x.Sample(i)
				s.Shape = append(tensor.Shape{1}, s.Shape...)
				return s
			}
			if err := single.Add(one(pred), one(target)); err != nil {
				t.Fatal(err)
			}
		}
		if d := whole.Value() - single.Value(); !(math.Abs(d) <= 1e-12) {
			t.Errorf("%s differs by %g", name, d)
		}
		whole.Reset()
		if !math.IsNaN(whole.Value()) {
			t.Errorf("%s is %v after Reset", name, whole.Value())
		}
	}
}

// TestExact: equal pictures have the best score of every metric, and it is finite.
func TestExact(t *testing.T) {
	for _, name := range everyName() {
		pred, target := everyBatch(name, 2)
		p, _ := metrics.Lookup(name)
		want := 0.
		switch {
		case strings.HasPrefix(name, "psnr"):
			want = metrics.ExactPSNR
		case name == "bce":
			want = 1e-7
			for i := range target.Data {
				target.Data[i] = float32(i % 2)
			}
		case p.HigherIsBetter:
			want = 1
		}
		if p.Parameter == "_ignoreN" { // the scores of the true classes
			for k, v := range target.Data {
				clear(pred.Data[3*k : 3*k+3])
				pred.Data[3*k+int(v)%3] = 1
			}
		} else {
			pred = target
		}
		m, _ := metrics.ByName(name)
		if err := m.Add(pred, target); err != nil {
			t.Fatal(err)
		}
		if math.Abs(m.Value()-want) > 1e-9 {
			t.Errorf("%s of equal pictures is %v, want %v", name, m.Value(), want)
		}
	}
	if x := []float32{1, 2}; !math.IsInf(metrics.PSNR(x, x), 1) {
		t.Error("PSNR of equal values is finite")
	}
	if v := metrics.BCE([]float32{0}, []float32{1}); math.Abs(v+math.Log(1e-7)) > 1e-9 {
		t.Errorf("a certain error costs %v", v)
	}
}

// TestNaN: a prediction that is not a number is not hidden.
func TestNaN(t *testing.T) {
	for _, name := range everyName() {
		pred, target := everyBatch(name, 1)
		pred.Data[len(pred.Data)/2] = float32(math.NaN())
		for i, v := range target.Data {
			if v == 0 {
				target.Data[i] = 1 // a depth, a segment
			}
		}
		m, _ := metrics.ByName(name)
		switch err := m.Add(pred, target); {
		case err != nil && !strings.Contains(err.Error(), "not a number") && !strings.Contains(err.Error(), "NaN"):
			t.Error(err)
		case err == nil && !math.IsNaN(m.Value()):
			t.Errorf("%s is %v", name, m.Value())
		}
	}
}

// TestNothing: what has nothing to score does not count.
func TestNothing(t *testing.T) {
	add := func(name string, pred, target []float32) metrics.Metric {
		m, err := metrics.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		p, _ := tensor.FromSlice(pred, 2, 1, 2, 1)
		q, _ := tensor.FromSlice(target, 2, 1, 2, 1)
		if err := m.Add(p, q); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range []struct {
		name         string
		pred, target []float32
		want         float64
	}{
		{"dice", []float32{0, 0, 1, 0}, []float32{0, 0, 1, 1}, 2. / 3},
		{"dice_ignore255", []float32{0, 0, 1, 0}, []float32{255, 255, 1, 255}, 1},
		{"miou", []float32{0, 0, 0, 0}, []float32{0, 0, 0, 0}, 1},
		{"abs_rel", []float32{9, 9, 1, 3}, []float32{0, -1, 2, 0}, .5},
		{"log10", []float32{9, 9, 10, 0}, []float32{0, 0, 1, 0}, 1},
		{"log10", []float32{9, 9, 0, 0}, []float32{0, 0, 1, 0}, math.Inf(1)},
		{"delta1", []float32{9, 9, -1, 1}, []float32{0, 0, 1, 1}, .5},
		{"adapted_rand_error", []float32{1, 1, 2, 2}, []float32{0, 0, 3, 3}, 0},
	} {
		if got := add(c.name, c.pred, c.target).Value(); got != c.want {
			t.Errorf("%s is %v, want %v", c.name, got, c.want)
		}
	}
}

// TestTargets: labels may have a last axis of 1 or none, or be distributions.
func TestTargets(t *testing.T) {
	scores, labels := segmentation(2, 5, 7, 3)
	for i, v := range labels.Data {
		labels.Data[i] = float32(int(v) % 3)
	}
	hot := tensor.New(2, 5, 7, 3)
	for i, v := range labels.Data {
		hot.Data[3*i+int(v)] = 1
	}
	flat, _ := labels.Reshape(2, 5, 7)
	var first float64
	for i, target := range []*tensor.Tensor{labels, flat, hot} {
		m, _ := metrics.ByName("miou")
		if err := m.Add(scores, target); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = m.Value()
		}
		if m.Value() != first {
			t.Errorf("targets %v score %v, want %v", target.Shape, m.Value(), first)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, name := range []string{"psnr_shave2", "psnr_y_shaveN", "psnr_y_shave", "psnr_y_shave-1", "psnr_y_shave02", "miou_ignore", ""} {
		if _, err := metrics.ByName(name); err == nil {
			t.Errorf("there is a metric %q", name)
		}
	}
	bad := metrics.NewConfusion(3)
	for _, c := range []struct {
		scores, targets []float32
		channels        int
		want            string
	}{
		{[]float32{1, 0, 0}, []float32{3}, 3, "label 3 is neither a class, 0 to 2, nor ignored"},
		{[]float32{1, 0, 0}, []float32{.5}, 3, "label 0.5"},
		{[]float32{1, 0, 0}, []float32{float32(math.NaN())}, 3, "label NaN"},
		{[]float32{1, 0, 0}, []float32{0, 0}, 3, "2 targets for 1 pixels"},
		{[]float32{1, 0}, []float32{0}, 2, "2 scores, 2 a pixel, for 3 classes"},
	} {
		if err := bad.Add(c.scores, c.targets, c.channels); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	if !math.IsNaN(bad.PixelAccuracy()) {
		t.Error("pixels were counted that were refused")
	}
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
		{"ms_ssim", tensor.Shape{1, 160, 170, 1}, tensor.Shape{1, 160, 170, 1}, "161x161 are needed"},
		{"psnr_rgb", tensor.Shape{1, 9, 9, 1}, tensor.Shape{1, 9, 9, 1}, "one of [3]"},
		{"psnr_y", tensor.Shape{1, 9, 9, 2}, tensor.Shape{1, 9, 9, 2}, "one of [1 3]"},
		{"psnr_y_shave4", tensor.Shape{1, 8, 9, 1}, tensor.Shape{1, 8, 9, 1}, "9x8 pixels have nothing left without 4"},
		{"miou", tensor.Shape{2, 3, 4, 5}, tensor.Shape{2, 3, 5, 1}, "scores [2 3 4 5] against labels [2 3 5 1]"},
		{"dice", tensor.Shape{2, 3, 4, 5}, tensor.Shape{2, 4}, "against labels [2 4]"},
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
