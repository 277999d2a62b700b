package nn

import "slices"

// optimise rewrites the graph into one that computes the same with less work and better
// numbers: built-in activations are taken apart, losses that want logits get them, what
// nobody reads is dropped, and what only training wants; activations go back into the layers before them, and
// concatenations that are read by nobody but convolutions are not carried out. The graph
// of a training step keeps those activations apart that need their input for the gradient.
func (g *graph) optimise(training bool) {
	g.split()
	g.takeLogits()
	g.prune()
	if !training {
		g.dropIdle()
		g.foldNorms()
	}
	g.addResiduals()
	g.fuse(training)
	g.dropConcatenations()
}

// split makes a layer's built-in activation a step of its own.
func (g *graph) split() {
	var steps []graphStep
	for _, s := range g.steps {
		a, ok := s.layer.(Activated)
		if !ok || a.Epilogue() == Linear {
			steps = append(steps, s)
			continue
		}
		mid := g.newValue(g.shapes[s.out[0]])
		act := graphStep{name: s.name, layer: Activation{Function: a.Epilogue()}, in: []int{mid}, out: s.out}
		s.layer, s.out = a.WithEpilogue(Linear), []int{mid}
		steps = append(steps, s, act)
	}
	g.steps = steps
}

// selector is a layer whose output is some of the elements of its first input, so that an
// elementwise function may as well be applied behind it.
type selector interface{ selects() }

// takeLogits gives a loss that is better computed from logits what went into the
// activation, looking for that activation through layers that only change the shape or
// crop.
func (g *graph) takeLogits() {
	for i := 0; i < len(g.steps); i++ {
		loss, ok := g.steps[i].layer.(Logits)
		if !ok {
			continue
		}
		f, fromLogits := loss.FromLogits()
		v := g.steps[i].in[0]
		var views []graphStep
		p := g.producer(v)
		for p >= 0 && (g.isView(g.steps[p]) || isSelector(g.steps[p].layer)) {
			views = append(views, g.steps[p])
			v = g.steps[p].in[0]
			p = g.producer(v)
		}
		if p < 0 || g.steps[p].layer != Layer(Activation{Function: f}) {
			continue
		}
		logits := g.steps[p].in[0]
		if f.soft && lastAxis(g.shapes[logits]) != lastAxis(g.shapes[g.steps[i].in[0]]) {
			continue // a view between them changed what a softmax is taken over
		}
		var inserted []graphStep
		for _, view := range slices.Backward(views) {
			out := g.newValue(g.shapes[view.out[0]])
			from := slices.Clone(view.in)
			from[0] = logits
			inserted = append(inserted, graphStep{name: view.name, layer: view.layer, in: from, out: []int{out}})
			logits = out
		}
		in := slices.Clone(g.steps[i].in)
		in[0] = logits
		g.steps[i].layer, g.steps[i].in = fromLogits, in
		g.steps = slices.Insert(g.steps, i, inserted...)
		i += len(inserted)
	}
}

func isSelector(l Layer) bool {
	_, ok := l.(selector)
	return ok
}

func lastAxis(s Shape) int { return s[len(s)-1] }

func (g *graph) isView(s graphStep) bool {
	if len(s.in) != 1 || len(s.out) != 1 {
		return false
	}
	return s.layer.Compile(1, []Shape{g.shapes[s.in[0]]}).View
}

// prune drops the steps none of whose outputs is read.
func (g *graph) prune() {
	for i := len(g.steps) - 1; i >= 0; i-- {
		if !slices.ContainsFunc(g.steps[i].out, func(v int) bool { return g.consumers(v) > 0 }) {
			g.remove(i)
		}
	}
}

// trainingOnly is implemented by a layer that a prediction does without: its output is its
// input then.
type trainingOnly interface{ onlyInTraining() }

// dropIdle drops layers that do nothing in a prediction, or nothing to pictures of this size.
func (g *graph) dropIdle() {
	for i := 0; i < len(g.steps); i++ {
		s := g.steps[i]
		if _, ok := s.layer.(trainingOnly); !ok && !g.isIdentity(s) {
			continue
		}
		g.remove(i)
		i--
		for j := range g.steps {
			g.steps[j].in = replaced(g.steps[j].in, s.out[0], s.in[:1])
		}
		g.outputs = replaced(g.outputs, s.out[0], s.in[:1])
	}
}

// isIdentity reports whether a step passes its first input on as it is.
func (g *graph) isIdentity(s graphStep) bool {
	return len(s.in) > 0 && len(s.out) == 1 && g.shapes[s.in[0]].Equal(g.shapes[s.out[0]]) &&
		s.layer.Compile(1, g.shapesOf(s.in)).View
}

func (g *graph) remove(step int) { g.steps = slices.Delete(g.steps, step, step+1) }

// fuse merges an elementwise activation into the layer before it, where nobody else reads
// what lies between: in training, not the backward pass either, since a fused layer keeps
// its output alone.
func (g *graph) fuse(training bool) {
	for i := 0; i < len(g.steps); i++ {
		act, ok := g.steps[i].layer.(Activation)
		if !ok || !act.Function.elementwise() || g.consumers(g.steps[i].in[0]) != 1 ||
			training && act.Function.fromInput() {
			continue
		}
		p := g.producer(g.steps[i].in[0])
		if p < 0 {
			continue
		}
		before, ok := g.steps[p].layer.(Activated)
		if !ok || before.Epilogue() != Linear {
			continue
		}
		g.steps[p].layer = before.WithEpilogue(act.Function)
		g.steps[p].out = g.steps[i].out
		g.remove(i)
		i--
	}
}
