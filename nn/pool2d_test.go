package nn

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// avgPoolCases has pooling and unpooling with every divisor: overlapping, with gaps, dilated,
// padded unevenly, beyond the padding.
func avgPoolCases() []linearLayer {
	var cases []linearLayer
	add := func(l Layer, in ...Shape) {
		cases = append(cases, linearLayer{fmt.Sprintf("%+v of %v", l, in), l, in})
	}
	for _, l := range []AvgPool2D{
		{Kernel: [2]int{2, 2}},
		{Kernel: [2]int{3, 2}, Stride: [2]int{2, 1}, Padding: Same},
		{Kernel: [2]int{2, 3}, Stride: [2]int{3, 1}, Dilation: [2]int{1, 2}},
		{Kernel: [2]int{3, 4}, Stride: [2]int{2, 3}, Padding: Explicit(1, 1, 0, 2), Ceil: true},
	} {
		for i := range 3 {
			l.CountPadding, l.Divisor = i == 1, []int{0, 0, 7}[i]
			add(l, Shape{6, 7, []int{3, 1, 17}[i]})
			small := must(l.Infer([]Shape{{6, 7, 2}})).Outputs[0]
			up := AvgUnpool2D{Kernel: l.Kernel, Stride: l.Stride, Dilation: l.Dilation, Padding: l.Padding, Ceil: l.Ceil,
				CountPadding: l.CountPadding, Divisor: l.Divisor}
			add(up, small, Shape{6, 7, 1})
			up.Size = [2]int{6, 7}
			add(up, small)
		}
		up := AvgUnpool2D{Kernel: l.Kernel, Stride: l.Stride, Dilation: l.Dilation, Padding: l.Padding, Ceil: l.Ceil, Repeat: true}
		add(up, must(l.Infer([]Shape{{6, 7, 3}})).Outputs[0], Shape{6, 7, 1})
	}
	add(AvgUnpool2D{Kernel: [2]int{2, 3}}, Shape{2, 3, 3})
	add(GlobalAvgPool2D{}, Shape{5, 3, 17})
	add(GlobalAvgPool2D{KeepDims: true}, Shape{5, 3, 1})
	return cases
}

func TestPoolGradients(t *testing.T) {
	var cases []gradientCase
	for _, c := range avgPoolCases() {
		cases = append(cases, gradientCase{c.name, c.layer, GradientCheck{Inputs: c.inputs}})
	}
	add := func(l Layer, check GradientCheck) {
		cases = append(cases, gradientCase{fmt.Sprintf("%+v of %v", l, check.Inputs), l, check})
	}
	for _, l := range []MaxPool2D{
		{Kernel: [2]int{2, 2}},
		{Kernel: [2]int{3, 2}, Stride: [2]int{2, 1}, Padding: Same},
		{Kernel: [2]int{2, 3}, Stride: [2]int{3, 1}, Dilation: [2]int{1, 2}},
		{Kernel: [2]int{3, 4}, Stride: [2]int{2, 3}, Padding: Explicit(1, 1, 0, 2), Ceil: true},
	} {
		for i, ch := range []int{1, 3, 17} {
			l.Mask = i == 1
			in := Shape{6, 7, ch}
			add(l, GradientCheck{Inputs: []Shape{in}})
			// Random masks: some point outside, many at the same pixel.
			small := must(l.Infer([]Shape{in})).Outputs[0]
			up := MaxUnpool2D{Kernel: l.Kernel, Stride: l.Stride, Dilation: l.Dilation, Padding: l.Padding, Ceil: l.Ceil}
			add(up, GradientCheck{Inputs: []Shape{small, small, in}, Fixed: []int{1}, High: float64(l.Kernel[0] * l.Kernel[1])})
		}
	}
	add(GlobalMaxPool2D{}, GradientCheck{Inputs: []Shape{{5, 3, 17}}})
	add(GlobalMaxPool2D{KeepDims: true}, GradientCheck{Inputs: []Shape{{1, 3, 1}}})
	testChecks(t, cases)
}

