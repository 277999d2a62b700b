package embedding

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// TSNEOptions are the settings of [TSNE]. A zero value means the default, which is
// scikit-learn's.
type TSNEOptions struct {
	// Perplexity is the effective number of neighbours of a point, default 30. It is
	// above 1 and at most (N-1)/3.
	Perplexity float64
	// Iterations is the number of gradient steps in all, default 1000.
	Iterations int
	// Exaggeration multiplies all affinities in the first ExaggerationIterations steps,
	// so that clusters form early; defaults 12 and 250. An Exaggeration of 1 is none.
	Exaggeration           float64
	ExaggerationIterations int
	// LearningRate is the step size, default max(N/Exaggeration/4, 50) (Belkina et al.
	// 2019).
	LearningRate float64
	// Theta, up to 1, is the accuracy of the Barnes-Hut approximation: a cell of points
	// acts as one where its width is below Theta times its distance; default 0.5.
	Theta float64
	// Exact computes all pairs of points instead: slow, for checks.
	Exact bool
	// Init is where the points begin, [N, 2], near the origin. Default are the first two
	// principal components, scaled such that the first has standard deviation 1e-4,
	// with noise of a hundredth of that, by which equal codes can part.
	Init *tensor.Tensor
	// Seed chooses that noise.
	Seed uint64
	// Workers is the number of processor cores to use, default GOMAXPROCS. The result
	// does not depend on it.
	Workers int
	// Progress, if set, is called every 50 steps and after the last.
	Progress func(TSNEProgress)
}

// TSNEProgress tells how far a run is.
type TSNEProgress struct {
	// Iteration counts the finished steps, out of Iterations.
	Iteration, Iterations int
	// Divergence is the Kullback-Leibler divergence in nats, of the affinities without
	// exaggeration, before the step.
	Divergence float64
	// GradientNorm is the Euclidean norm of the whole gradient, with any exaggeration.
	GradientNorm float64
}

// TSNEResult is a map of the codes.
type TSNEResult struct {
	// Map is [N, 2].
	Map *tensor.Tensor
	// Divergence is the Kullback-Leibler divergence of the finished map from the
	// affinities of the codes, in nats, without exaggeration. The normalisation of the
	// map's affinities comes from the same approximation as the gradient;
	// [Divergence] has the exact one.
	Divergence float64
	// Iterations is the number of steps done.
	Iterations int
}

const (
	initDeviation                 = 1e-4
	jitter                        = 1e-2 // of initDeviation
	momentumEarly                 = 0.5
	momentumLate                  = 0.8
	minGain                       = 0.01
	reportEach                    = 50
	pointsPerTile                 = 128
	defaultTheta                  = 0.5
	defaultPerplexity             = 30
	defaultIterations             = 1000
	defaultExaggerationIterations = 250
	defaultExaggeration           = 12
	minLearningRate               = 50
)

// TSNE arranges codes [N, D] in the plane so that near neighbours stay near: t-distributed
// stochastic neighbour embedding (van der Maaten and Hinton 2008), with exact nearest
// neighbours, the Barnes-Hut approximation of the repulsion (van der Maaten 2014) and
// the optimiser of both papers, gradient descent with momentum and a gain for each
// coordinate. The context ends a run early, with its error.
func TSNE(ctx context.Context, codes *tensor.Tensor, o TSNEOptions) (*TSNEResult, error) {
	p, err := pointsOf(codes, "codes")
	if err != nil {
		return nil, err
	}
	if o, err = o.resolve(p.n); err != nil {
		return nil, err
	}
	if p.allEqual() {
		return nil, errEqual
	}
	team := parallel.Start(o.Workers)
	defer team.Close()
	y, err := o.begin(p)
	if err != nil {
		return nil, err
	}
	a, err := newAffinities(ctx, team, p, o.Perplexity)
	if err != nil {
		return nil, err
	}
	d := newDescent(team, a, y, o)
	if err := d.descend(ctx, o); err != nil {
		return nil, err
	}
	z := d.repulsion.repel(team, d.y)
	result := &TSNEResult{Map: tensor.New(p.n, 2), Iterations: o.Iterations, Divergence: d.divergence(z)}
	for i, v := range d.y {
		result.Map.Data[2*i], result.Map.Data[2*i+1] = float32(v.x), float32(v.y)
	}
	return result, nil
}

