package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

var normShapes = []NormShape{
	{Positions: 35, Groups: 5, Width: 1}, {Positions: 35, Groups: 3, Width: 7}, {Positions: 1, Groups: 1, Width: 1},
	{Positions: 1, Groups: 1, Width: 17}, {Positions: 5, Groups: 3, Width: 4},
	{Positions: 9, Groups: 4, Width: 1},
}

// Moments and what is made of them equal the formulas with indices, where the mean is a
// thousand times the deviation too.
func TestNormalise(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, s := range normShapes {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			x, y, gamma, beta := make([]float32, s.Size()), make([]float32, s.Size()), make([]float32, s.Affine()), make([]float32, s.Affine())
			for i := range x {
				x[i] = 1000 + r.Float32()
			}
			for i := range gamma {
				gamma[i], beta[i] = r.Float32(), r.Float32()
			}
			mean, variance, work := make([]float32, s.Groups), make([]float32, s.Groups), make([]float64, s.Work())
			NormMoments(s, mean, variance, x, work)
			rstd := make([]float32, s.Groups)
			for g := range rstd {
				rstd[g] = float32(1 / math.Sqrt(float64(variance[g])+1e-5))
			}
			Normalise(s, y, x, mean, rstd, gamma, beta)
			for g := range s.Groups {
				sum, squares, n := 0.0, 0.0, float64(s.Positions*s.Width)
				each := func(f func(i, a int)) {
					for p := range s.Positions {
						for k := range s.Width {
							f((p*s.Groups+g)*s.Width+k, p*s.Width+k)
						}
					}
				}
				each(func(i, _ int) { sum += float64(x[i]) })
				each(func(i, _ int) { squares += (float64(x[i]) - sum/n) * (float64(x[i]) - sum/n) })
				if !near(mean[g], sum/n, 1e-6, 0) || !near(variance[g], squares/n, 1e-5, 1e-9) {
					t.Errorf("group %d: moments %v and %v, want %v and %v", g, mean[g], variance[g], sum/n, squares/n)
				}
				each(func(i, a int) {
					want := float64(x[i]-mean[g])*float64(rstd[g]*gamma[a]) + float64(beta[a])
					if !near(y[i], want, 1e-5, 1e-6) {
						t.Errorf("element %d is %v, want %v", i, y[i], want)
					}
				})
			}
		})
	}
}

func BenchmarkNorm(b *testing.B) {
	for name, s := range map[string]NormShape{
		"layer": {Positions: 1, Groups: 1, Width: 64}, "picture": {Positions: 1, Groups: 1, Width: 64 * 64 * 64},
	} {
		x, dy := make([]float32, 64*64*64), make([]float32, 64*64*64)
		for i := range x {
			x[i], dy[i] = float32(i%7), float32(i%5)
		}
		y := make([]float32, len(x))
		mean, rstd, work := make([]float32, s.Groups), make([]float32, s.Groups), make([]float64, s.Work())
		gamma, beta := make([]float32, s.Affine()), make([]float32, s.Affine())
		dgamma, dbeta := make([]float32, s.Affine()), make([]float32, s.Affine())
		b.Run("op=forward/norm="+name, func(b *testing.B) {
			b.SetBytes(int64(4 * len(x)))
			for b.Loop() {
				for at := 0; at < len(x); at += s.Size() {
					NormMoments(s, mean, rstd, x[at:], work)
					Normalise(s, y[at:], x[at:], mean, rstd, gamma, beta)
				}
			}
		})
		b.Run("op=backward/norm="+name, func(b *testing.B) {
			b.SetBytes(int64(4 * len(x)))
			for b.Loop() {
				for at := 0; at < len(x); at += s.Size() {
					NormGrad(s, y[at:], dgamma, dbeta, dy[at:], x[at:], mean, rstd, gamma, work)
				}
			}
		})
	}
}