// TestAvgPoolAdjoints checks <Ax, u> = <x, Aᵀu>.
func TestAvgPoolAdjoints(t *testing.T) {
	for _, c := range avgPoolCases() {
		const batch = 3
		x := uniform(batch*c.inputs[0].Elems(), -1, 1, rng.New(1))
		inputs := [][]float64{x}
		for _, s := range c.inputs[1:] {
			inputs = append(inputs, make([]float64, batch*s.Elems()))
		}
		var u []float64
		out, grads := runLayer(t, c.layer, c.inputs, inputs, func(n int) []float64 {
			u = uniform(n, -1, 1, rng.New(2))
			return u
		})
		a, scale := inner(out, u)
		if b, _ := inner(x, grads[0]); !(b-a <= 1e-10*scale && a-b <= 1e-10*scale) {
			t.Errorf("%s: <Ax, u> = %v, <x, Aᵀu> = %v", c.name, a, b)
		}
	}
}

// chain predicts with a model of one layer after the other.
func chain(t *testing.T, x *tensor.Tensor, layers ...Layer) []float32 {
	t.Helper()
	in := Input("x", x.Shape[1:])
	h := in
	for _, l := range layers {
		h = Apply(l, h)
	}
	return predict(t, must(NewModel(in, h)), x).Data
}

// TestUnpoolingInverts: pooling what was unpooled gives it back: by maxima where it is not
// negative, by averages where it is repeated over windows side by side.
func TestUnpoolingInverts(t *testing.T) {
	v := random(1, 2, 3, 4, 5)
	pool := MaxPool2D{Kernel: [2]int{2, 3}, Mask: true}
	image := Input("image", Shape{7, 14, 5})
	values := Input("values", Shape{3, 4, 5})
	mask := Named("pool", pool).ApplyAll(image)[1]
	up := Apply(MaxUnpool2D{Kernel: pool.Kernel}, values, mask, image)
	again := Apply(MaxPool2D{Kernel: pool.Kernel}, up)
	m := must(NewModelOf([]*Node{image, values}, []*Node{up, again}))
	out, err := m.Run(t.Context(), random(2, 2, 7, 14, 5), v)
	if err != nil {
		t.Fatal(err)
	}
	if !out[0].Shape.Equal(Shape{2, 7, 14, 5}) || !slices.Equal(out[1].Data, v.Data) {
		t.Errorf("unpooled to %v, pooled again to other values", out[0].Shape)
	}
	if got := chain(t, v, AvgUnpool2D{Kernel: [2]int{2, 4}, Repeat: true}, AvgPool2D{Kernel: [2]int{2, 4}}); !slices.Equal(got, v.Data) {
		t.Error("the average of repeated values differs from them")
	}
	up2, up4 := chain(t, v, AvgUnpool2D{Kernel: [2]int{2, 4}, Repeat: true}), chain(t, v, UpSampling2D{Factor: [2]int{2, 4}})
	if !slices.Equal(up2, up4) {
		t.Error("repeating differs from enlarging by nearest neighbours")
	}
}

