package nn

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// convCases has convolutions of all kinds on pictures of odd shapes: H != W, KH != KW,
// strides that leave a remainder and that exceed the kernel, dilation 2 and 3, groups,
// channels 1, 3 and 17.
func convCases() []gradientCase {
	var cases []gradientCase
	add := func(l Layer, in Shape) {
		cases = append(cases, gradientCase{fmt.Sprintf("%+v of %v", l, in), l, GradientCheck{Inputs: []Shape{in}}})
	}
	add(Conv2D{Filters: 3, Kernel: [2]int{1, 1}}, Shape{4, 3, 17})
	add(Conv2D{Filters: 17, Kernel: [2]int{2, 3}, Activation: Tanh}, Shape{5, 4, 1})
	add(Conv2D{Filters: 2, Kernel: [2]int{4, 2}, Padding: Same, Activation: ReLU}, Shape{5, 4, 3})
	add(Conv2D{Filters: 2, Kernel: [2]int{4, 2}, Padding: SameLower, Stride: [2]int{1, 2}}, Shape{5, 4, 3})
	add(Conv2D{Filters: 2, Kernel: [2]int{2, 3}, Padding: Same, Stride: [2]int{3, 2}, NoBias: true}, Shape{8, 6, 3})
	add(Conv2D{Filters: 3, Kernel: [2]int{3, 2}, Padding: Same, Dilation: [2]int{2, 3}}, Shape{6, 5, 1})
	add(Conv2D{Filters: 2, Kernel: [2]int{2, 3}, Padding: Explicit(2, 0, 1, 3), Dilation: [2]int{3, 1}, Stride: [2]int{2, 2}, Activation: Swish}, Shape{6, 4, 3})
	add(Conv2D{Filters: 4, Kernel: [2]int{3, 2}, Groups: 2, Padding: Same, Activation: Sigmoid}, Shape{4, 5, 6})
	add(Conv2D{Filters: 16, Kernel: [2]int{1, 2}, Groups: 2, Stride: [2]int{2, 1}}, Shape{5, 4, 4})
	for _, b := range []Border{BorderReflect, BorderEdge, BorderSymmetric, BorderWrap} {
		add(Conv2D{Filters: 2, Kernel: [2]int{3, 2}, Padding: Explicit(5, 4, 1, 2), Border: b, Stride: [2]int{2, 1}}, Shape{3, 4, 3})
		add(DepthwiseConv2D{Kernel: [2]int{2, 3}, Padding: Same, Border: b}, Shape{1, 4, 3})
	}
	add(DepthwiseConv2D{Kernel: [2]int{3, 2}, Padding: Same, Activation: ELU(1)}, Shape{5, 4, 17})
	add(DepthwiseConv2D{Kernel: [2]int{3, 2}, Stride: [2]int{2, 3}, Multiplier: 2}, Shape{6, 7, 3})
	add(DepthwiseConv2D{Kernel: [2]int{2, 2}, Dilation: [2]int{2, 1}, Multiplier: 3, NoBias: true}, Shape{4, 3, 1})
	add(SeparableConv2D{Filters: 3, Kernel: [2]int{3, 2}, Padding: Same, Activation: Tanh}, Shape{5, 4, 17})
	add(SeparableConv2D{Filters: 17, Kernel: [2]int{2, 3}, Stride: [2]int{2, 2}, Multiplier: 2, NoBias: true}, Shape{5, 6, 3})
	add(Conv2DTranspose{Filters: 3, Kernel: [2]int{1, 1}, Activation: Tanh}, Shape{4, 3, 17})
	add(Conv2DTranspose{Filters: 17, Kernel: [2]int{2, 3}, Activation: Tanh}, Shape{3, 4, 1})
	add(Conv2DTranspose{Filters: 2, Kernel: [2]int{4, 3}, Stride: [2]int{2, 2}, Padding: Same, Activation: ReLU}, Shape{3, 4, 3})
	add(Conv2DTranspose{Filters: 2, Kernel: [2]int{2, 5}, Stride: [2]int{3, 2}, Padding: SameLower}, Shape{3, 2, 3})
	add(Conv2DTranspose{Filters: 3, Kernel: [2]int{3, 2}, Stride: [2]int{2, 3}, Dilation: [2]int{2, 1}, Padding: Explicit(1, 2, 0, 1), OutputPadding: [2]int{1, 2}, Activation: GELU}, Shape{3, 2, 3})
	add(Conv2DTranspose{Filters: 1, Kernel: [2]int{2, 2}, Stride: [2]int{1, 2}, Dilation: [2]int{1, 3}, Padding: Explicit(-2, -1, 1, 1), NoBias: true}, Shape{3, 2, 3})
	add(Conv2DTranspose{Filters: 4, Kernel: [2]int{3, 2}, Stride: [2]int{2, 2}, Groups: 2, Activation: Softplus}, Shape{3, 2, 6})
	add(Conv2DTranspose{Filters: 3, Kernel: [2]int{3, 2}, Stride: [2]int{2, 1}, Groups: 3, Padding: Same}, Shape{3, 4, 3})
	return cases
}

