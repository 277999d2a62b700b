package kernels

import (
	"unsafe"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// The optimiser passes below update flat vectors of parameters P from gradients G, in
// one pass over memory, split in chunks over a team. Formulas are those of Keras 3.
// Their fields are set anew before each Run; a pass must not be copied while it runs.
// All slices have the length of P.

// Adam is the step of Kingma and Ba 2015, with Alpha the bias-corrected rate
// rate*sqrt(1-Beta2^t)/(1-Beta1^t) of step t = 1, 2, ...:
//
//	P -= Decay*P                   (AdamW, Loshchilov and Hutter 2019: rate*weight decay)
//	M += (G-M)*(1-Beta1)
//	V += (G*G-V)*(1-Beta2)
//	P -= M*Alpha/(sqrt(V)+Epsilon)
//
// With AVX-512 the root has a relative error of up to 2^-22, is 0 where V is below the
// normal numbers (its root being below 1.1e-19), and finite where V is infinite.
type Adam struct {
	P, G, M, V                          []float32
	Alpha, Beta1, Beta2, Epsilon, Decay float32

	past bool // P is written past the caches
}

// pastBytes is from how many bytes on several workers write the parameters past their
// caches. Each of them has read all of P in the step, so that every line written through a
// cache would first have to be taken away from the others': where they share no cache, that
// takes longer than all else in the pass. What fits a first-level cache is not worth it.
const pastBytes = 128 << 10

// Run makes the step.
func (o *Adam) Run(team *parallel.Team) {
	n := len(o.P)
	o.past = team.Workers() > 1 && 4*n >= pastBytes && isAligned(o.P)
	need("Adam", "G", len(o.G), n)
	need("Adam", "M", len(o.M), n)
	need("Adam", "V", len(o.V), n)
	team.Run(chunks(n), o)
}

// Do implements [parallel.Task].
func (o *Adam) Do(tile, _ int) {
	lo, hi := chunkOf(tile, len(o.P))
	adamStep(o, o.P[lo:hi], o.G[lo:hi], o.M[lo:hi], o.V[lo:hi])
}

// isAligned reports whether x begins at a multiple of any vector's size; so do all chunks
// then.
func isAligned(x []float32) bool { return uintptr(unsafe.Pointer(&x[0]))%64 == 0 }

func adamStep(o *Adam, p, g, m, v []float32) {
	keep, c1, c2 := 1-o.Decay, 1-o.Beta1, 1-o.Beta2
	if s := simd[float32](); s != nil {
		step := s.adam
		if o.past {
			step = s.adamPast
		}
		step(&p[0], &g[0], &m[0], &v[0], len(p), keep, o.Alpha, c1, c2, o.Epsilon)
		return
	}
	for i, gi := range g {
		m[i] += (gi - m[i]) * c1
		v[i] += (gi*gi - v[i]) * c2
		p[i] = p[i]*keep - m[i]*o.Alpha/(sqrt(v[i])+o.Epsilon)
	}
}

// RMSprop is the step of Tieleman and Hinton 2012, Epsilon inside the root:
//
//	V = Rho*V + (1-Rho)*G*G
//	A = Rho*A + (1-Rho)*G          (centred: only where A is not nil, and then
//	                                V-A*A stands for V below)
//	D = Rate*G/sqrt(V+Epsilon)
//	P -= D                         (or, where M is not nil: M = Momentum*M + D; P -= M)
type RMSprop struct {
	P, G, V, A, M                []float32
	Rate, Rho, Epsilon, Momentum float32
}

// Run makes the step.
func (o *RMSprop) Run(team *parallel.Team) {
	n := len(o.P)
	need("RMSprop", "G", len(o.G), n)
	need("RMSprop", "V", len(o.V), n)
	if o.A != nil {
		need("RMSprop", "A", len(o.A), n)
	}
	if o.M != nil {
		need("RMSprop", "M", len(o.M), n)
	}
	team.Run(chunks(n), o)
}

// Do implements [parallel.Task].
func (o *RMSprop) Do(tile, _ int) {
	lo, hi := chunkOf(tile, len(o.P))
	if v := simd[float32](); v != nil && o.A == nil && o.M == nil {
		v.rmsprop(&o.P[lo], &o.G[lo], &o.V[lo], hi-lo, o.Rate, o.Rho, 1-o.Rho, o.Epsilon)
		return
	}
	rmspropGeneric(o, lo, hi)
}

func rmspropGeneric(o *RMSprop, lo, hi int) {
	for i := lo; i < hi; i++ {
		g := o.G[i]
		v := o.Rho*o.V[i] + (1-o.Rho)*g*g
		o.V[i] = v
		if o.A != nil {
			a := o.Rho*o.A[i] + (1-o.Rho)*g
			o.A[i] = a
			v -= a * a
		}
		d := o.Rate * g / sqrt(v+o.Epsilon)
		if o.M != nil {
			d += o.Momentum * o.M[i]
			o.M[i] = d
		}
		o.P[i] -= d
	}
}

// SGD is gradient descent, with Polyak's momentum where M is not nil:
//
//	P -= Rate*G                    (M nil)
//	M = Momentum*M - Rate*G
//	P += M                         (or with Nesterov: P += Momentum*M - Rate*G)
type SGD struct {
	P, G, M        []float32
	Rate, Momentum float32
	Nesterov       bool
}

// Run makes the step.
func (o *SGD) Run(team *parallel.Team) {
	n := len(o.P)
	need("SGD", "G", len(o.G), n)
	if o.M != nil {
		need("SGD", "M", len(o.M), n)
	}
	team.Run(chunks(n), o)
}

// Do implements [parallel.Task].
func (o *SGD) Do(tile, _ int) {
	lo, hi := chunkOf(tile, len(o.P))
	p, g := o.P[lo:hi], o.G[lo:hi]
	if o.M == nil {
		Axpy(-o.Rate, p, g)
		return
	}
	m := o.M[lo:hi]
	switch v := simd[float32](); {
	case v == nil:
		momentumGeneric(o, p, g, m)
	case o.Nesterov:
		v.nesterov(&p[0], &g[0], &m[0], len(p), o.Rate, o.Momentum)
	default:
		v.momentum(&p[0], &g[0], &m[0], len(p), o.Rate, o.Momentum)
	}
}

func momentumGeneric(o *SGD, p, g, m []float32) {
	for i, gi := range g {
		d := o.Rate * gi
		m[i] = o.Momentum*m[i] - d
		if o.Nesterov {
			p[i] += o.Momentum*m[i] - d
		} else {
			p[i] += m[i]
		}
	}
}

// EMA is the exponential moving average of parameters, Avg += (P-Avg)*(1-Decay).
type EMA struct {
	Avg, P []float32
	Decay  float32
}

// Run updates the average.
func (o *EMA) Run(team *parallel.Team) {
	need("EMA", "P", len(o.P), len(o.Avg))
	team.Run(chunks(len(o.Avg)), o)
}

// Do implements [parallel.Task].
func (o *EMA) Do(tile, _ int) {
	lo, hi := chunkOf(tile, len(o.Avg))
	avg, p, c := o.Avg[lo:hi], o.P[lo:hi], 1-o.Decay
	if v := simd[float32](); v != nil {
		v.ema(&avg[0], &p[0], len(p), c)
		return
	}
	for i, v := range p {
		avg[i] += (v - avg[i]) * c
	}
}

// Norm sums squares over a team, for clipping by the norm. The zero value is ready;
// it allocates when it meets a longer vector.
type Norm struct {
	x       []float32
	partial []float64
}

// SumSquares returns the sum of x[i]²: chunks in float32, their sums in float64 and
// in order.
func (o *Norm) SumSquares(team *parallel.Team, x []float32) float64 {
	n := chunks(len(x))
	if cap(o.partial) < n {
		o.partial = make([]float64, n)
	}
	o.x, o.partial = x, o.partial[:n]
	team.Run(n, o)
	var total float64
	for _, p := range o.partial {
		total += p
	}
	return total
}

// Do implements [parallel.Task].
func (o *Norm) Do(tile, _ int) {
	lo, hi := chunkOf(tile, len(o.x))
	o.partial[tile] = float64(SumSquares(o.x[lo:hi]))
}