// resolve fills in the defaults and checks all values for n codes.
func (o TSNEOptions) resolve(n int) (TSNEOptions, error) {
	setDefault(&o.Perplexity, defaultPerplexity)
	setDefault(&o.Exaggeration, defaultExaggeration)
	setDefault(&o.Theta, defaultTheta)
	setDefault(&o.LearningRate, max(float64(n)/o.Exaggeration/4, minLearningRate))
	setDefault(&o.Iterations, defaultIterations)
	setDefault(&o.ExaggerationIterations, defaultExaggerationIterations)
	switch {
	case !(o.Exaggeration >= 1) || math.IsInf(o.Exaggeration, 1):
		return o, fmt.Errorf("embedding: exaggeration %v; want at least 1", o.Exaggeration)
	case !(o.Theta > 0 && o.Theta <= 1):
		return o, fmt.Errorf("embedding: theta %v; want above 0 and at most 1", o.Theta)
	case !(o.LearningRate > 0) || math.IsInf(o.LearningRate, 1):
		return o, fmt.Errorf("embedding: learning rate %v; want a positive number", o.LearningRate)
	case o.ExaggerationIterations < 0 || o.Iterations <= o.ExaggerationIterations:
		return o, fmt.Errorf("embedding: %d t-SNE iterations, %d of them exaggerated; want more in all than exaggerated ones", o.Iterations, o.ExaggerationIterations)
	}
	return o, checkPerplexity(o.Perplexity, n)
}

func setDefault[T int | float64](v *T, value T) {
	if *v == 0 {
		*v = value
	}
}

// begin returns the points' first places.
func (o TSNEOptions) begin(p *points) ([]vec, error) {
	if o.Init != nil {
		return planeOf(o.Init, p.n)
	}
	fit, err := fitPCA(p, min(2, p.d))
	if err != nil {
		return nil, err
	}
	if fit.Variance[0] == 0 { // the codes differ, but by less than rounding
		return nil, errEqual
	}
	// scikit-learn divides by the deviation with divisor N.
	n := float64(p.n)
	scale := initDeviation / math.Sqrt(fit.Variance[0]*(n-1)/n)
	noise := rng.New(o.Seed, rng.Hash("embedding/tsne"))
	along, k := fit.project(p), len(fit.Components)
	y := make([]vec, p.n)
	for i := range y {
		y[i].x = along[i*k]*scale + initDeviation*jitter*noise.Normal(uint64(2*i))
		y[i].y = initDeviation * jitter * noise.Normal(uint64(2*i+1))
		if k > 1 {
			y[i].y += along[i*k+1] * scale
		}
	}
	return y, nil
}

// planeOf converts a tensor [n, 2] after checking it.
func planeOf(x *tensor.Tensor, n int) ([]vec, error) {
	p, err := pointsOf(x, "map points")
	if err != nil {
		return nil, err
	}
	if p.n != n || p.d != 2 {
		return nil, fmt.Errorf("embedding: map points have shape %v; want [%d 2]", x.Shape, n)
	}
	y := make([]vec, n)
	for i := range y {
		y[i] = vec{p.v[2*i], p.v[2*i+1]}
	}
	return y, nil
}

// descent is the state of the optimisation.
type descent struct {
	team       *parallel.Team
	a          *affinities
	repulsion  repulsion
	y, next    []vec
	step, gain []vec
	part       []float64

	// Of the current iteration, read by move.
	exaggeration, z, momentum, rate float64
	moving, measuring               each
}

