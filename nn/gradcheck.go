package nn

import (
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/internal/hugepage"
	"github.com/hourglass-go/hourglass/internal/rng"
)

// GradientCheck compares a layer's Backward with central differences of its Forward, in
// double precision. It is for the tests of layers, one's own too.
type GradientCheck struct {
	Batch  int
	Inputs []Shape // of a sample
	// Range of the inputs' uniformly drawn values; -1 to 1 where both are 0.
	Low, High float64
	// Fixed lists inputs that need no gradient, such as class labels.
	Fixed []int
	// Training runs the layer as a training step does.
	Training bool
	Seed     uint64
}

// Run returns the largest error over all inputs and parameters, each as max|difference|
// over max|reference|. The objective is the sum of the outputs weighted by random numbers.
func (gc GradientCheck) Run(l Layer) (float64, error) {
	var ins []*Node
	for i, s := range gc.Inputs {
		ins = append(ins, Input(fmt.Sprintf("in%d", i), s))
	}
	m, err := NewModelOf(ins, Named("layer", l).ApplyAll(ins...))
	if err != nil {
		return 0, err
	}
	return gc.model(m)
}

// model is Run for a whole model, whose inputs are those of the check.
func (gc GradientCheck) model(m *Model) (float64, error) {
	m.Init(gc.Seed + 1)
	g, err := lower(m, gc.Inputs)
	if err != nil {
		return 0, err
	}
	g.optimise(true)
	p := newPlan(g, gc.Batch, true, true)
	w := wideWeights(m.Store(), gc.Seed)
	s := newSession(p, hugepage.Make[float64](p.arena), w, func(r Routine) Op[float64] { return r.New64() })
	c := &checker{gc: gc, s: s, w: w, run: runState{training: gc.Training, draw: gc.Training, seed: rng.New(gc.Seed)}}
	return c.check(m.Params()), nil
}

// wideWeights copies a store's values in double precision. Values that start out all
// alike, as biases do, are moved a little, so that a gradient by them is put to the test.
func wideWeights(s *Store, seed uint64) *weights[float64] {
	w := &weights[float64]{gradients: make([]float64, s.Sizes()[Trainable])}
	key := rng.New(seed, rng.Hash("nudge"))
	for k := range w.values {
		for i, v := range s.Values(Kind(k)) {
			w.values[k] = append(w.values[k], float64(v)+0.1*key.Float64(uint64(i)))
		}
	}
	return w
}

type checker struct {
	gc     GradientCheck
	s      *session[float64]
	w      *weights[float64]
	run    runState
	inputs [][]float64
	cot    [][]float64 // weights of the outputs in the objective
}

func (c *checker) check(params []*Param) float64 {
	lo, hi := c.gc.Low, c.gc.High
	if lo == 0 && hi == 0 {
		lo, hi = -1, 1
	}
	g := c.s.plan.graph
	for i, v := range g.inputs {
		c.inputs = append(c.inputs, uniform(c.s.plan.elems(v), lo, hi, rng.New(c.gc.Seed, 1, uint64(i))))
	}
	for i, v := range g.outputs {
		c.cot = append(c.cot, uniform(c.s.plan.elems(v), -1, 1, rng.New(c.gc.Seed, 2, uint64(i))))
	}
	c.objective()
	for i, v := range g.outputs {
		copy(c.s.gradients[v], c.cot[i])
	}
	c.s.backward()
	fixed := map[int]bool{}
	for _, i := range c.gc.Fixed {
		fixed[i] = true
	}
	worst := 0.0
	got := make([][]float64, len(c.inputs))
	for i, v := range g.inputs {
		got[i] = append(got[i], c.s.gradients[v]...)
	}
	wantParams := append([]float64(nil), c.w.gradients...)
	for i, in := range c.inputs {
		if !fixed[i] {
			worst = math.Max(worst, c.compare(in, got[i]))
		}
	}
	for _, p := range params {
		if p.Kind == Trainable {
			worst = math.Max(worst, c.compare(c.w.value(p), wantParams[p.offset:][:p.Shape.Elems()]))
		}
	}
	return worst
}

func (c *checker) objective() float64 {
	c.s.bind(c.inputs)
	c.s.forward(&c.run)
	sum := 0.0
	for i, v := range c.s.plan.graph.outputs {
		sum += dot(c.s.values[v], c.cot[i])
	}
	return sum
}

// compare checks the gradient got by the numbers x.
func (c *checker) compare(x, got []float64) float64 {
	const h = 1e-6
	worst, scale := 0.0, 0.0
	for i, old := range x {
		x[i] = old + h
		up := c.objective()
		x[i] = old - h
		down := c.objective()
		x[i] = old
		want := (up - down) / (2 * h)
		worst = math.Max(worst, math.Abs(want-got[i]))
		scale = math.Max(scale, math.Abs(want))
	}
	if scale == 0 {
		return worst
	}
	return worst / scale
}

func uniform(n int, lo, hi float64, k rng.Key) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = lo + (hi-lo)*k.Float64(uint64(i))
	}
	return x
}
