package optim

import (
	"github.com/hourglass-go/hourglass/internal/kernels"
)

// RMSprop divides each gradient by the root of the moving mean v of its square:
//
//	v  = Rho*v + (1-Rho)*g²
//	d  = lr*g/sqrt(v + Epsilon)     Centered: v - a² for v, where a = Rho*a + (1-Rho)*g
//	p -= d                          Momentum > 0: m = Momentum*m + d; p -= m
//
// Epsilon stands inside the root, unlike PyTorch's. Source: Tieleman and Hinton 2012,
// lecture 6.5; keras/src/optimizers/rmsprop.py.
type RMSprop struct {
	LearningRate float64 `json:"learning_rate"` // 0 means 0.001
	Rho          float64 `json:"rho"`           // 0 means 0.9
	Momentum     float64 `json:"momentum"`      // from 0, none, to 1
	Epsilon      float64 `json:"epsilon"`       // 0 means 1e-7
	Centered     bool    `json:"centered"`

	n        int
	step     int64
	velocity []float32
	momentum []float32
	average  []float32
	pass     kernels.RMSprop
}

// Name is "rmsprop".
func (o *RMSprop) Name() string { return "rmsprop" }

// BaseRate is the learning rate.
func (o *RMSprop) BaseRate() float64 { o.resolve(); return o.LearningRate }

func (o *RMSprop) resolve() {
	setDefault(&o.LearningRate, 0.001)
	setDefault(&o.Rho, 0.9)
	setDefault(&o.Epsilon, 1e-7)
}

func (o *RMSprop) validate() error {
	return check(o.Name(), above("learning_rate", o.LearningRate, 0), inside("rho", o.Rho, 0, 1),
		between("momentum", o.Momentum, 0, 1), above("epsilon", o.Epsilon, 0))
}

// Init makes room for n parameters.
func (o *RMSprop) Init(n int) {
	o.resolve()
	o.n, o.step, o.velocity, o.momentum, o.average = n, 0, make([]float32, n), nil, nil
	if o.Momentum != 0 {
		o.momentum = make([]float32, n)
	}
	if o.Centered {
		o.average = make([]float32, n)
	}
}

// Step makes one step.
func (o *RMSprop) Step(team *Team, params, grads []float32, lr float64) {
	checkLengths(o.Name(), o.n, params, grads)
	o.step++
	o.pass = kernels.RMSprop{P: params, G: grads, V: o.velocity, A: o.average, M: o.momentum,
		Rate: float32(lr), Rho: float32(o.Rho), Epsilon: float32(o.Epsilon), Momentum: float32(o.Momentum)}
	o.pass.Run(team)
}

// State has the slot "velocity", then "momentum" and "average_gradient" where they
// are in use.
func (o *RMSprop) State() State {
	s := State{Step: o.step, Slots: []Slot{{"velocity", o.velocity}}}
	if o.momentum != nil {
		s.Slots = append(s.Slots, Slot{"momentum", o.momentum})
	}
	if o.average != nil {
		s.Slots = append(s.Slots, Slot{"average_gradient", o.average})
	}
	return s
}

// Restore copies a state in.
func (o *RMSprop) Restore(s State) error {
	if err := restore(o.Name(), o.State(), s); err != nil {
		return err
	}
	o.step = s.Step
	return nil
}
