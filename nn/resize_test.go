package nn

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/internal/hugepage"
	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// linearLayer is a case of a layer without parameters.
type linearLayer struct {
	name   string
	layer  Layer
	inputs []Shape
}

// resizeCases has every method with every rule of coordinates, up and down by odd factors.
func resizeCases() []linearLayer {
	var cases []linearLayer
	add := func(name string, r Resize, in ...Shape) { cases = append(cases, linearLayer{"resize/" + name, r, in}) }
	for m := range resizeMethods {
		for i, size := range [][2]int{{7, 4}, {3, 11}, {1, 1}} {
			r := Resize{Size: size, Method: m}
			add(fmt.Sprintf("%s/%v", m, size), r, Shape{5, 6, []int{3, 1, 17}[i]})
			if m == ResizeArea || m == ResizeAdaptive {
				continue
			}
			r.Antialias, r.Border = true, BorderSymmetric
			add(fmt.Sprintf("%s/%v/antialias", m, size), r, Shape{5, 6, 1})
			for c := range coordinates {
				r := Resize{Size: size, Method: m, Coordinates: c, Border: BorderEdge, CubicA: -.75, Region: [4]float64{-.2, .1, 1.3, .8}}
				add(fmt.Sprintf("%s/%v/%s", m, size, c), r, Shape{6, 5, 1})
			}
		}
	}
	for r := range roundings {
		add("nearest/"+string(r), Resize{Scale: [2]float64{1.7, .6}, Method: ResizeNearest, Rounding: r}, Shape{5, 7, 3})
	}
	for c := range coordinates {
		add("scale/"+string(c), Resize{Scale: [2]float64{1.7, .6}, Coordinates: c, Region: [4]float64{0, 0, 1, 1}}, Shape{5, 7, 3})
	}
	for _, a := range []Aspect{NotLarger, NotSmaller} {
		add(string(a), Resize{Size: [2]int{9, 4}, Aspect: a}, Shape{5, 7, 3})
	}
	add("match", Resize{}, Shape{5, 7, 3}, Shape{8, 3, 2})
	for _, m := range []ResizeMethod{ResizeNearest, ResizeBilinear, ResizeBicubic} {
		for _, c := range []int{1, 3, 17, 40} {
			cases = append(cases, linearLayer{fmt.Sprintf("up/%s/%d", m, c), UpSampling2D{[2]int{2, 3}, m}, []Shape{{5, 2, c}}})
		}
	}
	return cases
}

// padCases has pads, narrow and wider than the picture, and crops.
func padCases() []linearLayer {
	var cases []linearLayer
	add := func(name string, l Layer, in ...Shape) { cases = append(cases, linearLayer{"pad/" + name, l, in}) }
	for _, m := range []Margins{{}, {1, 2, 0, 3}, {9, 4, 11, 7}} {
		for _, s := range []Shape{{4, 5, 3}, {1, 2, 17}, {3, 1, 1}} {
			for _, l := range []Layer{ZeroPad{m}, ReflectPad{m}, SymmetricPad{m}, EdgePad{m}, WrapPad{m}} {
				add(fmt.Sprintf("%s/%v/%v", TypeName(l), m, s), l, s)
			}
		}
	}
	add("crop", Crop{Margins{1, 2, 0, 3}}, Shape{5, 7, 3})
	add("crop to match", CropToMatch{}, Shape{5, 8, 17}, Shape{2, 5, 1})
	add("crop to match at an offset", CropToMatch{Anchor: AnchorStart, Offset: [2]int{2, 1}}, Shape{5, 8, 17}, Shape{2, 5, 1})
	add("crop to match of all", CropToMatch{}, Shape{5, 8, 17}, Shape{5, 8, 1})
	for _, b := range []Border{BorderReflect, BorderEdge, BorderZero, BorderSymmetric, BorderWrap} {
		for _, a := range []Anchor{AnchorCenter, AnchorStart} {
			add(fmt.Sprintf("to multiple/%s/%s", b, a), PadToMultiple{[2]int{4, 16}, [2]int{3, 0}, b, a}, Shape{5, 2, 3})
		}
	}
	for _, o := range []DepthOrder{DCR, CRD} {
		add("depth to space/"+string(o), DepthToSpace{[2]int{3, 2}, o}, Shape{2, 3, 18})
		add("space to depth/"+string(o), SpaceToDepth{[2]int{3, 2}, o}, Shape{6, 4, 5})
	}
	return cases
}

