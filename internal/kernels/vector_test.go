package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// lengths lie around every width, unrolling and block that the passes know.
var lengths = []int{0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 24, 31, 33, 64, 65, 100, 257, sumBlock, sumBlock + 5, span + 3}

// special are arguments at the edges of the approximations.
var special = []float64{
	0, math.Copysign(0, -1), 1e-30, -1e-30, 1e-7, -1e-7, 1e-3, -1e-3, .3465, -.3466, .5, -.5, 1, -1, 5, -5, 9.1, -9.1,
	17, -17, 40, -40, 60, -60, 87.2, -87.2, 88.6, -88.6, 89, -89, 95, -95, 104, -104, 200, -200, 1e30, -1e30,
	math.Inf(1), math.Inf(-1), math.NaN(),
}

// spread fills x with values of many sizes, the special ones among them.
func spread(r *rand.Rand, x []float32) {
	for i := range x {
		x[i] = float32(r.NormFloat64() * math.Exp(3*r.NormFloat64()))
		if r.IntN(4) == 0 {
			x[i] = float32(special[r.IntN(len(special))])
		}
	}
}

// near says whether got is want up to rounding, NaN and infinities being equal to
// themselves only.
func near(got float32, want, rtol, atol float64) bool {
	g := float64(got)
	if math.IsNaN(want) {
		return math.IsNaN(g)
	}
	if float64(float32(want)) == g { // also infinities, and overflow of float32
		return true
	}
	return math.Abs(g-want) <= rtol*math.Abs(want)+atol
}

// denormal is the error allowed to results too small for a normal float32.
const denormal = 1e-38

var allActs = []Act{
	{}, {Kind: ReLU}, {Kind: LeakyReLU, Alpha: .3}, {Kind: LeakyReLU, Alpha: 0}, {Kind: ELU, Alpha: 1},
	{Kind: ELU, Alpha: .5}, {Kind: Sigmoid}, {Kind: Tanh}, {Kind: Softplus},
}

func TestActivate(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(2, 3))
		for _, act := range allActs {
			for _, n := range lengths {
				x, _ := guarded[float32](t, r, n)
				spread(r, x)
				y, check := guarded[float32](t, r, n)
				Activate(act, y, x)
				check()
				for i, v := range x {
					want := []float64{float64(v)}
					if act.Kind == LeakyReLU && act.Alpha == 0 && math.IsInf(want[0], 0) {
						continue // 0*infinity
					}
					activateGeneric(act, want, want)
					if !near(y[i], want[0], 4e-7, denormal) {
						t.Fatalf("%v of %d: element %d: f(%v) = %v, want %v", act, n, i, v, y[i], want[0])
					}
				}
			}
		}
	})
}

func TestActivateGrad(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, act := range allActs {
			for _, n := range lengths {
				y, _ := guarded[float32](t, r, n)
				dy, _ := guarded[float32](t, r, n)
				dx, check := guarded[float32](t, r, n)
				spread(r, y)
				for i := range y {
					y[i] = min(max(y[i], -1), 50) // NaN stays
				}
				Activate(act, y, y)
				ActivateGrad(act, dx, dy, y)
				check()
				for i := range y {
					want := make([]float64, 1)
					activateGradGeneric(act, want, []float64{float64(dy[i])}, []float64{float64(y[i])})
					if !near(dx[i], want[0], 4e-7, 1e-7*math.Abs(float64(dy[i]))) {
						t.Fatalf("%v of %d: element %d: y %v, dy %v: dx %v, want %v", act, n, i, y[i], dy[i], dx[i], want[0])
					}
				}
				ActivateGrad(act, dy, dy, y) // in place
				for i := range y {
					if math.Float32bits(dy[i]) != math.Float32bits(dx[i]) {
						t.Fatalf("%v of %d: element %d: %v in place, %v otherwise", act, n, i, dy[i], dx[i])
					}
				}
			}
		}
	})
}

