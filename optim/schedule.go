package optim

import (
	"fmt"
	"math"
)

// Schedule gives the learning rate of every step, as a pure function: a resumed run
// sees the rates of an uninterrupted one.
type Schedule interface {
	// Rate is the learning rate of the step that comes next, where base is the
	// optimiser's own.
	Rate(base float64, p Progress) float64
}

// Progress tells where a run stands when the next step is about to be made.
type Progress struct {
	Step  int // steps made so far, over all epochs
	Epoch int // epochs finished so far

	Steps  int // of the whole run
	Epochs int // of the whole run

	// History is the metric that the run watches, one value a finished epoch, the
	// oldest first. Only [Plateau] reads it.
	History []float64

	start int // the step at which a schedule behind a warm-up begins
}

// fraction is the part of the run, from its start, that lies behind: 0..1.
func (p Progress) fraction() float64 {
	if p.Steps <= p.start {
		return 0
	}
	return min(max(float64(p.Step-p.start)/float64(p.Steps-p.start), 0), 1)
}

// epochs is the number of epochs behind since the start, with its fraction.
func (p Progress) epochs() float64 {
	if p.Steps <= 0 {
		return float64(p.Epoch)
	}
	return float64(max(p.Step-p.start, 0)) * float64(p.Epochs) / float64(p.Steps)
}

// Constant keeps the base rate.
type Constant struct{}

// Rate is base.
func (Constant) Rate(base float64, _ Progress) float64 { return base }

func (*Constant) resolve() {}

func (*Constant) validate() error { return nil }

// StepDecay multiplies the rate by Factor after every so many epochs.
type StepDecay struct {
	Every  int     `json:"every"`  // epochs; 0 means 10
	Factor float64 `json:"factor"` // 0 means 0.1
}

// Rate is base*Factor^floor(epoch/Every).
func (s StepDecay) Rate(base float64, p Progress) float64 {
	s.resolve()
	return base * math.Pow(s.Factor, float64(p.Epoch/s.Every))
}

func (s *StepDecay) resolve() {
	setDefault(&s.Factor, 0.1)
	if s.Every == 0 {
		s.Every = 10
	}
}

func (s *StepDecay) validate() error {
	return check("step", above("every", float64(s.Every), 0), above("factor", s.Factor, 0))
}

// Exponential multiplies the rate by Factor an epoch, smoothly from step to step.
type Exponential struct {
	Factor float64 `json:"factor"` // an epoch; 0 means 0.95
}

// Rate is base*Factor^epochs, where epochs is a fraction within an epoch.
func (s Exponential) Rate(base float64, p Progress) float64 {
	s.resolve()
	return base * math.Pow(s.Factor, p.epochs())
}

func (s *Exponential) resolve() { setDefault(&s.Factor, 0.95) }

func (s *Exponential) validate() error { return check("exponential", above("factor", s.Factor, 0)) }

// Cosine lets the rate fall along half a cosine over the whole run, without restarts.
//
// Source: Loshchilov and Hutter 2017 (SGDR), equation 5; Keras's CosineDecay.
type Cosine struct {
	Final float64 `json:"final"` // what is left of the base rate at the end, 0..1
}

// Rate is base*(Final + (1-Final)*(1+cos(pi*t))/2) at the part t of the run.
func (s Cosine) Rate(base float64, p Progress) float64 {
	return base * (s.Final + (1-s.Final)*0.5*(1+math.Cos(math.Pi*p.fraction())))
}

func (s *Cosine) resolve() {}

func (s *Cosine) validate() error { return check("cosine", between("final", s.Final, 0, 1)) }

// WarmUp raises the rate linearly over the first Steps steps, in which the optimiser's
// averages are still poor, then leaves it to another schedule, which sees the rest of
// the run as the whole. Its first step is made at 1/(Steps+1) of the rate.
//
// Source: Goyal et al. 2017, 2.2.
type WarmUp struct {
	Steps int
	Then  Schedule // nil means Constant
}

// Rate is a growing part of what the other schedule gives at its beginning, and what
// that schedule gives afterwards.
func (s WarmUp) Rate(base float64, p Progress) float64 {
	step := p.Step
	p.start += s.Steps
	p.Step = max(step, p.start)
	rate := base
	if s.Then != nil {
		rate = s.Then.Rate(base, p)
	}
	if step < p.start {
		rate *= float64(step+1) / float64(s.Steps+1)
	}
	return rate
}

// Plateau multiplies the rate by Factor when the watched metric has not improved by
// more than MinDelta for Patience epochs. It keeps no state: the rate follows from
// [Progress].History, which a checkpoint holds.
//
// Source: keras/src/callbacks/reduce_lr_on_plateau.py.
type Plateau struct {
	Factor   float64 `json:"factor"`    // 0 means 0.1
	Patience int     `json:"patience"`  // epochs; 0 means 10
	MinDelta float64 `json:"min_delta"` // less than this is no improvement; 0 means 1e-4
	Cooldown int     `json:"cooldown"`  // epochs after a reduction that do not count
	MinRate  float64 `json:"min_rate"`  // the rate never falls below
	Maximize bool    `json:"maximize"`  // the metric is better when it is larger, as PSNR
}

// Rate replays the history.
func (s Plateau) Rate(base float64, p Progress) float64 {
	s.resolve()
	rate, best := base, math.Inf(1)
	waited, cooling := 0, 0
	for _, value := range p.History {
		if s.Maximize {
			value = -value
		}
		if cooling > 0 {
			cooling--
			waited = 0
		}
		if value < best-s.MinDelta {
			best, waited = value, 0
			continue
		}
		if cooling > 0 {
			continue
		}
		if waited++; waited >= s.Patience && rate > s.MinRate {
			rate = max(rate*s.Factor, s.MinRate)
			waited, cooling = 0, s.Cooldown
		}
	}
	return rate
}

func (s *Plateau) resolve() {
	setDefault(&s.Factor, 0.1)
	setDefault(&s.MinDelta, 1e-4)
	if s.Patience == 0 {
		s.Patience = 10
	}
}

func (s *Plateau) validate() error {
	return check("plateau", inside("factor", s.Factor, 0, 1), above("patience", float64(s.Patience), 0),
		atLeast("min_delta", s.MinDelta, 0), atLeast("cooldown", float64(s.Cooldown), 0), atLeast("min_rate", s.MinRate, 0))
}

// check names the owner of the first error.
func check(owner string, errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("optim: %s: %w", owner, err)
		}
	}
	return nil
}
