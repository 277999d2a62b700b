package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

func TestDenseGrad(t *testing.T) {
	eachISA(t, testDenseGrad[float32])
	t.Run("float64", testDenseGrad[float64])
}

func testDenseGrad[T Float](t *testing.T) {
	team := parallel.Start(2)
	defer team.Close()
	for i, s := range []DenseGradShape{
		{Batch: 1, In: 1, Out: 1},
		{Batch: 5, In: 7, Out: 3, Act: Act{Kind: ReLU}},
		{Batch: 17, In: 33, Out: 130, Act: Act{Kind: Tanh}},
		{Batch: 128, In: 64, Out: 32, Act: Act{Kind: LeakyReLU, Alpha: .5}},
		{Batch: 31, In: 40, Out: 1024, Act: Act{Kind: Sigmoid}}, // packs dz
		{Batch: 3, In: 9, Out: 1100},                            // sums in two parts
		{Batch: 90, In: 100, Out: 70, Act: Act{Kind: ReLU}, SkipZeros: true},
		{Batch: 0, In: 3, Out: 2},
	} {
		for missing := range 4 {
			t.Run(fmt.Sprintf("%+v/missing=%d", s, missing), func(t *testing.T) {
				checkDenseGrad[T](t, team, s, missing, uint64(i))
			})
		}
	}
}

// checkDenseGrad compares a backward pass with separate products in float64. Missing
// names a result that is not wanted: 1 dx, 2 dw, 3 db.
func checkDenseGrad[T Float](t *testing.T, team *parallel.Team, s DenseGradShape, missing int, seed uint64) {
	r := rand.New(rand.NewPCG(12, seed))
	x, _ := guarded[T](t, r, s.Batch*s.In)
	w, _ := guarded[T](t, r, s.In*s.Out)
	y, _ := guarded[T](t, r, s.Batch*s.Out)
	dy, checkDY := guarded[T](t, r, s.Batch*s.Out)
	dx, checkDX := guarded[T](t, r, s.Batch*s.In)
	dw, checkDW := guarded[T](t, r, s.In*s.Out)
	db, checkDB := guarded[T](t, r, s.Out)
	results := [][]T{dx, dw, db}
	if missing > 0 {
		results[missing-1] = nil
	}
	dz := append([]T(nil), dy...)
	ActivateGrad(s.Act, dz, dz, y)
	NewDenseGrad[T](s).Run(team, results[0], results[1], results[2], x, w, dy, y)
	for _, check := range []func(){checkDY, checkDX, checkDW, checkDB} {
		check()
	}
	for i := range dz {
		if dz[i] != dy[i] {
			t.Fatalf("dz[%d] = %v, want %v", i, dy[i], dz[i])
		}
	}
	ones := make([]T, s.Batch)
	Fill(ones, 1)
	for k, c := range []struct {
		shape GemmShape
		a, b  []T
	}{
		{GemmShape{M: s.Batch, N: s.In, K: s.Out, TransB: true}, dz, w},
		{GemmShape{M: s.In, N: s.Out, K: s.Batch, TransA: true}, x, dz},
		{GemmShape{M: 1, N: s.Out, K: s.Batch}, ones, dz},
	} {
		for i, got := range results[k] {
			want, size := referenceGemm(c.shape, nil, c.a, c.b, nil, i/c.shape.N, i%c.shape.N)
			if tol := epsilon[T]() * float64(c.shape.K+4) * (size + 1); !(math.Abs(float64(got)-want) <= tol) {
				t.Fatalf("result %d: element %d is %v, want %v within %g", k, i, got, want, tol)
			}
		}
	}
}