func TestElementwise(t *testing.T) {
	const alpha = float32(-.7)
	ops := map[string]struct {
		run  func(dst, a, b []float32)
		want func(dst, a, b float64) float64
	}{
		"Add":   {func(dst, a, b []float32) { Add(dst, a, b) }, func(_, a, b float64) float64 { return a + b }},
		"Mul":   {func(dst, a, b []float32) { Mul(dst, a, b) }, func(_, a, b float64) float64 { return a * b }},
		"Scale": {func(dst, a, _ []float32) { Scale(alpha, dst, a) }, func(_, a, _ float64) float64 { return float64(alpha) * a }},
		"Axpy":  {func(dst, a, _ []float32) { Axpy(alpha, dst, a) }, func(d, a, _ float64) float64 { return d + float64(alpha)*a }},
		"Fill":  {func(dst, _, _ []float32) { Fill(dst, alpha) }, func(_, _, _ float64) float64 { return float64(alpha) }},
	}
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 5))
		for name, op := range ops {
			for _, n := range lengths {
				a, _ := guarded[float32](t, r, n)
				b, _ := guarded[float32](t, r, n)
				dst, check := guarded[float32](t, r, n)
				before := append([]float32(nil), dst...)
				op.run(dst, a, b)
				check()
				for i := range dst {
					want := op.want(float64(before[i]), float64(a[i]), float64(b[i]))
					if !near(dst[i], want, 1e-7, 2e-7) {
						t.Fatalf("%s of %d: element %d is %v, want %v", name, n, i, dst[i], want)
					}
				}
			}
		}
	})
}

func TestFromBytes(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, n := range lengths {
			src := make([]byte, n)
			for i := range src {
				src[i] = byte(r.Uint32())
			}
			dst, check := guarded[float32](t, r, n)
			FromBytes(255, dst, src)
			check()
			for i, v := range src {
				if want := float32(v) / 255; dst[i] != want {
					t.Fatalf("element %d of %d: %d became %v, want %v", i, n, v, dst[i], want)
				}
			}
		}
	})
}

func TestReductions(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(6, 7))
		for _, n := range lengths {
			x, _ := guarded[float32](t, r, n)
			y, _ := guarded[float32](t, r, n)
			var sum, squares, dot, size float64
			for i, v := range x {
				a, b := float64(v), float64(y[i])
				sum, squares, dot, size = sum+a, squares+a*a, dot+a*b, size+math.Abs(a)+a*a
			}
			tol := 0x1p-23 * size * float64(min(n, sumBlock)+1)
			for name, pair := range map[string][2]float64{
				"Sum": {float64(Sum(x)), sum}, "SumSquares": {float64(SumSquares(x)), squares}, "Dot": {float64(Dot(x, y)), dot},
			} {
				if math.Abs(pair[0]-pair[1]) > tol {
					t.Errorf("%s of %d = %v, want %v", name, n, pair[0], pair[1])
				}
			}
		}
	})
}

func TestColumnSums(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		for _, shape := range [][2]int{{0, 3}, {1, 1}, {3, 5}, {128, 784}, {7, 16}, {2, 130}, {sumRows + 9, 65}, {5, 23}} {
			x, _ := guarded[float32](t, r, shape[0]*shape[1])
			dst, check := guarded[float32](t, r, shape[1])
			ColumnSums(dst, x)
			check()
			for j := range dst {
				var want float64
				for i := range shape[0] {
					want += float64(x[i*shape[1]+j])
				}
				if tol := 0x1p-23 * float64(shape[0]*shape[0]); math.Abs(float64(dst[j])-want) > tol {
					t.Fatalf("%v: column %d sums to %v, want %v", shape, j, dst[j], want)
				}
			}
		}
	})
}

