package nn

import (
	"slices"
	"sync"
	"weak"

	"github.com/hourglass-go/hourglass/internal/hugepage"
)

const (
	// idleBytes is how much arena memory a model keeps for its next run in any case; what
	// is beyond stays until the next collection of garbage.
	idleBytes = 256 << 20
	// arenaSessions is how many sessions keep their binding to an arena.
	arenaSessions = 8
)

// arena is memory that sessions take turns in.
type arena struct {
	memory   []float32
	sessions []arenaSession // the oldest first
}

// arenaSession is a session with what it was made for, beside the batch.
type arenaSession struct {
	*session[float32]
	shapes []Shape
	layout int
}

// sessionCache keeps the arenas of a model that nobody is using. Predictions one after the
// other, of whatever sizes, find the same arena: that of the largest.
type sessionCache struct {
	mu   sync.Mutex
	idle []idleArena // the one used last comes last
}

// idleArena holds on to an arena, or leaves it to the collector.
type idleArena struct {
	kept  *arena
	loose weak.Pointer[arena]
}

func (a idleArena) get() *arena {
	if a.kept != nil {
		return a.kept
	}
	return a.loose.Value()
}

// take returns an idle session for the batch, or makes one, and its arena; where the arena
// of such a batch would be too large, for half of it, and so on.
func (c *sessionCache) take(m *Model, g *graph, shapes []Shape, batch int) (*arena, *session[float32]) {
	store := m.store.resolve()
	store.allocate()
	if a, s := c.find(store.layout, shapes, batch); s != nil {
		return a, s
	}
	opt := g.clone()
	opt.reduce(m.precision)
	opt.optimise(false)
	p := newPlan(opt, batch, false, false)
	for batch > 1 && 4*p.arena > predictBytes {
		batch /= 2
		if a, s := c.find(store.layout, shapes, batch); s != nil {
			return a, s
		}
		p = newPlan(opt, batch, false, false)
	}
	a := c.takeArena(p.arena)
	a.sessions = slices.DeleteFunc(a.sessions, func(s arenaSession) bool { return s.layout != store.layout })
	if len(a.sessions) == arenaSessions {
		a.sessions = slices.Delete(a.sessions, 0, 1)
	}
	s := newSession(p, a.memory, store.weights(), func(r Routine) Op[float32] { return r.New32() })
	a.sessions = append(a.sessions, arenaSession{s, shapes, store.layout})
	return a, s
}

// find takes an idle arena with a session for the batch out of the cache, nil if there is
// none.
func (c *sessionCache) find(layout int, shapes []Shape, batch int) (*arena, *session[float32]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, idle := range c.idle {
		a := idle.get()
		if a == nil {
			continue
		}
		for _, s := range a.sessions {
			if s.layout == layout && s.plan.batch == batch && slices.EqualFunc(s.shapes, shapes, Shape.Equal) {
				c.idle = slices.Delete(c.idle, i, i+1)
				return a, s.session
			}
		}
	}
	return nil, nil
}

// takeArena takes the smallest idle arena of n elements or more out of the cache. Where none
// is large enough, a new one takes the place of the largest.
func (c *sessionCache) takeArena(n int) *arena {
	c.mu.Lock()
	defer c.mu.Unlock()
	var best *arena
	at := 0
	for i, idle := range c.idle {
		if a := idle.get(); a != nil && (best == nil || closer(len(a.memory), len(best.memory), n)) {
			best, at = a, i
		}
	}
	if best != nil {
		c.idle = slices.Delete(c.idle, at, at+1)
		if len(best.memory) >= n {
			return best
		}
	}
	return &arena{memory: hugepage.Make[float32](n)}
}

// closer reports whether a is closer to n than b is, from above or, else, from below.
func closer(a, b, n int) bool {
	if (a < n) != (b < n) {
		return a >= n
	}
	return (a < b) == (a >= n)
}

// put gives an arena back.
func (c *sessionCache) put(a *arena) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, idleArena{kept: a, loose: weak.Make(a)})
	bytes := 0
	for i := len(c.idle) - 1; i >= 0; i-- {
		if a := c.idle[i].get(); a != nil {
			bytes += 4 * len(a.memory)
		}
		if bytes > idleBytes {
			c.idle[i].kept = nil
		}
	}
	c.idle = slices.DeleteFunc(c.idle, func(i idleArena) bool { return i.get() == nil })
}
