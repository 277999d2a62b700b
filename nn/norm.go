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

// begin takes parameters and saved values apart.
func (o *normOp[T]) begin(c *Call[T]) {
	o.call = c
	n := o.parts * o.shape.Groups
	o.mean, o.rstd = c.Saved[:n], c.Saved[n:2*n]
	o.gamma, o.beta, _ = splitNorm(o.noScale, o.noCenter, c.Param)
	if o.noScale {
		o.gamma = o.ones
	}
	if o.noCenter {
		o.beta = o.zeros
	}
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
