// Package parallel splits work over goroutines; it is the only place that does.
//
// A [Team] keeps its goroutines between regions, so that a region costs less than a
// few microseconds and allocates nothing. Tiles are claimed from an atomic counter, a few
// at a time at first, one by one in the end: which worker computes a tile is not
// determined, so a task must write its results to places that depend on the tile alone.
// Then nothing depends on the number of workers.
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
	// claim holds region<<32 | tiles that nobody has taken. The region number keeps a
	// worker that was descheduled for a whole region from taking a tile of the next
	// one with stale data.
	claim atomic.Uint64
	_     [cacheLine - 8]byte
	// unfinished counts the tiles of the region that have not returned.
	unfinished atomic.Int64
	_          [cacheLine - 8]byte

	// task and tiles belong to the region: written before claim is, and read only by
	// those who hold one of its unfinished tiles.
	task  Task
	tiles int

	callerParked atomic.Bool
	finished     chan struct{}
	failure      atomic.Pointer[Panic]

	helpers []helper
	locals  []local // of every worker, see [Local]
	closed  atomic.Bool
	done    sync.WaitGroup
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
	t := &Team{finished: make(chan struct{}, 1), helpers: make([]helper, workers-1), locals: make([]local, workers)}
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
	t.task, t.tiles = task, tiles
	t.unfinished.Store(int64(tiles))
	region := t.claim.Load()>>32 + 1
	t.claim.Store(region<<32 | uint64(tiles))
	for i := range t.helpers[:min(len(t.helpers), tiles-1)] {
		t.helpers[i].unpark()
	}
	t.work(0)
	t.await()
	t.task = nil
	if p := t.failure.Swap(nil); p != nil {
		panic(p)
	}
}

// share is into how many parts, for each worker, what is left of a region is divided to
// say how many tiles are claimed at once. Every claim costs a cache line's way from one
// core to another, so the first ones are large; the last are single tiles, so that
// workers end together.
const share = 4

// work claims and computes tiles until none is left.
func (t *Team) work(worker int) {
	for {
		c := t.claim.Load()
		left := int(uint32(c))
		if left == 0 {
			return
		}
		n := max(1, left/(share*t.Workers()))
		if !t.claim.CompareAndSwap(c, c-uint64(n)) {
			continue
		}
		task, first := t.task, t.tiles-left
		for i := range n {
			t.do(task, first+i, worker)
		}
		if t.unfinished.Add(int64(-n)) == 0 && t.callerParked.CompareAndSwap(true, false) {
			t.finished <- struct{}{}
		}
	}
}

// do computes a tile, which may panic.
func (t *Team) do(task Task, tile, worker int) {
	defer t.keepPanic()
	task.Do(tile, worker)
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
	stirred := func() bool { return uint32(t.claim.Load()) != 0 || t.closed.Load() }
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
