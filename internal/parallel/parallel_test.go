package parallel

import (
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// counter counts the visits of each tile, and the overlaps of each worker.
type counter struct {
	visits  []int32
	busy    []atomic.Bool
	overlap atomic.Bool
	slow    time.Duration
}

func newCounter(tiles, workers int) *counter {
	return &counter{visits: make([]int32, tiles), busy: make([]atomic.Bool, workers)}
}

func (c *counter) Do(tile, worker int) {
	if c.busy[worker].Swap(true) {
		c.overlap.Store(true)
	}
	c.visits[tile]++
	if c.slow > 0 {
		time.Sleep(c.slow)
	}
	c.busy[worker].Store(false)
}

func TestEachTileOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 3, 8} {
		team := Start(workers)
		for round, tiles := range []int{0, 1, 2, 3, 7, 100, 1001, 5, 1} {
			c := newCounter(tiles, workers)
			if round%3 == 2 && tiles < 10 {
				c.slow = 100 * time.Microsecond // longer than a spin, so that workers park
				time.Sleep(time.Millisecond)
			}
			team.Run(tiles, c)
			for i, n := range c.visits {
				if n != 1 {
					t.Fatalf("workers=%d tiles=%d: tile %d ran %d times", workers, tiles, i, n)
				}
			}
			if c.overlap.Load() {
				t.Fatalf("workers=%d tiles=%d: two tiles of one worker overlapped", workers, tiles)
			}
		}
		team.Close()
	}
}

func TestManyRegions(t *testing.T) {
	const tiles = 5
	team := Start(3)
	defer team.Close()
	c := newCounter(tiles, 3)
	for range 20000 {
		team.Run(tiles, c)
	}
	for i, n := range c.visits {
		if n != 20000 {
			t.Fatalf("tile %d ran %d times in 20000 regions", i, n)
		}
	}
}

func TestNilTeamRunsInline(t *testing.T) {
	var team *Team
	c := newCounter(4, 1)
	team.Run(4, c)
	if team.Workers() != 1 || c.visits[3] != 1 {
		t.Fatalf("workers %d, visits %v", team.Workers(), c.visits)
	}
	team.Close()
}

func TestRunDoesNotAllocate(t *testing.T) {
	team := Start(2)
	defer team.Close()
	c := newCounter(64, 2)
	var before, after runtime.MemStats
	team.Run(64, c)
	runtime.ReadMemStats(&before)
	for range 1000 {
		team.Run(64, c)
	}
	runtime.ReadMemStats(&after)
	// The runtime itself may allocate a few objects when a goroutine parks.
	if n := after.Mallocs - before.Mallocs; n > 10 {
		t.Errorf("1000 regions made %d allocations", n)
	}
}

func TestCloseWaitsForGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		team := Start(4)
		team.Run(9, newCounter(9, 4))
		team.Close()
		team.Close()
	}
	// A goroutine that has called Done may still be on its way out.
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}

var errTile = errors.New("tile 3 is bad")

type faulty struct{ ran atomic.Int32 }

func (f *faulty) Do(tile, _ int) {
	f.ran.Add(1)
	if tile == 3 {
		panic(errTile)
	}
}

func TestPanicIsCarried(t *testing.T) {
	team := Start(2)
	defer team.Close()
	for range 10 {
		f := new(faulty)
		func() {
			defer func() {
				p, _ := recover().(*Panic)
				if p == nil || !errors.Is(p, errTile) || !strings.Contains(p.Error(), "faulty") {
					t.Errorf("recovered %v", p)
				}
			}()
			team.Run(8, f)
		}()
		if f.ran.Load() != 8 {
			t.Errorf("%d of 8 tiles ran", f.ran.Load())
		}
	}
	team.Run(2, newCounter(2, 2)) // and the team still works
}

type nothing struct{}

func (nothing) Do(int, int) {}

func BenchmarkRegion(b *testing.B) {
	for _, workers := range []int{1, 2} {
		b.Run("op=region/workers="+string(rune('0'+workers)), func(b *testing.B) {
			team := Start(workers)
			defer team.Close()
			for b.Loop() {
				team.Run(2, nothing{})
			}
		})
	}
}