func TestResizeGradients(t *testing.T) {
	for _, c := range slices.Concat(resizeCases(), padCases()) {
		if len(c.inputs) == 1 && c.inputs[0].Elems() > 180 {
			continue // covered by the adjoint identity, at less cost
		}
		worst, err := GradientCheck{Batch: 3, Inputs: c.inputs}.Run(c.layer)
		if err != nil || !(worst <= 1e-6) {
			t.Errorf("%s: error %.3g of its maximum, %v", c.name, worst, err)
		}
	}
	worst, err := GradientCheck{Batch: 3, Inputs: []Shape{{3, 2, 3}}}.Run(ConstantPad{Margins{1, 2, 3, 1}, .7})
	if err != nil || !(worst <= 1e-6) {
		t.Errorf("constant pad: error %.3g of its maximum, %v", worst, err)
	}
}

// TestResizeAdjoints checks <Ax, u> = <x, Aᵀu> of every linear layer.
func TestResizeAdjoints(t *testing.T) {
	for _, c := range slices.Concat(resizeCases(), padCases()) {
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
		a, b, scale := 0., 0., 0.
		for i, v := range out {
			a += v * u[i]
			scale += math.Abs(v * u[i])
		}
		for i, v := range x {
			b += v * grads[0][i]
		}
		if !(math.Abs(a-b) <= 1e-10*scale) {
			t.Errorf("%s: <Ax, u> = %v, <x, Aᵀu> = %v", c.name, a, b)
		}
	}
}

// runLayer runs a layer forward and backward on the inputs, whose first axis is the
// batch, and returns its output and the inputs' gradients.
func runLayer[T tensor.Float](t *testing.T, l Layer, shapes []Shape, inputs [][]T, cotangent func(n int) []T) (out []T, grads [][]T) {
	t.Helper()
	var ins []*Node
	for i, s := range shapes {
		ins = append(ins, Input(fmt.Sprintf("in%d", i), s))
	}
	m, err := NewModelOf(ins, Named("layer", l).ApplyAll(ins...))
	if err != nil {
		t.Fatal(err)
	}
	g := must(lower(m, shapes))
	g.optimise(true)
	p := newPlan(g, len(inputs[0])/shapes[0].Elems(), true, true)
	op := func(r Routine) Op[T] {
		var o any = r.New64()
		if _, single := any(T(0)).(float32); single {
			o = r.New32()
		}
		return o.(Op[T])
	}
	s := newSession(p, hugepage.Make[T](p.arena), &weights[T]{}, op)
	team := parallel.Start(2)
	defer team.Close()
	s.bind(inputs)
	s.forward(&runState{team: team})
	out = slices.Clone(s.values[g.outputs[0]])
	if cotangent == nil {
		return out, nil
	}
	copy(s.gradients[g.outputs[0]], cotangent(len(out)))
	s.backward()
	for _, v := range g.inputs {
		grads = append(grads, s.gradients[v])
	}
	return out, grads
}

