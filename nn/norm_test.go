package nn

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/internal/hugepage"
)

func TestNormGradients(t *testing.T) {
	var cases []gradientCase
	add := func(name string, l Layer, training bool, in Shape) {
		cases = append(cases, gradientCase{fmt.Sprint(name, in), l, GradientCheck{Inputs: []Shape{in}, Training: training}})
	}
	for _, c := range []int{3, 17} {
		add("layer norm ", LayerNorm{}, true, Shape{5, 3, c})
		add("layer norm without scale ", LayerNorm{NoScale: true}, true, Shape{5, 3, c})
		add("layer norm without shift ", LayerNorm{NoCenter: true}, true, Shape{5, 3, c})
	}
	for _, c := range []int{1, 3, 17} {
		for _, axes := range [][]int{{1}, {2}, {1, 2}, {2, 3}, {1, 3}, {1, 2, 3}} {
			add(fmt.Sprint("layer norm of axes ", axes), LayerNorm{Axes: axes}, true, Shape{5, 3, c})
		}
		add("instance norm ", InstanceNorm{Epsilon: 1e-5}, true, Shape{5, 3, c})
		add("instance norm without parameters ", InstanceNorm{NoScale: true, NoCenter: true}, true, Shape{5, 3, c})
		add("instance norm with moving statistics ", InstanceNorm{Moving: true}, true, Shape{5, 3, c})
		add("instance norm of moving statistics ", InstanceNorm{Moving: true}, false, Shape{5, 3, c})
		add("one group ", GroupNorm{Groups: 1}, true, Shape{5, 3, c})
		add("groups of one ", GroupNorm{Groups: c}, true, Shape{5, 3, c})
		add("unbiased batch norm ", BatchNorm{Unbiased: true}, true, Shape{5, 3, c})
		add("spatial dropout ", SpatialDropout{.4}, true, Shape{5, 3, c})
		add("gaussian noise ", GaussianNoise{.4}, true, Shape{5, 3, c})
	}
	add("groups of three ", GroupNorm{Groups: 4}, true, Shape{5, 3, 12})
	add("groups of five ", GroupNorm{Groups: 3, NoScale: true}, true, Shape{7, 15})
	cases = append(cases,
		gradientCase{"many blocks", LayerNorm{}, GradientCheck{Inputs: []Shape{{7, 6, 3}}, Batch: 2}},
		gradientCase{"sines", Embedding{Units: 6, MaxPeriod: 100}, GradientCheck{Inputs: []Shape{{}}, Low: -3, High: 20}},
		gradientCase{"cosines", Embedding{Units: 34, Shift: 1, CosineFirst: true}, GradientCheck{Inputs: []Shape{{1}}, Low: -3, High: 20}},
		gradientCase{"table", Embedding{Units: 17, Entries: 4}, GradientCheck{Inputs: []Shape{{1}}, Low: -.4, High: 3.4, Fixed: []int{0}, Batch: 7}},
	)
	testChecks(t, cases)
}

func TestNormRefusals(t *testing.T) {
	picture := Shape{5, 3, 12}
	for _, c := range []struct {
		layer Layer
		in    Shape
		want  string
	}{
		{LayerNorm{}, Shape{}, "at least one axis"},
		{LayerNorm{}, Shape{Any, Any, 3}, ""},
		{LayerNorm{Axes: []int{1, 2, 3}}, Shape{Any, 4, 3}, "known size"},
		{LayerNorm{Axes: []int{4}}, picture, "axis 4"},
		{LayerNorm{Axes: []int{1, 3, 5}}, Shape{2, 2, 2, 2, 2}, "3 separate runs"},
		{LayerNorm{Epsilon: -1}, picture, "Epsilon is -1"},
		{GroupNorm{Groups: 5}, picture, "5, which does not divide the 12 channels"},
		{GroupNorm{}, picture, "32, which does not divide"},
		{GroupNorm{Groups: 3}, Shape{Any, Any, 12}, ""},
		{GroupNorm{}, Shape{3, Any}, "known size"},
		{InstanceNorm{Momentum: 1}, picture, "Momentum is 1"},
		{SpatialDropout{1}, picture, "Rate is 1"},
		{GaussianNoise{math.NaN()}, picture, "Stddev is NaN"},
		{Embedding{Units: 3}, Shape{}, "even"},
		{Embedding{Units: 4}, Shape{2}, "one number a sample"},
		{Embedding{Units: 2, Shift: 1}, Shape{}, "Shift 1"},
		{Embedding{Units: 0, Entries: 1}, Shape{}, "Units is 0"},
	} {
		_, err := c.layer.Infer([]Shape{c.in})
		if got := fmt.Sprint(err); (c.want == "") != (err == nil) || !strings.Contains(got, c.want) {
			t.Errorf("%#v of %v: %v, want %q", c.layer, c.in, err, c.want)
		}
	}
}

