package kernels

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

func minTime(reps int, f func()) time.Duration {
	best := time.Hour
	for range reps {
		s := time.Now()
		f()
		best = min(best, time.Since(s))
	}
	return best
}

func TestDev(t *testing.T) {
	if os.Getenv("DEV") == "" {
		t.Skip()
	}
	for _, workers := range []int{1, 2} {
		team := parallel.Start(workers)
		for _, name := range isaNames[1:] {
			restore, _ := Force(name)
			task := &peakTask{turns: 10000}
			d := minTime(300, func() { team.Run(2*workers, task) })
			peak := 2 * float64(workers) * PeakFlops(10000) / float64(d.Nanoseconds())
			fmt.Printf("workers %d %s peak %.1f\n", workers, name, peak)
			for _, s := range []GemmShape{
				{M: 1024, N: 1024, K: 1024},
				{M: 128, N: 128, K: 784},
				{M: 784, N: 128, K: 128, TransA: true},
				{M: 128, N: 784, K: 128},
				{M: 128, N: 784, K: 128, TransA: true},
				{M: 128, N: 128, K: 784, TransB: true},
				{M: 128, N: 64, K: 128},
				{M: 128, N: 64, K: 128, TransA: true},
				{M: 128, N: 128, K: 64, TransB: true},
				{M: 128, N: 32, K: 64},
			} {
				x, w, c := make([]float32, s.M*s.K), make([]float32, s.K*s.N), make([]float32, s.M*s.N)
				for i := range x {
					x[i] = rand.Float32()
				}
				for i := range w {
					w[i] = rand.Float32()
				}
				g := NewGemm[float32](s)
				fl := 2 * float64(s.M) * float64(s.N) * float64(s.K)
				reps := max(30, min(2000, int(4e9/fl)))
				d := minTime(reps, func() { g.Run(team, c, x, w, nil) })
				fmt.Printf("  %4dx%4dx%4d ta %5t tb %5t  %8.1f us %6.1f GF/s %5.1f%%\n", s.M, s.K, s.N, s.TransA, s.TransB, float64(d.Nanoseconds())/1e3, fl/float64(d.Nanoseconds()), 100*fl/float64(d.Nanoseconds())/peak)
			}
			restore()
		}
		team.Close()
	}
}
