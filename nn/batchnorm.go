package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// BatchNorm normalises every channel, the last axis, to the mean beta and the standard
// deviation gamma (Ioffe and Szegedy 2015). Input and output: [..., C]; its parameters are
// gamma, beta and the state moving_mean, moving_variance, each [C].
//
// In training, over the n = N*H*W values of a channel in the batch:
//
//	mean = sum(x)/n, variance = sum((x-mean)²)/n
//	y = gamma * (x-mean)/sqrt(variance+Epsilon) + beta
//	moving = Momentum*moving + (1-Momentum)*batch's
//
// Otherwise, and in training where gamma and beta are frozen (as in Keras), the moving
// values are used and stay. Gradients in training, with xh the normalised x:
//
//	dbeta = sum(dy), dgamma = sum(dy*xh)
//	dx = gamma/sqrt(variance+Epsilon) * (dy - dbeta/n - xh*dgamma/n)
type BatchNorm struct {
	Momentum float64 // of the moving statistics; 0.99 where it is 0
	Epsilon  float64 // 1e-3 where it is 0
	// NoScale and NoCenter leave out gamma and beta.
	NoScale, NoCenter bool
	// Unbiased makes the moving variance follow sum((x-mean)²)/(n-1), as PyTorch does; its
	// momentum is 1-Momentum. What normalises a training batch is the same either way.
	Unbiased bool
}

func init() { Register("batch_norm", 1, BatchNorm{}) }

func (b BatchNorm) withDefaults() Layer {
	if b.Momentum == 0 {
		b.Momentum = 0.99
	}
	if b.Epsilon == 0 {
		b.Epsilon = 1e-3
	}
	return b
}

// Infer returns the input's shape.
func (b BatchNorm) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	if len(in[0]) == 0 {
		return Signature{}, errors.New("takes an input with at least one axis beside the batch's")
	}
	ch := in[0][len(in[0])-1]
	if ch == Any {
		return Signature{}, fmt.Errorf("needs a last axis of known size, got %v", in[0])
	}
	if !(b.Momentum >= 0 && b.Momentum < 1) || !(b.Epsilon >= 0) {
		return Signature{}, fmt.Errorf("Momentum is %v and Epsilon %v, want 0 <= Momentum < 1 and Epsilon >= 0", b.Momentum, b.Epsilon)
	}
	sig := Signature{Outputs: []Shape{in[0].Clone()}}
	add := func(name string, init Initializer, state bool) {
		sig.Params = append(sig.Params, ParamSpec{Name: name, Shape: Shape{ch}, Init: init, State: state})
	}
	if !b.NoScale {
		add("gamma", Ones, false)
	}
	if !b.NoCenter {
		add("beta", Zeros, false)
	}
	add("moving_mean", Zeros, true)
	add("moving_variance", Ones, true)
	return sig, nil
}

// Compile returns the arithmetic.
func (b BatchNorm) Compile(batch int, in []Shape) Routine {
	b = b.withDefaults().(BatchNorm)
	ch := in[0][len(in[0])-1]
	rows := batch * in[0].Elems() / ch
	return Routine{
		New32:       func() Op[float32] { return newBatchNormOp[float32](b, rows, ch) },
		New64:       func() Op[float64] { return newBatchNormOp[float64](b, rows, ch) },
		Scratch:     2 * batchNormGroups(rows, ch) * ch,
		Saved:       2 * ch, // mean and 1/sqrt(variance+epsilon)
		KeepIn:      true,
		InPlace:     true,
		GradInPlace: []int{0},
		FLOPs:       int64(4 * rows * ch),
	}
}

type batchNormOp[T tensor.Float] struct {
	layer          BatchNorm
	rows, ch       int
	groupRows      int // whose sums make one group; a group's stays in a cache
	call           *Call[T]
	mean, rstd     []T
	gamma, beta    []T
	scale          []T // of x-mean in y; of dy in dx
	slope, shift   []T // of x-mean in dx, and what is added
	total, squares []float64

	moments, normalise tiles
	gradSums, gradIn   tiles
}

func newBatchNormOp[T tensor.Float](b BatchNorm, rows, ch int) *batchNormOp[T] {
	o := &batchNormOp[T]{layer: b, rows: rows, ch: ch, groupRows: kernels.ColumnRows(ch),
		gamma: make([]T, ch), beta: make([]T, ch), scale: make([]T, ch), slope: make([]T, ch), shift: make([]T, ch),
		total: make([]float64, ch), squares: make([]float64, ch)}
	o.moments, o.normalise, o.gradSums, o.gradIn = o.momentsGroup, o.normaliseGroup, o.gradGroup, o.gradInGroup
	return o
}

func batchNormGroups(rows, ch int) int {
	n := kernels.ColumnRows(ch)
	return (rows + n - 1) / n
}

func (o *batchNormOp[T]) groups() int { return batchNormGroups(o.rows, o.ch) }

func (o *batchNormOp[T]) group(x []T, tile int) []T {
	return x[tile*o.groupRows*o.ch : min((tile+1)*o.groupRows, o.rows)*o.ch]
}

// splitNorm takes a layer's parameters apart; gamma or beta is nil where it has none.
func splitNorm[T tensor.Float](b BatchNorm, params [][]T) (gamma, beta, mean, variance []T) {
	if !b.NoScale {
		gamma, params = params[0], params[1:]
	}
	if !b.NoCenter {
		beta, params = params[0], params[1:]
	}
	return gamma, beta, params[0], params[1]
}