// What comes out of a group norm without parameters has mean 0 and variance 1 in each
// group, also where the mean is far from zero.
func TestGroupNormMoments(t *testing.T) {
	const h, w, groups, width = 33, 21, 3, 4
	x := Input("x", Shape{h, w, groups * width})
	m := must(NewModel(x, Apply(GroupNorm{Groups: groups, Epsilon: 1e-12, NoScale: true, NoCenter: true}, x)))
	in := random(1, 2, h, w, groups*width)
	for i := range in.Data {
		in.Data[i] += float32(100 * (i % groups))
	}
	y := predict(t, m, in)
	for n := range 2 {
		for g := range groups {
			var sum, squares float64
			for p := range h * w {
				for k := range width {
					v := float64(y.Data[(n*h*w+p)*groups*width+g*width+k])
					sum += v
					squares += v * v
				}
			}
			count := float64(h * w * width)
			if math.Abs(sum/count) > 1e-5 || math.Abs(squares/count-1) > 1e-5 {
				t.Errorf("sample %d, group %d: mean %v, mean square %v", n, g, sum/count, squares/count)
			}
		}
	}
}

func TestSpatialDropoutDropsChannels(t *testing.T) {
	const h, w, c = 3, 5, 400
	x := Input("x", Shape{h, w, c})
	m := must(NewModel(x, Apply(SpatialDropout{.25}, x)))
	in := random(1, 3, h, w, c)
	if y := predict(t, m, in); relativeError(y.Data, in.Data) != 0 {
		t.Error("a prediction differs from the input")
	}
	y := trainingOutput(t, m, in.Data, 3)
	for n := range 3 {
		dropped := 0
		for ch := range c {
			first := y[n*h*w*c+ch] == 0
			if first {
				dropped++
			}
			for p := range h * w {
				i := (n*h*w+p)*c + ch
				if want := in.Data[i] / .75; !first && math.Abs(float64(y[i]-want)) > 1e-6 || first && y[i] != 0 {
					t.Fatalf("sample %d, channel %d: %v of %v", n, ch, y[i], in.Data[i])
				}
			}
		}
		if dropped < 70 || dropped > 130 {
			t.Errorf("%d of %d channels dropped", dropped, c)
		}
	}
}

func TestGaussianNoise(t *testing.T) {
	x := Input("x", Shape{31, 17, 3})
	m := must(NewModel(x, Apply(GaussianNoise{.5}, x)))
	in := random(1, 5, 31, 17, 3)
	if y := predict(t, m, in); relativeError(y.Data, in.Data) != 0 {
		t.Error("a prediction differs from the input")
	}
	y := trainingOutput(t, m, in.Data, 5)
	var sum, squares float64
	for i, v := range y {
		d := float64(v - in.Data[i])
		sum += d
		squares += d * d
	}
	n := float64(len(y))
	if mean, sd := sum/n, math.Sqrt(squares/n); math.Abs(mean) > .02 || math.Abs(sd-.5) > .02 {
		t.Errorf("noise has mean %v and standard deviation %v", mean, sd)
	}
	if y[0]-in.Data[0] == y[31*17*3]-in.Data[31*17*3] {
		t.Error("two samples have the same noise")
	}
}

// trainingOutput runs a model of one input and output as a training step does.
func trainingOutput(t *testing.T, m *Model, in []float32, batch int) []float32 {
	t.Helper()
	g := must(lower(m, []Shape{m.inputs[0].shape}))
	g.optimise(true)
	p := newPlan(g, batch, true, true)
	s := newSession(p, hugepage.Make[float32](p.arena), m.Store().weights(), func(r Routine) Op[float32] { return r.New32() })
	s.bind([][]float32{in})
	s.forward(&runState{training: true, updateState: true})
	return s.values[g.outputs[0]]
}

