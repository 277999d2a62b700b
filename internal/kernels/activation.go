package kernels

import (
	"fmt"
	"math"
)

// ActKind names an activation function.
type ActKind uint8

// The activations; alpha and beta are Act.Alpha and Act.Beta.
const (
	Identity  ActKind = iota // x
	ReLU                     // max(x, 0)
	LeakyReLU                // x where x > 0, else alpha*x
	ELU                      // x where x > 0, else alpha*(exp(x)-1)
	Sigmoid                  // 1/(1+exp(-x))
	Tanh                     // tanh(x)
	Softplus                 // log(1+exp(x))

	HardSigmoid // alpha*x + beta, cut off below 0 and above 1
	HardSwish   // x * (x+3 cut off below 0 and above 6) / 6
	Swish       // x / (1+exp(-alpha*x))
	GELU        // x * Phi(x), Phi the standard normal distribution function
	GELUTanh    // x/2 * (1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3)))
)

var actNames = [...]string{
	"identity", "relu", "leaky_relu", "elu", "sigmoid", "tanh", "softplus",
	"hard_sigmoid", "hard_swish", "swish", "gelu", "gelu_tanh",
}

// vectorised is the last of the activations that the SIMD variants compute; the others
// are plain Go everywhere.
const vectorised = Softplus

// String returns the name that Keras gives the activation.
func (k ActKind) String() string {
	if int(k) < len(actNames) {
		return actNames[k]
	}
	return fmt.Sprintf("ActKind(%d)", uint8(k))
}

// Act is an activation with its parameters. The zero value is the identity.
type Act struct {
	Kind ActKind
	// Alpha is the slope of LeakyReLU and of HardSigmoid, the scale of ELU and of what
	// goes into Swish's sigmoid; not negative.
	Alpha float64
	// Beta is HardSigmoid's value at 0.
	Beta float64
}

// FromInput reports whether the derivative is computed from the input, by
// [ActivateGradFromInput], because the function takes a value at several places and the
// output does not tell which.
func (k ActKind) FromInput() bool { return k >= HardSwish }

// Activate computes dst[i] = act(x[i]).
func Activate[T Float](act Act, dst, x []T) {
	need("Activate", "x", len(x), len(dst))
	if v := simd[T](); v != nil && act.Kind != Identity && act.Kind <= vectorised {
		v.act[act.Kind].over(f32(dst), f32(x), float32(act.Alpha))
		return
	}
	activateGeneric(act, dst, x)
}

func activateGeneric[T Float](act Act, dst, x []T) {
	x = x[:len(dst)]
	alpha := T(act.Alpha)
	switch act.Kind {
	case Identity:
		copy(dst, x)
	case ReLU:
		for i, v := range x {
			if v <= 0 { // false for NaN, which therefore stays
				v = 0
			}
			dst[i] = v
		}
	case LeakyReLU:
		for i, v := range x {
			if v <= 0 {
				v *= alpha
			}
			dst[i] = v
		}
	case ELU:
		for i, v := range x {
			if v <= 0 {
				v = alpha * T(math.Expm1(float64(v)))
			}
			dst[i] = v
		}
	case Sigmoid:
		for i, v := range x {
			dst[i] = sigmoid(v)
		}
	case Tanh:
		for i, v := range x {
			dst[i] = T(math.Tanh(float64(v)))
		}
	case Softplus:
		for i, v := range x {
			dst[i] = max(v, 0) + log1p(exp(-abs(v)))
		}
	case HardSigmoid:
		beta := T(act.Beta)
		for i, v := range x {
			dst[i] = min(max(alpha*v+beta, 0), 1)
		}
	case HardSwish:
		for i, v := range x {
			dst[i] = v * min(max(v+3, 0), 6) / 6
		}
	case Swish:
		for i, v := range x {
			dst[i] = v * sigmoid(alpha*v)
		}
	case GELU:
		for i, v := range x {
			dst[i] = v * normalCDF(v)
		}
	case GELUTanh:
		for i, v := range x {
			dst[i] = v * sigmoid(v*(geluA+geluB*v*v))
		}
	default:
		panic("kernels: unknown activation " + act.Kind.String())
	}
}

// As 1+tanh(z) = 2*sigmoid(2z), GELUTanh is x*sigmoid(geluA*x + geluB*x^3).
const (
	geluA = 2 * 0.79788456080286535588 // 2*sqrt(2/pi)
	geluB = geluA * 0.044715
)

// normalCDF is the standard normal distribution function, exact in the lower tail too.
func normalCDF[T Float](x T) T { return T(0.5 * math.Erfc(-float64(x)*(math.Sqrt2/2))) }

