package kernels

import (
	"runtime"
	"testing"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// TestNoAllocations runs what a training step consists of on two workers.
// testing.AllocsPerRun would do so on one.
func TestNoAllocations(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		team := parallel.Start(2)
		defer team.Close()
		const batch, in, out = 32, 70, 50
		act := Act{Kind: Sigmoid}
		x, w, b := make([]float32, batch*in), make([]float32, in*out), make([]float32, out)
		y, dy, dx := make([]float32, batch*out), make([]float32, batch*out), make([]float32, batch*in)
		dw, m, v := make([]float32, in*out), make([]float32, in*out), make([]float32, in*out)
		forward := NewGemm[float32](GemmShape{M: batch, N: out, K: in, Act: act})
		backward := NewDenseGrad[float32](DenseGradShape{Batch: batch, In: in, Out: out, Act: act})
		adam := &Adam{P: w, G: dw, M: m, V: v, Alpha: 1e-3, Beta1: .9, Beta2: .999, Epsilon: 1e-7}
		loss := NewEach(func(lo, hi int) { BCELogits(dy[lo:hi], y[lo:hi], y[lo:hi], 1) })
		var norm Norm
		step := func() {
			forward.Run(team, y, x, w, b)
			loss.Run(team, len(y))
			backward.Run(team, dx, dw, nil, x, w, dy, y)
			norm.SumSquares(team, dw)
			adam.Run(team)
		}
		step()
		const steps = 200
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range steps {
			step()
		}
		runtime.ReadMemStats(&after)
		// The runtime itself may allocate a few objects when a goroutine parks.
		if n := after.Mallocs - before.Mallocs; n > steps/10 {
			t.Errorf("%d steps made %d allocations", steps, n)
		}
	})
}