func TestConvGradients(t *testing.T) { testChecks(t, convCases()) }

// TestConvJSON: a stored layer is the same layer.
func TestConvJSON(t *testing.T) {
	for _, c := range convCases() {
		want := c.layer.(defaulter).withDefaults()
		j := must(marshalLayer("layer", want))
		if l, err := unmarshalLayer(j); err != nil || l != want {
			t.Errorf("%s: %s becomes %+v, %v", c.name, j.Config, l, err)
		}
	}
	for _, text := range []string{"full", "explicit(1,2,3)", "explicit(1,2,3,4", "explicit(1,2,3,4)x", "explicit(1,2,3,+4)"} {
		if err := new(Padding).UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("padding %q: error %v", text, err)
		}
	}
}

func TestConvShapes(t *testing.T) {
	k3, s2 := [2]int{3, 3}, [2]int{2, 2}
	cases := []struct {
		layer    Layer
		in, want Shape
		params   string
	}{
		{Conv2D{Filters: 8, Kernel: k3}, Shape{Any, 7, 4}, Shape{Any, 5, 8}, "kernel[3 3 4 8] bias[8]"},
		{Conv2D{Filters: 8, Kernel: [2]int{4, 2}, Stride: s2, Padding: Same, Groups: 2}, Shape{7, 8, 4}, Shape{4, 4, 8}, "kernel[4 2 2 8] bias[8]"},
		{Conv2D{Filters: 8, Kernel: k3, Padding: Explicit(100, 100, 100, 100), NoBias: true}, Shape{2, 8, 3}, Shape{200, 206, 8}, "kernel[3 3 3 8]"},
		{DepthwiseConv2D{Kernel: k3, Multiplier: 2}, Shape{7, 8, 5}, Shape{5, 6, 10}, "kernel[3 3 5 2] bias[10]"},
		{SeparableConv2D{Filters: 7, Kernel: k3, Padding: Same}, Shape{Any, Any, 5}, Shape{Any, Any, 7}, "depthwise_kernel[3 3 5 1] pointwise_kernel[1 1 5 7] bias[7]"},
		{Conv2DTranspose{Filters: 6, Kernel: [2]int{4, 1}, Stride: s2, Padding: Same}, Shape{3, Any, 4}, Shape{6, Any, 6}, "kernel[4 1 6 4] bias[6]"},
		{Conv2DTranspose{Filters: 6, Kernel: [2]int{4, 1}, Stride: s2, Groups: 2}, Shape{3, 3, 4}, Shape{8, 6, 6}, "kernel[4 1 3 4] bias[6]"},
		{Conv2DTranspose{Filters: 6, Kernel: k3, Stride: s2, Padding: Explicit(1, 1, 1, 1), OutputPadding: [2]int{1, 0}}, Shape{3, 3, 4}, Shape{6, 5, 6}, "kernel[3 3 6 4] bias[6]"},
	}
	for _, c := range cases {
		sig, err := c.layer.Infer([]Shape{c.in})
		if err != nil || !sig.Outputs[0].Equal(c.want) {
			t.Errorf("%+v of %v: %v, %v, want %v", c.layer, c.in, sig.Outputs, err, c.want)
			continue
		}
		var params []string
		for _, p := range sig.Params {
			params = append(params, p.Name+p.Shape.String())
		}
		if got := strings.Join(params, " "); got != c.params {
			t.Errorf("%+v of %v: parameters %s, want %s", c.layer, c.in, got, c.params)
		}
	}
}

