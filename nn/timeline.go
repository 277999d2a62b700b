package nn

import (
	"cmp"
	"slices"
)

// timeline says when each step of a plan runs. Step i runs forward at moment i. Then the
// segments that the steps are divided into come back, the last one first: in each but the
// last, what the backward pass wants and nobody kept is computed again, and then every step
// runs backward (Griewank and Walther 2000, Chen et al. 2016).
type timeline struct {
	segment             []int    // of each step
	againAt, backwardAt []int    // the moments of each step; -1 where it is not computed again
	inputGradAt         []int    // when the gradients by a step's inputs come into being
	back                []action // what happens after all ran forward
	end                 int      // the moment after the last
	lives               [][]span // when each value is read or written
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

// divide lays the moments out for segments that begin at the first step and at the cuts.
func (p *plan) divide(cuts []int) {
	steps := len(p.graph.steps)
	p.timeline = timeline{
		segment: make([]int, steps), againAt: slices.Repeat([]int{-1}, steps),
		backwardAt: make([]int, steps), inputGradAt: make([]int, steps), end: steps,
	}
	for i := range p.segment {
		for _, cut := range cuts {
			if cut <= i {
				p.segment[i]++
			}
		}
	}
	readers := p.readers()
	kept := p.keptValues(readers)
	again := p.findAgain(readers, kept)
	for hi := steps; hi > 0; {
		lo := hi - 1
		for lo > 0 && p.segment[lo-1] == p.segment[lo] {
			lo--
		}
		for i := lo; i < hi; i++ {
			if again[i] {
				p.againAt[i] = p.end
				p.back = append(p.back, action{i, true})
				p.end++
			}
		}
		for i := hi - 1; i >= lo; i-- {
			p.backwardAt[i], p.inputGradAt[i] = p.end, p.end
			if p.routines[i].InputGradLast {
				p.inputGradAt[i] += 2 // after what reads the outputs, and what reads the inputs
			}
			p.back = append(p.back, action{i, false})
			p.end = p.inputGradAt[i] + 1
		}
		hi = lo
	}
	p.findLives(readers, kept)
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

// keptValues finds the values that stay from the forward pass on: those of the last segment,
// those that other segments read, and outputs.
func (p *plan) keptValues(readers [][]int) []bool {
	g, last := p.graph, 0
	if len(p.segment) > 0 {
		last = p.segment[len(p.segment)-1]
	}
	kept := make([]bool, len(g.shapes))
	for _, v := range slices.Concat(g.inputs, g.outputs) {
		kept[v] = true
	}
	for i, s := range g.steps {
		for _, v := range s.out {
			if p.segment[i] == last || slices.ContainsFunc(readers[v], func(r int) bool { return p.segment[r] != p.segment[i] }) {
				kept[v] = true
			}
		}
	}
	// Views are the same memory.
	for i, s := range g.steps {
		if p.routines[i].View && kept[s.in[0]] {
			kept[s.out[0]] = true
		}
	}
	for i, s := range slices.Backward(g.steps) {
		if p.routines[i].View && kept[s.out[0]] {
			kept[s.in[0]] = true
		}
	}
	return kept
}

// findAgain finds the steps that run once more: those that make what is not kept, and what
// their own backward pass or a reader that is computed again wants.
func (p *plan) findAgain(readers [][]int, kept []bool) []bool {
	again := make([]bool, len(p.graph.steps))
	for i, s := range slices.Backward(p.graph.steps) {
		again[i] = slices.ContainsFunc(s.out, func(v int) bool {
			return !kept[v] && (p.keptFor(i, v, readers[v]) || slices.ContainsFunc(readers[v], func(r int) bool { return again[r] }))
		})
	}
	return again
}

// keptFor reports whether a backward pass reads the value: of its producer, step i, or of a
// reader.
func (p *plan) keptFor(i, v int, readers []int) bool {
	return p.keepsOut(i) || slices.ContainsFunc(readers, func(r int) bool { return p.keepsIn(r, v) })
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

// findLives finds the spans of each value: one, or where it is not kept, one for the forward
// pass and one from when it is computed again.
func (p *plan) findLives(readers [][]int, kept []bool) {
	p.lives = make([][]span, len(p.graph.shapes))
	for _, v := range p.graph.inputs {
		p.lives[v] = []span{{0, p.end}}
	}
	for i, s := range p.graph.steps {
		for _, v := range s.out {
			first, second := span{p.begins(i), i}, span{p.againAt[i], p.againAt[i]}
			if p.keepsOut(i) {
				second.last = max(second.last, p.backwardAt[i])
			}
			for _, r := range readers[v] {
				first.last = max(first.last, p.ends(r))
				second.last = max(second.last, p.againAt[r])
				if p.keepsIn(r, v) {
					second.last = max(second.last, p.inputsReadAt(r))
				}
			}
			switch {
			case slices.Contains(p.graph.outputs, v):
				p.lives[v] = []span{{first.first, p.end}}
			case kept[v]:
				p.lives[v] = []span{{first.first, max(first.last, second.last)}}
			case p.againAt[i] >= 0:
				p.lives[v] = []span{first, second}
			default:
				p.lives[v] = []span{first}
			}
		}
	}
}
