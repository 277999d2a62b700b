package nn

import (
	"cmp"
	"slices"
)

const (
	// recomputeBudgets is how many budgets of memory are tried, and recomputePlaced for how many
	// of the best the arena is laid out.
	recomputeBudgets = 48
	recomputePlaced  = 6
	// passCost is the cost of making an element, as a number of operations: of the pass over
	// memory, which counts where a step computes little.
	passCost = 32
)

// recompute chooses what is not kept from the forward pass, but computed again when the
// backward pass wants it, such that the arena is small: of runs under several budgets of
// memory, see [keeper], the one that gets along with the least. Computing again may cost as
// much as a forward pass.
func (p *plan) recompute() {
	k := newKeeper(p)
	most, _ := p.live()
	var allowed int64
	for i := range p.graph.steps {
		allowed += p.cost(i)
	}
	choices := []choice{p.judge(p.backwards())}
	for i := range recomputeBudgets {
		if back, ok := k.run(most*(i+1)/recomputeBudgets, allowed); ok {
			choices = append(choices, p.judge(back))
		}
	}
	slices.SortStableFunc(choices, choice.compare)
	choices = slices.CompactFunc(choices, func(a, b choice) bool { return a.compare(b) == 0 })
	best, least := choices[0], 0
	for i, c := range choices[:min(len(choices), recomputePlaced)] {
		if arena := p.arenaOf(c.back); i == 0 || arena < least {
			best, least = c, arena
		}
	}
	if p.arenaOf(p.keepMore(best).back) > least {
		p.arenaOf(best.back)
	}
}

// arenaOf lays all out and returns the arena's elements.
func (p *plan) arenaOf(back []action) int {
	p.layOut(back)
	p.place()
	return p.arena
}

// choice is one of what is computed again, and what it is judged by.
type choice struct {
	back []action
	live int   // the largest number of elements alive at once
	cost int64 // of what is computed again
}

func (c choice) compare(o choice) int {
	return cmp.Or(cmp.Compare(c.live, o.live), cmp.Compare(c.cost, o.cost))
}

func (p *plan) judge(back []action) choice {
	c := choice{back: back}
	p.layOut(back)
	c.live, _ = p.live()
	for _, a := range back {
		if a.again {
			c.cost += p.cost(a.step)
		}
	}
	return c
}

// cost is that of a step's forward pass.
func (p *plan) cost(i int) int64 {
	cost := p.routines[i].FLOPs
	for _, v := range p.graph.steps[i].out {
		cost += passCost * int64(p.elems(v))
	}
	return cost
}

// keepMore leaves out what is computed again without need: keeping it takes no more memory.
func (p *plan) keepMore(c choice) choice {
	for i := 0; i < len(c.back); i++ {
		if !c.back[i].again {
			continue
		}
		if without := p.judge(slices.Delete(slices.Clone(c.back), i, i+1)); without.compare(c) < 0 {
			c = without
			i--
		}
	}
	return c
}
