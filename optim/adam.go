package optim

import (
	"math"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// Adam scales each step by the moving means m of the gradient and v of its square. In
// step t = 1, 2, ...:
//
//	m += (g - m)*(1-Beta1)
//	v += (g² - v)*(1-Beta2)
//	p -= lr*sqrt(1-Beta2^t)/(1-Beta1^t) * m/(sqrt(v) + Epsilon)
//
// Epsilon is the paper's "epsilon hat" (before its section 2.1), as in Keras, not
// PyTorch's. Source: Kingma and Ba 2015; keras/src/optimizers/adam.py.
type Adam struct {
	LearningRate float64 `json:"learning_rate"` // 0 means 0.001
	Beta1        float64 `json:"beta1"`         // 0 means 0.9; see NoMomentum
	Beta2        float64 `json:"beta2"`         // 0 means 0.999
	Epsilon      float64 `json:"epsilon"`       // 0 means 1e-7
	NoMomentum   bool    `json:"no_momentum"`   // as Beta1 = 0: m is the gradient itself

	adam
}

// Name is "adam".
func (o *Adam) Name() string { return "adam" }

// BaseRate is the learning rate.
func (o *Adam) BaseRate() float64 { o.resolve(); return o.LearningRate }

func (o *Adam) resolve() {
	setDefault(&o.LearningRate, 0.001)
	resolveAdam(&o.Beta1, &o.Beta2, &o.Epsilon)
}

func (o *Adam) validate() error {
	return check(o.Name(), above("learning_rate", o.LearningRate, 0),
		insideBeta1(o.Beta1), inside("beta2", o.Beta2, 0, 1), above("epsilon", o.Epsilon, 0))
}

// Init makes room for n parameters.
func (o *Adam) Init(n int) { o.resolve(); o.init(n) }

// Step makes one step.
func (o *Adam) Step(team *Team, params, grads []float32, lr float64) {
	checkLengths(o.Name(), len(o.momentum), params, grads)
	o.run(team, params, grads, adamRates{lr, firstBeta(o.Beta1, o.NoMomentum), o.Beta2, o.Epsilon, 0})
}

// Restore copies a state in.
func (o *Adam) Restore(s State) error { return o.restore(o.Name(), s) }

// AdamW is [Adam] with the weights decayed apart from the gradient, before the step:
// p -= lr*WeightDecay*p. Every parameter decays, as in Keras.
//
// Source: Loshchilov and Hutter 2019; keras/src/optimizers/adamw.py.
type AdamW struct {
	LearningRate float64 `json:"learning_rate"` // 0 means 0.001
	WeightDecay  float64 `json:"weight_decay"`  // 0 means 0.004; for none, use Adam
	Beta1        float64 `json:"beta1"`         // 0 means 0.9; see NoMomentum
	Beta2        float64 `json:"beta2"`         // 0 means 0.999
	Epsilon      float64 `json:"epsilon"`       // 0 means 1e-7
	NoMomentum   bool    `json:"no_momentum"`   // as Beta1 = 0: m is the gradient itself

	adam
}

// Name is "adamw".
func (o *AdamW) Name() string { return "adamw" }

// BaseRate is the learning rate.
func (o *AdamW) BaseRate() float64 { o.resolve(); return o.LearningRate }

func (o *AdamW) resolve() {
	setDefault(&o.LearningRate, 0.001)
	setDefault(&o.WeightDecay, 0.004)
	resolveAdam(&o.Beta1, &o.Beta2, &o.Epsilon)
}

func (o *AdamW) validate() error {
	return check(o.Name(), above("learning_rate", o.LearningRate, 0), above("weight_decay", o.WeightDecay, 0),
		insideBeta1(o.Beta1), inside("beta2", o.Beta2, 0, 1), above("epsilon", o.Epsilon, 0))
}

// Init makes room for n parameters.
func (o *AdamW) Init(n int) { o.resolve(); o.init(n) }

// Step makes one step.
func (o *AdamW) Step(team *Team, params, grads []float32, lr float64) {
	checkLengths(o.Name(), len(o.momentum), params, grads)
	o.run(team, params, grads, adamRates{lr, firstBeta(o.Beta1, o.NoMomentum), o.Beta2, o.Epsilon, o.WeightDecay})
}

// Restore copies a state in.
func (o *AdamW) Restore(s State) error { return o.restore(o.Name(), s) }

// adam is what the two have in common.
type adam struct {
	step               int64
	momentum, velocity []float32
	pass               kernels.Adam
}

type adamRates struct{ lr, beta1, beta2, epsilon, weightDecay float64 }

func (a *adam) init(n int) {
	*a = adam{momentum: make([]float32, n), velocity: make([]float32, n)}
}

func (a *adam) run(team *Team, params, grads []float32, r adamRates) {
	a.step++
	// The moments are updated with betas rounded to float32; the correction of their
	// bias must use the very same betas: 1-Beta2 is 0.00100005 then, not 0.001.
	beta1, beta2 := float32(r.beta1), float32(r.beta2)
	t := float64(a.step)
	alpha := r.lr * math.Sqrt(1-math.Pow(float64(beta2), t)) / (1 - math.Pow(float64(beta1), t))
	a.pass = kernels.Adam{P: params, G: grads, M: a.momentum, V: a.velocity, Alpha: float32(alpha),
		Beta1: beta1, Beta2: beta2, Epsilon: float32(r.epsilon), Decay: float32(r.lr * r.weightDecay)}
	a.pass.Run(team)
}

// State has the slots "momentum" and "velocity".
func (a *adam) State() State {
	return State{Step: a.step, Slots: []Slot{{"momentum", a.momentum}, {"velocity", a.velocity}}}
}

func (a *adam) restore(name string, s State) error {
	if err := restore(name, a.State(), s); err != nil {
		return err
	}
	a.step = s.Step
	return nil
}

func resolveAdam(beta1, beta2, epsilon *float64) {
	setDefault(beta1, 0.9)
	setDefault(beta2, 0.999)
	setDefault(epsilon, 1e-7)
}

func firstBeta(beta1 float64, none bool) float64 {
	if none {
		return 0
	}
	return beta1
}

func insideBeta1(beta1 float64) error {
	err := inside("beta1", beta1, 0, 1)
	if err != nil && beta1 == 0 {
		return errZeroBeta1
	}
	return err
}
