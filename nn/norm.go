package nn

import (
	"fmt"
	"math"
	"slices"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// norm is what the normalisations that work within a sample share.
type norm struct {
	shape             kernels.NormShape // of a part that is normalised by itself
	parts             int               // in a batch
	epsilon           float64
	noScale, noCenter bool
	moving            bool    // moving statistics are kept, and used outside training
	momentum          float64 // of them
}

func checkEpsilon(epsilon float64) error {
	if !(epsilon >= 0) || math.IsInf(epsilon, 1) {
		return fmt.Errorf("Epsilon is %v, want a number that is not negative", epsilon)
	}
	return nil
}

// affineParams declares gamma and beta.
func affineParams(shape Shape, noScale, noCenter bool) []ParamSpec {
	var params []ParamSpec
	if !noScale {
		params = append(params, ParamSpec{Name: "gamma", Shape: shape, Init: Ones})
	}
	if !noCenter {
		params = append(params, ParamSpec{Name: "beta", Shape: shape, Init: Zeros})
	}
	return params
}

// normBlocks bounds the number of blocks of parts whose gradients by gamma and beta are
// summed one after the other; the blocks' sums are added in order. They do not depend on
// the number of workers.
const normBlocks = 32

func (l norm) blocks() int { return min(l.parts, normBlocks) }

func (l norm) routine() Routine {
	return Routine{
		New32:   func() Op[float32] { return newNormOp[float32](l) },
		New64:   func() Op[float64] { return newNormOp[float64](l) },
		Scratch: 2 * l.blocks() * l.shape.Affine(),
		Saved:   2 * l.parts * l.shape.Groups, // mean and 1/sqrt(variance+epsilon)
		KeepIn:  true,
		FLOPs:   int64(8 * l.parts * l.shape.Size()),
	}
}

type normOp[T tensor.Float] struct {
	norm
	call              *Call[T]
	mean, rstd        []T
	gamma, beta       []T
	ones, zeros       []T // stand for parameters that are left out
	work              []float64
	forward, backward tiles
}

func newNormOp[T tensor.Float](l norm) *normOp[T] {
	o := &normOp[T]{norm: l, work: make([]float64, l.blocks()*l.shape.Work())}
	if l.noScale {
		o.ones = slices.Repeat([]T{1}, l.shape.Affine())
	}
	if l.noCenter {
		o.zeros = make([]T, l.shape.Affine())
	}
	o.forward, o.backward = o.forwardBlock, o.backwardBlock
	return o
}

// begin takes parameters and saved values apart and returns the moving statistics.
func (o *normOp[T]) begin(c *Call[T]) (state [][]T) {
	o.call = c
	n := o.parts * o.shape.Groups
	o.mean, o.rstd = c.Saved[:n], c.Saved[n:2*n]
	next := c.Param
	o.gamma, o.beta = o.ones, o.zeros
	if !o.noScale {
		o.gamma, next = next[0], next[1:]
	}
	if !o.noCenter {
		o.beta, next = next[0], next[1:]
	}
	return next
}

// constant reports whether the moving statistics stand for a part's own.
func (o *normOp[T]) constant() bool { return o.moving && !o.call.Training }

func (o *normOp[T]) Forward(c *Call[T]) {
	state := o.begin(c)
	if o.constant() {
		g := o.shape.Groups
		for i := range o.mean {
			o.mean[i] = state[0][i%g]
			o.rstd[i] = T(1 / math.Sqrt(float64(state[1][i%g])+o.epsilon))
		}
	}
	c.Team.Run(o.blocks(), &o.forward)
	if o.moving && c.Training && c.UpdateState {
		o.update(state[0], state[1])
	}
}

// block is the range of parts in a block, and its working memory.
func (o *normOp[T]) block(tile int) (lo, hi int, work []float64) {
	n, w := o.blocks(), o.shape.Work()
	return tile * o.parts / n, (tile + 1) * o.parts / n, o.work[tile*w : (tile+1)*w]
}

// part is part p of a batch's values, nil of nil.
func (o *normOp[T]) part(x []T, p int) []T {
	if x == nil {
		return nil
	}
	return x[p*o.shape.Size():][:o.shape.Size()]
}

func (o *normOp[T]) forwardBlock(tile int) {
	g := o.shape.Groups
	lo, hi, work := o.block(tile)
	for p := lo; p < hi; p++ {
		x, mean, rstd := o.part(o.call.In[0], p), o.mean[p*g:][:g], o.rstd[p*g:][:g]
		if !o.constant() {
			kernels.NormMoments(o.shape, mean, rstd, x, work)
			for i, v := range rstd {
				rstd[i] = T(1 / math.Sqrt(float64(v)+o.epsilon))
			}
		}
		kernels.Normalise(o.shape, o.part(o.call.Out[0], p), x, mean, rstd, o.gamma, o.beta)
	}
}

// update moves the statistics towards the mean over the batch of each sample's: mean, and
// unbiased variance.
func (o *normOp[T]) update(mean, variance []T) {
	n := float64(o.shape.Positions * o.shape.Width)
	unbias := n / max(n-1, 1)
	g := o.shape.Groups
	for i := range mean {
		var m, v float64
		for p := range o.parts {
			r := float64(o.rstd[p*g+i])
			m += float64(o.mean[p*g+i])
			v += (1/(r*r) - o.epsilon) * unbias
		}
		k := 1 - o.momentum
		mean[i] = T(o.momentum*float64(mean[i]) + k*m/float64(o.parts))
		variance[i] = T(o.momentum*float64(variance[i]) + k*v/float64(o.parts))
	}
}

func (o *normOp[T]) Backward(c *Call[T]) {
	o.begin(c)
	c.Team.Run(o.blocks(), &o.backward)
	a := o.shape.Affine()
	for b := 1; b < o.blocks(); b++ {
		kernels.Add(c.Scratch[:2*a], c.Scratch[:2*a], c.Scratch[2*a*b:][:2*a])
	}
	next := c.DParam
	if !o.noScale {
		setGradient(next[0], c.Scratch[:a])
		next = next[1:]
	}
	if !o.noCenter {
		setGradient(next[0], c.Scratch[a:2*a])
	}
}

func (o *normOp[T]) backwardBlock(tile int) {
	c, g, a := o.call, o.shape.Groups, o.shape.Affine()
	sums := c.Scratch[2*a*tile:][:2*a]
	clear(sums)
	lo, hi, work := o.block(tile)
	for p := lo; p < hi; p++ {
		kernels.NormGrad(o.shape, o.part(c.DIn[0], p), sums[:a], sums[a:], o.part(c.DOut[0], p),
			o.part(c.In[0], p), o.mean[p*g:][:g], o.rstd[p*g:][:g], o.gamma, o.constant(), work)
	}
}
