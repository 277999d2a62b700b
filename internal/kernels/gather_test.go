package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

func TestGather(t *testing.T) {
	eachISA(t, testGather[float32])
	t.Run("float64", testGather[float64])
}

func testGather[T Float](t *testing.T) {
	team := parallel.Start(2)
	defer team.Close()
	for i, s := range []GatherShape{
		{Rows: 1, Taps: 1, Channels: 1, N: 1},
		{Rows: 12, Taps: 9, Channels: 16, N: 32, Act: Act{Kind: ReLU}},
		{Rows: 13, Taps: 4, Channels: 3, N: 33, Accumulate: true, Act: Act{Kind: LeakyReLU, Alpha: .25}},
		{Rows: 7, Taps: 6, Channels: 5, N: 17, Act: Act{Kind: Tanh}},
		{Rows: 29, Taps: 1, Channels: 40, N: 8, Accumulate: true},
		{Rows: 5, Taps: 15, Channels: 1, N: 50},
		{Rows: 3, Taps: 0, Channels: 4, N: 3},
		{Rows: 3, Taps: 2, Channels: 0, N: 3, Accumulate: true},
		{Rows: 0, Taps: 2, Channels: 2, N: 3},
	} {
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) { checkGather[T](t, team, s, i%2 > 0) })
	}
}

// checkGather gathers from random places, some of them padding, and compares with a
// dense product of the gathered rows.
func checkGather[T Float](t *testing.T, team *parallel.Team, s GatherShape, biased bool) {
	r := rand.New(rand.NewPCG(13, uint64(s.N)))
	k := s.Taps * s.Channels
	x, _ := guarded[T](t, r, 200)
	w, _ := guarded[T](t, r, k*s.N)
	c, check := guarded[T](t, r, s.Rows*s.N)
	var bias []T
	if biased {
		bias, _ = guarded[T](t, r, s.N)
	}
	at := make([]int, s.Rows*s.Taps)
	dense := make([]T, s.Rows*k)
	for i := range at {
		if at[i] = r.IntN(len(x)-s.Channels+1) - 20; at[i] >= 0 {
			copy(dense[i*s.Channels:(i+1)*s.Channels], x[at[i]:])
		}
	}
	before := append([]T(nil), c...)
	g := NewGather[T](s)
	g.Run(team, c, x, at, w, bias)
	check()
	shape := GemmShape{M: s.Rows, N: s.N, K: k, Accumulate: s.Accumulate, Act: s.Act}
	for i := range c {
		want, size := referenceGemm(shape, before, dense, w, bias, i/s.N, i%s.N)
		if tol := epsilon[T]() * float64(k+4) * (size + 1); !(math.Abs(float64(c[i])-want) <= tol) {
			t.Fatalf("c[%d,%d] = %v, want %v within %.3g", i/s.N, i%s.N, c[i], want, tol)
		}
	}
	again := append([]T(nil), before...)
	g.Run(nil, again, x, at, w, bias)
	for i := range c {
		if c[i] != again[i] {
			t.Fatalf("c[%d] = %v with two workers, %v with one", i, c[i], again[i])
		}
	}
}
