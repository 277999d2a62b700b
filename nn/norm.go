package nn

import (
	"fmt"
	"math"
	"slices"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// norm is the normalisation by layer: gamma and beta belong to positions, within the part of a
// sample that is normalised by itself.
type norm struct {
	shape             kernels.NormShape // of a part that is normalised by itself
	parts             int               // in a batch
	epsilon           float64
	noScale, noCenter bool
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

// movingParams declares the moving statistics.
func movingParams(shape Shape) []ParamSpec {
	return []ParamSpec{
		{Name: "moving_mean", Shape: shape, Init: Zeros, State: true},
		{Name: "moving_variance", Shape: shape, Init: Ones, State: true},
	}
}

// splitNorm takes a layer's parameters apart; gamma or beta is nil where it has none. What
// is left are the moving statistics.
func splitNorm[T tensor.Float](noScale, noCenter bool, params [][]T) (gamma, beta []T, rest [][]T) {
	if !noScale {
		gamma, params = params[0], params[1:]
	}
	if !noCenter {
		beta, params = params[0], params[1:]
	}
	return gamma, beta, params
}

// leftOut stands for the parameters that a layer does without: gamma of 1, beta of 0. Those
// that it has are nil.
type leftOut[T tensor.Float] struct{ gamma, beta []T }

func newLeftOut[T tensor.Float](noScale, noCenter bool, n int) (l leftOut[T]) {
	if noScale {
		l.gamma = slices.Repeat([]T{1}, n)
	}
	if noCenter {
		l.beta = make([]T, n)
	}
	return l
}

// split is splitNorm with what stands for the parameters that are left out in their place.
func (l *leftOut[T]) split(params [][]T) (gamma, beta []T, rest [][]T) {
	gamma, beta, rest = splitNorm(l.gamma != nil, l.beta != nil, params)
	if l.gamma != nil {
		gamma = l.gamma
	}
	if l.beta != nil {
		beta = l.beta
	}
	return gamma, beta, rest
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
	leftOut           leftOut[T]
	work              []float64
	forward, backward tiles
}

func newNormOp[T tensor.Float](l norm) *normOp[T] {
	o := &normOp[T]{
		norm: l, work: make([]float64, l.blocks()*l.shape.Work()), leftOut: newLeftOut[T](l.noScale, l.noCenter, l.shape.Affine()),
	}
	o.forward, o.backward = o.forwardBlock, o.backwardBlock
	return o
}

// begin takes parameters and saved values apart.
func (o *normOp[T]) begin(c *Call[T]) {
	o.call = c
	n := o.parts * o.shape.Groups
	o.mean, o.rstd = c.Saved[:n], c.Saved[n:2*n]
	o.gamma, o.beta, _ = o.leftOut.split(c.Param)
}

func (o *normOp[T]) Forward(c *Call[T]) {
	o.begin(c)
	c.Team.Run(o.blocks(), &o.forward)
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
		kernels.NormMoments(o.shape, mean, rstd, x, work)
		for i, v := range rstd {
			rstd[i] = T(1 / math.Sqrt(float64(v)+o.epsilon))
		}
		kernels.Normalise(o.shape, o.part(o.call.Out[0], p), x, mean, rstd, o.gamma, o.beta)
	}
}

func (o *normOp[T]) Backward(c *Call[T]) {
	o.begin(c)
	c.Team.Run(o.blocks(), &o.backward)
	a := o.shape.Affine()
	for b := 1; b < o.blocks(); b++ {
		kernels.Add(c.Scratch[:2*a], c.Scratch[:2*a], c.Scratch[2*a*b:][:2*a])
	}
	dGamma, dBeta, _ := splitNorm(o.noScale, o.noCenter, c.DParam)
	copy(dGamma, c.Scratch[:a])
	copy(dBeta, c.Scratch[a:2*a])
}

func (o *normOp[T]) backwardBlock(tile int) {
	c, g, a := o.call, o.shape.Groups, o.shape.Affine()
	sums := c.Scratch[2*a*tile:][:2*a]
	clear(sums)
	lo, hi, work := o.block(tile)
	for p := lo; p < hi; p++ {
		kernels.NormGrad(o.shape, o.part(c.DIn[0], p), sums[:a], sums[a:], o.part(c.DOut[0], p),
			o.part(c.In[0], p), o.mean[p*g:][:g], o.rstd[p*g:][:g], o.gamma, work)
	}
}