// TestResizeNumbers holds small maps against numbers that can be checked by hand.
func TestResizeNumbers(t *testing.T) {
	square := []float64{1, 2, 3, 4}
	cases := []struct {
		layer Layer
		shape Shape
		in    []float64
		want  []float64
	}{
		{UpSampling2D{Method: ResizeBilinear}, Shape{2, 2, 1}, square, []float64{
			1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4}},
		{UpSampling2D{}, Shape{2, 2, 1}, square, []float64{1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4}},
		{UpSampling2D{Factor: [2]int{1, 2}, Method: ResizeBicubic}, Shape{1, 4, 1}, []float64{0, 0, 128, 128},
			[]float64{0, -3 / 1.0703125, -9 / 1.0234375, 26, 102, 128 + 9/1.0234375, 128 + 3/1.0703125, 128}},
		{Resize{Size: [2]int{1, 5}, Coordinates: AlignCorners}, Shape{1, 3, 1}, []float64{0, 2, 6}, []float64{0, 1, 2, 4, 6}},
		{Resize{Size: [2]int{1, 4}, Coordinates: Asymmetric, Border: BorderEdge}, Shape{1, 2, 1}, []float64{0, 2}, []float64{0, 1, 2, 2}},
		{Resize{Size: [2]int{1, 2}, Method: ResizeArea}, Shape{1, 3, 1}, []float64{3, 6, 9}, []float64{4, 8}},
		{Resize{Size: [2]int{1, 2}, Method: ResizeAdaptive}, Shape{1, 3, 1}, []float64{3, 6, 9}, []float64{4.5, 7.5}},
		{Resize{Size: [2]int{1, 2}, Antialias: true, Border: BorderSymmetric}, Shape{1, 4, 1}, []float64{8, 0, 0, 0}, []float64{4, 0}},
		{ReflectPad{Margins{0, 0, 2, 5}}, Shape{1, 3, 1}, []float64{1, 2, 3}, []float64{3, 2, 1, 2, 3, 2, 1, 2, 3, 2}},
		{SymmetricPad{Margins{0, 0, 2, 5}}, Shape{1, 3, 1}, []float64{1, 2, 3}, []float64{2, 1, 1, 2, 3, 3, 2, 1, 1, 2}},
		{EdgePad{Margins{0, 1, 1, 1}}, Shape{1, 3, 1}, []float64{1, 2, 3}, []float64{1, 1, 2, 3, 3, 1, 1, 2, 3, 3}},
		{WrapPad{Margins{0, 0, 1, 4}}, Shape{1, 3, 1}, []float64{1, 2, 3}, []float64{3, 1, 2, 3, 1, 2, 3, 1}},
		{ConstantPad{Margins{1, 0, 1, 0}, 7}, Shape{1, 2, 1}, []float64{1, 2}, []float64{7, 7, 7, 7, 1, 2}},
		{Crop{Margins{0, 1, 1, 0}}, Shape{2, 2, 1}, square, []float64{2}},
		{DepthToSpace{[2]int{2, 1}, DCR}, Shape{1, 2, 4}, []float64{1, 2, 3, 4, 5, 6, 7, 8}, []float64{1, 2, 5, 6, 3, 4, 7, 8}},
		{DepthToSpace{[2]int{2, 1}, CRD}, Shape{1, 2, 4}, []float64{1, 2, 3, 4, 5, 6, 7, 8}, []float64{1, 3, 5, 7, 2, 4, 6, 8}},
	}
	for _, c := range cases {
		got, _ := runLayer(t, c.layer, []Shape{c.shape}, [][]float64{c.in}, nil)
		for i, want := range c.want {
			if len(got) != len(c.want) || math.Abs(got[i]-want) > 1e-12 {
				t.Errorf("%+v of %v is %v, want %v", c.layer, c.in, got, c.want)
				break
			}
		}
	}
}

// TestResizeInverses: what is put together comes apart again.
func TestResizeInverses(t *testing.T) {
	const batch = 2
	check := func(name string, x, y []float64) {
		t.Helper()
		if !slices.Equal(x, y) {
			t.Errorf("%s: %v becomes %v", name, x, y)
		}
	}
	for _, o := range []DepthOrder{DCR, CRD} {
		deep, wide := Shape{2, 3, 30}, Shape{4, 9, 5}
		x := uniform(batch*deep.Elems(), -1, 1, rng.New(3))
		y, _ := runLayer(t, DepthToSpace{[2]int{2, 3}, o}, []Shape{deep}, [][]float64{x}, nil)
		back, _ := runLayer(t, SpaceToDepth{[2]int{2, 3}, o}, []Shape{wide}, [][]float64{y}, nil)
		check(string(o), x, back)
	}
	for h := 1; h < 12; h++ {
		for _, a := range []Anchor{AnchorCenter, AnchorStart} {
			small := Shape{h, 13 - h, 2}
			big := must(PadToMultiple{Multiple: [2]int{4, 5}}.Infer([]Shape{small})).Outputs[0]
			x := uniform(batch*small.Elems(), -1, 1, rng.New(3))
			y, _ := runLayer(t, PadToMultiple{Multiple: [2]int{4, 5}, Anchor: a}, []Shape{small}, [][]float64{x}, nil)
			back, _ := runLayer(t, CropToMatch{Anchor: a}, []Shape{big, small}, [][]float64{y, x}, nil)
			check(fmt.Sprintf("%s %v in %v", a, small, big), x, back)
			m := Margins{h, 2, 1, 3}
			y, _ = runLayer(t, ReflectPad{m}, []Shape{small}, [][]float64{x}, nil)
			back, _ = runLayer(t, Crop{m}, []Shape{{2*h + 2, 17 - h, 2}}, [][]float64{y}, nil)
			check(fmt.Sprintf("crop of %v", small), x, back)
		}
	}
}

