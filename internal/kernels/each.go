package kernels

import "github.com/hourglass-go/hourglass/internal/parallel"

// chunk is the number of elements that one tile of an elementwise pass takes: 32 KiB
// of float32, a few microseconds, so that claiming it costs nothing beside it.
const chunk = 8192

// chunks returns the number of tiles in n elements.
func chunks(n int) int { return (n + chunk - 1) / chunk }

// chunkOf returns the range of one tile of n elements.
func chunkOf(tile, n int) (lo, hi int) { return tile * chunk, min((tile+1)*chunk, n) }

// Each runs a function over the chunks of a range, on a team. The chunks depend on
// the length alone.
type Each struct {
	fn func(lo, hi int)
	n  int
}

// NewEach returns an Each for fn, which is called for disjoint ranges [lo, hi) from
// several goroutines.
func NewEach(fn func(lo, hi int)) *Each { return &Each{fn: fn} }

// Run covers [0, n).
func (e *Each) Run(team *parallel.Team, n int) {
	e.n = n
	team.Run(chunks(n), e)
}

// Do implements [parallel.Task].
func (e *Each) Do(tile, _ int) { e.fn(chunkOf(tile, e.n)) }
