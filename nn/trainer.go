package nn

import (
	"fmt"
	"slices"

	"github.com/hourglass-go/hourglass/internal/hugepage"
	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// targeted is a loss whose target may have another shape than the prediction, such as one
// label for each pixel's scores.
type targeted interface{ TargetShape(prediction Shape) Shape }

// WithLoss adds a loss to a model: for each output an input of the target's shape, named after
// it with "_target" behind, and the loss between the two, summed over the outputs, and with that the
// model's penalties by their weights. It returns what [NewTrainer] takes: the model's inputs
// followed by the targets, and the total.
func WithLoss(m *Model, loss Layer) (inputs []*Node, total *Node, err error) {
	inputs = m.Inputs()
	var losses []*Node
	for _, out := range m.outputs {
		shape := out.shape
		if t, ok := loss.(targeted); ok {
			shape = t.TargetShape(shape)
		}
		target := Input(out.Name()+"_target", shape)
		inputs = append(inputs, target)
		losses = append(losses, Apply(loss, out, target))
	}
	total = losses[0]
	if len(losses) > 1 {
		total = Apply(WeightedSum{Weights: slices.Repeat([]float64{1}, len(losses))}, losses...)
	}
	total = m.objective(total)
	return inputs, total, total.Err()
}

// TrainerOptions are the choices of a [Trainer].
type TrainerOptions struct {
	// Seed is what dropout and other random layers draw from.
	Seed uint64
	// Workers is the number of goroutines that compute, GOMAXPROCS where it is 0. It
	// has no influence on results.
	Workers int
	// KeepState leaves moving statistics as they are.
	KeepState bool
	// Recompute takes less memory and more time, up to about a forward pass: the backward pass
	// computes again much of what the forward pass would have had to keep (gradient
	// checkpointing, Chen et al. 2016). It has no influence on results.
	Recompute bool
}

// Trainer computes gradients of an objective, the mean over a batch of a node with one
// number per sample. It belongs to one goroutine.
type Trainer struct {
	model   *Model
	options TrainerOptions
	team    *parallel.Team
	arena   []float32
	ready   []trainerSession
	inputs  [][]float32
	state   runState
}

// trainerSessions is how many shapes of batches a trainer is ready for at once.
const trainerSessions = 8

type trainerSession struct {
	layout int
	shapes []Shape
	s      *session[float32]
	// partial is set where the store holds trainable parameters that the objective does
	// not depend on; their gradients are zeroed by every step.
	partial bool
}

// NewTrainer prepares the training of all trainable parameters that total depends on,
// given its inputs in the order in which batches will come. Close ends its goroutines.
func NewTrainer(inputs []*Node, total *Node, o TrainerOptions) (*Trainer, error) {
	m, err := NewModelOf(inputs, []*Node{total})
	if err != nil {
		return nil, err
	}
	if len(total.shape) != 0 {
		return nil, fmt.Errorf("nn: an objective has one number per sample, %s has %v", total.Name(), total.shape)
	}
	if m.trainable() == 0 {
		return nil, fmt.Errorf("nn: objective %s depends on no trainable parameter", total.Name())
	}
	return &Trainer{
		model: m, options: o, team: parallel.Start(o.Workers),
		inputs: make([][]float32, len(inputs)),
	}, nil
}

// trainable counts the trainable values that the model uses.
func (m *Model) trainable() int {
	n := 0
	for _, p := range m.Params() {
		if p.Kind == Trainable {
			n += p.Shape.Elems()
		}
	}
	return n
}

// Close ends the trainer's goroutines.
func (t *Trainer) Close() { t.team.Close() }

// Team is the trainer's workers, for an optimiser to use between steps.
func (t *Trainer) Team() *parallel.Team { return t.team }

// Gradient runs the objective forward and backward on a batch, one tensor [N, ...] an
// input, and leaves its gradient by every trainable parameter in the store's Gradients. It
// returns the mean of the objective, which may be infinite or not a number: the caller
// decides what to do then. Random layers draw by the trainer's seed and by step. Gradient
// allocates nothing for shapes that it has seen before.
func (t *Trainer) Gradient(step int, batch ...*tensor.Tensor) (float64, error) {
	e, err := t.prepare(step, batch)
	if err != nil {
		return 0, err
	}
	s := e.s
	t.model.Store().Changed() // by the optimiser, between steps
	s.forward(&t.state)
	v := s.plan.graph.outputs[0]
	mean := 0.0
	for _, x := range s.values[v] {
		mean += float64(x)
	}
	n := len(s.values[v])
	seed := s.gradients[v]
	for i := range seed {
		seed[i] = 1 / float32(n)
	}
	if e.partial {
		clear(t.model.Store().Gradients())
	}
	s.backward()
	return mean / float64(n), nil
}

// prepare finds or makes the session for a batch and binds the batch to it.
func (t *Trainer) prepare(step int, batch []*tensor.Tensor) (*trainerSession, error) {
	e, err := t.session(batch)
	if err != nil {
		return nil, err
	}
	for i, b := range batch {
		t.inputs[i] = b.Data
	}
	e.s.bind(t.inputs)
	t.state = runState{
		training: true, draw: true, updateState: !t.options.KeepState, team: t.team,
		seed: rng.New(t.options.Seed, rng.Hash("training step"), uint64(step)),
	}
	return e, nil
}

func (t *Trainer) session(batch []*tensor.Tensor) (*trainerSession, error) {
	store := t.model.Store()
	for i := range t.ready {
		if e := &t.ready[i]; e.layout == store.layout && e.fits(batch) {
			return e, nil
		}
	}
	n, shapes, err := batchShapes(batch)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, fmt.Errorf("nn: a training step on an empty batch")
	}
	p, err := t.plan(n, shapes)
	if err != nil {
		return nil, err
	}
	// Sessions take turns, so one arena, that of the largest, serves all. Those in an
	// outgrown one, or of an old layout, are let go.
	if len(t.arena) < p.arena {
		t.ready, t.arena = nil, nil
		t.arena = hugepage.Make[float32](p.arena)
	}
	t.ready = slices.DeleteFunc(t.ready, func(e trainerSession) bool { return e.layout != store.layout })
	if len(t.ready) == trainerSessions {
		t.ready = slices.Delete(t.ready, 0, 1)
	}
	store.Gradients()
	s := newSession(p, t.arena, store.weights(), func(r Routine) Op[float32] { return r.New32() })
	for i := range shapes {
		shapes[i] = batch[i].Shape.Clone()
	}
	t.ready = append(t.ready, trainerSession{store.layout, shapes, s, t.model.trainable() != store.Sizes()[Trainable]})
	return &t.ready[len(t.ready)-1], nil
}

