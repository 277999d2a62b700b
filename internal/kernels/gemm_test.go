package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// eachISA runs a test once per variant that the processor supports.
func eachISA(t *testing.T, f func(t *testing.T)) {
	for _, name := range isaNames {
		t.Run(name, func(t *testing.T) {
			restore, err := Force(name)
			if err != nil {
				t.Skip(err)
			}
			defer restore()
			f(t)
		})
	}
}

const guardLen = 64

// guarded returns a slice of n random values from [-1, 1) that lies between guard
// values, and a function that fails the test where one of those has changed.
func guarded[T Float](t *testing.T, r *rand.Rand, n int) (x []T, check func()) {
	all := make([]T, n+2*guardLen)
	for i := range all {
		all[i] = T(math.Inf(1)) // NaN would compare unequal to itself
	}
	x = all[guardLen : guardLen+n : guardLen+n]
	for i := range x {
		x[i] = T(2*r.Float64() - 1)
	}
	return x, func() {
		t.Helper()
		for i, v := range all {
			if (i < guardLen || i >= guardLen+n) && !math.IsInf(float64(v), 1) {
				t.Fatalf("guard value at %d of a slice of %d was overwritten with %v", i-guardLen, n, v)
			}
		}
	}
}

// epsilon is the distance of 1 from the next float.
func epsilon[T Float]() float64 {
	if isFloat32[T]() {
		return 0x1p-23
	}
	return 0x1p-52
}

func TestTileLayout(t *testing.T) {
	var x tile
	got := []uintptr{
		unsafe.Offsetof(x.c), unsafe.Offsetof(x.a), unsafe.Offsetof(x.b), unsafe.Offsetof(x.bias),
		unsafe.Offsetof(x.k), unsafe.Offsetof(x.strideC), unsafe.Offsetof(x.rowA), unsafe.Offsetof(x.stepA),
		unsafe.Offsetof(x.strideB), unsafe.Offsetof(x.cols), unsafe.Offsetof(x.add), unsafe.Offsetof(x.act),
		unsafe.Offsetof(x.alpha), unsafe.Offsetof(x.terms),
	}
	for i, offset := range got {
		if offset != uintptr(8*i) {
			t.Errorf("field %d of tile is at %d; the assembly expects %d", i, offset, 8*i)
		}
	}
	var y outerTile
	for i, offset := range []uintptr{
		unsafe.Offsetof(y.lines), unsafe.Offsetof(y.pictures), unsafe.Offsetof(y.lineA), unsafe.Offsetof(y.lineB),
		unsafe.Offsetof(y.pictureA), unsafe.Offsetof(y.pictureB), unsafe.Offsetof(y.ahead), unsafe.Offsetof(y.aheadStep),
	} {
		if want := unsafe.Sizeof(x) + uintptr(8*i); offset != want || want != uintptr(8*(len(got)+i)) {
			t.Errorf("field %d of outerTile is at %d; the assembly expects %d", i, offset, 8*(len(got)+i))
		}
	}
}

func TestDirectLayout(t *testing.T) {
	var x directTile
	var tap directTap
	for i, offset := range []uintptr{
		unsafe.Offsetof(x.taps), unsafe.Offsetof(x.limit), unsafe.Offsetof(x.first), unsafe.Offsetof(x.b), unsafe.Offsetof(x.outs),
		unsafe.Offsetof(x.column), unsafe.Offsetof(x.bias), unsafe.Offsetof(x.cols), unsafe.Offsetof(x.add), unsafe.Offsetof(x.act),
		unsafe.Offsetof(x.alpha), unsafe.Offsetof(x.cursor), unsafe.Offsetof(x.length),
	} {
		if offset != uintptr(8*i) {
			t.Errorf("field %d of directTile is at %d; the assembly expects %d", i, offset, 8*i)
		}
	}
	if unsafe.Offsetof(tap.end) != 8 || unsafe.Offsetof(tap.length) != 16 || unsafe.Sizeof(tap) != 24 {
		t.Error("the assembly expects other fields in directTap")
	}
}

var gemmShapes = [][3]int{ // M, N, K
	{1, 1, 1}, {1, 33, 7}, {2, 31, 5}, {3, 16, 17}, {4, 15, 9}, {5, 47, 3}, {6, 17, 64}, {7, 8, 33},
	{8, 64, 31}, {9, 1, 100}, {10, 32, 2}, {11, 65, 11}, {12, 48, 13}, {13, 96, 1}, {14, 5, 40}, {15, 49, 19},
	{29, 30, 31}, {128, 32, 64}, {43, 512, 6}, {3, 7, 0}, {2, 34, 2100},
	// Large enough to be packed, and to take several steps over K, M and N.
	{121, 1100, 1030}, {1030, 270, 1024}, {1100, 260, 180},
}

func TestGemm(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		testGemm[float32](t)
	})
	t.Run("float64", testGemm[float64])
}