func TestResizeShapes(t *testing.T) {
	picture := Shape{Any, 5, 3}
	cases := []struct {
		layer Layer
		in    []Shape
		want  Shape
	}{
		{Resize{Size: [2]int{4, 7}}, []Shape{{Any, Any, Any}}, Shape{4, 7, Any}},
		{Resize{Scale: [2]float64{1.5, 1.5}}, []Shape{picture}, Shape{Any, 7, 3}},
		{Resize{}, []Shape{picture, {Any, 9, 1}}, Shape{Any, 9, 3}},
		{Resize{Size: [2]int{4, 7}, Aspect: NotLarger}, []Shape{picture}, Shape{Any, Any, 3}},
		{Resize{Size: [2]int{4, 7}, Aspect: NotLarger}, []Shape{{8, 5, 3}}, Shape{4, 3, 3}},
		{Resize{Size: [2]int{4, 7}, Aspect: NotSmaller}, []Shape{{8, 5, 3}}, Shape{11, 7, 3}},
		{UpSampling2D{}, []Shape{picture}, Shape{Any, 10, 3}},
		{ZeroPad{Margins{1, 2, 3, 4}}, []Shape{picture}, Shape{Any, 12, 3}},
		{Crop{Margins{1, 2, 3, 1}}, []Shape{picture}, Shape{Any, 1, 3}},
		{CropToMatch{}, []Shape{picture, {7, Any, 9}}, Shape{7, Any, 3}},
		{PadToMultiple{Multiple: [2]int{8, 8}}, []Shape{picture}, Shape{Any, 8, 3}},
		{PadToMultiple{Multiple: [2]int{8, 8}, Rest: [2]int{0, 3}}, []Shape{picture}, Shape{Any, 11, 3}},
		{DepthToSpace{Block: [2]int{3, 1}}, []Shape{{Any, 5, 3}}, Shape{Any, 5, 1}},
		{SpaceToDepth{Block: [2]int{3, 5}}, []Shape{picture}, Shape{Any, 1, 45}},
		{SpaceToDepth{Block: [2]int{3, 5}}, []Shape{{Any, Any, Any}}, Shape{Any, Any, Any}},
	}
	for _, c := range cases {
		sig, err := c.layer.Infer(c.in)
		if err != nil || !sig.Outputs[0].Equal(c.want) {
			t.Errorf("%+v of %v: %v, %v, want %v", c.layer, c.in, sig.Outputs, err, c.want)
		}
	}
}

