package optim

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// EMA keeps the exponential moving average of the weights, which often generalises
// better than the last ones (Polyak and Juditsky 1992; Keras's use_ema). The first
// update copies the weights, so the average has no bias to correct.
type EMA struct {
	Decay float64 `json:"decay"` // 0 means 0.99

	step    int64
	average []float32
	pass    kernels.EMA
}

func (e *EMA) resolve() { setDefault(&e.Decay, 0.99) }

func (e *EMA) validate() error { return check("ema", inside("decay", e.Decay, 0, 1)) }

// Init makes room for n parameters and forgets all earlier updates.
func (e *EMA) Init(n int) {
	e.resolve()
	e.step, e.average = 0, make([]float32, n)
}

// Update takes the weights after a step into the average:
// average += (p - average)*(1-Decay).
func (e *EMA) Update(team *Team, params []float32) {
	if len(params) != len(e.average) {
		panic(fmt.Sprintf("optim: ema: %d parameters, Init was given %d", len(params), len(e.average)))
	}
	e.step++
	if e.step == 1 {
		copy(e.average, params)
		return
	}
	e.pass = kernels.EMA{Avg: e.average, P: params, Decay: float32(e.Decay)}
	e.pass.Run(team)
}

// Swap exchanges the weights and the average: once before an evaluation or a save
// with averaged weights, and once more after it. Before the first update it does
// nothing.
func (e *EMA) Swap(params []float32) {
	if e.step == 0 {
		return
	}
	for i, p := range params {
		params[i], e.average[i] = e.average[i], p
	}
}

// State has the slot "average".
func (e *EMA) State() State { return State{Step: e.step, Slots: []Slot{{"average", e.average}}} }

// Restore, after Init, copies a state in. It fails, and changes nothing, where the
// slot differs in name or length.
func (e *EMA) Restore(s State) error {
	if err := restore("ema", e.State(), s); err != nil {
		return err
	}
	e.step = s.Step
	return nil
}
