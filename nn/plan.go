package nn

import "slices"

// plan is a graph compiled for a batch: routines in order, and where in one arena each
// buffer lies. It is immutable and shared by sessions.
type plan struct {
	graph    *graph
	batch    int
	training bool
	routines []Routine
	// needsGrad tells for each value whether a gradient of it is wanted.
	needsGrad []bool
	chains    []*rowChain // of steps that run piece by piece
	chainOf   []*rowChain // by step, nil for none
	timeline
	storage  []int // for each value, the buffer it lives in, -1 for one that passes through a chain
	gradient []int // for each value, the buffer of its gradient, -1 for none
	// partial[i][j] is a buffer for the gradient of input j of step i where that input
	// already has one from a later consumer, and -1 where this is the first.
	partial [][]int
	scratch [][2]int // for each step, of the forward and of the backward pass; -1 for none
	saved   []int    // for each step, -1 for none
	// binds tells for each output whether a run computes it in memory of the caller.
	binds   []bool
	buffers buffers
	arena   int // elements
}

// newPlan compiles the graph. In training, gradients are planned for all trainable
// parameters, and for the inputs where inputGrads says so.
func newPlan(g *graph, batch int, training, inputGrads bool) *plan {
	p := &plan{graph: g, batch: batch, training: training}
	p.compile()
	p.findGradients(inputGrads)
	p.findChains()
	p.layOut(p.backwards())
	p.place()
	return p
}

// compile asks the layers for their routines.
func (p *plan) compile() {
	data := make([]bool, len(p.graph.shapes)) // values that the user feeds in, and views of them
	for _, v := range p.graph.inputs {
		data[v] = true
	}
	for _, s := range p.graph.steps {
		in := make([]Shape, len(s.in))
		for i, v := range s.in {
			in[i] = p.graph.shapes[v]
		}
		fed := len(s.in) > 0 && data[s.in[0]]
		var r Routine
		if reader, ok := s.layer.(DataReader); ok && fed {
			r = reader.CompileData(p.batch, in)
		} else {
			r = s.layer.Compile(p.batch, in)
		}
		p.routines = append(p.routines, r)
		if r.View {
			data[s.out[0]] = fed
		}
	}
}

// layOut decides what lies in memory when, given what happens after the forward pass.
func (p *plan) layOut(back []action) {
	p.buffers = p.buffers[:0]
	p.setMoments(back)
	p.planValues()
	p.bindOutputs()
	if p.training {
		p.planGradients()
	}
	p.planWork()
	p.planChains()
}

// findGradients marks the values that a trainable parameter has an influence on; only
// their gradients are computed.
func (p *plan) findGradients(inputs bool) {
	p.needsGrad = make([]bool, len(p.graph.shapes))
	if !p.training {
		return
	}
	for _, v := range p.graph.inputs {
		p.needsGrad[v] = inputs
	}
	for i := range p.graph.steps {
		s := &p.graph.steps[i]
		needed := slices.ContainsFunc(s.params, func(q *Param) bool { return q.Kind == Trainable }) ||
			slices.ContainsFunc(s.in, func(v int) bool { return p.needsGrad[v] })
		if s.layer == Layer(StopGradient{}) {
			needed = false
		}
		for _, v := range s.out {
			p.needsGrad[v] = needed
		}
	}
}

// backward reports whether step i takes part in the backward pass.
func (p *plan) backward(i int) bool {
	return p.training && slices.ContainsFunc(p.graph.steps[i].out, func(v int) bool { return p.needsGrad[v] })
}

// planValues gives each value a buffer for as long as somebody reads it, and lets views and
// in-place layers share one.
func (p *plan) planValues() {
	g := p.graph
	p.storage = make([]int, len(g.shapes))
	for _, v := range g.inputs {
		p.storage[v] = p.buffers.add(buffer{elems: p.elems(v), external: true})
	}
	for i, s := range g.steps {
		if p.chainOf[i] == nil && p.sharesInput(i) {
			b, life := &p.buffers[p.storage[s.in[0]]], p.lives[s.out[0]]
			if p.routines[i].View || !b.external && handsOver(b.spans, life) {
				p.storage[s.out[0]] = p.storage[s.in[0]]
				b.spans = union(b.spans, life)
				continue
			}
		}
		for _, v := range s.out {
			if p.storage[v] = -1; !p.passes(v) {
				p.storage[v] = p.buffers.add(buffer{elems: p.elems(v), spans: slices.Clone(p.lives[v])})
			}
		}
	}
}

