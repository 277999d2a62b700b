// Package parallel splits work over goroutines; it is the only place that does.
//
// A [Team] keeps its goroutines between regions, so that a region costs less than a
// few microseconds and allocates nothing. Every worker begins with its own share of the
// tiles, a range of them, and takes from the others' when it has done: so what one region
// leaves in a core's cache is there for the next one, where both number their tiles alike,
// and yet workers end together. Which worker computes a tile is not determined, so a task
// must write its results to places that depend on the tile alone. Then nothing depends on
// the number of workers.
package parallel

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Task is work that falls into independent tiles.
type Task interface {
	// Do computes one tile. Worker, in [0, Workers()), names the scratch that it may
	// use: two calls with the same worker never overlap.
	Do(tile, worker int)
}

// Panic is what [Team.Run] panics with after a task has panicked on a team of
// several workers: the first panic's value and the stack of its goroutine.
type Panic struct {
	Value any
	Stack []byte
}

// Error describes the panic with its original stack.
func (p *Panic) Error() string { return fmt.Sprintf("task panicked: %v\n\n%s", p.Value, p.Stack) }

// Unwrap returns the value where it was an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

const (
	// spinTime is how long an idle worker looks for the next region before it parks.
	// Waking a parked goroutine costs a few microseconds, and within a training step
	// the next region usually follows sooner than that.
	spinTime = 20 * time.Microsecond
	// spinBatch is how often a spinning worker looks before it looks at the clock.
	spinBatch = 64

	cacheLine = 64
)

// A Team is a fixed set of workers: the goroutine that calls Run and Workers()-1
// others. A nil Team is one worker, the caller. One Run owns the team until it
// returns; concurrent or nested Runs on the same team are the caller's bug.
type Team struct {
	// unfinished counts the tiles of the region that have not returned.
	unfinished atomic.Int64
	_          [cacheLine - 8]byte

	// task belongs to the region: written before the shares are, and read only by those
	// who hold one of its unfinished tiles.
	task Task

	callerParked atomic.Bool
	finished     chan struct{}
	failure      atomic.Pointer[Panic]

	shares  []share // of every worker
	helpers []helper
	locals  []local // of every worker, see [Local]
	closed  atomic.Bool
	done    sync.WaitGroup
}

// A share is the range of tiles that nobody has taken yet of those that a worker begins
// with: next<<32 | end. It says all about itself, so that who was descheduled after reading
// one, and finds the same when it changes it, has claimed tiles of the region that runs
// now, be it a later one.
type share struct {
	rest atomic.Uint64
	_    [cacheLine - 8]byte
}

func (s *share) set(next, end int) { s.rest.Store(uint64(next)<<32 | uint64(end)) }

func (s *share) empty() bool {
	r := s.rest.Load()
	return r>>32 == r&math.MaxUint32
}

// first claims the first tile, and returns false where none is left.
func (s *share) first() (tile int, ok bool) {
	for {
		r := s.rest.Load()
		next, end := r>>32, r&math.MaxUint32
		if next == end {
			return 0, false
		}
		if s.rest.CompareAndSwap(r, r+1<<32) {
			return int(next), true
		}
	}
}

// half claims the latter half, so that another worker and the one whose share it is end at
// the same time.
func (s *share) half() (from, to int) {
	for {
		r := s.rest.Load()
		next, end := r>>32, r&math.MaxUint32
		n := (end - next + 1) / 2
		if n == 0 || s.rest.CompareAndSwap(r, r-n) {
			return int(end - n), int(end)
		}
	}
}

// A helper is one of the team's goroutines.
type helper struct {
	parked atomic.Bool
	wake   chan struct{}
	_      [cacheLine - 16]byte
}

// Start returns a team of that many workers, of GOMAXPROCS where workers is below 1.
// The team holds goroutines until it is closed.
func Start(workers int) *Team {
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	t := &Team{finished: make(chan struct{}, 1), helpers: make([]helper, workers-1), locals: make([]local, workers), shares: make([]share, workers)}
	t.done.Add(workers - 1)
	for i := range t.helpers {
		t.helpers[i].wake = make(chan struct{}, 1)
		go t.help(i + 1)
	}
	return t
}

