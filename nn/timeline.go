package nn

import (
	"cmp"
	"slices"
)

// timeline says when each step of a plan runs. Step i runs forward at moment i. Then every step
// runs backward, the last one first, and between, some run forward once more: what they make
// need not be kept until then (Griewank and Walther 2000, Chen et al. 2016).
type timeline struct {
	back        []action // what happens after all ran forward
	runsAt      [][]int  // the moments at which each step runs forward
	backwardAt  []int    // the moment at which it runs backward
	inputGradAt []int    // when the gradients by its inputs come into being
	end         int      // the moment after the last
	lives       [][]span // when each value is read or written
	savedLives  [][]span // of each step, when what it saves is
}

// action is a step that runs backward, or forward once more.
type action struct {
	step  int
	again bool
}

// span is a stretch of time, both ends included.
type span struct{ first, last int }

// overlap reports whether two lists of spans, in the order of time, share a moment.
func overlap(a, b []span) bool {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].last < b[0].first:
			a = a[1:]
		case b[0].last < a[0].first:
			b = b[1:]
		default:
			return true
		}
	}
	return false
}

// handsOver reports whether memory in use in the spans before is free for those after, each
// of which may begin at the moment at which one of the former ends.
func handsOver(before, after []span) bool {
	for _, s := range before {
		for _, o := range after {
			if s.last > o.first && o.last >= s.first {
				return false
			}
		}
	}
	return true
}

// union joins spans that touch.
func union(a, b []span) []span {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	joined := all[:0]
	for _, s := range all {
		if n := len(joined); n > 0 && s.first <= joined[n-1].last {
			joined[n-1].last = max(joined[n-1].last, s.last)
		} else {
			joined = append(joined, s)
		}
	}
	return joined
}

// backwards is what happens after the forward pass where nothing is computed again.
func (p *plan) backwards() []action {
	var back []action
	for i := range slices.Backward(p.graph.steps) {
		back = append(back, action{step: i})
	}
	return back
}

// setMoments lays the moments out.
func (p *plan) setMoments(back []action) {
	steps := len(p.graph.steps)
	p.timeline = timeline{
		back: back, runsAt: make([][]int, steps),
		backwardAt: make([]int, steps), inputGradAt: make([]int, steps), end: steps,
	}
	for i := range p.runsAt {
		p.runsAt[i] = []int{i}
	}
	for _, a := range back {
		i := a.step
		if a.again {
			p.runsAt[i] = append(p.runsAt[i], p.end)
			p.end++
			continue
		}
		p.backwardAt[i], p.inputGradAt[i] = p.end, p.end
		if p.routines[i].InputGradLast {
			p.inputGradAt[i] += 2 // after what reads the outputs, and what reads the inputs
		}
		p.end = p.inputGradAt[i] + 1
	}
	p.findLives()
}

// readers lists for each value the steps that read it.
func (p *plan) readers() [][]int {
	readers := make([][]int, len(p.graph.shapes))
	for i, s := range p.graph.steps {
		for _, v := range s.in {
			readers[v] = append(readers[v], i)
		}
	}
	return readers
}

// keepsOut and keepsIn report whether the backward pass of a step reads its outputs, or v.
func (p *plan) keepsOut(i int) bool {
	return p.backward(i) && !p.routines[i].View && p.routines[i].KeepOut
}

func (p *plan) keepsIn(i, v int) bool {
	in, r := p.graph.steps[i].in, &p.routines[i]
	return p.backward(i) && !r.View && r.KeepIn && slices.Contains(in[:len(in)-r.DropIn], v)
}

// inputsReadAt is the last moment at which the backward pass of a step reads its inputs.
func (p *plan) inputsReadAt(i int) int { return max(p.backwardAt[i], p.inputGradAt[i]-1) }

// findLives finds the spans of what steps make: from each time that it is made until it is
// last read before the next. A view is made as often as what it is a view of.
func (p *plan) findLives() {
	p.lives = make([][]span, len(p.graph.shapes))
	p.savedLives = make([][]span, len(p.graph.steps))
	for _, v := range p.graph.inputs {
		p.lives[v] = []span{{0, p.end}}
	}
	readers := p.readers()
	made := make([][]int, len(p.graph.shapes))
	for i, s := range p.graph.steps {
		runs := p.runsAt[i]
		if p.routines[i].View && made[s.in[0]] != nil {
			runs = slices.Concat(runs, made[s.in[0]][1:])
		}
		for _, v := range s.out {
			made[v] = runs
			life := spansFrom(runs)
			life[0].first = p.begins(i)
			if p.keepsOut(i) {
				extend(life, p.backwardAt[i])
			}
			for _, r := range readers[v] {
				extend(life, p.ends(r))
				for _, again := range p.runsAt[r][1:] {
					extend(life, again)
				}
				if p.keepsIn(r, v) {
					extend(life, p.inputsReadAt(r))
				}
			}
			if slices.Contains(p.graph.outputs, v) {
				life = []span{{life[0].first, p.end}}
			}
			p.lives[v] = life
		}
		p.savedLives[i] = spansFrom(p.runsAt[i])
		if p.backward(i) {
			extend(p.savedLives[i], p.backwardAt[i])
		}
	}
}

// spansFrom are spans of a moment each.
func spansFrom(moments []int) []span {
	spans := make([]span, len(moments))
	for i, m := range moments {
		spans[i] = span{m, m}
	}
	return spans
}

// extend makes the last of the spans that begin up to a moment last until then.
func extend(spans []span, moment int) {
	for i := range slices.Backward(spans) {
		if s := &spans[i]; s.first <= moment {
			s.last = max(s.last, moment)
			return
		}
	}
}
