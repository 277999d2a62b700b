package kernels

import (
	"fmt"
	"math"
)

// ActKind names an activation function.
type ActKind uint8

// The activations; alpha is Act.Alpha.
const (
	Identity  ActKind = iota // x
	ReLU                     // max(x, 0)
	LeakyReLU                // x where x > 0, else alpha*x
	ELU                      // x where x > 0, else alpha*(exp(x)-1)
	Sigmoid                  // 1/(1+exp(-x))
	Tanh                     // tanh(x)
	Softplus                 // log(1+exp(x))
)

var actNames = [...]string{"identity", "relu", "leaky_relu", "elu", "sigmoid", "tanh", "softplus"}

// String returns the name that Keras gives the activation.
func (k ActKind) String() string {
	if int(k) < len(actNames) {
		return actNames[k]
	}
	return fmt.Sprintf("ActKind(%d)", uint8(k))
}

// Act is an activation with its parameter. The zero value is the identity.
type Act struct {
	Kind ActKind
	// Alpha is the slope of LeakyReLU and the scale of ELU, not negative.
	Alpha float64
}

// Activate computes dst[i] = act(x[i]).
func Activate[T Float](act Act, dst, x []T) {
	need("Activate", "x", len(x), len(dst))
	if v := simd[T](); v != nil && act.Kind != Identity && act.Kind <= Softplus {
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
	default:
		panic("kernels: unknown activation " + act.Kind.String())
	}
}

// ActivateGrad computes dx[i] = dy[i] * act'(x[i]) from the output y = act(x):
//
//	ReLU       dy where y > 0, else 0
//	LeakyReLU  dy where y > 0, else alpha*dy
//	ELU        dy where y > 0, else dy*(y+alpha)
//	Sigmoid    dy*y*(1-y)
//	Tanh       dy*(1-y*y)
//	Softplus   dy*(1-exp(-y))
//
// dx may be dy. LeakyReLU and ELU take alpha >= 0, so that y > 0 exactly where x > 0.
func ActivateGrad[T Float](act Act, dx, dy, y []T) {
	need("ActivateGrad", "dy", len(dy), len(dx))
	need("ActivateGrad", "y", len(y), len(dx))
	if v := simd[T](); v != nil && act.Kind != Identity && act.Kind <= Softplus {
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
	default:
		panic("kernels: unknown activation " + act.Kind.String())
	}
}
