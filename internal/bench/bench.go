// Package bench measures what a machine can do: the cases of `hourglass bench`.
//
// The peak of its multiply-add units is measured in turn with the work, repetition by
// repetition, and every figure is given as a share of that: machines differ by more than
// programs do, and one machine from one minute to the next.
package bench

import (
	"context"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/internal/parallel"
)

// Result is what a case measured. A case of an unknown number of operations, or on a
// machine whose peak is not known, lacks the figures that depend on it.
type Result struct {
	Case   string  `json:"case"`
	Median float64 `json:"ms_median"`
	Least  float64 `json:"ms_min"`
	GFLOPS float64 `json:"gflops_per_s,omitempty"`
	Share  float64 `json:"share_of_peak,omitempty"` // of the peak's median in the same run
}

// A measured case. Prepare returns one repetition, the number of floating-point
// operations in it, and what is to be called in the end.
type measured struct {
	name    string
	repeats int
	prepare func(ctx context.Context, workers int) (once func() error, flops float64, end func(), err error)
}

const peakCase = "fma-peak"

var cases = []measured{
	{peakCase, 15, peak},
	{"gemm/1024", 15, gemm(1024, 1024, 1024)},
	{"gemm/128x784x128", 50, gemm(128, 128, 784)},
	{"mnist-autoencoder/epoch", 5, epoch},
}

// Cases lists the names of the cases.
func Cases() []string {
	var names []string
	for _, c := range cases {
		names = append(names, c.name)
	}
	return names
}

// Matching lists the cases that a pattern (as of path.Match) or a name selects; all for "".
func Matching(pattern string) ([]string, error) {
	names := Cases()
	if pattern == "" {
		return names, nil
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("%q is no pattern: %w", pattern, err)
	}
	return slices.DeleteFunc(names, func(name string) bool {
		ok, _ := path.Match(pattern, name)
		return !ok
	}), nil
}

// Run measures the cases of the names given, in the order of Cases, with so many workers
// (0: GOMAXPROCS), and reports each as it is done. In plain Go there is no peak to measure:
// its case is passed over, and the others have no share of it.
func Run(ctx context.Context, names []string, workers int, report func(Result)) error {
	for _, c := range cases {
		if !slices.Contains(names, c.name) {
			continue
		}
		r, err := c.run(ctx, workers)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if c.name != peakCase || r.GFLOPS > 0 {
			report(r)
		}
	}
	return nil
}

func (c measured) run(ctx context.Context, workers int) (Result, error) {
	once, flops, end, err := c.prepare(ctx, workers)
	if err != nil {
		return Result{}, err
	}
	defer end()
	peakOnce, peakFlops, peakEnd, err := peak(ctx, workers)
	if err != nil {
		return Result{}, err
	}
	defer peakEnd()
	// A run also warms up, and says how many make a turn that is long enough.
	first, err := milliseconds(once, 1)
	if err != nil {
		return Result{}, err
	}
	times := max(1, int(turnMilliseconds/first))
	var work, peaks []float64
	for range c.repeats {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		peakTime, err := milliseconds(peakOnce, 1)
		if err != nil {
			return Result{}, err
		}
		workTime, err := milliseconds(once, times)
		if err != nil {
			return Result{}, err
		}
		work, peaks = append(work, workTime), append(peaks, peakTime)
	}
	slices.Sort(work)
	slices.Sort(peaks)
	r := Result{Case: c.name, Median: work[len(work)/2], Least: work[0]}
	r.GFLOPS = flops / r.Median / 1e6
	if peakFlops > 0 {
		r.Share = r.GFLOPS * 1e6 / (peakFlops / peaks[len(peaks)/2])
	}
	return r, nil
}

// turnMilliseconds is how long the work runs, at least, between two measurements of the
// peak. Each has its own workers, whose waking must not count: a network's operators
// follow each other without it.
const turnMilliseconds = 4

// milliseconds is the time of one of so many runs.
func milliseconds(once func() error, times int) (float64, error) {
	begin := time.Now()
	for range times {
		if err := once(); err != nil {
			return 0, err
		}
	}
	return time.Since(begin).Seconds() * 1000 / float64(times), nil
}

// peakTask runs multiply-adds on registers alone.
type peakTask struct{ turns int }

func (p peakTask) Do(int, int) { kernels.PeakFlops(p.turns) }

// peak runs them on every worker.
func peak(_ context.Context, workers int) (func() error, float64, func(), error) {
	const tilesEach, turns = 8, 1 << 16 // a few milliseconds, so that starting does not count
	team := parallel.Start(workers)
	tiles := tilesEach * team.Workers()
	once := func() error {
		team.Run(tiles, peakTask{turns})
		return nil
	}
	return once, float64(tiles) * kernels.PeakFlops(turns), team.Close, nil
}

// gemm multiplies an m x k by a k x n matrix.
func gemm(m, n, k int) func(context.Context, int) (func() error, float64, func(), error) {
	return func(_ context.Context, workers int) (func() error, float64, func(), error) {
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
		return once, 2 * float64(m) * float64(n) * float64(k), team.Close, nil
	}
}