// fits reports whether the session is for batches of these shapes.
func (e *trainerSession) fits(batch []*tensor.Tensor) bool {
	if len(batch) != len(e.shapes) {
		return false
	}
	for i, b := range batch {
		if b == nil || !b.Shape.Equal(e.shapes[i]) || len(b.Data) != b.Shape.Elems() {
			return false
		}
	}
	return true
}

func (t *Trainer) plan(n int, shapes []Shape) (*plan, error) {
	g, err := lower(t.model, shapes)
	if err != nil {
		return nil, err
	}
	g.optimise(true)
	p := newPlan(g, n, true, false)
	if t.options.Recompute {
		p.recompute()
	}
	return p, nil
}

// Memory is the number of bytes that training on batches of n samples will take for
// activations, their gradients, parameters and parameter gradients, without the
// optimiser's. Sizes are needed where an input's shape has Any, one for each input.
func (t *Trainer) Memory(n int, sizes ...Shape) (int64, error) {
	if len(sizes) == 0 {
		for _, in := range t.model.inputs {
			sizes = append(sizes, in.shape)
		}
	}
	p, err := t.plan(n, sizes)
	if err != nil {
		return 0, err
	}
	k := t.model.Store().Sizes()
	return 4 * int64(p.arena+2*k[Trainable]+k[Frozen]+k[State]), nil
}

// Diagnose runs the objective forward again and names the first place, in the order of
// evaluation, where a number is infinite or not a number: an input, a layer's parameter
// or a layer's output. It returns "" where all are finite, and changes nothing.
func (t *Trainer) Diagnose(step int, batch ...*tensor.Tensor) (string, error) {
	e, err := t.prepare(step, batch)
	if err != nil {
		return "", err
	}
	s := e.s
	for i, in := range t.inputs {
		if !finite(in) {
			return fmt.Sprintf("input %q", t.model.inputs[i].Name()), nil
		}
	}
	found := ""
	t.state.updateState = false
	t.state.check = func(i int) bool {
		st := &s.plan.graph.steps[i]
		for j, p := range s.calls[i].Param {
			if !finite(p) {
				found = fmt.Sprintf("parameter %q", st.params[j].Name)
				return true
			}
		}
		for _, out := range s.calls[i].Out {
			if !finite(out) {
				found = fmt.Sprintf("the output of layer %q (%s)", st.name, TypeName(st.layer))
				return true
			}
		}
		return false
	}
	s.forward(&t.state)
	return found, nil
}