// TestPoolNumbers holds small pictures against numbers that can be checked by hand.
func TestPoolNumbers(t *testing.T) {
	ties := tensor.Tensor{Shape: Shape{1, 3, 4, 1}, Data: []float32{1, 1, 5, 2, 1, 1, 2, 5, 0, 3, 3, 3}}
	in := Input("x", Shape{3, 4, 1})
	outs := Named("pool", MaxPool2D{Kernel: [2]int{2, 2}, Stride: [2]int{1, 2}, Mask: true}).ApplyAll(in)
	up := Apply(MaxUnpool2D{Kernel: [2]int{2, 2}, Stride: [2]int{1, 2}}, outs...)
	m := must(NewModelOf([]*Node{in}, append(outs, up)))
	got, err := m.Run(t.Context(), &ties)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]float32{{1, 5, 3, 5}, {0, 0, 3, 1}, {1, 0, 5, 0, 0, 0, 0, 5, 0, 3, 0, 0}}
	for i, w := range want {
		if !slices.Equal(got[i].Data, w) {
			t.Errorf("output %d is %v, want %v", i, got[i].Data, w)
		}
	}
	// Both windows' maximum is the middle pixel: it takes the second value.
	x := tensor.Tensor{Shape: Shape{1, 1, 3, 1}, Data: []float32{0, 9, 0}}
	v := tensor.Tensor{Shape: Shape{1, 1, 2, 1}, Data: []float32{4, 7}}
	image, values := Input("image", Shape{1, 3, 1}), Input("values", Shape{1, 2, 1})
	k := [2]int{1, 2}
	s := [2]int{1, 1}
	mask := Named("pool", MaxPool2D{Kernel: k, Stride: s, Mask: true}).ApplyAll(image)[1]
	m = must(NewModelOf([]*Node{image, values}, []*Node{Apply(MaxUnpool2D{Kernel: k, Stride: s}, values, mask)}))
	if got, err := m.Run(t.Context(), &x, &v); err != nil || !slices.Equal(got[0].Data, []float32{0, 7, 0}) {
		t.Errorf("overlapping claims gave %v, %v", got, err)
	}
	ones := tensor.Tensor{Shape: Shape{1, 3, 3, 1}, Data: []float32{1, 1, 1, 1, 1, 1, 1, 1, 1}}
	pad := AvgPool2D{Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Padding: Explicit(1, 1, 1, 1)}
	if got := chain(t, &ones, pad); !slices.Equal(got, []float32{1, 1, 1, 1}) {
		t.Errorf("without padding in the divisor: %v", got)
	}
	pad.CountPadding = true
	for i, v := range chain(t, &ones, pad) {
		if d := v - 4./9; d > 1e-7 || d < -1e-7 {
			t.Errorf("with padding in the divisor, value %d is %v", i, v)
		}
	}
}

func TestPoolErrors(t *testing.T) {
	picture, k2 := Shape{5, 7, 3}, [2]int{2, 2}
	cases := []struct {
		layer Layer
		in    []Shape
		want  string
	}{
		{MaxPool2D{}, []Shape{picture}, "height: kernel is 0"},
		{MaxPool2D{Kernel: [2]int{6, 2}}, []Shape{picture}, "height: a kernel of 6, dilated by 1 to span 6, does not fit into 5"},
		{MaxPool2D{Kernel: k2, Dilation: k2, Padding: Same}, []Shape{{5, 1, 3}}, "width: window 0 of 1, 2 taps from -1 on at a distance of 2, has none in the input's 0 to 0"},
		{MaxPool2D{Kernel: [2]int{5000, 5000}}, []Shape{{Any, Any, 3}}, "25000000 taps"},
		{AvgPool2D{Kernel: k2, Padding: Explicit(2, 0, 0, 0)}, []Shape{picture}, "height: window 0 of 3"},
		{AvgPool2D{Kernel: k2, Divisor: -1}, []Shape{picture}, "Divisor is -1"},
		{AvgPool2D{Kernel: k2, Divisor: 3, CountPadding: true}, []Shape{picture}, "not both"},
		{AvgPool2D{Kernel: k2}, []Shape{{5}}, "takes pictures"},
		{MaxUnpool2D{Kernel: k2}, []Shape{picture}, "got 1 inputs"},
		{MaxUnpool2D{Kernel: k2}, []Shape{picture, {5, 7, 4}}, "inputs of one shape"},
		{MaxUnpool2D{Kernel: k2}, []Shape{picture, picture, {12, 14, 3}}, "height: pooling 12 gives 6, so 5 cannot come from it"},
		{MaxUnpool2D{Kernel: k2, Size: [2]int{10, 16}}, []Shape{picture, picture}, "width: pooling 16 gives 8, so 7 cannot come from it"},
		{MaxUnpool2D{Kernel: k2, Size: [2]int{10, 14}}, []Shape{picture, picture, {10, 14, 1}}, "but the last input gives the size"},
		{MaxUnpool2D{Kernel: k2, Size: [2]int{10, 0}}, []Shape{picture, picture}, "Size is [10 0]"},
		{MaxUnpool2D{Kernel: k2}, []Shape{picture, picture, {10}}, "takes the size of a picture"},
		{AvgUnpool2D{Kernel: k2, Repeat: true, Divisor: 2}, []Shape{picture}, "nothing is divided"},
		{AvgUnpool2D{Kernel: k2}, []Shape{picture, picture, picture}, "got 3 inputs"},
		{AvgUnpool2D{Kernel: k2}, []Shape{picture, {13, 14, 1}}, "pooling 13 gives 6, so 5"},
		{GlobalMaxPool2D{}, []Shape{{5}}, "takes pictures"},
	}
	for _, c := range cases {
		if _, err := c.layer.Infer(c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v of %v: error %v, want %q", c.layer, c.in, err, c.want)
		}
	}
}