func TestSoftmax(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(8, 9))
		for _, cols := range []int{1, 2, 10, 17, 33, 100} {
			const rows = 3
			x, _ := guarded[float32](t, r, rows*cols)
			Scale(20, x, x)
			dy, _ := guarded[float32](t, r, rows*cols)
			y, checkY := guarded[float32](t, r, rows*cols)
			dx, checkDX := guarded[float32](t, r, rows*cols)
			Softmax(y, x, cols)
			SoftmaxGrad(dx, dy, y, cols)
			checkY()
			checkDX()
			x64, dy64 := widen(x), widen(dy)
			y64, dx64 := make([]float64, len(x)), make([]float64, len(x))
			Softmax(y64, x64, cols)
			SoftmaxGrad(dx64, dy64, y64, cols)
			for i := range y {
				if !near(y[i], y64[i], 3e-6, 1e-12) || !near(dx[i], dx64[i], 1e-5, 1e-6) {
					t.Fatalf("cols %d: element %d: y %v, want %v; dx %v, want %v", cols, i, y[i], y64[i], dx[i], dx64[i])
				}
			}
		}
	})
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func TestBCELogits(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(9, 10))
		for _, n := range lengths {
			z, _ := guarded[float32](t, r, n)
			target, _ := guarded[float32](t, r, n)
			for i := range z {
				z[i] *= float32(math.Exp(4 * r.Float64()))
				target[i] = r.Float32()
			}
			dz, check := guarded[float32](t, r, n)
			sum := BCELogits(dz, z, target, .25)
			check()
			dz64 := make([]float64, n)
			want := BCELogits(dz64, widen(z), widen(target), .25)
			if !near(sum, want, 1e-5, 1e-6) || sum != BCELogits(nil, z, target, 1) {
				t.Fatalf("of %d: %v with gradient, %v without, want %v", n, sum, BCELogits(nil, z, target, 1), want)
			}
			for i := range dz {
				if !near(dz[i], dz64[i], 4e-7, 1e-7) {
					t.Fatalf("of %d: dz[%d] = %v for z = %v, t = %v, want %v", n, i, dz[i], z[i], target[i], dz64[i])
				}
			}
		}
		// Every lane at the limit of its product, and products that are hardly more than 1.
		for _, logit := range []float32{0, -0.01, -8, -20, -80, 3, 30} {
			z, target := make([]float32, 5000), make([]float32, 5000)
			for i := range z {
				z[i] = logit
				if logit > 0 {
					target[i] = 1
				}
			}
			if got, want := BCELogits(nil, z, target, 1), BCELogits(nil, widen(z), widen(target), 1); !near(got, want, 2e-6, 0) {
				t.Errorf("of logits %v, none wrong: %v, want %v", logit, got, want)
			}
		}
		for _, v := range []float64{math.NaN(), math.Inf(1), 1e30, -1e30} {
			z := []float32{1, float32(v), 2}
			want := BCELogits(nil, widen(z), []float64{0, .5, 0}, 1)
			if got := BCELogits(nil, z, []float32{0, .5, 0}, 1); !near(got, want, 1e-5, 0) {
				t.Errorf("of logit %v: %v, want %v", v, got, want)
			}
		}
	})
}

// TestPlacement cuts passes at odd places: the bits must not depend on it.
func TestPlacement(t *testing.T) {
	const n = 3*sumBlock + 77
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(10, 11))
		x, _ := guarded[float32](t, r, n)
		g, _ := guarded[float32](t, r, n)
		for name, pass := range map[string]func(lo, hi int, dst []float32){
			"tanh":     func(lo, hi int, dst []float32) { Activate(Act{Kind: Tanh}, dst[lo:hi], x[lo:hi]) },
			"sigmoid":  func(lo, hi int, dst []float32) { Activate(Act{Kind: Sigmoid}, dst[lo:hi], x[lo:hi]) },
			"softplus": func(lo, hi int, dst []float32) { Activate(Act{Kind: Softplus}, dst[lo:hi], x[lo:hi]) },
			"axpy":     func(lo, hi int, dst []float32) { Axpy(.3, dst[lo:hi], x[lo:hi]) },
			"adam": func(lo, hi int, dst []float32) {
				m, v := make([]float32, n), make([]float32, n)
				(&Adam{P: dst[lo:hi], G: g[lo:hi], M: m[lo:hi], V: v[lo:hi], Alpha: .1, Beta1: .9, Beta2: .999, Epsilon: 1e-7}).Run(nil)
			},
		} {
			whole, parts := append([]float32(nil), x...), append([]float32(nil), x...)
			pass(0, n, whole)
			for lo, step := 0, 1; lo < n; lo, step = lo+step, step*2+3 {
				pass(lo, min(lo+step, n), parts)
			}
			for i := range whole {
				if whole[i] != parts[i] {
					t.Fatalf("%s: element %d is %v as part of the whole, %v as part of a piece", name, i, whole[i], parts[i])
				}
			}
		}
	})
}

// optimizerCase makes one step of an optimiser on slices and tells what it should be.
type optimizerCase struct {
	name  string
	slots int
	step  func(team *parallel.Team, p, g []float32, s [][]float32)
	want  func(p, g float64, s []float64) float64 // updates s
}

