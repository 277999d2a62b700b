package bench

import (
	"context"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/internal/parallel"
)

// peakTask runs multiply-adds on registers alone.
type peakTask struct{ turns int }

func (p peakTask) Do(int, int) { kernels.PeakFlops(p.turns) }

// peak runs them on every worker.
func peak(_ context.Context, workers int) (*work, error) {
	const tilesEach, turns = 8, 1 << 16 // a few milliseconds, so that starting does not count
	team := parallel.Start(workers)
	tiles := tilesEach * team.Workers()
	once := func() error {
		team.Run(tiles, peakTask{turns})
		return nil
	}
	return &work{flops: float64(tiles) * kernels.PeakFlops(turns), time: wall(once), end: team.Close}, nil
}

// gemm multiplies an m x k by a k x n matrix.
func gemm(m, n, k int) func(context.Context, int) (*work, error) {
	return func(_ context.Context, workers int) (*work, error) {
		team := parallel.Start(workers)
		g := kernels.NewGemm[float32](kernels.GemmShape{M: m, N: n, K: k})
		a, b, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
		for i := range a {
			a[i] = float32(i%7) - 3
		}
		for i := range b {
			b[i] = float32(i%5) - 2
		}
		once := func() error {
			g.Run(team, c, a, b, nil)
			return nil
		}
		return &work{flops: 2 * float64(m) * float64(n) * float64(k), time: wall(once), end: team.Close}, nil
	}
}
