package nn

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/tensor"
)

// LayerTime is what a layer of a compiled model takes, with all that was merged into it.
// A layer that costs nothing, as it only gives a value another shape, has none.
type LayerTime struct {
	Name, Type string
	Output     Shape // of a sample; the first, where there are several
	// FLOPs are those of the batch's forward pass. BackwardFLOPs counts as many for the
	// gradient by the inputs, and as many for that by the parameters, where they are wanted.
	FLOPs, BackwardFLOPs int64
	Forward, Backward    time.Duration // the medians of the runs
}

// Profile runs the model as [Model.Run] does, once to warm up and then so many times, and
// returns how long each layer takes, in the order of evaluation.
func (m *Model) Profile(ctx context.Context, runs int, in ...*tensor.Tensor) ([]LayerTime, error) {
	r, err := m.newBatchRun(in)
	if err != nil {
		return nil, err
	}
	team := parallel.Start(runtime.GOMAXPROCS(0))
	defer team.Close()
	return profile(runs, func(w *stopwatch) error { return r.do(ctx, team, w) })
}

// Profile computes the gradient of a batch as [Trainer.Gradient] does, once to warm up and
// then so many times, and returns how long each layer takes, in the order of evaluation. It
// has the effects of as many calls of Gradient for the step.
func (t *Trainer) Profile(runs, step int, batch ...*tensor.Tensor) ([]LayerTime, error) {
	e, err := t.session(batch)
	if err != nil {
		return nil, err
	}
	s := e.s
	defer func() { s.watch = nil }()
	return profile(runs, func(w *stopwatch) error {
		w.use(s.plan)
		s.watch = w
		_, err := t.Gradient(step, batch...)
		return err
	})
}

type pass uint8

const (
	forwardPass pass = iota
	backwardPass
	passes
)

// stopwatch takes the time of every step of a run. A nil one does nothing.
type stopwatch struct {
	plans []*plan // that have been run: one for each part of the batch
	laps  [passes][]time.Duration
	last  time.Time
}

// use announces a run of the plan. The parts of a batch have the same steps, whose times
// are added up.
func (w *stopwatch) use(p *plan) {
	if w == nil {
		return
	}
	if w.plans = append(w.plans, p); len(w.plans) == 1 {
		for i := range w.laps {
			w.laps[i] = make([]time.Duration, len(p.graph.steps))
		}
	}
}

// start begins the time of the first step.
func (w *stopwatch) start() {
	if w != nil {
		w.last = time.Now()
	}
}

// lap ends the time of a step, and begins that of the next.
func (w *stopwatch) lap(step int, p pass) {
	if w != nil {
		now := time.Now()
		w.laps[p][step] += now.Sub(w.last)
		w.last = now
	}
}

// profile calls run with one stopwatch after the other and takes the medians.
func profile(runs int, run func(*stopwatch) error) ([]LayerTime, error) {
	if runs < 1 {
		return nil, fmt.Errorf("nn: a profile of %d runs, want at least 1", runs)
	}
	if err := run(&stopwatch{}); err != nil {
		return nil, err
	}
	watches := make([]stopwatch, runs)
	for i := range watches {
		if err := run(&watches[i]); err != nil {
			return nil, err
		}
	}
	var layers []LayerTime
	if len(watches[0].plans) == 0 {
		return nil, nil // an empty batch
	}
	for i, s := range watches[0].plans[0].graph.steps {
		l := LayerTime{Name: s.name, Type: TypeName(s.layer), Output: watches[0].plans[0].graph.shapes[s.out[0]].Clone()}
		for _, p := range watches[0].plans {
			l.FLOPs += p.routines[i].FLOPs
			l.BackwardFLOPs += int64(p.gradients(i)) * p.routines[i].FLOPs
		}
		l.Forward, l.Backward = median(watches, forwardPass, i), median(watches, backwardPass, i)
		if !watches[0].plans[0].routines[i].View {
			layers = append(layers, l)
		}
	}
	return layers, nil
}

// gradients counts the kinds of gradients that step i is asked for: by its inputs, by its
// parameters.
func (p *plan) gradients(i int) int {
	n, s := 0, &p.graph.steps[i]
	if !p.backward(i) || !p.reaches(i) {
		return 0
	}
	if slices.ContainsFunc(s.in, func(v int) bool { return p.needsGrad[v] }) {
		n++
	}
	if slices.ContainsFunc(s.params, func(q *Param) bool { return q.Kind == Trainable }) {
		n++
	}
	return n
}

func median(watches []stopwatch, p pass, step int) time.Duration {
	var d []time.Duration
	for _, w := range watches {
		d = append(d, w.laps[p][step])
	}
	slices.Sort(d)
	return d[len(d)/2]
}