// Workers returns the number of workers, at least 1.
func (t *Team) Workers() int {
	if t == nil {
		return 1
	}
	return len(t.helpers) + 1
}

// Close ends the team's goroutines and waits for them. A closed team, like a nil one,
// is not to be run; closing twice does nothing.
func (t *Team) Close() {
	if t == nil || t.closed.Swap(true) {
		return
	}
	for i := range t.helpers {
		t.helpers[i].unpark()
	}
	t.done.Wait()
	t.release()
}

// Run calls task.Do once for each tile in [0, tiles) and returns when all have
// returned. The caller works too; with one worker or one tile everything happens on
// its goroutine, in order. Where a tile panics on a team of several
// workers, the others still run, and then Run panics with a [*Panic]; a caller that works
// alone gets the task's own panic at once.
func (t *Team) Run(tiles int, task Task) {
	if tiles <= 0 {
		return
	}
	if tiles > math.MaxInt32 {
		panic(fmt.Sprintf("parallel: %d tiles; at most %d fit", tiles, math.MaxInt32))
	}
	if t.Workers() == 1 || tiles == 1 {
		for i := range tiles {
			task.Do(i, 0)
		}
		return
	}
	if t.closed.Load() {
		panic("parallel: Run on a closed team")
	}
	t.task = task
	t.unfinished.Store(int64(tiles))
	shares := min(t.Workers(), tiles)
	for w := range shares {
		t.shares[w].set(w*tiles/shares, (w+1)*tiles/shares)
	}
	for i := range t.helpers[:shares-1] {
		t.helpers[i].unpark()
	}
	t.work(0)
	t.await()
	t.task = nil
	if p := t.failure.Swap(nil); p != nil {
		panic(p)
	}
}

// work computes tiles until none is left: the worker's own, then others'.
func (t *Team) work(worker int) {
	done := 0
	for tile, ok := t.shares[worker].first(); ok; tile, ok = t.shares[worker].first() {
		t.do(tile, worker)
		done++
	}
	for i := 1; i < len(t.shares); {
		from, to := t.shares[(worker+i)%len(t.shares)].half()
		if from == to {
			i++
			continue
		}
		for tile := from; tile < to; tile++ {
			t.do(tile, worker)
		}
		done += to - from
	}
	if done > 0 && t.unfinished.Add(int64(-done)) == 0 && t.callerParked.CompareAndSwap(true, false) {
		t.finished <- struct{}{}
	}
}

// do computes a tile, which may panic.
func (t *Team) do(tile, worker int) {
	defer t.keepPanic()
	t.task.Do(tile, worker)
}

// keepPanic keeps the first panic of a region.
func (t *Team) keepPanic() {
	if v := recover(); v != nil {
		t.failure.CompareAndSwap(nil, &Panic{Value: v, Stack: debug.Stack()})
	}
}

// await returns when every tile of the region has finished.
func (t *Team) await() {
	if spin(func() bool { return t.unfinished.Load() == 0 }) {
		return
	}
	for t.unfinished.Load() != 0 {
		t.callerParked.Store(true)
		// A tile may have finished in between: then either we take the mark back, or
		// its worker has and there is a token to consume.
		if t.unfinished.Load() == 0 && t.callerParked.CompareAndSwap(true, false) {
			return
		}
		<-t.finished
	}
}

// help is the life of one of the team's goroutines.
func (t *Team) help(worker int) {
	defer t.done.Done()
	h := &t.helpers[worker-1]
	stirred := func() bool { return !t.shares[worker].empty() || t.closed.Load() }
	for !t.closed.Load() {
		t.work(worker)
		if spin(stirred) {
			continue
		}
		h.parked.Store(true)
		if stirred() && h.parked.CompareAndSwap(true, false) {
			continue
		}
		<-h.wake
	}
}

// unpark wakes the helper where it is parked. The mark is taken by exactly one side,
// so there is never more than one token in wake.
func (h *helper) unpark() {
	if h.parked.CompareAndSwap(true, false) {
		h.wake <- struct{}{}
	}
}

// spin polls until ready or until spinTime has passed, and says whether it was ready.
func spin(ready func() bool) bool {
	start := time.Now()
	for {
		for range spinBatch {
			if ready() {
				return true
			}
		}
		if time.Since(start) > spinTime {
			return false
		}
	}
}
