package nn

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// ActivationFunc is an activation, written as its name with its arguments in brackets if
// it has some: relu, leaky_relu(0.2), hard_sigmoid(0.2,0.5). The zero value is [Linear].
type ActivationFunc struct {
	kind        kernels.ActKind
	soft        bool // softmax, which mixes channels
	alpha, beta float64
}

// The activations, with the formula for y in terms of x.
var (
	Linear   = ActivationFunc{}                       // x
	ReLU     = ActivationFunc{kind: kernels.ReLU}     // max(x, 0)
	Sigmoid  = ActivationFunc{kind: kernels.Sigmoid}  // 1/(1+exp(-x))
	Tanh     = ActivationFunc{kind: kernels.Tanh}     // tanh(x)
	Softplus = ActivationFunc{kind: kernels.Softplus} // log(1+exp(x))
	// Softmax is exp(x_c)/sum_k exp(x_k) over the last axis.
	Softmax = ActivationFunc{soft: true}
	// Swish, or SiLU, is x*sigmoid(x) (Hendrycks and Gimpel 2016; Ramachandran et al. 2017).
	Swish = ScaledSwish(1)
	// GELU is x*Phi(x), Phi the distribution function of the standard normal (Hendrycks and
	// Gimpel 2016), which Keras, PyTorch and ONNX mean by the name unless told otherwise.
	GELU = ActivationFunc{kind: kernels.GELU}
	// GELUTanh is x/2*(1+tanh(sqrt(2/pi)*(x+0.044715*x³))), an approximation of GELU that
	// differs by up to 5e-4.
	GELUTanh = ActivationFunc{kind: kernels.GELUTanh}
	// HardSigmoid is (x+3)/6 cut off below 0 and above 1, as in Keras 3 and PyTorch.
	HardSigmoid = HardSigmoidOf(1./6, 0.5)
	// HardSwish is x*HardSigmoid(x) (Howard et al. 2019).
	HardSwish = ActivationFunc{kind: kernels.HardSwish}
)

// LeakyReLU is x where x > 0, else alpha*x, alpha at least 0 (Maas et al. 2013).
func LeakyReLU(alpha float64) ActivationFunc {
	return ActivationFunc{kind: kernels.LeakyReLU, alpha: alpha}
}

// ELU is x where x > 0, else alpha*(exp(x)-1), alpha at least 0 (Clevert et al. 2016).
func ELU(alpha float64) ActivationFunc { return ActivationFunc{kind: kernels.ELU, alpha: alpha} }

// ScaledSwish is x*sigmoid(alpha*x), alpha at least 0.
func ScaledSwish(alpha float64) ActivationFunc {
	return ActivationFunc{kind: kernels.Swish, alpha: alpha}
}

// HardSigmoidOf is alpha*x+beta cut off below 0 and above 1, alpha at least 0. ONNX's default
// and that of Keras before version 3 is HardSigmoidOf(0.2, 0.5).
func HardSigmoidOf(alpha, beta float64) ActivationFunc {
	return ActivationFunc{kind: kernels.HardSigmoid, alpha: alpha, beta: beta}
}

// elementwise reports whether each output depends on one input alone.
func (f ActivationFunc) elementwise() bool { return !f.soft }

// fromInput reports whether the derivative is computed from the input, not the output.
func (f ActivationFunc) fromInput() bool { return f.kind.FromInput() }

func (f ActivationFunc) act() kernels.Act {
	return kernels.Act{Kind: f.kind, Alpha: f.alpha, Beta: f.beta}
}

// check refuses arguments that no gradient, where it is computed from the output, can serve.
func (f ActivationFunc) check() error {
	if !(f.alpha >= 0) || math.IsInf(f.alpha, 1) {
		return fmt.Errorf("%s: alpha is %v, want a number of at least 0", f, f.alpha)
	}
	return nil
}

// namedFunctions are the activations by name, with the arguments that a bare name stands
// for: those of Keras.
var namedFunctions = map[string]ActivationFunc{
	"": Linear, "linear": Linear, "relu": ReLU, "sigmoid": Sigmoid, "tanh": Tanh,
	"softplus": Softplus, "softmax": Softmax, "gelu": GELU, "gelu_tanh": GELUTanh,
	"hard_swish": HardSwish, "swish": Swish, "silu": Swish, "hard_sigmoid": HardSigmoid,
	"leaky_relu": LeakyReLU(0.2), "elu": ELU(1),
}

// arguments lists the arguments that the function is written with.
func (f *ActivationFunc) arguments() []*float64 {
	switch f.kind {
	case kernels.LeakyReLU, kernels.ELU, kernels.Swish:
		return []*float64{&f.alpha}
	case kernels.HardSigmoid:
		return []*float64{&f.alpha, &f.beta}
	}
	return nil
}

// String is the name with the arguments: leaky_relu(0.2). Swish and HardSigmoid bear
// theirs only where they differ from the usual.
func (f ActivationFunc) String() string {
	switch {
	case f.soft:
		return "softmax"
	case f.kind == kernels.Identity:
		return "linear"
	case f == Swish, f == HardSigmoid:
		return f.kind.String()
	}
	var args []string
	for _, v := range f.arguments() {
		args = append(args, strconv.FormatFloat(*v, 'g', -1, 64))
	}
	if len(args) == 0 {
		return f.kind.String()
	}
	return f.kind.String() + "(" + strings.Join(args, ",") + ")"
}

// MarshalText writes the name with the arguments.
func (f ActivationFunc) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what MarshalText writes, and silu for swish. Without an argument
// leaky_relu has alpha 0.2, elu and swish 1, and hard_sigmoid is relu6(x+3)/6, as in Keras.
func (f *ActivationFunc) UnmarshalText(text []byte) error {
	name, list, hasArgs := strings.Cut(string(text), "(")
	g, ok := namedFunctions[name]
	if !ok {
		names := slices.Sorted(maps.Keys(namedFunctions))
		return fmt.Errorf("nn: unknown activation %q: want one of %s", text, strings.Join(names[1:], ", "))
	}
	if hasArgs {
		list, closed := strings.CutSuffix(list, ")")
		values, args := strings.Split(list, ","), g.arguments()
		if !closed || len(values) != len(args) {
			return fmt.Errorf("nn: activation %q: %s takes %d numbers in brackets", text, name, len(args))
		}
		for i, s := range values {
			v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
			if err != nil {
				return fmt.Errorf("nn: activation %q: %q is not a number", text, s)
			}
			*args[i] = v
		}
	}
	if err := g.check(); err != nil {
		return fmt.Errorf("nn: activation %w", err)
	}
	*f = g
	return nil
}
