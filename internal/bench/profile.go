package bench

import (
	"context"
	"time"

	"github.com/hourglass-go/hourglass/nn"
)

// Layer is a layer's part of the time of a network, with what is merged into it.
type Layer struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Output   nn.Shape `json:"output"` // of a sample
	Forward  Pass     `json:"forward"`
	Backward *Pass    `json:"backward,omitempty"` // in training
}

// Pass is the median time of a layer's forward or backward pass over the batch.
type Pass struct {
	Milliseconds float64 `json:"ms"`
	GFLOPS       float64 `json:"gflops_per_s"`
	Share        float64 `json:"share_of_peak,omitempty"`
}

// Totals are the sums over the layers; the second is nil where there is no backward pass.
func Totals(layers []Layer) (forward Pass, backward *Pass) {
	for _, l := range layers {
		forward = forward.plus(l.Forward)
		if l.Backward != nil {
			if backward == nil {
				backward = &Pass{}
			}
			*backward = backward.plus(*l.Backward)
		}
	}
	return forward, backward
}

// plus is both passes, one after the other.
func (p Pass) plus(q Pass) Pass {
	sum := Pass{Milliseconds: p.Milliseconds + q.Milliseconds}
	if sum.Milliseconds > 0 {
		part := p.Milliseconds / sum.Milliseconds
		sum.GFLOPS = part*p.GFLOPS + (1-part)*q.GFLOPS
		sum.Share = part*p.Share + (1-part)*q.Share
	}
	return sum
}

// Model measures a model's prediction of one sample of a shape, with its layers.
func Model(ctx context.Context, name string, m *nn.Model, shape nn.Shape, workers int) (Result, error) {
	w, err := predicting(ctx, m, 1, shape)
	if err != nil {
		return Result{}, err
	}
	defer w.end()
	p, err := peak(ctx, workers)
	if err != nil {
		return Result{}, err
	}
	defer p.end()
	r, err := measure(ctx, w, p)
	if err != nil {
		return Result{}, err
	}
	r.Case = name
	return r, r.profile(w)
}

// The number of repetitions that a profile is the median of.
const leastRuns, mostRuns = 3, 100

// profile adds the layers to what has been measured.
func (r *Result) profile(w *work) error {
	runs := max(leastRuns, min(int(caseMilliseconds/r.Median), mostRuns))
	times, err := w.layers(runs)
	if err != nil {
		return err
	}
	pass := func(flops int64, t time.Duration) Pass {
		p := Pass{Milliseconds: t.Seconds() * 1000}
		if t > 0 {
			p.GFLOPS = float64(flops) / t.Seconds() / 1e9
		}
		if r.Peak > 0 {
			p.Share = p.GFLOPS / r.Peak
		}
		return p
	}
	for _, t := range times {
		l := Layer{Name: t.Name, Type: t.Type, Output: t.Output, Forward: pass(t.FLOPs, t.Forward)}
		if t.Backward > 0 {
			b := pass(t.BackwardFLOPs, t.Backward)
			l.Backward = &b
		}
		r.Layers = append(r.Layers, l)
	}
	return nil
}
