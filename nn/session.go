package nn

import (
	"math"
	"slices"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// weights are the flat vectors that a session reads and writes.
type weights[T tensor.Float] struct {
	values    [kinds][]T
	gradients []T
}

func (w *weights[T]) value(p *Param) []T {
	return w.values[p.Kind][p.offset:][:p.Shape.Elems():p.Shape.Elems()]
}

func (w *weights[T]) gradient(p *Param) []T {
	if p.Kind != Trainable {
		return nil
	}
	return w.gradients[p.offset:][:p.Shape.Elems():p.Shape.Elems()]
}

// session is a plan bound to memory. One goroutine uses it at a time; a run allocates
// nothing.
type session[T tensor.Float] struct {
	plan    *plan
	ops     []Op[T]
	rowOps  [][]Op[T] // by step of a chain, one for each of its routines
	windows [][]T     // by first step of a chain, its memory
	calls   []Call[T]
	values  [][]T // by value; those of inputs are bound by each run
	streams []rng.Key
	frozen  []bool // by step, see [Call.Training]
	// inputs and outputs say for each of the graph's where its memory is named; nothing for
	// an output that lies in the arena.
	inputs, outputs []places
	// sums lists for each step the gradients that its backward pass leaves in a buffer of
	// their own, to be added to another's.
	sums      [][]sum[T]
	gradients [][]T // by value
	scratch   [][2][]T
	add       adder[T]
	copy      copier[T]
	watch     *stopwatch // nil, unless somebody wants to know how long each step takes
}

// places are where memory of the caller is named: as a value, and in calls.
type places struct {
	values []int
	calls  []place
}

// place is the input or the output, of a number, of a step.
type place struct {
	step, index int
	output      bool
}

type sum[T tensor.Float] struct{ dst, src []T }

// newSession binds a plan to the arena, which has to hold plan.arena elements, and to
// the weights. op picks the precision out of a routine.
func newSession[T tensor.Float](p *plan, arena []T, w *weights[T], op func(Routine) Op[T]) *session[T] {
	g := p.graph
	s := &session[T]{plan: p, values: make([][]T, len(g.shapes))}
	memory := func(buf, elems int) []T {
		if buf < 0 || p.buffers[buf].external {
			return nil
		}
		off := p.buffers[buf].offset
		return arena[off : off+elems : off+elems]
	}
	s.windows, s.rowOps = make([][]T, len(g.steps)), make([][]Op[T], len(g.steps))
	for _, c := range p.chains {
		s.windows[c.first] = memory(c.memory, c.elems)
	}
	for v := range g.shapes {
		s.values[v] = memory(p.storage[v], p.elems(v))
		if p.training {
			s.gradients = append(s.gradients, memory(p.gradient[v], p.elems(v)))
		}
	}
	used := map[*Param]bool{}
	for i := len(g.steps) - 1; i >= 0; i-- {
		s.calls = append(s.calls, s.newCall(i, w, memory, used))
	}
	reverse(s.calls)
	reverse(s.sums)
	reverse(s.scratch)
	for i, st := range g.steps {
		s.frozen = append(s.frozen, isFrozen(st.params))
		if c := p.chainOf[i]; c != nil {
			for _, r := range c.routines[i-c.first] {
				s.rowOps[i] = append(s.rowOps[i], op(r))
			}
			s.ops = append(s.ops, s.rowOps[i][0])
		} else if !p.routines[i].View {
			s.ops = append(s.ops, op(p.routines[i]))
		} else {
			s.ops = append(s.ops, nil)
		}
		s.streams = append(s.streams, stream(st.name, st.use))
	}
	for _, v := range g.inputs {
		s.inputs = append(s.inputs, s.findPlaces(p.storage[v]))
	}
	for i, v := range g.outputs {
		s.outputs = append(s.outputs, places{})
		if p.binds[i] {
			s.outputs[i] = s.findPlaces(p.storage[v])
		}
	}
	return s
}

// useForms gives every step the form of its parameters that it wants. keep finds one that is
// there, or has it prepared.
func (s *session[T]) useForms(team *Team, keep func(params []*Param, want Form, prepare func(dst []T)) []T) {
	for i := range s.calls {
		if form := s.plan.routines[i].Form; form.Elems > 0 {
			call, op := &s.calls[i], s.ops[i].(Preparer[T])
			call.Form = keep(s.plan.graph.steps[i].params, form, func(dst []T) { op.Prepare(team, dst, call.Param) })
		}
	}
}

// stream numbers the draws of a step: by its layer's name, and by the use where a layer is
// used several times.
func stream(name string, use int) rng.Key {
	key := rng.Key(rng.Hash(name))
	if use > 0 {
		key = key.Fork(uint64(use))
	}
	return key
}

func reverse[E any](x []E) {
	for i, j := 0, len(x)-1; i < j; i, j = i+1, j-1 {
		x[i], x[j] = x[j], x[i]
	}
}

// newCall binds step i. Steps are bound from the last to the first, as the backward pass
// runs, so that the second use of a parameter knows that it is one.
func (s *session[T]) newCall(i int, w *weights[T], memory func(buf, elems int) []T, used map[*Param]bool) Call[T] {
	p, st := s.plan, &s.plan.graph.steps[i]
	c := Call[T]{Batch: p.batch}
	var sums []sum[T]
	for _, q := range st.params {
		c.Param = append(c.Param, w.value(q))
	}
	for _, v := range st.out {
		c.Out = append(c.Out, s.values[v])
	}
	for _, v := range st.in {
		c.In = append(c.In, s.values[v])
	}
	var scratch [2][]T
	for pass, b := range p.scratch[i] {
		if b >= 0 {
			scratch[pass] = memory(b, p.buffers[b].elems)
		}
	}
	if b := p.saved[i]; b >= 0 {
		c.Saved = memory(b, p.buffers[b].elems)
	}
	if p.backward(i) && p.reaches(i) {
		for _, v := range st.out {
			c.DOut = append(c.DOut, s.gradients[v])
		}
		for j, v := range st.in {
			d := s.gradients[v]
			if b := p.partial[i][j]; b >= 0 {
				d = memory(b, p.elems(v))
				sums = append(sums, sum[T]{dst: s.gradients[v], src: d})
			}
			c.DIn = append(c.DIn, d)
		}
		for _, q := range st.params {
			d := w.gradient(q)
			if d != nil && used[q] {
				part := make([]T, len(d))
				sums = append(sums, sum[T]{dst: d, src: part})
				d = part
			}
			used[q] = true
			c.DParam = append(c.DParam, d)
		}
	}
	s.sums = append(s.sums, sums)
	s.scratch = append(s.scratch, scratch)
	return c
}

// findPlaces lists where a buffer is named.
func (s *session[T]) findPlaces(buffer int) places {
	var at places
	for v, b := range s.plan.storage {
		if b == buffer {
			at.values = append(at.values, v)
		}
	}
	for i, st := range s.plan.graph.steps {
		for j, v := range st.in {
			if s.plan.storage[v] == buffer {
				at.calls = append(at.calls, place{i, j, false})
			}
		}
		for j, v := range st.out {
			if s.plan.storage[v] == buffer {
				at.calls = append(at.calls, place{i, j, true})
			}
		}
	}
	return at
}

// bind gives the run its inputs, each of the batch's number of samples.
func (s *session[T]) bind(inputs [][]T) {
	for k, memory := range inputs {
		s.name(s.inputs[k], memory)
	}
}

// bindOutputs gives the run room for those of the outputs that are not in the arena.
func (s *session[T]) bindOutputs(outputs [][]T) {
	for k, memory := range outputs {
		s.name(s.outputs[k], memory)
	}
}

func (s *session[T]) name(at places, memory []T) {
	for _, v := range at.values {
		s.values[v] = memory
	}
	for _, c := range at.calls {
		if c.output {
			s.calls[c.step].Out[c.index] = memory
		} else {
			s.calls[c.step].In[c.index] = memory
		}
	}
}

// runState is what changes from run to run.
type runState struct {
	training, updateState bool
	draw                  bool
	seed                  rng.Key // of the run and its step
	first                 uint64
	team                  *parallel.Team
	// check, if set, sees every step after its forward pass, or in a chain after every piece of
	// it, and stops the run with true.
	check func(step int) bool
}

// forward runs the graph on the bound inputs.
func (s *session[T]) forward(r *runState) {
	s.watch.start()
	for i := range s.calls {
		c := &s.calls[i]
		c.Training, c.Draw, c.UpdateState, c.Team = r.training && !s.frozen[i], r.draw, r.updateState, r.team
		c.Random, c.First = r.seed.Fork(uint64(s.streams[i])), r.first
		switch chain := s.plan.chainOf[i]; {
		case chain != nil:
			if c.Scratch = s.scratch[i][0]; i == chain.beyond-1 && s.runChain(chain, r.check) {
				return
			}
			continue
		case s.ops[i] != nil:
			c.Scratch = s.scratch[i][0]
			s.ops[i].Forward(c)
		}
		s.watch.lap(i, forwardPass)
		if r.check != nil && r.check(i) {
			return
		}
	}
}

// backward computes gradients after forward, from those of the outputs, which the caller
// has set.
func (s *session[T]) backward() {
	s.watch.start()
	for _, a := range s.plan.back {
		switch c := &s.calls[a.step]; {
		case a.again:
			s.forwardAgain(a.step, c)
		case len(c.DOut) > 0:
			s.backwardStep(a.step, c)
		}
		s.watch.lap(a.step, backwardPass)
	}
}

// forwardAgain computes once more what was not kept, with the draws and the statistics of the
// first time.
func (s *session[T]) forwardAgain(i int, c *Call[T]) {
	if s.ops[i] == nil {
		return
	}
	c.UpdateState = false
	c.Scratch = s.scratch[i][0]
	s.ops[i].Forward(c)
}

func (s *session[T]) backwardStep(i int, c *Call[T]) {
	if s.ops[i] == nil {
		if c.DIn[0] != nil && &c.DIn[0][0] != &c.DOut[0][0] {
			s.copy.run(c.Team, c.DIn[0], c.DOut[0])
		}
		for _, d := range c.DIn[1:] {
			clear(d)
		}
	} else {
		c.Scratch = s.scratch[i][1]
		s.ops[i].Backward(c)
	}
	for _, a := range s.sums[i] {
		s.add.run(c.Team, a.dst, a.src)
	}
}

// adder adds one gradient to another, over the team; copier copies it.
type (
	adder[T tensor.Float]  struct{ dst, src []T }
	copier[T tensor.Float] struct{ dst, src []T }
)

const addTile = 1 << 14

func (a *adder[T]) run(team *parallel.Team, dst, src []T) {
	a.dst, a.src = dst, src
	team.Run((len(dst)+addTile-1)/addTile, a)
}

// Do adds one tile.
func (a *adder[T]) Do(tile, _ int) {
	lo, hi := tile*addTile, min((tile+1)*addTile, len(a.dst))
	kernels.Add(a.dst[lo:hi], a.dst[lo:hi], a.src[lo:hi])
}

func (c *copier[T]) run(team *parallel.Team, dst, src []T) {
	c.dst, c.src = dst, src
	team.Run((len(dst)+addTile-1)/addTile, c)
}

// Do copies one tile.
func (c *copier[T]) Do(tile, _ int) {
	lo, hi := tile*addTile, min((tile+1)*addTile, len(c.dst))
	copy(c.dst[lo:hi], c.src[lo:hi])
}

func finite[T tensor.Float](x []T) bool {
	for _, v := range x {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return false
		}
	}
	return true
}

// isFrozen reports whether a layer has parameters to train, of which none is trained.
func isFrozen(params []*Param) bool {
	has := func(k Kind) bool { return slices.ContainsFunc(params, func(p *Param) bool { return p.Kind == k }) }
	return has(Frozen) && !has(Trainable)
}