func newDescent(team *parallel.Team, a *affinities, y []vec, o TSNEOptions) *descent {
	n := len(y)
	d := &descent{team: team, a: a, y: y, next: make([]vec, n), step: make([]vec, n), gain: make([]vec, n), rate: o.LearningRate}
	d.moving = each{n: n, size: pointsPerTile, do: func(chunk, lo, hi, _ int) { d.part[chunk] = d.move(lo, hi) }}
	d.measuring = each{n: n, size: pointsPerTile, do: func(chunk, lo, hi, _ int) {
		d.part[chunk] = d.a.divergence(d.y, d.z, lo, hi)
	}}
	d.part = make([]float64, d.moving.chunks())
	if o.Exact {
		d.repulsion = newAllPairs(n)
	} else {
		d.repulsion = newQuadtree(n, o.Theta, team.Workers())
	}
	return d
}

// errDiverged is reported before a coordinate becomes infinite.
var errDiverged = errors.New("embedding: t-SNE diverged")

func (d *descent) descend(ctx context.Context, o TSNEOptions) error {
	for t := range o.Iterations {
		if err := ctx.Err(); err != nil {
			return err
		}
		d.exaggeration, d.momentum = 1, momentumLate
		if t < o.ExaggerationIterations {
			d.exaggeration, d.momentum = o.Exaggeration, momentumEarly
		}
		if t == 0 || t == o.ExaggerationIterations {
			clear(d.step)
			for i := range d.gain {
				d.gain[i] = vec{1, 1}
			}
		}
		d.z = d.repulsion.repel(d.team, d.y)
		report := o.Progress != nil && ((t+1)%reportEach == 0 || t+1 == o.Iterations)
		kl := 0.0
		if report {
			kl = d.divergence(d.z)
		}
		d.moving.run(d.team)
		d.y, d.next = d.next, d.y
		norm := math.Sqrt(total(d.part))
		if !(norm < math.MaxFloat32) {
			return fmt.Errorf("%w in iteration %d: the gradient's norm is %v; use a learning rate below %.4g", errDiverged, t+1, norm, o.LearningRate)
		}
		if report {
			o.Progress(TSNEProgress{Iteration: t + 1, Iterations: o.Iterations, Divergence: kl, GradientNorm: norm})
		}
	}
	return nil
}

// move steps the points [lo, hi) from y to next, and returns the sum of squares of their
// gradient, 4 (exaggeration * attraction - repulsion/z) (van der Maaten 2014, 4.2).
func (d *descent) move(lo, hi int) float64 {
	y, a, forces := d.y, d.a, d.repulsion.forces()
	squares := 0.0
	for i := lo; i < hi; i++ {
		at := y[i]
		var pull vec
		row := a.p[a.start[i]:a.start[i+1]]
		index := a.index[a.start[i]:a.start[i+1]]
		for e, p := range row {
			o := &y[index[e]]
			dx, dy := at.x-o.x, at.y-o.y
			q := float64(p) / (1 + (dx*dx + dy*dy))
			pull.x += q * dx
			pull.y += q * dy
		}
		gx := 4 * (d.exaggeration*pull.x - forces[i].x/d.z)
		gy := 4 * (d.exaggeration*pull.y - forces[i].y/d.z)
		squares += gx*gx + gy*gy
		gain, step := &d.gain[i], &d.step[i]
		gain.x, gain.y = adapt(gain.x, step.x, gx), adapt(gain.y, step.y, gy)
		step.x = d.momentum*step.x - d.rate*gain.x*gx
		step.y = d.momentum*step.y - d.rate*gain.y*gy
		d.next[i] = vec{at.x + step.x, at.y + step.y}
	}
	return squares
}

// adapt is the rule of delta-bar-delta: a coordinate that keeps its direction gains
// speed, one that turns back loses it (Jacobs 1988).
func adapt(gain, step, gradient float64) float64 {
	if step*gradient < 0 {
		return gain + 0.2
	}
	return max(gain*0.8, minGain)
}

// divergence of the current places, whose normalisation is z.
func (d *descent) divergence(z float64) float64 {
	d.z = z
	d.measuring.run(d.team)
	return total(d.part)
}