func TestPoolShapes(t *testing.T) {
	k2 := [2]int{2, 2}
	cases := []struct {
		layer Layer
		in    []Shape
		want  Shape
	}{
		{MaxPool2D{Kernel: k2}, []Shape{{Any, 7, 3}}, Shape{Any, 3, 3}},
		{MaxPool2D{Kernel: k2, Ceil: true}, []Shape{{6, 7, Any}}, Shape{3, 4, Any}},
		{AvgPool2D{Kernel: k2, Padding: Same}, []Shape{{5, 7, 3}}, Shape{3, 4, 3}},
		{MaxUnpool2D{Kernel: k2}, []Shape{{3, Any, 2}, {Any, 4, 2}}, Shape{6, Any, 2}},
		{MaxUnpool2D{Kernel: k2}, []Shape{{3, 4, 2}, {3, 4, 2}, {7, Any, 9}}, Shape{7, Any, 2}},
		{MaxUnpool2D{Kernel: k2, Stride: [2]int{3, 1}, Padding: Explicit(1, 0, 0, 1)}, []Shape{{3, 4, 2}, {3, 4, 2}}, Shape{7, 4, 2}},
		{AvgUnpool2D{Kernel: [2]int{1, 3}, Stride: [2]int{3, 1}}, []Shape{{3, 4, 2}}, Shape{7, 6, 2}},
		{AvgUnpool2D{Kernel: k2, Size: [2]int{7, 9}}, []Shape{{Any, Any, 2}}, Shape{7, 9, 2}},
		{GlobalAvgPool2D{}, []Shape{{Any, Any, 2}}, Shape{2}},
		{GlobalMaxPool2D{KeepDims: true}, []Shape{{Any, 5, 2}}, Shape{1, 1, 2}},
	}
	for _, c := range cases {
		sig, err := c.layer.Infer(c.in)
		if err != nil || !sig.Outputs[0].Equal(c.want) {
			t.Errorf("%+v of %v: %v, %v, want %v", c.layer, c.in, sig.Outputs, err, c.want)
		}
		want := c.layer
		if d, ok := want.(defaulter); ok {
			want = d.withDefaults()
		}
		if l, err := unmarshalLayer(must(marshalLayer("layer", want))); err != nil || l != want {
			t.Errorf("%+v read again is %+v, %v", want, l, err)
		}
	}
}

// segNet pools with masks and unpools by them, for pictures of any size.
func segNet() *Model {
	x := Input("image", Shape{Any, Any, 2})
	h := Apply(Conv2D{Filters: 3, Kernel: [2]int{3, 3}, Padding: Same, Activation: ReLU}, x)
	pool := MaxPool2D{Kernel: [2]int{3, 2}, Stride: [2]int{2, 2}, Padding: Same, Mask: true}
	p := Apply(pool, h)
	outs := Named("pool", pool).ApplyAll(h)
	up := Apply(MaxUnpool2D{Kernel: pool.Kernel, Stride: pool.Stride, Padding: pool.Padding}, Apply(Add{}, p, outs[0]), outs[1], h)
	y := Apply(Conv2DTranspose{Filters: 2, Kernel: [2]int{3, 3}, Padding: Same, Activation: Sigmoid}, up)
	return must(NewModel(x, y))
}

