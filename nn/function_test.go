package nn

import (
	"fmt"
	"strings"
	"testing"
)

// testChecks runs gradient checks, of batches of 3 unless they say otherwise.
func testChecks(t *testing.T, cases []gradientCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.check.Batch == 0 {
				c.check.Batch = 3
			}
			worst, err := c.check.Run(c.layer)
			if err != nil {
				t.Fatal(err)
			}
			if !(worst <= 1e-6) {
				t.Errorf("error of the gradient is %.3g of its maximum", worst)
			}
		})
	}
}

type gradientCase struct {
	name  string
	layer Layer
	check GradientCheck
}

func TestFunctionGradients(t *testing.T) {
	var cases []gradientCase
	for _, f := range []ActivationFunc{Swish, ScaledSwish(1.7), GELU, GELUTanh, HardSigmoid, HardSigmoidOf(.2, .5), HardSwish, Softmax} {
		for _, c := range []int{1, 3, 17} {
			check := GradientCheck{Inputs: []Shape{{5, 3, c}}, Low: -4, High: 4}
			if f != Softmax || c > 1 {
				cases = append(cases, gradientCase{fmt.Sprint(f, " of ", c), Activation{f}, check})
			}
			// Fused in a prediction; in training a layer of its own where that is needed.
			cases = append(cases, gradientCase{fmt.Sprint("dense ", f, " of ", c), Dense{Units: 17, Activation: f}, check})
		}
	}
	testChecks(t, cases)
}

// Layers that end in an activation leave it to a layer of its own where training needs that.
func TestFunctionGradientsInConvolutions(t *testing.T) {
	var cases []gradientCase
	kernel := [2]int{3, 2}
	for _, f := range []ActivationFunc{Swish, GELU, HardSigmoid, HardSwish} {
		for _, l := range []Layer{
			Conv2D{Filters: 3, Kernel: kernel, Activation: f}, Conv2DTranspose{Filters: 3, Kernel: kernel, Stride: [2]int{2, 1}, Activation: f},
			DepthwiseConv2D{Kernel: kernel, Activation: f}, SeparableConv2D{Filters: 3, Kernel: kernel, Activation: f},
		} {
			cases = append(cases, gradientCase{fmt.Sprint(TypeName(l), " ", f), l, GradientCheck{Inputs: []Shape{{5, 4, 3}}, Low: -3, High: 3}})
		}
	}
	testChecks(t, cases)
}

// A dense layer with an activation predicts what the two layers apart do, and a training
// step of it has their gradient.
func TestFusedActivationFromInput(t *testing.T) {
	for _, f := range []ActivationFunc{Swish, GELU, GELUTanh, HardSwish, HardSigmoid} {
		x := Input("x", Shape{5})
		fused := must(NewModel(x, Named("a", Dense{Units: 7, Activation: f}).Apply(x)))
		z := Named("a", Dense{Units: 7}).Apply(x)
		apart := must(NewModelOf([]*Node{x}, []*Node{Apply(Activation{f}, z), z}))
		in := random(1, 4, 5)
		want := must(apart.Run(t.Context(), in))[0]
		if got := predict(t, fused, in); relativeError(got.Data, want.Data) != 0 {
			t.Errorf("%s: fused %v, apart %v", f, got.Data, want.Data)
		}
	}
}

func TestActivationNames(t *testing.T) {
	for text, want := range map[string]ActivationFunc{
		"": Linear, "silu": Swish, "swish": Swish, "swish(1.5)": ScaledSwish(1.5), "gelu": GELU, "gelu_tanh": GELUTanh,
		"hard_sigmoid": HardSigmoid, "hard_sigmoid(0.2,0.5)": HardSigmoidOf(.2, .5), "hard_swish": HardSwish,
		"leaky_relu": LeakyReLU(.2), "leaky_relu(0.3)": LeakyReLU(.3), "elu": ELU(1), "softmax": Softmax, "relu": ReLU,
	} {
		var f, again ActivationFunc
		if err := f.UnmarshalText([]byte(text)); err != nil || f != want {
			t.Errorf("%q reads as %v, %v; want %v", text, f, err, want)
		}
		if err := again.UnmarshalText([]byte(f.String())); err != nil || again != f {
			t.Errorf("%v is read back as %v, %v", f, again, err)
		}
	}
	for text, want := range map[string]string{
		"swash": "swish", "relu(1)": "takes 0 numbers", "elu(1": "takes 1 numbers", "hard_sigmoid(1)": "takes 2 numbers",
		"elu(x)": "not a number", "leaky_relu(-1)": "at least 0",
	} {
		var f ActivationFunc
		if err := f.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v does not say %q", text, err, want)
		}
	}
}