// ActivateGrad computes dx[i] = dy[i] * act'(x[i]) from the output y = act(x):
//
//	ReLU         dy where y > 0, else 0
//	LeakyReLU    dy where y > 0, else alpha*dy
//	ELU          dy where y > 0, else dy*(y+alpha)
//	Sigmoid      dy*y*(1-y)
//	Tanh         dy*(1-y*y)
//	Softplus     dy*(1-exp(-y))
//	HardSigmoid  alpha*dy where 0 < y < 1, else 0
//
// dx may be dy. LeakyReLU and ELU take alpha >= 0, so that y > 0 exactly where x > 0. It
// panics for an activation that is [ActKind.FromInput].
func ActivateGrad[T Float](act Act, dx, dy, y []T) {
	need("ActivateGrad", "dy", len(dy), len(dx))
	need("ActivateGrad", "y", len(y), len(dx))
	if v := simd[T](); v != nil && act.Kind != Identity && act.Kind <= vectorised {
		v.actGrad[act.Kind].over(f32(dx), f32(dy), f32(y), float32(act.Alpha))
		return
	}
	activateGradGeneric(act, dx, dy, y)
}

func activateGradGeneric[T Float](act Act, dx, dy, y []T) {
	dy, y = dy[:len(dx)], y[:len(dx)]
	alpha := T(act.Alpha)
	switch act.Kind {
	case Identity:
		copy(dx, dy)
	case ReLU:
		for i, v := range y {
			g := dy[i]
			if v <= 0 {
				g = 0
			}
			dx[i] = g
		}
	case LeakyReLU:
		for i, v := range y {
			g := dy[i]
			if v <= 0 {
				g *= alpha
			}
			dx[i] = g
		}
	case ELU:
		for i, v := range y {
			g := dy[i]
			if v <= 0 {
				g *= v + alpha
			}
			dx[i] = g
		}
	case Sigmoid:
		for i, v := range y {
			dx[i] = dy[i] * v * (1 - v)
		}
	case Tanh:
		for i, v := range y {
			dx[i] = dy[i] * (1 - v*v)
		}
	case Softplus:
		for i, v := range y {
			dx[i] = dy[i] * -T(math.Expm1(float64(-v)))
		}
	case HardSigmoid:
		for i, v := range y {
			g := dy[i] * alpha
			if v <= 0 || v >= 1 {
				g = 0
			}
			dx[i] = g
		}
	default:
		panic("kernels: no gradient from the output of activation " + act.Kind.String())
	}
}

// ActivateGradFromInput computes dx[i] = dy[i] * act'(x[i]) for the activations that are
// [ActKind.FromInput]; dx may be dy:
//
//	HardSwish  dy * (0 where x <= -3, x/3 + 1/2, 1 where x >= 3)
//	Swish      dy * s*(1 + alpha*x*(1-s)), s = sigmoid(alpha*x)
//	GELU       dy * (Phi(x) + x*exp(-x²/2)/sqrt(2*pi))
//	GELUTanh   dy * s*(1 + x*u'*(1-s)), s = sigmoid(u), u = sqrt(8/pi)*(x + 0.044715*x^3)
func ActivateGradFromInput[T Float](act Act, dx, dy, x []T) {
	need("ActivateGradFromInput", "dy", len(dy), len(dx))
	need("ActivateGradFromInput", "x", len(x), len(dx))
	dy, x = dy[:len(dx)], x[:len(dx)]
	alpha := T(act.Alpha)
	switch act.Kind {
	case HardSwish:
		for i, v := range x {
			switch {
			case v <= -3:
				dx[i] = 0
			case v >= 3:
				dx[i] = dy[i]
			default:
				dx[i] = dy[i] * (v/3 + 0.5)
			}
		}
	case Swish:
		for i, v := range x {
			s := sigmoid(alpha * v)
			dx[i] = dy[i] * s * (1 + alpha*v*(1-s))
		}
	case GELU:
		const density = 0.39894228040143267794 // 1/sqrt(2*pi)
		for i, v := range x {
			dx[i] = dy[i] * (normalCDF(v) + v*density*exp(-v*v/2))
		}
	case GELUTanh:
		for i, v := range x {
			s := sigmoid(v * (geluA + geluB*v*v))
			dx[i] = dy[i] * s * (1 + v*(geluA+3*geluB*v*v)*(1-s))
		}
	default:
		panic("kernels: no gradient from the input of activation " + act.Kind.String())
	}
}
