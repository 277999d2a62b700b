package nn

import (
	"fmt"
	"math"
	"slices"
)

// Penalty is what training a model costs beside the loss of its prediction: the divergence of
// a code from a distribution, the activity of a layer. It belongs to the model, as the terms
// that regularise it, and goes into its file.
type Penalty struct {
	Name   string  // as scores and histories call it: "kl"
	Weight float64 // of the cost in the objective, at least 0
	Cost   *Node   // one number a sample, made of the model's values without parameters of its own
}

// WithPenalties returns a model of the same graph and weights whose training also pays for
// these, in place of those that m had. They are no outputs: a prediction does not compute them.
// It fails where a cost is not one number a sample, needs more than the model's inputs, or
// has parameters that the model has not.
func (m *Model) WithPenalties(penalties ...Penalty) (*Model, error) {
	p := &Model{inputs: m.inputs, outputs: m.outputs, apps: m.apps, store: m.store, penalties: slices.Clone(penalties)}
	for i, q := range penalties {
		switch {
		case q.Name == "":
			return nil, fmt.Errorf("nn: a penalty has no name")
		case slices.ContainsFunc(penalties[:i], func(r Penalty) bool { return r.Name == q.Name }):
			return nil, fmt.Errorf("nn: two penalties are called %q", q.Name)
		case !(q.Weight >= 0) || math.IsInf(q.Weight, 1):
			return nil, fmt.Errorf("nn: penalty %q: its weight is %v, want a number of at least 0", q.Name, q.Weight)
		case q.Cost == nil:
			return nil, fmt.Errorf("nn: penalty %q: its cost is nil", q.Name)
		case q.Cost.err != nil:
			return nil, q.Cost.err
		case len(q.Cost.shape) != 0:
			return nil, fmt.Errorf("nn: penalty %q: a cost has one number per sample, %s has %v", q.Name, q.Cost.Name(), q.Cost.shape)
		}
	}
	return p, p.collectPenalties()
}

// collectPenalties lists the applications that the penalties' costs need beside those of
// the outputs, and names their layers.
func (m *Model) collectPenalties() error {
	costs := &Model{inputs: m.inputs, outputs: slices.Clone(m.outputs)}
	for _, p := range m.penalties {
		costs.outputs = append(costs.outputs, p.Cost)
	}
	if err := costs.collect(); err != nil {
		return err
	}
	own, all := m.handles(), costs.handles()
	for _, h := range all {
		if len(h.params) > 0 && !slices.Contains(own, h) {
			return fmt.Errorf("nn: layer %s, which only a penalty uses, has parameters: want costs that have none", h.label())
		}
	}
	m.costApps = slices.DeleteFunc(costs.apps, func(a *application) bool { return slices.Contains(m.apps, a) })
	return nameHandles(m.inputs, all)
}

// Penalties are what the model's training costs beside its loss.
func (m *Model) Penalties() []Penalty { return slices.Clone(m.penalties) }

// objective adds the penalties to a loss.
func (m *Model) objective(loss *Node) *Node {
	terms, weights := []*Node{loss}, []float64{1}
	for _, p := range m.penalties {
		terms, weights = append(terms, p.Cost), append(weights, p.Weight)
	}
	if len(terms) == 1 {
		return loss
	}
	return Apply(WeightedSum{Weights: weights}, terms...)
}
