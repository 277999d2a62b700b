package nn

import (
	"cmp"
	"math"
	"slices"
)

const (
	// cutStarts is how many of the divisions into equal segments are improved, cutRounds how
	// often all cuts of one are moved, and cutPlaces at how many places each is tried.
	cutStarts = 4
	cutRounds = 3
	cutPlaces = 16
)

// recompute divides the graph into segments such that the arena is small: of what lies inside
// a segment but the last, nothing is kept from the forward pass, and the backward pass computes
// it again (Chen et al. 2016). Of divisions into up to 2*sqrt(steps) segments that make as many
// values each, it takes the best ones and moves their cuts, one by one, to where they are best.
func (p *plan) recompute() {
	var starts []division
	for segments := 1; segments <= 2*int(math.Sqrt(float64(len(p.graph.steps)))); segments++ {
		cuts := p.equalCuts(segments)
		starts = append(starts, division{cuts, p.costOf(cuts)})
	}
	slices.SortStableFunc(starts, func(a, b division) int { return a.cost.compare(b.cost) })
	var best division
	for i, d := range starts[:min(len(starts), cutStarts)] {
		if p.improve(&d); i == 0 || d.cost.compare(best.cost) < 0 {
			best = d
		}
	}
	p.layOut(best.cuts)
	p.place()
}

// division is a choice of cuts.
type division struct {
	cuts []int
	cost cutCost
}

// cutCost is what a division is judged by.
type cutCost struct {
	live  int   // the largest number of elements alive at once
	flops int64 // of what is computed again
}

func (c cutCost) compare(o cutCost) int {
	return cmp.Or(cmp.Compare(c.live, o.live), cmp.Compare(c.flops, o.flops))
}

func (p *plan) costOf(cuts []int) (cost cutCost) {
	p.layOut(cuts)
	cost.live, _ = p.live()
	for i, again := range p.againAt {
		if again >= 0 {
			cost.flops += p.routines[i].FLOPs
		}
	}
	return cost
}

// equalCuts divides the steps into segments that make about as many values each.
func (p *plan) equalCuts(segments int) []int {
	made := make([]int, len(p.graph.steps)+1) // before each step
	for i, s := range p.graph.steps {
		made[i+1] = made[i]
		for _, v := range s.out {
			made[i+1] += p.elems(v)
		}
	}
	var cuts []int
	for k := 1; k < segments; k++ {
		cut, _ := slices.BinarySearch(made, made[len(made)-1]/segments*k)
		if cut = min(cut, len(made)-2); cut > 0 && !slices.Contains(cuts, cut) {
			cuts = append(cuts, cut)
		}
	}
	return cuts
}

// improve moves the cuts until none gets better.
func (p *plan) improve(d *division) {
	for range cutRounds {
		before := d.cost
		for c := range d.cuts {
			p.moveCut(d, c)
		}
		if d.cost == before {
			return
		}
	}
}

// moveCut tries a cut at places between its neighbours and leaves it at the best.
func (p *plan) moveCut(d *division, c int) {
	lo, hi, best := 1, len(p.graph.steps), d.cuts[c]
	if c > 0 {
		lo = d.cuts[c-1] + 1
	}
	if c+1 < len(d.cuts) {
		hi = d.cuts[c+1]
	}
	for at := lo; at < hi; at += (hi-lo)/cutPlaces + 1 {
		d.cuts[c] = at
		if cost := p.costOf(d.cuts); cost.compare(d.cost) < 0 {
			best, d.cost = at, cost
		}
	}
	d.cuts[c] = best
}