// TestConvErrors: what cannot be is refused, with the layer's name and the numbers, when
// the graph is built; what depends on a size still unknown, when that is known.
func TestConvErrors(t *testing.T) {
	k3 := [2]int{3, 3}
	cases := []struct {
		layer Layer
		in    Shape
		want  string
	}{
		{Conv2D{Kernel: k3}, Shape{5, 7, 3}, "Filters is 0"},
		{Conv2D{Filters: 4, Kernel: [2]int{3, 0}}, Shape{5, 7, 3}, "width: kernel is 0"},
		{Conv2D{Filters: 4, Kernel: k3, Stride: [2]int{1, -1}}, Shape{Any, Any, 3}, "width: stride is -1"},
		{Conv2D{Filters: 4, Kernel: k3, Dilation: [2]int{3, 1}}, Shape{6, 7, 3}, "height: a kernel of 3, dilated by 3 to span 7, does not fit into 6 padded by 0 and 0"},
		{Conv2D{Filters: 4, Kernel: k3}, Shape{5, 7}, "takes pictures"},
		{Conv2D{Filters: 4, Kernel: k3}, Shape{5, 7, Any}, "known number of channels"},
		{Conv2D{Filters: 4, Kernel: k3, Groups: 2}, Shape{5, 7, 3}, "Groups is 2, want a divisor of the input's 3 channels and of the 4 Filters"},
		{Conv2D{Filters: 4, Kernel: k3, Groups: -1}, Shape{5, 7, 3}, "Groups is -1"},
		{Conv2D{Filters: 4, Kernel: k3, Border: BorderExclude}, Shape{5, 7, 3}, `Border is "exclude"`},
		{Conv2D{Filters: 4, Kernel: k3, Padding: Explicit(0, -1, 0, 0)}, Shape{5, 7, 3}, "0 before and -1 after"},
		{Conv2D{Filters: 4, Kernel: k3, Activation: LeakyReLU(-1)}, Shape{5, 7, 3}, "alpha is -1"},
		{DepthwiseConv2D{Kernel: k3, Multiplier: -1}, Shape{5, 7, 3}, "Multiplier is -1"},
		{DepthwiseConv2D{Kernel: k3}, Shape{5, 7, Any}, "known number of channels"},
		{SeparableConv2D{Kernel: k3}, Shape{5, 7, 3}, "Filters is 0"},
		{SeparableConv2D{Kernel: k3, Filters: 1, Multiplier: -2}, Shape{5, 7, 3}, "Multiplier is -2"},
		{Conv2DTranspose{Filters: 4, Kernel: k3, Stride: [2]int{2, 2}, Padding: Explicit(0, 0, 0, 0), OutputPadding: [2]int{0, 2}}, Shape{5, 7, 3}, "width: output padding is 2, want less than the stride 2"},
		{Conv2DTranspose{Filters: 4, Kernel: k3, Stride: [2]int{2, 2}, OutputPadding: [2]int{1, 1}}, Shape{Any, 7, 3}, "goes with explicit padding"},
		{Conv2DTranspose{Filters: 4, Kernel: k3, Padding: Explicit(3, 2, 0, 0)}, Shape{3, 7, 3}, "nothing is left of 5 after 3 are cut off before and 2 after"},
		{Conv2DTranspose{Filters: 4, Kernel: k3, KernelInit: Bilinear}, Shape{5, 7, 3}, "Filters is 4, the input has 3"},
	}
	for _, c := range cases {
		x := Input("image", c.in)
		_, err := NewModel(x, Named("conv", c.layer).Apply(x))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `"conv"`) {
			t.Errorf("%+v of %v: error %v, want one with %q", c.layer, c.in, err, c.want)
		}
	}
	x := Input("image", Shape{Any, Any, 1})
	m := must(NewModel(x, Named("conv", Conv2D{Filters: 1, Kernel: k3}).Apply(x)))
	if _, err := m.Predict(t.Context(), tensor.New(1, 9, 2, 1)); err == nil || !strings.Contains(err.Error(), "does not fit into 2") {
		t.Errorf("a picture too small: error %v", err)
	}
}