func TestEmbedding(t *testing.T) {
	x := Input("t", Shape{})
	m := must(NewModelOf([]*Node{x}, []*Node{
		Apply(Embedding{Units: 4}, x), Apply(Embedding{Units: 4, CosineFirst: true}, x), Apply(Embedding{Units: 4, Shift: 1}, x),
		Named("table", Embedding{Units: 3, Entries: 2}).Apply(x),
	}))
	in := random(1, 3)
	copy(in.Data, []float32{0, 1, 2})
	out := must(m.Run(t.Context(), in))
	s, c := math.Sincos(1)
	s2, c2 := math.Sincos(.01)
	s3, c3 := math.Sincos(1e-4)
	for i, want := range [][]float64{{s, s2, c, c2}, {c, c2, s, s2}, {s, s3, c, c3}} {
		for k, w := range want {
			if got := float64(out[i].Data[4+k]); math.Abs(got-w) > 1e-7 {
				t.Errorf("embedding %d of 1: element %d is %v, want %v", i, k, got, w)
			}
		}
	}
	table := m.Store().Value(m.Params()[0])
	for i, v := range out[3].Data {
		if i < 6 && v != table[i] || i >= 6 && !math.IsNaN(float64(v)) {
			t.Errorf("element %d of the table's rows is %v", i, v)
		}
	}
}

func TestRescale(t *testing.T) {
	l := Rescale{Scale: []float64{255, 255, 10}, Offset: []float64{-100, 0, 1}, Order: []int{2, 1, 0}}
	y, _ := runLayer(t, l, []Shape{{2, 3}}, [][]float64{{0, .5, 1, 1, 0, .2}}, nil)
	want := []float64{155, 127.5, 1, -49, 0, 11}
	for i, v := range y {
		if math.Abs(v-want[i]) > 1e-4 {
			t.Fatalf("%v, want %v", y, want)
		}
	}
	for _, c := range []struct {
		l    Rescale
		want string
	}{
		{Rescale{Scale: []float64{1}, Offset: []float64{1, 2}}, "1 Scales, 2 Offsets"},
		{Rescale{Scale: []float64{1, 1}, Offset: []float64{1, 2}, Order: []int{0}}, "an Order of 1 for 2 channels"},
		{Rescale{Scale: []float64{1, 1}, Offset: []float64{1, 2}, Order: []int{1, 1}}, "every channel once"},
		{Rescale{Scale: []float64{1, 1}, Offset: []float64{1, 2}, Order: []int{0, 2}}, "every channel once"},
		{Rescale{Scale: []float64{1, math.Inf(1)}, Offset: []float64{1, 2}}, "want finite numbers"},
	} {
		if _, err := c.l.Infer([]Shape{{3, 2}}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.l, err, c.want)
		}
	}
}

// TestFrozenBatchNorm: frozen, it is in training what it is in prediction, and the layers
// before it still get their gradients.
func TestFrozenBatchNorm(t *testing.T) {
	x := Input("x", Shape{3})
	h := Named("norm", BatchNorm{Momentum: .5}).Apply(Named("first", Dense{Units: 4}).Apply(x))
	m := must(NewModel(x, Apply(Dense{Units: 3}, h)))
	inputs, total, err := WithLoss(m, MeanSquaredError{})
	if err != nil {
		t.Fatal(err)
	}
	judge := must(NewModelOf(inputs, []*Node{total}))
	moving := func() []float32 { return slices.Clone(m.Store().Values(State)) }
	batch := random(3, 16, 3)
	tr := must(NewTrainer(inputs, total, TrainerOptions{}))
	defer tr.Close()
	before := moving()
	must(tr.Gradient(0, batch, batch))
	if slices.Equal(moving(), before) {
		t.Fatal("the moving statistics did not move before the layer was frozen")
	}

	if n := must(m.Store().SetFrozen("norm/*", true)); n != 2 {
		t.Fatalf("%d parameters are frozen", n)
	}
	before = moving()
	loss := must(tr.Gradient(1, batch, batch))
	if !slices.Equal(moving(), before) {
		t.Errorf("the moving statistics of a frozen layer went from %v to %v", before, moving())
	}
	want := 0.0
	for _, v := range must(judge.Run(context.Background(), batch, batch))[0].Data {
		want += float64(v) / 16
	}
	if math.Abs(loss-want) > 1e-6*want {
		t.Errorf("loss in training %v, in prediction %v", loss, want)
	}
	// The gradient of a value before the layer, against a difference quotient.
	kernel := m.Store().Values(Trainable)
	grad := slices.Clone(m.Store().Gradients())
	const step = 1e-2
	at := func(v float32) float64 {
		old := kernel[0]
		defer func() { kernel[0] = old }()
		kernel[0] += v
		return must(tr.Gradient(2, batch, batch))
	}
	if quotient := (at(step) - at(-step)) / (2 * step); math.Abs(quotient-float64(grad[0])) > 1e-3*math.Abs(quotient)+1e-5 {
		t.Errorf("gradient %v of the first layer, difference quotient %v", grad[0], quotient)
	}

	must(m.Store().SetFrozen("norm/*", false))
	must(tr.Gradient(3, batch, batch))
	if slices.Equal(moving(), before) {
		t.Error("the moving statistics of the thawed layer stay")
	}
}
