package optim

import (
	"github.com/hourglass-go/hourglass/internal/kernels"
)

// SGD is gradient descent, plain, with Polyak's momentum m, or with Nesterov's:
//
//	p -= lr*g                 Momentum = 0
//	m  = Momentum*m - lr*g
//	p += m                    or, Nesterov: p += Momentum*m - lr*g
//
// Source: Sutskever et al. 2013; keras/src/optimizers/sgd.py.
type SGD struct {
	LearningRate float64 `json:"learning_rate"` // 0 means 0.01
	Momentum     float64 `json:"momentum"`      // from 0, none, to 1
	Nesterov     bool    `json:"nesterov"`

	n        int
	step     int64
	momentum []float32
	pass     kernels.SGD
}

// Name is "sgd".
func (o *SGD) Name() string { return "sgd" }

// BaseRate is the learning rate.
func (o *SGD) BaseRate() float64 { o.resolve(); return o.LearningRate }

func (o *SGD) resolve() { setDefault(&o.LearningRate, 0.01) }

func (o *SGD) validate() error {
	return check(o.Name(), above("learning_rate", o.LearningRate, 0), between("momentum", o.Momentum, 0, 1))
}

// Init makes room for n parameters.
func (o *SGD) Init(n int) {
	o.resolve()
	o.n, o.step, o.momentum = n, 0, nil
	if o.Momentum != 0 {
		o.momentum = make([]float32, n)
	}
}

// Step makes one step.
func (o *SGD) Step(team *Team, params, grads []float32, lr float64) {
	checkLengths(o.Name(), o.n, params, grads)
	o.step++
	o.pass = kernels.SGD{P: params, G: grads, M: o.momentum,
		Rate: float32(lr), Momentum: float32(o.Momentum), Nesterov: o.Nesterov}
	o.pass.Run(team)
}

// State has the slot "momentum" where there is momentum.
func (o *SGD) State() State {
	s := State{Step: o.step}
	if o.momentum != nil {
		s.Slots = []Slot{{"momentum", o.momentum}}
	}
	return s
}

// Restore copies a state in.
func (o *SGD) Restore(s State) error {
	if err := restore(o.Name(), o.State(), s); err != nil {
		return err
	}
	o.step = s.Step
	return nil
}
