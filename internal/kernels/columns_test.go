package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestColumns holds every variant against plain Go in float64, for all widths around a
// vector's, and looks for writes beyond the columns.
func TestColumns(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		for _, rows := range []int{0, 1, 7, 200} {
			for _, n := range []int{1, 3, 8, 15, 16, 17, 33, 64, 71, 150} {
				t.Run(fmt.Sprintf("%dx%d", rows, n), func(t *testing.T) { testColumns(t, rows, n) })
			}
		}
	})
}

func testColumns(t *testing.T, rows, n int) {
	r := rand.New(rand.NewPCG(uint64(rows), uint64(n)))
	var checks []func()
	array := func(n int) []float32 {
		x, check := guarded[float32](t, r, n)
		checks = append(checks, check)
		return x
	}
	x, dy, y, dx := array(rows*n), array(rows*n), array(rows*n), array(rows*n)
	mean, a, b, c := array(n), array(n), array(n), array(n)
	first, second := array(n), array(n)
	const largest = 4 // of a term: (x-pivot)², with both from -1 to 1
	bound := 2 * epsilon[float32]() * largest * float64(rows+4)
	compare := func(name string, got []float32, want []float64) {
		t.Helper()
		for _, check := range checks {
			check()
		}
		for i, v := range want {
			if !near(got[i], v, 0, bound) {
				t.Fatalf("%s[%d] = %v, want %v within %.3g", name, i, got[i], v, bound)
			}
		}
	}
	sum, dots := make([]float64, n), make([]float64, n)
	ColumnMoments(first, second, mean, x)
	ColumnMoments(sum, dots, wide(mean), wide(x))
	compare("sum", first, sum)
	compare("squares", second, dots)
	ColumnNormSums(first, second, dy, x, mean)
	ColumnNormSums(sum, dots, wide(dy), wide(x), wide(mean))
	compare("sum of dy", first, sum)
	compare("dots", second, dots)
	want := make([]float64, rows*n)
	ColumnNormalise(y, x, mean, a, b)
	ColumnNormalise(want, wide(x), wide(mean), wide(a), wide(b))
	compare("y", y, want)
	ColumnNormGrad(dx, dy, x, mean, a, b, c)
	ColumnNormGrad(want, wide(dy), wide(x), wide(mean), wide(a), wide(b), wide(c))
	compare("dx", dx, want)
	clear(sum) // the formulas themselves, for those whose reference above is their own form
	for i := range want {
		j := i % n
		d := float64(x[i]) - float64(mean[j])
		if v := float64(a[j])*float64(dy[i]) + float64(b[j])*d + float64(c[j]); !near(dx[i], v, 0, bound) {
			t.Fatalf("dx[%d] = %v, want %v", i, dx[i], v)
		}
		if v := d*float64(a[j]) + float64(b[j]); !near(y[i], v, 0, bound) {
			t.Fatalf("y[%d] = %v, want %v", i, y[i], v)
		}
		sum[j] += float64(dy[i]) * d
	}
	compare("dots", second, sum)
}