// bindOutputs takes the outputs of a prediction out of the arena. What is an input, or the
// same as another output, has to be copied.
func (p *plan) bindOutputs() {
	p.binds = make([]bool, len(p.graph.outputs))
	for i, v := range p.graph.outputs {
		if b := &p.buffers[p.storage[v]]; !p.training && !b.external {
			b.external, p.binds[i] = true, true
		}
	}
}

// sharesInput reports whether step i's output may, by its routine, be its input's memory.
func (p *plan) sharesInput(i int) bool {
	s, r := &p.graph.steps[i], &p.routines[i]
	return len(s.in) > 0 && len(s.out) == 1 && (r.View || r.InPlace) && p.elems(s.in[0]) == p.elems(s.out[0])
}

// elems is the number of elements of a value.
func (p *plan) elems(v int) int { return p.batch * p.graph.shapes[v].Elems() }

// planGradients gives each wanted gradient a buffer that lives from the backward pass of
// the value's last consumer to that of its producer.
func (p *plan) planGradients() {
	g := p.graph
	p.gradient = slices.Repeat([]int{-1}, len(g.shapes))
	p.partial = make([][]int, len(g.steps))
	for _, v := range g.outputs {
		if p.needsGrad[v] && p.gradient[v] < 0 {
			p.gradient[v] = p.buffers.add(lasting(p.elems(v), len(g.steps), len(g.steps)))
		}
	}
	for i := len(g.steps) - 1; i >= 0; i-- {
		s, now := &g.steps[i], p.inputGradAt[i]
		p.partial[i] = slices.Repeat([]int{-1}, len(s.in))
		for _, v := range s.out {
			if b := p.gradient[v]; b >= 0 {
				p.buffers[b].spans[0].last = max(p.buffers[b].spans[0].last, now)
			}
		}
		if !p.backward(i) {
			continue
		}
		shared := false // whether the output's gradient became an input's
		for j, v := range s.in {
			switch {
			case !p.needsGrad[v] || !p.reaches(i):
			case p.gradient[v] >= 0:
				p.partial[i][j] = p.buffers.add(lasting(p.elems(v), now, now))
			case !shared && p.sharesGradient(i, j):
				p.gradient[v], shared = p.gradient[s.out[0]], true
			default:
				p.gradient[v] = p.buffers.add(lasting(p.elems(v), now, now))
			}
		}
	}
	for _, v := range g.inputs {
		if b := p.gradient[v]; b >= 0 {
			p.buffers[b].spans[0].last = p.end
		}
	}
}

// sharesGradient reports whether the gradient by step i's input j may be the memory of that
// by its output, which nobody needs after the step's backward pass.
func (p *plan) sharesGradient(i, j int) bool {
	s, r := &p.graph.steps[i], &p.routines[i]
	return p.gradient[s.out[0]] >= 0 && p.elems(s.in[j]) == p.elems(s.out[0]) &&
		(r.View && j == 0 || slices.Contains(r.GradInPlace, j))
}

// reaches reports whether step i has an influence on the objective: whether an output of
// it has a gradient.
func (p *plan) reaches(i int) bool {
	return slices.ContainsFunc(p.graph.steps[i].out, func(v int) bool { return p.gradient[v] >= 0 })
}

// planWork places scratch for a forward and a backward pass, and what is kept between.
func (p *plan) planWork() {
	p.scratch = slices.Repeat([][2]int{{-1, -1}}, len(p.graph.steps))
	p.saved = slices.Repeat([]int{-1}, len(p.graph.steps))
	for i, r := range p.routines {
		forward := r.Scratch
		if p.training {
			forward = max(forward, r.FreshScratch)
		}
		if forward > 0 {
			p.scratch[i][0] = p.buffers.add(buffer{elems: forward, spans: spansFrom(p.runsAt[i])})
		}
		if backward := max(r.Scratch, r.BackwardScratch); backward > 0 && p.backward(i) {
			p.scratch[i][1] = p.buffers.add(lasting(backward, p.backwardAt[i], p.inputGradAt[i]))
		}
		if r.Saved > 0 {
			p.saved[i] = p.buffers.add(buffer{elems: r.Saved, spans: p.savedLives[i]})
		}
	}
}

// place lays the arena out.
func (p *plan) place() { p.arena = p.buffers.place(p.end) }

// live is the largest number of elements of the arena that are in use at one moment.
func (p *plan) live() (most, moment int) { return p.buffers.live(p.end) }
