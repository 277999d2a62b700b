// Package bench measures what a machine can do: the cases of `hourglass bench`.
//
// The peak of its multiply-add units is measured in turn with the work, round by round, and
// every figure is given as a share of that: machines differ by more than programs do, and
// one machine from one minute to the next.
//
// Operations are counted by direct arithmetic, whatever the algorithm: a convolution
// that gets along with fewer multiplications may be above the peak.
package bench

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hourglass-go/hourglass/nn"
)

// Result is what a case measured. A case of an unknown number of operations, or on a
// machine whose peak is not known, lacks the figures that depend on it.
type Result struct {
	Case   string  `json:"case"`
	Median float64 `json:"ms_median"`
	Least  float64 `json:"ms_min"`
	GFLOPS float64 `json:"gflops_per_s,omitempty"`
	Share  float64 `json:"share_of_peak,omitempty"`
	Peak   float64 `json:"peak_gflops_per_s,omitempty"` // the median in the same run
	Layers []Layer `json:"layers,omitempty"`            // of a network, where they were asked for
}

// Options are choices in measuring.
type Options struct {
	Workers int  // GOMAXPROCS where it is 0
	Layers  bool // takes the time of every layer too
}

// A measured case, which prepare makes ready for so many workers (0: GOMAXPROCS).
type measured struct {
	name    string
	prepare func(ctx context.Context, workers int) (*work, error)
}

// work is what is repeated and measured.
type work struct {
	flops float64 // in a repetition; 0 where unknown
	// time returns the milliseconds of one of so many repetitions.
	time func(times int) (float64, error)
	// layers profiles so many repetitions; nil where there are no layers.
	layers func(runs int) ([]nn.LayerTime, error)
	end    func()
}

// Cases lists the names of the cases.
func Cases() []string {
	var names []string
	for _, c := range cases {
		names = append(names, c.name)
	}
	return names
}

// Matching lists the cases that a pattern (as of path.Match) or a name selects, by the whole
// name or by its first parts; all for "".
func Matching(pattern string) ([]string, error) {
	names := Cases()
	if pattern == "" {
		return names, nil
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("%q is no pattern: %w", pattern, err)
	}
	parts := strings.Count(pattern, "/") + 1
	return slices.DeleteFunc(names, func(name string) bool {
		split := strings.Split(name, "/")
		ok, _ := path.Match(pattern, strings.Join(split[:min(parts, len(split))], "/"))
		return !ok
	}), nil
}

// Run measures the cases of the names given, in the order of Cases, and reports each as it
// is done. In plain Go there is no peak to measure: its case is passed over, and the others
// have no share of it.
func Run(ctx context.Context, names []string, o Options, report func(Result) error) error {
	for _, c := range cases {
		if !slices.Contains(names, c.name) {
			continue
		}
		r, err := c.run(ctx, o)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if c.name == PeakCase && r.GFLOPS == 0 {
			continue
		}
		if err := report(r); err != nil {
			return err
		}
	}
	return nil
}

func (c measured) run(ctx context.Context, o Options) (Result, error) {
	w, err := c.prepare(ctx, o.Workers)
	if err != nil {
		return Result{}, err
	}
	defer w.end()
	p, err := peak(ctx, o.Workers)
	if err != nil {
		return Result{}, err
	}
	defer p.end()
	r, err := measure(ctx, w, p)
	r.Case = c.name
	if err == nil && o.Layers && w.layers != nil {
		err = r.profile(w)
	}
	return r, err
}

const (
	// turnMilliseconds is how long the work runs, at least, between two measurements of
	// the peak. Each has its own workers, whose waking must not count: a network's operators
	// follow each other without it.
	turnMilliseconds = 4
	// A case is measured for caseMilliseconds, but in leastRounds at least.
	caseMilliseconds = 2500
	leastRounds      = 3
)

// measure takes the time of the work and of the peak, in turns.
func measure(ctx context.Context, w, peak *work) (Result, error) {
	if _, err := w.time(1); err != nil { // warms up
		return Result{}, err
	}
	first, err := w.time(1)
	if err != nil {
		return Result{}, err
	}
	times := max(1, int(turnMilliseconds/first))
	var works, peaks []float64
	for begin := time.Now(); len(works) < leastRounds || time.Since(begin).Milliseconds() < caseMilliseconds; {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		peakTime, err := peak.time(1)
		if err != nil {
			return Result{}, err
		}
		workTime, err := w.time(times)
		if err != nil {
			return Result{}, err
		}
		works, peaks = append(works, workTime), append(peaks, peakTime)
	}
	r := Result{Median: median(works), Least: slices.Min(works), Peak: peak.flops / median(peaks) / 1e6}
	r.GFLOPS = w.flops / r.Median / 1e6
	if r.Peak > 0 {
		r.Share = r.GFLOPS / r.Peak
	}
	return r, nil
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

// wall measures by the clock on the wall.
func wall(once func() error) func(times int) (float64, error) {
	return func(times int) (float64, error) {
		begin := time.Now()
		for range times {
			if err := once(); err != nil {
				return 0, err
			}
		}
		return time.Since(begin).Seconds() * 1000 / float64(times), nil
	}
}