func testGemm[T Float](t *testing.T) {
	team := parallel.Start(2)
	defer team.Close()
	acts := []Act{{}, {Kind: ReLU}, {Kind: LeakyReLU, Alpha: .25}, {Kind: Sigmoid}, {}}
	for n, shape := range gemmShapes {
		for mode := range 8 {
			s := GemmShape{M: shape[0], N: shape[1], K: shape[2]}
			if s.M*s.N*s.K > 1e7 && (ISA() == "generic" || !isFloat32[T]() || testing.Short()) {
				continue // that is for what is blocked
			}
			s.TransA, s.TransB, s.Accumulate = mode&1 > 0, mode&2 > 0, mode&4 > 0
			s.Act = acts[(n+mode)%len(acts)]
			t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) { checkGemm[T](t, team, s, n%2 > 0) })
		}
	}
}

// checkGemm compares a product with one in float64, within a bound that grows with
// the length of the sum and with the sum of |a*b|.
func checkGemm[T Float](t *testing.T, team *parallel.Team, s GemmShape, biased bool) {
	r := rand.New(rand.NewPCG(1, uint64(s.M)))
	a, _ := guarded[T](t, r, s.M*s.K)
	b, _ := guarded[T](t, r, s.K*s.N)
	c, check := guarded[T](t, r, s.M*s.N)
	var bias []T
	if biased {
		bias, _ = guarded[T](t, r, s.N)
	}
	before := append([]T(nil), c...)
	g := NewGemm[T](s)
	g.Run(team, c, a, b, bias)
	check()
	alone := append([]T(nil), before...)
	g.Run(nil, alone, a, b, bias)
	for i := range c {
		if c[i] != alone[i] {
			t.Fatalf("c[%d] = %v with two workers, %v with one", i, c[i], alone[i])
		}
	}
	// All elements of small products, a sample of large ones.
	step := 1 + s.M*s.N*s.K/(1<<22)
	for i := range s.M {
		for j := i % step; j < s.N; j += step {
			at := i*s.N + j
			want, size := referenceGemm(s, before, a, b, bias, i, j)
			tol := epsilon[T]() * (float64(s.K) + 4) * (size + 1)
			if d := math.Abs(float64(c[at]) - want); !(d <= tol) {
				t.Fatalf("c[%d,%d] = %v, want %v within %.3g", i, j, c[at], want, tol)
			}
		}
	}
}

// A product that skips zeros must be what it is without, bit by bit, whether few, many or
// all elements of a are 0.
func TestGemmSkipsZeros(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		team := parallel.Start(2)
		defer team.Close()
		for n, shape := range gemmShapes {
			for mode := range 4 {
				s := GemmShape{M: shape[0], N: shape[1], K: shape[2], TransA: mode&1 > 0, Accumulate: mode&2 > 0, Act: Act{Kind: ReLU}}
				if s.M*s.N*s.K > 1e7 && (ISA() == "generic" || testing.Short()) {
					continue
				}
				for _, zeros := range []float64{0, .1, .9, .99, 1} {
					checkSkipping(t, team, s, zeros, uint64(8*n+mode))
				}
			}
		}
	})
}

func checkSkipping(t *testing.T, team *parallel.Team, s GemmShape, zeros float64, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(2, seed))
	a, _ := guarded[float32](t, r, s.M*s.K)
	for i := range a {
		if r.Float64() < zeros {
			a[i] = 0
		}
	}
	b, _ := guarded[float32](t, r, s.K*s.N)
	bias, _ := guarded[float32](t, r, s.N)
	want, check := guarded[float32](t, r, s.M*s.N)
	got := append([]float32(nil), want...)
	NewGemm[float32](s).Run(team, want, a, b, bias)
	s.SkipZeros = true
	NewGemm[float32](s).Run(team, got, a, b, bias)
	check()
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%+v, %v of a zero: c[%d] = %v, want %v", s, zeros, i, got[i], want[i])
		}
	}
}

// referenceGemm returns one element of a product and the sum of its terms' sizes.
func referenceGemm[T Float](s GemmShape, c, a, b, bias []T, i, j int) (value, size float64) {
	if s.Accumulate {
		value = float64(c[i*s.N+j])
	}
	if bias != nil {
		value += float64(bias[j])
	}
	size = math.Abs(value)
	for p := range s.K {
		x, y := i*s.K+p, p*s.N+j
		if s.TransA {
			x = p*s.M + i
		}
		if s.TransB {
			y = j*s.K + p
		}
		product := float64(a[x]) * float64(b[y])
		value += product
		size += math.Abs(product)
	}
	out := []float64{value}
	activateGeneric(s.Act, out, out)
	return out[0], size
}

func TestGemmPropagatesNaN(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		for _, kind := range []ActKind{Identity, ReLU, LeakyReLU, Sigmoid, Tanh, ELU, Softplus} {
			a := []float32{1, float32(math.NaN()), 1, 1}
			c := make([]float32, 2)
			NewGemm[float32](GemmShape{M: 2, N: 1, K: 2, Act: Act{Kind: kind, Alpha: .5}}).Run(nil, c, a, []float32{1, 1}, nil)
			if c[0] == c[0] || c[1] != c[1] {
				t.Errorf("%v: %v, want NaN and a number", kind, c)
			}
		}
	})
}
