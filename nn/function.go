package nn

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// ActivationFunc is an activation, written as its name with its argument in brackets if
// it has one: relu, leaky_relu(0.2). The zero value is [Linear].
type ActivationFunc struct {
	kind  kernels.ActKind
	soft  bool // softmax, which mixes channels
	alpha float64
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
)

// LeakyReLU is x where x > 0, else alpha*x, alpha at least 0 (Maas et al. 2013).
func LeakyReLU(alpha float64) ActivationFunc {
	return ActivationFunc{kind: kernels.LeakyReLU, alpha: alpha}
}

// ELU is x where x > 0, else alpha*(exp(x)-1), alpha at least 0 (Clevert et al. 2016).
func ELU(alpha float64) ActivationFunc { return ActivationFunc{kind: kernels.ELU, alpha: alpha} }

// elementwise reports whether each output depends on one input alone.
func (f ActivationFunc) elementwise() bool { return !f.soft }

func (f ActivationFunc) act() kernels.Act { return kernels.Act{Kind: f.kind, Alpha: f.alpha} }

// check refuses what the gradient, which is computed from the output, cannot serve.
func (f ActivationFunc) check() error {
	if !(f.alpha >= 0) {
		return fmt.Errorf("%s: alpha is %v, want at least 0", f, f.alpha)
	}
	return nil
}

var parameterless = map[string]ActivationFunc{
	"": Linear, "linear": Linear, "relu": ReLU, "sigmoid": Sigmoid, "tanh": Tanh,
	"softplus": Softplus, "softmax": Softmax,
}

// String is the name with the argument: leaky_relu(0.2).
func (f ActivationFunc) String() string {
	switch {
	case f.soft:
		return "softmax"
	case f.kind == kernels.Identity:
		return "linear"
	case f.kind == kernels.LeakyReLU, f.kind == kernels.ELU:
		return fmt.Sprintf("%s(%s)", f.kind, strconv.FormatFloat(f.alpha, 'g', -1, 64))
	}
	return f.kind.String()
}

// MarshalText writes the name with the argument.
func (f ActivationFunc) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what MarshalText writes. Without an argument leaky_relu has alpha
// 0.2 and elu 1, as in Keras.
func (f *ActivationFunc) UnmarshalText(text []byte) error {
	name, arg, hasArg := strings.Cut(strings.TrimSuffix(string(text), ")"), "(")
	if g, ok := parameterless[name]; ok && !hasArg {
		*f = g
		return nil
	}
	var g ActivationFunc
	switch name {
	case "leaky_relu":
		g = LeakyReLU(0.2)
	case "elu":
		g = ELU(1)
	default:
		return fmt.Errorf("nn: unknown activation %q: want linear, relu, leaky_relu(ALPHA), elu(ALPHA), sigmoid, tanh, softmax or softplus", text)
	}
	if hasArg {
		v, err := strconv.ParseFloat(arg, 64)
		if err != nil {
			return fmt.Errorf("nn: activation %q: %q is not a number", text, arg)
		}
		g.alpha = v
	}
	if err := g.check(); err != nil {
		return fmt.Errorf("nn: activation %w", err)
	}
	*f = g
	return nil
}