// TestSegNetAnySize runs and trains one model on pictures of all small sizes.
func TestSegNetAnySize(t *testing.T) {
	m := segNet()
	inputs, total, err := WithLoss(m, BinaryCrossEntropy{})
	if err != nil {
		t.Fatal(err)
	}
	tr := must(NewTrainer(inputs, total, TrainerOptions{Workers: 2}))
	defer tr.Close()
	for h := 1; h < 7; h++ {
		for w := 1; w < 7; w++ {
			x := random(uint64(h*10+w), 3, h, w, 2)
			if y := predict(t, m, x); !y.Shape.Equal(x.Shape) {
				t.Fatalf("%dx%d came out as %v", h, w, y.Shape)
			}
			if _, err := tr.Gradient(0, x, x); err != nil || !finite(m.Store().Gradients()) {
				t.Fatalf("%dx%d: gradient %v, error %v", h, w, m.Store().Gradients(), err)
			}
		}
	}
}

// TestConvTrainingIsRepeatable: gradients have the same bits for any number of workers, and
// a step that has run before allocates nothing.
func TestConvTrainingIsRepeatable(t *testing.T) {
	m := segNet()
	inputs, total, err := WithLoss(m, BinaryCrossEntropy{})
	if err != nil {
		t.Fatal(err)
	}
	x := random(1, 5, 13, 11, 2)
	var want []float32
	for _, workers := range []int{1, 2, 5} {
		tr := must(NewTrainer(inputs, total, TrainerOptions{Workers: workers}))
		must(tr.Gradient(0, x, x))
		got := m.Store().Gradients()
		if want == nil {
			want = slices.Clone(got)
			if n := testing.AllocsPerRun(10, func() { must(tr.Gradient(0, x, x)) }); n > 0 {
				t.Errorf("a step makes %v allocations", n)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d workers give other gradients than 1", workers)
		}
		tr.Close()
	}
}

// TestMaskAlone: where nothing but the mask of a pooling is used, what lies before it gets
// no gradient through it; and a frozen kernel passes gradients on and keeps none.
func TestMaskAlone(t *testing.T) {
	x := Input("image", Shape{4, 6, 2})
	conv := Conv2D{Filters: 2, Kernel: [2]int{3, 3}, Padding: Same}
	k := [2]int{2, 2}
	mask := Named("pool", MaxPool2D{Kernel: k, Mask: true}).ApplyAll(Named("before", conv).Apply(x))[1]
	values := Apply(AvgPool2D{Kernel: k}, Named("frozen", conv).Apply(Named("beside", conv).Apply(x)))
	m := must(NewModel(x, Apply(MaxUnpool2D{Kernel: k}, values, mask, x)))
	if n := must(m.Store().SetFrozen("frozen/*", true)); n != 2 {
		t.Fatalf("%d parameters are frozen", n)
	}
	inputs, total, err := WithLoss(m, MeanSquaredError{})
	if err != nil {
		t.Fatal(err)
	}
	tr := must(NewTrainer(inputs, total, TrainerOptions{}))
	defer tr.Close()
	picture := random(1, 3, 4, 6, 2)
	must(tr.Gradient(0, picture, picture))
	for _, p := range m.Params() {
		if p.Kind != Trainable {
			continue
		}
		used := slices.ContainsFunc(m.Store().Gradient(p), func(v float32) bool { return v != 0 })
		if used != strings.HasPrefix(p.Name, "beside") {
			t.Errorf("%s has the gradient %v", p.Name, m.Store().Gradient(p))
		}
	}
}