// TestResizeErrors: what cannot be is refused with its numbers.
func TestResizeErrors(t *testing.T) {
	picture := Shape{5, 7, 3}
	cases := []struct {
		layer Layer
		in    []Shape
		want  string
	}{
		{Resize{}, []Shape{picture}, "takes 2 inputs, of which the second gives the size, got 1"},
		{Resize{Size: [2]int{1, 1}}, []Shape{picture, picture}, "takes 1 input, got 2"},
		{Resize{Size: [2]int{3, 0}}, []Shape{picture}, "Size is [3 0], want 1 to"},
		{Resize{Size: [2]int{3, -1}}, []Shape{picture}, "Size is [3 -1]"},
		{Resize{Scale: [2]float64{.1, 1}}, []Shape{picture}, "Scale 0.1 makes 0 pixels of 5"},
		{Resize{Scale: [2]float64{1, math.Inf(1)}}, []Shape{picture}, "Scale is [1 +Inf]"},
		{Resize{Scale: [2]float64{1, 0}}, []Shape{picture}, "Scale is [1 0]"},
		{Resize{Scale: [2]float64{1, 1e-300}}, []Shape{picture}, "Scale is [1 1e-300]"},
		{Resize{Size: [2]int{1, 1 << 25}}, []Shape{picture}, "Size is [1 33554432]"},
		{ZeroPad{Margins{math.MaxInt32, 1, 0, 0}}, []Shape{picture}, "top 2147483647"},
		{Resize{Size: [2]int{3, 3}}, []Shape{{5, 7}}, "takes pictures [H W C], got [5 7]"},
		{Resize{}, []Shape{picture, {5}}, "takes the size of a picture"},
		{Resize{Size: [2]int{3, 3}, Method: "cubic"}, []Shape{picture}, `Method is "cubic", want one of`},
		{Resize{Size: [2]int{3, 3}, Border: BorderWrap}, []Shape{picture}, `Border is "wrap"`},
		{Resize{Size: [2]int{3, 3}, Coordinates: "middle"}, []Shape{picture}, `Coordinates is "middle"`},
		{Resize{Size: [2]int{3, 3}, Method: ResizeArea, Coordinates: AlignCorners}, []Shape{picture}, `"align_corners"`},
		{Resize{Scale: [2]float64{1, 2}, Aspect: NotLarger}, []Shape{picture}, "needs a Size"},
		{Resize{Size: [2]int{3, 3}, CubicA: math.NaN()}, []Shape{picture}, "CubicA is NaN"},
		{UpSampling2D{Factor: [2]int{2, 0}}, []Shape{picture}, "Factor is [2 0]"},
		{UpSampling2D{Method: "linear"}, []Shape{picture}, `Method is "linear"`},
		{ZeroPad{Margins{0, 0, -1, 0}}, []Shape{picture}, "left -1"},
		{ConstantPad{Value: math.NaN()}, []Shape{picture}, "Value is NaN"},
		{Crop{Margins{2, 3, 0, 0}}, []Shape{picture}, "cannot take 5 of 5 pixels of height"},
		{CropToMatch{}, []Shape{picture, {5, 8, 1}}, "cannot take width 8 from 0 on of 7"},
		{CropToMatch{Anchor: AnchorStart, Offset: [2]int{1, 0}}, []Shape{picture, {5, 7, 1}}, "cannot take height 5 from 1 on of 5"},
		{CropToMatch{Offset: [2]int{1, 0}}, []Shape{picture, {2, 2, 1}}, "Offset is [1 0]"},
		{PadToMultiple{}, []Shape{picture}, "Multiple is [0 0]"},
		{PadToMultiple{Multiple: [2]int{2, 2}, Rest: [2]int{0, 2}}, []Shape{picture}, "Rest is [0 2]"},
		{PadToMultiple{Multiple: [2]int{2, 2}, Border: BorderExclude}, []Shape{picture}, `Border is "exclude"`},
		{DepthToSpace{Block: [2]int{2, 2}}, []Shape{picture}, "cannot make blocks of 2x2 of 3 channels, which 4 does not divide"},
		{DepthToSpace{Block: [2]int{2, 2}, Order: "RCD"}, []Shape{picture}, `Order is "RCD"`},
		{SpaceToDepth{Block: [2]int{1, 2}}, []Shape{picture}, "cannot divide width 7 into blocks of 2"},
		{SpaceToDepth{}, []Shape{picture}, "Block is [0 0]"},
	}
	for _, c := range cases {
		if _, err := c.layer.Infer(c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v of %v: error %v, want %q", c.layer, c.in, err, c.want)
		}
	}
}

// TestResizeJSON: a stored layer is the same layer.
func TestResizeJSON(t *testing.T) {
	for _, c := range slices.Concat(resizeCases(), padCases()) {
		j := must(marshalLayer("layer", c.layer))
		if l, err := unmarshalLayer(j); err != nil || l != c.layer {
			t.Errorf("%s: %s becomes %+v, %v", c.name, must(json.Marshal(j)), l, err)
		}
	}
}

// TestResizeAnySize runs one model on pictures of all small sizes.
func TestResizeAnySize(t *testing.T) {
	x := Input("image", Shape{Any, Any, 2})
	h := Apply(PadToMultiple{Multiple: [2]int{4, 4}}, x)
	half := Apply(SpaceToDepth{Block: [2]int{2, 2}}, h)
	up := Apply(Resize{Method: ResizeBicubic}, half, h)
	m, err := NewModel(x, Apply(CropToMatch{}, up, x))
	if err != nil {
		t.Fatal(err)
	}
	for h := 1; h < 9; h++ {
		for w := 1; w < 9; w++ {
			y, err := m.Predict(t.Context(), tensor.New(2, h, w, 2))
			if err != nil || !y.Shape.Equal(Shape{2, h, w, 8}) {
				t.Fatalf("%dx%d: %v, %v", h, w, y, err)
			}
		}
	}
}

// TestPadOfNothing: an output is never the caller's memory.
func TestPadOfNothing(t *testing.T) {
	x := Input("image", Shape{Any, 2, 1})
	m, err := NewModel(x, Apply(ZeroPad{}, x))
	if err != nil {
		t.Fatal(err)
	}
	in := tensor.New(1, 2, 2, 1)
	out, err := m.Predict(t.Context(), in)
	if err != nil || &out.Data[0] == &in.Data[0] {
		t.Errorf("%v, %v", out, err)
	}
}
