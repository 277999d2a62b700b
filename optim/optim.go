// Package optim turns gradients into steps: optimisers, learning-rate schedules,
// clipping by the global norm and averaged weights.
//
// All parameters are one flat vector and all gradients another of the same length, so
// a step is one pass over memory, split over a team of workers; its result does not
// depend on their number, and nothing is allocated after Init. Formulas, names and
// defaults are those of Keras 3 (keras/src/optimizers).
//
// Optimisers and schedules are plain structs whose JSON is their configuration. A
// field that is zero means its default, where nobody would want zero itself; Init and
// [Settings] write the defaults out. In a configuration file, where a zero is
// written on purpose, [New] and [NewSchedule] refuse one that makes no sense.
//
// An optimiser panics where its vectors do not have the length given to Init: that
// is a caller's bug. It is not safe for concurrent use.
package optim

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// Team is the workers that a step is split over, nil for the caller alone: a name for
// optimisers written outside this module.
type Team = parallel.Team

// Optimizer changes parameters by their gradients, step after step.
type Optimizer interface {
	// Name is the name by which [New] knows the optimiser, such as "adam".
	Name() string
	// BaseRate is the learning rate that a [Schedule] starts from.
	BaseRate() float64
	// Init makes room for n parameters and forgets all earlier steps.
	Init(n int)
	// Step changes params, in place, by grads at learning rate lr. Both have the
	// length given to Init.
	Step(team *Team, params, grads []float32, lr float64)
	// State is all that later steps depend on beside params and the fields of the
	// struct. Its slots are views of the live ones, not copies.
	State() State
	// Restore, after Init, copies a state in: the steps that follow are, bit for
	// bit, those that would have followed where State was called. It fails, and
	// changes nothing, where names or lengths of the slots differ.
	Restore(State) error
}

// State is the memory of an optimiser or of an [EMA].
type State struct {
	Step  int64  // steps made so far
	Slots []Slot // in a fixed order
}

// Slot is one vector of a state, of one value a parameter.
type Slot struct {
	Name string
	Data []float32
}

// restore copies the slots of from into those of live after checking that they match.
func restore(name string, live, from State) error {
	if len(from.Slots) != len(live.Slots) {
		return fmt.Errorf("optim: %s: the state has %d slots, %d are needed", name, len(from.Slots), len(live.Slots))
	}
	if from.Step < 0 {
		return fmt.Errorf("optim: %s: the state is after %d steps, which cannot be", name, from.Step)
	}
	for i, s := range live.Slots {
		if got := from.Slots[i]; got.Name != s.Name || len(got.Data) != len(s.Data) {
			return fmt.Errorf("optim: %s: slot %d of the state is %q with %d values, must be %q with %d",
				name, i, got.Name, len(got.Data), s.Name, len(s.Data))
		}
	}
	for i, s := range live.Slots {
		copy(s.Data, from.Slots[i].Data)
	}
	return nil
}

// checkLengths panics unless params and grads have n values each.
func checkLengths(name string, n int, params, grads []float32) {
	if len(params) != n || len(grads) != n {
		panic(fmt.Sprintf("optim: %s: %d parameters and %d gradients, Init was given %d",
			name, len(params), len(grads), n))
	}
}

// setDefault replaces a zero by the default.
func setDefault(field *float64, value float64) {
	if *field == 0 {
		*field = value
	}
}