// begin takes the parameters apart.
func (o *batchNormOp[T]) begin(c *Call[T]) (mean, variance []T) {
	o.call = c
	o.mean, o.rstd = c.Saved[:o.ch], c.Saved[o.ch:2*o.ch]
	for i := range o.gamma {
		o.gamma[i], o.beta[i] = 1, 0
	}
	gamma, beta, mean, variance := splitNorm(o.layer, c.Param)
	copy(o.gamma, gamma)
	copy(o.beta, beta)
	return mean, variance
}

func (o *batchNormOp[T]) Forward(c *Call[T]) {
	movingMean, movingVariance := o.begin(c)
	eps := T(o.layer.Epsilon)
	if !c.Training {
		for i, v := range movingVariance {
			o.mean[i], o.rstd[i] = movingMean[i], 1/T(math.Sqrt(float64(v+eps)))
		}
	} else {
		c.Team.Run(o.groups(), &o.moments)
		o.statistics()
		momentum, unbias := T(o.layer.Momentum), T(1)
		if o.layer.Unbiased {
			unbias = T(o.rows) / T(max(o.rows-1, 1))
		}
		for i, v := range o.rstd { // the variance so far
			if c.UpdateState {
				movingMean[i] = movingMean[i]*momentum + o.mean[i]*(1-momentum)
				movingVariance[i] = movingVariance[i]*momentum + v*unbias*(1-momentum)
			}
			o.rstd[i] = 1 / T(math.Sqrt(float64(v+eps)))
		}
	}
	for i, r := range o.rstd {
		o.scale[i] = r * o.gamma[i]
	}
	c.Team.Run(o.groups(), &o.normalise)
}

// statistics sets mean, and rstd to the variance, from the groups' moments: those of
// (x-pivot) and of (x-pivot)² are joined as in Chan et al. 1983.
func (o *batchNormOp[T]) statistics() {
	clear(o.total)
	clear(o.squares)
	for g := range o.groups() {
		x, sum := o.group(o.call.In[0], g), o.part(g, 0)
		n := float64(len(x) / o.ch)
		for i, pivot := range x[:o.ch] {
			o.total[i] += n*float64(pivot) + float64(sum[i])
		}
	}
	for i := range o.total {
		o.total[i] /= float64(o.rows)
	}
	for g := range o.groups() {
		x, sum, squares := o.group(o.call.In[0], g), o.part(g, 0), o.part(g, 1)
		n := float64(len(x) / o.ch)
		for i, pivot := range x[:o.ch] {
			mean := float64(sum[i]) / n
			between := float64(pivot) + mean - o.total[i]
			o.squares[i] += max(float64(squares[i])-n*mean*mean, 0) + n*between*between
		}
	}
	for i, m := range o.total {
		o.mean[i], o.rstd[i] = T(m), T(o.squares[i]/float64(o.rows))
	}
}

// part is one of a group's two sums for each channel.
func (o *batchNormOp[T]) part(group, half int) []T {
	return o.call.Scratch[(2*group+half)*o.ch:][:o.ch]
}

func (o *batchNormOp[T]) momentsGroup(tile int) {
	x := o.group(o.call.In[0], tile)
	kernels.ColumnMoments(o.part(tile, 0), o.part(tile, 1), x[:o.ch], x)
}

func (o *batchNormOp[T]) normaliseGroup(tile int) {
	kernels.ColumnNormalise(o.group(o.call.Out[0], tile), o.group(o.call.In[0], tile), o.mean, o.scale, o.beta)
}

func (o *batchNormOp[T]) Backward(c *Call[T]) {
	o.begin(c)
	c.Team.Run(o.groups(), &o.gradSums)
	clear(o.total)
	clear(o.squares)
	for g := range o.groups() {
		dots := o.part(g, 1)
		for i, v := range o.part(g, 0) {
			o.total[i] += float64(v)
			o.squares[i] += float64(dots[i])
		}
	}
	next := c.DParam
	if !o.layer.NoScale {
		for i := range next[0] {
			next[0][i] = T(o.squares[i]) * o.rstd[i]
		}
		next = next[1:]
	}
	if !o.layer.NoCenter {
		for i := range next[0] {
			next[0][i] = T(o.total[i])
		}
	}
	if c.DIn[0] == nil {
		return
	}
	n := float64(o.rows)
	if !c.Training {
		n = math.Inf(1) // the statistics are constants
	}
	for i, r := range o.rstd {
		o.scale[i] = o.gamma[i] * r
		o.slope[i] = -o.scale[i] * r * r * T(o.squares[i]/n)
		o.shift[i] = -o.scale[i] * T(o.total[i]/n)
	}
	c.Team.Run(o.groups(), &o.gradIn)
}

func (o *batchNormOp[T]) gradGroup(tile int) {
	kernels.ColumnNormSums(o.part(tile, 0), o.part(tile, 1), o.group(o.call.DOut[0], tile), o.group(o.call.In[0], tile), o.mean)
}

func (o *batchNormOp[T]) gradInGroup(tile int) {
	kernels.ColumnNormGrad(o.group(o.call.DIn[0], tile), o.group(o.call.DOut[0], tile), o.group(o.call.In[0], tile),
		o.mean, o.scale, o.slope, o.shift)
}

// setGradient copies src to dst where that gradient is wanted.
func setGradient[T tensor.Float](dst, src []T) {
	if dst != nil {
		copy(dst, src)
	}
}
