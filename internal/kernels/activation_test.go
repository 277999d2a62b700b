package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

// plainActs are the activations without a SIMD variant.
var plainActs = []Act{
	{Kind: HardSigmoid, Alpha: 1. / 6, Beta: .5}, {Kind: HardSigmoid, Alpha: .2, Beta: .5}, {Kind: HardSwish},
	{Kind: Swish, Alpha: 1}, {Kind: Swish, Alpha: 1.702}, {Kind: GELU}, {Kind: GELUTanh},
}

// The derivative equals a central difference, and float32 follows float64.
func TestActivationsOfPlainGo(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	const n, h = 1000, 1e-6
	for _, act := range plainActs {
		x, dy, dx := make([]float64, n), make([]float64, n), make([]float64, n)
		x32, y32 := make([]float32, n), make([]float32, n)
		for i := range x {
			x32[i] = float32(6 * r.NormFloat64())
			x[i], dy[i] = float64(x32[i]), r.NormFloat64()
		}
		y, up, down := make([]float64, n), make([]float64, n), make([]float64, n)
		Activate(act, y, x)
		Activate(act, y32, x32)
		for i, v := range x {
			up[i], down[i] = v+h, v-h
		}
		Activate(act, up, up)
		Activate(act, down, down)
		if act.Kind.FromInput() {
			ActivateGradFromInput(act, dx, dy, x)
			ActivateGradFromInput(act, dy, dy, x)
		} else {
			ActivateGrad(act, dx, dy, y)
			ActivateGrad(act, dy, dy, y)
		}
		for i, v := range x {
			if !near(y32[i], y[i], 1e-6, 1e-7) {
				t.Errorf("%v: f(%v) = %v, want %v", act, v, y32[i], y[i])
			}
			if dx[i] != dy[i] {
				t.Errorf("%v: gradient at %v is %v, in place %v", act, v, dx[i], dy[i])
			}
		}
		for i := range dy {
			dy[i] = 1
		}
		if act.Kind.FromInput() {
			ActivateGradFromInput(act, dx, dy, x)
		} else {
			ActivateGrad(act, dx, dy, y)
		}
		for i, v := range x {
			if want := (up[i] - down[i]) / (2 * h); math.Abs(dx[i]-want) > 1e-8 {
				t.Errorf("%v: f'(%v) = %v, want %v", act, v, dx[i], want)
			}
		}
	}
}

func TestGradientFromTheWrongSide(t *testing.T) {
	for _, f := range []func(){
		func() { ActivateGrad(Act{Kind: Swish}, []float32{0}, []float32{0}, []float32{0}) },
		func() { ActivateGradFromInput(Act{Kind: Tanh}, []float32{0}, []float32{0}, []float32{0}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		}()
	}
}
