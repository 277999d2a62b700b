package nn

import (
	"errors"
	"fmt"
	"math"

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
	groups := (rows + normRows - 1) / normRows
	return Routine{
		New32:       func() Op[float32] { return newBatchNormOp[float32](b, rows, ch) },
		New64:       func() Op[float64] { return newBatchNormOp[float64](b, rows, ch) },
		Scratch:     2 * groups * ch,
		Saved:       2 * ch, // mean and 1/sqrt(variance+epsilon)
		KeepIn:      true,
		InPlace:     true,
		GradInPlace: []int{0},
		FLOPs:       int64(4 * rows * ch),
	}
}

// normRows is the number of rows whose sums make one group; the groups' sums are added
// in order, so that a result does not depend on the number of workers.
const normRows = 256

type batchNormOp[T tensor.Float] struct {
	layer    BatchNorm
	rows, ch int
	call     *Call[T]

	mean, rstd, gamma, beta []T
	sums                    tiles // of x, then of (x-mean)²
	second                  bool
	normalise               tiles
	gradSums, gradIn        tiles
}

func newBatchNormOp[T tensor.Float](b BatchNorm, rows, ch int) *batchNormOp[T] {
	o := &batchNormOp[T]{layer: b, rows: rows, ch: ch, gamma: make([]T, ch), beta: make([]T, ch)}
	o.sums, o.normalise, o.gradSums, o.gradIn = o.sumGroup, o.normaliseGroup, o.gradGroup, o.gradInGroup
	return o
}

func (o *batchNormOp[T]) groups() int { return (o.rows + normRows - 1) / normRows }

func (o *batchNormOp[T]) group(x []T, tile int) []T {
	return x[tile*normRows*o.ch : min((tile+1)*normRows, o.rows)*o.ch]
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
		c.Team.Run(o.groups(), &o.normalise)
		return
	}
	o.reduce(false, o.mean)
	o.reduce(true, o.rstd)
	momentum, unbias := T(o.layer.Momentum), T(1)
	if o.layer.Unbiased {
		unbias = T(o.rows) / T(max(o.rows-1, 1))
	}
	for i, v := range o.rstd {
		if c.UpdateState {
			movingMean[i] = movingMean[i]*momentum + o.mean[i]*(1-momentum)
			movingVariance[i] = movingVariance[i]*momentum + v*unbias*(1-momentum)
		}
		o.rstd[i] = 1 / T(math.Sqrt(float64(v+eps)))
	}
	c.Team.Run(o.groups(), &o.normalise)
}

// reduce sets dst to the mean of x, or of (x-mean)².
func (o *batchNormOp[T]) reduce(second bool, dst []T) {
	o.second = second
	o.call.Team.Run(o.groups(), &o.sums)
	o.total(dst, 0)
	for i := range dst {
		dst[i] /= T(o.rows)
	}
}

// total adds up the groups' sums in Scratch, those of the given half.
func (o *batchNormOp[T]) total(dst []T, half int) {
	clear(dst)
	for g := range o.groups() {
		for i, v := range o.part(g, half) {
			dst[i] += v
		}
	}
}

func (o *batchNormOp[T]) part(group, half int) []T {
	return o.call.Scratch[(2*group+half)*o.ch:][:o.ch]
}

func (o *batchNormOp[T]) sumGroup(tile int) {
	x, sum := o.group(o.call.In[0], tile), o.part(tile, 0)
	clear(sum)
	for ; len(x) > 0; x = x[o.ch:] {
		row := x[:o.ch]
		if !o.second {
			for i, v := range row {
				sum[i] += v
			}
			continue
		}
		for i, v := range row {
			d := v - o.mean[i]
			sum[i] += d * d
		}
	}
}

func (o *batchNormOp[T]) normaliseGroup(tile int) {
	x, y := o.group(o.call.In[0], tile), o.group(o.call.Out[0], tile)
	for ; len(x) > 0; x, y = x[o.ch:], y[o.ch:] {
		for i, v := range x[:o.ch] {
			y[i] = (v-o.mean[i])*o.rstd[i]*o.gamma[i] + o.beta[i]
		}
	}
}

func (o *batchNormOp[T]) Backward(c *Call[T]) {
	o.begin(c)
	c.Team.Run(o.groups(), &o.gradSums)
	// The sums go over the parts of the first group, which are read before.
	dbeta, dgamma := o.part(0, 0), o.part(0, 1)
	for g := 1; g < o.groups(); g++ {
		for i, v := range o.part(g, 0) {
			dbeta[i] += v
		}
		for i, v := range o.part(g, 1) {
			dgamma[i] += v
		}
	}
	next := c.DParam
	if !o.layer.NoScale {
		setGradient(next[0], dgamma)
		next = next[1:]
	}
	if !o.layer.NoCenter {
		setGradient(next[0], dbeta)
	}
	if c.DIn[0] != nil {
		c.Team.Run(o.groups(), &o.gradIn)
	}
}

// setGradient copies src to dst where that gradient is wanted.
func setGradient[T tensor.Float](dst, src []T) {
	if dst != nil {
		copy(dst, src)
	}
}

func (o *batchNormOp[T]) gradGroup(tile int) {
	x, dy := o.group(o.call.In[0], tile), o.group(o.call.DOut[0], tile)
	dbeta, dgamma := o.part(tile, 0), o.part(tile, 1)
	clear(dbeta)
	clear(dgamma)
	for ; len(x) > 0; x, dy = x[o.ch:], dy[o.ch:] {
		for i, v := range x[:o.ch] {
			dbeta[i] += dy[i]
			dgamma[i] += dy[i] * (v - o.mean[i]) * o.rstd[i]
		}
	}
}

func (o *batchNormOp[T]) gradInGroup(tile int) {
	x, dy, dx := o.group(o.call.In[0], tile), o.group(o.call.DOut[0], tile), o.group(o.call.DIn[0], tile)
	dbeta, dgamma := o.part(0, 0), o.part(0, 1)
	n := T(o.rows)
	if !o.call.Training {
		n = T(math.Inf(1)) // the statistics are constants
	}
	for ; len(x) > 0; x, dy, dx = x[o.ch:], dy[o.ch:], dx[o.ch:] {
		for i, v := range x[:o.ch] {
			xh := (v - o.mean[i]) * o.rstd[i]
			dx[i] = o.gamma[i] * o.rstd[i] * (dy[i] - dbeta[i]/n - xh*dgamma[i]/n)
		}
	}
}