// linear runs a layer without bias on x and returns its result and, for the cotangent u,
// the gradient of x.
func linear(t *testing.T, l Layer, kernel []float64, in Shape, batch int, x, u []float64) (y, dx []float64) {
	t.Helper()
	r := l.Compile(batch, []Shape{in})
	op := r.New64()
	out := must(l.Infer([]Shape{in})).Outputs[0]
	y, dx = make([]float64, batch*out.Elems()), make([]float64, len(x))
	c := &Call[float64]{
		Batch: batch, In: [][]float64{x}, Out: [][]float64{y}, DIn: [][]float64{dx}, DOut: [][]float64{u},
		Param: [][]float64{kernel}, DParam: [][]float64{nil}, Scratch: make([]float64, max(r.Scratch+r.Form.Elems, r.BackwardScratch)),
	}
	op.Forward(c)
	if u != nil {
		op.Backward(c)
	}
	return y, dx
}

func inner(a, b []float64) (sum, scale float64) {
	for i, v := range a {
		sum += v * b[i]
		scale += math.Abs(v * b[i])
	}
	return sum, scale
}

// TestConvAdjoint checks <conv(x), y> = <x, convT(y)> for one and the same kernel and
// geometry, through the gradients too.
func TestConvAdjoint(t *testing.T) {
	const batch = 2
	for i, c := range []struct {
		conv Conv2D
		back Conv2DTranspose
		in   Shape
	}{
		{Conv2D{Kernel: [2]int{3, 2}}, Conv2DTranspose{}, Shape{5, 7, 3}},
		{Conv2D{Kernel: [2]int{4, 3}, Stride: [2]int{2, 3}, Padding: Same}, Conv2DTranspose{}, Shape{6, 9, 3}},
		{Conv2D{Kernel: [2]int{2, 5}, Stride: [2]int{3, 2}, Padding: SameLower}, Conv2DTranspose{}, Shape{9, 4, 3}},
		{Conv2D{Kernel: [2]int{3, 2}, Dilation: [2]int{2, 3}, Stride: [2]int{2, 2}, Padding: Explicit(1, 0, 2, 3)},
			Conv2DTranspose{OutputPadding: [2]int{1, 1}}, Shape{9, 8, 6}},
		{Conv2D{Kernel: [2]int{3, 3}, Groups: 3, Padding: Same}, Conv2DTranspose{}, Shape{4, 5, 6}},
	} {
		conv, back := c.conv, c.back
		conv.Filters, conv.NoBias = 9, true
		back.Kernel, back.Stride, back.Dilation, back.Padding, back.Groups = conv.Kernel, conv.Stride, conv.Dilation, conv.Padding, conv.Groups
		back.Filters, back.NoBias = c.in[2], true
		sig := must(conv.Infer([]Shape{c.in}))
		small := sig.Outputs[0]
		if got := must(back.Infer([]Shape{small})).Outputs[0]; !got.Equal(c.in) {
			t.Fatalf("case %d: back from %v to %v, want %v", i, small, got, c.in)
		}
		if want := must(back.Infer([]Shape{small})).Params[0].Shape; !want.Equal(sig.Params[0].Shape) {
			t.Fatalf("case %d: kernels %v and %v", i, sig.Params[0].Shape, want)
		}
		k := uniform(sig.Params[0].Shape.Elems(), -1, 1, rng.New(1))
		x := uniform(batch*c.in.Elems(), -1, 1, rng.New(2))
		y := uniform(batch*small.Elems(), -1, 1, rng.New(3))
		cx, gy := linear(t, conv, k, c.in, batch, x, y)
		by, gx := linear(t, back, k, small, batch, y, x)
		want, scale := inner(cx, y)
		for name, got := range map[string]float64{
			"<x, convT(y)>": first(inner(x, by)), "<x, gradient of conv>": first(inner(x, gy)), "<y, gradient of convT>": first(inner(y, gx)),
		} {
			if !(math.Abs(got-want) <= 1e-10*scale) {
				t.Errorf("case %d: <conv(x), y> = %v, %s = %v", i, want, name, got)
			}
		}
	}
}

func first(a, _ float64) float64 { return a }