var optimizerCases = []optimizerCase{
	{"adam", 2, func(team *parallel.Team, p, g []float32, s [][]float32) {
		(&Adam{P: p, G: g, M: s[0], V: s[1], Alpha: .25, Beta1: .875, Beta2: .75, Epsilon: 1e-3, Decay: .125}).Run(team)
	}, func(p, g float64, s []float64) float64 {
		s[0] += (g - s[0]) * .125
		s[1] += (g*g - s[1]) * .25
		return p*.875 - s[0]*.25/(math.Sqrt(s[1])+float64(float32(1e-3)))
	}},
	{"rmsprop", 1, func(team *parallel.Team, p, g []float32, s [][]float32) {
		(&RMSprop{P: p, G: g, V: s[0], Rate: .25, Rho: .75, Epsilon: 1e-3}).Run(team)
	}, func(p, g float64, s []float64) float64 {
		s[0] = .75*s[0] + .25*g*g
		return p - .25*g/math.Sqrt(s[0]+float64(float32(1e-3)))
	}},
	{"rmsprop centred with momentum", 3, func(team *parallel.Team, p, g []float32, s [][]float32) {
		(&RMSprop{P: p, G: g, V: s[0], A: s[1], M: s[2], Rate: .25, Rho: .75, Epsilon: .5, Momentum: .5}).Run(team)
	}, func(p, g float64, s []float64) float64 {
		s[0] = .75*s[0] + .25*g*g
		s[1] = .75*s[1] + .25*g
		s[2] = .5*s[2] + .25*g/math.Sqrt(s[0]-s[1]*s[1]+.5)
		return p - s[2]
	}},
	{"sgd", 0, func(team *parallel.Team, p, g []float32, _ [][]float32) {
		(&SGD{P: p, G: g, Rate: .25}).Run(team)
	}, func(p, g float64, _ []float64) float64 { return p - .25*g }},
	{"momentum", 1, func(team *parallel.Team, p, g []float32, s [][]float32) {
		(&SGD{P: p, G: g, M: s[0], Rate: .25, Momentum: .5}).Run(team)
	}, func(p, g float64, s []float64) float64 { s[0] = .5*s[0] - .25*g; return p + s[0] }},
	{"nesterov", 1, func(team *parallel.Team, p, g []float32, s [][]float32) {
		(&SGD{P: p, G: g, M: s[0], Rate: .25, Momentum: .5, Nesterov: true}).Run(team)
	}, func(p, g float64, s []float64) float64 { s[0] = .5*s[0] - .25*g; return p + .5*s[0] - .25*g }},
	{"ema", 0, func(team *parallel.Team, p, g []float32, _ [][]float32) {
		(&EMA{Avg: p, P: g, Decay: .75}).Run(team)
	}, func(p, g float64, _ []float64) float64 { return p + (g-p)*.25 }},
}

func TestOptimizers(t *testing.T) {
	team := parallel.Start(2)
	defer team.Close()
	eachISA(t, func(t *testing.T) {
		for _, c := range optimizerCases {
			for _, n := range []int{0, 1, 7, 17, 100, chunk, 2*chunk + 5} {
				t.Run(fmt.Sprintf("%s/%d", c.name, n), func(t *testing.T) { checkOptimizer(t, team, c, n) })
			}
		}
	})
}

func checkOptimizer(t *testing.T, team *parallel.Team, c optimizerCase, n int) {
	r := rand.New(rand.NewPCG(11, uint64(n)))
	p, check := guarded[float32](t, r, n)
	g, _ := guarded[float32](t, r, n)
	p64, g64 := widen(p), widen(g)
	slots, checks, state := make([][]float32, c.slots), make([]func(), c.slots), make([][]float64, n)
	for k := range slots {
		slots[k], checks[k] = guarded[float32](t, r, n)
		for i := range slots[k] {
			slots[k][i] = max(slots[k][i], 0) // a variance is not negative
			if k == 1 && c.slots == 3 {
				slots[k][i] = 0 // and not below its mean's square
			}
			state[i] = append(state[i], float64(slots[k][i]))
		}
	}
	c.step(team, p, g, slots)
	check()
	for i := range p {
		if want := c.want(p64[i], g64[i], state[i]); !near(p[i], want, 1e-6, 1e-6) {
			t.Fatalf("p[%d] = %v, want %v", i, p[i], want)
		}
		for k := range slots {
			if !near(slots[k][i], state[i][k], 1e-6, 1e-6) {
				t.Fatalf("slot %d, element %d: %v, want %v", k, i, slots[k][i], state[i][k])
			}
		}
	}
	for _, check := range checks {
		check()
	}
}

// TestAdamRoot holds the root of the second moment, over all its range, to what the
// optimiser's comment claims.
func TestAdamRoot(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		const steps = 1 << 16
		p, v := make([]float32, steps), make([]float32, steps)
		m := slices.Repeat([]float32{1}, steps)
		for i := range v {
			v[i] = float32(math.Exp2(-126 + 254*float64(i)/steps))
		}
		// Betas of 1 leave the moments as they are.
		(&Adam{P: p, G: make([]float32, steps), M: m, V: v, Alpha: -1, Beta1: 1, Beta2: 1}).Run(nil)
		for i := range p {
			if want := 1 / math.Sqrt(float64(v[i])); !near(p[i], want, 0x1p-22+0x1p-23, 0) {
				t.Fatalf("v = %v: 1/sqrt(v) is %v, want %v", v[i], p[i], want)
			}
		}
		for _, c := range []struct{ g, v, want float64 }{
			{0, 0, 1 << 20}, {0, 1e-44, 1 << 20}, {1e30, 1, 0}, {0, math.NaN(), math.NaN()},
		} {
			beta2 := float32(1)
			if c.g > 0 {
				beta2 = .5
			}
			p := []float32{0}
			(&Adam{P: p, G: []float32{float32(c.g)}, M: []float32{1}, V: []float32{float32(c.v)}, Alpha: -1,
				Beta1: 1, Beta2: beta2, Epsilon: 0x1p-20}).Run(nil)
			if !near(p[0], c.want, 1e-6, 1e-18) {
				t.Errorf("g = %v, v = %v: a step of %v, want %v", c.g, c.v, p[0], c.want)
			}
		}
	})
}

// TestAdamPast: where parameters are written past the caches they are the same bits, and
// nothing beside them is written.
func TestAdamPast(t *testing.T) {
	team := parallel.Start(2)
	defer team.Close()
	eachISA(t, func(t *testing.T) {
		const n = pastBytes/4 + 77
		r := rand.New(rand.NewPCG(12, 13))
		g, _ := guarded[float32](t, r, n)
		for shift := range 2 {
			all, _ := guarded[float32](t, r, n+40)
			start := shift
			for !isAligned(all[start-shift:]) {
				start++
			}
			before := slices.Clone(all)
			alone := slices.Clone(all[start : start+n])
			step := func(team *parallel.Team, p []float32) bool {
				o := &Adam{P: p, G: g, M: make([]float32, n), V: make([]float32, n), Alpha: .1, Beta1: .9, Beta2: .999, Epsilon: 1e-7, Decay: .01}
				o.Run(team)
				return o.past
			}
			if past := step(team, all[start:start+n]); past != (shift == 0) {
				t.Errorf("shifted by %d: past the caches: %v", shift, past)
			}
			step(nil, alone)
			if !slices.Equal(all[start:start+n], alone) {
				t.Errorf("shifted by %d: two workers come to another result than one", shift)
			}
			if !slices.Equal(all[:start], before[:start]) || !slices.Equal(all[start+n:], before[start+n:]) {
				t.Errorf("shifted by %d: written beyond the parameters", shift)
			}
		}
	})
}

func TestNorm(t *testing.T) {
	team := parallel.Start(2)
	defer team.Close()
	eachISA(t, func(t *testing.T) {
		x := make([]float32, 5*chunk+3)
		Fill(x, .5)
		var norm Norm
		if got, want := norm.SumSquares(team, x), .25*float64(len(x)); math.Abs(got-want) > 1e-6*want {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

func TestEachCoversRangeOnce(t *testing.T) {
	team := parallel.Start(2)
	defer team.Close()
	for _, n := range []int{0, 1, chunk, chunk + 1, 7*chunk + 5} {
		seen := make([]int, n)
		NewEach(func(lo, hi int) {
			for i := lo; i < hi; i++ {
				seen[i]++
			}
		}).Run(team, n)
		for i, s := range seen {
			if s != 1 {
				t.Fatalf("%d of %d was visited %d times", i, n, s)
			}
		}
	}
}

func TestForceRejectsUnknown(t *testing.T) {
	if _, err := Force("sse9"); err == nil {
		t.Error("Force accepted sse9")
	}
}
