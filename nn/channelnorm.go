package nn

import (
	"math"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// channelNorm is what the normalisations share whose gamma and beta belong to channels. It
// sees a batch as parts of rows of channels. A part's numbers in a group of consecutive
// channels have one mean and one variance:
//
//	batch norm                 one part, and a group for each channel
//	group norm, instance norm  a part for each sample
//
// Sums over rows are taken chunk by chunk, and the chunks' added in order, so that they do
// not depend on the number of workers. An activation behind it, and its gradient, are computed
// while a chunk is in the cache.
type channelNorm struct {
	parts, rows, channels int
	groups                int
	epsilon               float64
	noScale, noCenter     bool
	moving                bool    // moving statistics are kept, and used outside training
	momentum              float64 // of them
	unbiased              bool    // they follow sum((x-mean)²)/(n-1)
	act                   kernels.Act
}

func (l channelNorm) chunkRows() int { return kernels.ColumnRows(l.channels) }
func (l channelNorm) chunks() int    { return (l.rows + l.chunkRows() - 1) / l.chunkRows() }

func (l channelNorm) routine() Routine {
	return Routine{
		New32: func() Op[float32] { return newChannelNormOp[float32](l) },
		New64: func() Op[float64] { return newChannelNormOp[float64](l) },
		// For two sums in each chunk, and for each part four numbers a channel.
		Scratch:     l.parts * l.channels * (2*l.chunks() + 4),
		Saved:       2 * l.parts * l.groups, // mean and 1/sqrt(variance+epsilon)
		KeepIn:      true,
		KeepOut:     l.act.Kind != kernels.Identity,
		InPlace:     true,
		GradInPlace: []int{0},
		FLOPs:       int64(4 * l.parts * l.rows * l.channels),
	}
}

type channelNormOp[T tensor.Float] struct {
	channelNorm
	call            *Call[T]
	mean, rstd      []T // by part and group
	gamma, beta     []T // by channel
	leftOut         leftOut[T]
	first, second   []float64
	dGamma, dBeta   []float64
	moments, affine tiles
	sums, gradient  tiles
}

func newChannelNormOp[T tensor.Float](l channelNorm) *channelNormOp[T] {
	work := make([]float64, 4*l.channels)
	part := func(i int) []float64 { return work[i*l.channels:][:l.channels] }
	o := &channelNormOp[T]{
		channelNorm: l, leftOut: newLeftOut[T](l.noScale, l.noCenter, l.channels),
		first: part(0), second: part(1), dGamma: part(2), dBeta: part(3),
	}
	o.moments, o.affine, o.sums, o.gradient = o.momentsOf, o.affineOf, o.sumsOf, o.gradientOf
	return o
}

// begin takes the call and returns the moving statistics.
func (o *channelNormOp[T]) begin(c *Call[T]) (state [][]T) {
	o.call = c
	n := o.parts * o.groups
	o.mean, o.rstd = c.Saved[:n], c.Saved[n:2*n]
	o.gamma, o.beta, state = o.leftOut.split(c.Param)
	return state
}

// constant reports whether the moving statistics stand for a part's own.
func (o *channelNormOp[T]) constant() bool { return o.moving && !o.call.Training }

// chunk is a tile's rows of x.
func (o *channelNormOp[T]) chunk(x []T, tile int) []T {
	part, chunk := tile/o.chunks(), tile%o.chunks()
	lo, hi := chunk*o.chunkRows(), min((chunk+1)*o.chunkRows(), o.rows)
	return x[(part*o.rows+lo)*o.channels : (part*o.rows+hi)*o.channels]
}

// sum is one of the two sums of a tile, for each channel; vector is one of the four vectors
// of the part that a tile belongs to.
func (o *channelNormOp[T]) sum(tile, i int) []T {
	return o.call.Scratch[(2*tile+i)*o.channels:][:o.channels]
}

func (o *channelNormOp[T]) vector(part, i int) []T {
	return o.call.Scratch[(2*o.parts*o.chunks()+4*part+i)*o.channels:][:o.channels]
}

func (o *channelNormOp[T]) Forward(c *Call[T]) {
	state := o.begin(c)
	tiles := o.parts * o.chunks()
	if o.constant() {
		for i := range o.mean {
			g := i % o.groups
			o.mean[i], o.rstd[i] = state[0][g], T(1/math.Sqrt(float64(state[1][g])+o.epsilon))
		}
	} else {
		c.Team.Run(tiles, &o.moments)
		for p := range o.parts {
			o.statistics(p)
		}
		if o.moving && c.UpdateState {
			o.update(state[0], state[1])
		}
		for i, v := range o.rstd { // the variance so far
			o.rstd[i] = T(1 / math.Sqrt(float64(v)+o.epsilon))
		}
	}
	for p := range o.parts {
		mean, scale := o.vector(p, 0), o.vector(p, 1)
		for i := range mean {
			g := p*o.groups + i/(o.channels/o.groups)
			mean[i], scale[i] = o.mean[g], o.rstd[g]*o.gamma[i]
		}
	}
	c.Team.Run(tiles, &o.affine)
}

func (o *channelNormOp[T]) momentsOf(tile int) {
	x := o.chunk(o.call.In[0], tile)
	kernels.ColumnMoments(o.sum(tile, 0), o.sum(tile, 1), x[:o.channels], x)
}

func (o *channelNormOp[T]) affineOf(tile int) {
	p, y := tile/o.chunks(), o.chunk(o.call.Out[0], tile)
	kernels.ColumnNormalise(y, o.chunk(o.call.In[0], tile), o.vector(p, 0), o.vector(p, 1), o.beta)
	if o.act.Kind != kernels.Identity {
		kernels.Activate(o.act, y, y)
	}
}

// statistics sets a part's mean, and rstd to its variance, from the chunks' sums of x-pivot and
// of its squares, a chunk's pivot being its first row. Chunks are joined, and then the
// channels of a group, as in Chan et al. 1983.
func (o *channelNormOp[T]) statistics(part int) {
	mean, squares := o.first, o.second // of channels: squares of the distance from the mean
	clear(mean)
	clear(squares)
	tiles := o.chunks()
	for tile := part * tiles; tile < (part+1)*tiles; tile++ {
		x, sum := o.chunk(o.call.In[0], tile), o.sum(tile, 0)
		rows := float64(len(x) / o.channels)
		for i, pivot := range x[:o.channels] {
			mean[i] += rows*float64(pivot) + float64(sum[i])
		}
	}
	n := float64(o.rows)
	for i := range mean {
		mean[i] /= n
	}
	for tile := part * tiles; tile < (part+1)*tiles; tile++ {
		x, sum, square := o.chunk(o.call.In[0], tile), o.sum(tile, 0), o.sum(tile, 1)
		rows := float64(len(x) / o.channels)
		for i, pivot := range x[:o.channels] {
			m := float64(sum[i]) / rows
			between := float64(pivot) + m - mean[i]
			squares[i] += max(float64(square[i])-rows*m*m, 0) + rows*between*between
		}
	}
	width := o.channels / o.groups
	for g := range o.groups {
		var m, v float64
		for _, c := range mean[g*width : (g+1)*width] {
			m += c / float64(width)
		}
		for i := g * width; i < (g+1)*width; i++ {
			v += squares[i] + n*(mean[i]-m)*(mean[i]-m)
		}
		o.mean[part*o.groups+g], o.rstd[part*o.groups+g] = T(m), T(v/(n*float64(width)))
	}
}

// update moves the statistics towards the mean over the parts of each one's, of which rstd
// has the variance.
func (o *channelNormOp[T]) update(mean, variance []T) {
	unbias := 1.
	if n := float64(o.rows * o.channels / o.groups); o.unbiased {
		unbias = n / max(n-1, 1)
	}
	for g := range mean {
		var m, v float64
		for i := g; i < len(o.mean); i += o.groups {
			m += float64(o.mean[i])
			v += float64(o.rstd[i]) * unbias
		}
		k := (1 - o.momentum) / float64(o.parts)
		mean[g] = T(o.momentum*float64(mean[g]) + k*m)
		variance[g] = T(o.momentum*float64(variance[g]) + k*v)
	}
}

func (o *channelNormOp[T]) Backward(c *Call[T]) {
	o.begin(c)
	tiles := o.parts * o.chunks()
	width := o.channels / o.groups
	for p := range o.parts {
		mean := o.vector(p, 0)
		for i := range mean {
			mean[i] = o.mean[p*o.groups+i/width]
		}
	}
	c.Team.Run(tiles, &o.sums)
	clear(o.dGamma)
	clear(o.dBeta)
	for p := range o.parts {
		o.addPart(p)
	}
	dGamma, dBeta, _ := splitNorm(o.noScale, o.noCenter, c.DParam)
	for i := range dGamma {
		dGamma[i] = T(o.dGamma[i])
	}
	for i := range dBeta {
		dBeta[i] = T(o.dBeta[i])
	}
	if c.DIn[0] != nil {
		c.Team.Run(tiles, &o.gradient)
	}
}

func (o *channelNormOp[T]) sumsOf(tile int) {
	dy := o.chunk(o.call.DOut[0], tile)
	if o.act.Kind != kernels.Identity {
		kernels.ActivateGrad(o.act, dy, dy, o.chunk(o.call.Out[0], tile))
	}
	kernels.ColumnNormSums(o.sum(tile, 0), o.sum(tile, 1), dy, o.chunk(o.call.In[0], tile), o.vector(tile/o.chunks(), 0))
}

// addPart adds a part's gradients of gamma and beta and sets what its dx is made of: with xh
// the normalised x, and means over a group's n numbers,
//
//	dx = rstd * (gamma*dy - mean(gamma*dy) - xh*mean(gamma*dy*xh))
//	   = scale*dy + slope*(x-mean) + shift
func (o *channelNormOp[T]) addPart(part int) {
	first, second := o.first, o.second // sums of dy, and of dy*(x-mean)
	clear(first)
	clear(second)
	for tile := part * o.chunks(); tile < (part+1)*o.chunks(); tile++ {
		dots := o.sum(tile, 1)
		for i, v := range o.sum(tile, 0) {
			first[i] += float64(v)
			second[i] += float64(dots[i])
		}
	}
	width := o.channels / o.groups
	n := float64(o.rows * width)
	if o.constant() {
		n = math.Inf(1)
	}
	scale, slope, shift := o.vector(part, 1), o.vector(part, 2), o.vector(part, 3)
	for g := range o.groups {
		rstd := float64(o.rstd[part*o.groups+g])
		var dy, dot float64 // of gamma*dy
		for i := g * width; i < (g+1)*width; i++ {
			o.dBeta[i] += first[i]
			o.dGamma[i] += second[i] * rstd
			dy += first[i] * float64(o.gamma[i])
			dot += second[i] * float64(o.gamma[i])
		}
		for i := g * width; i < (g+1)*width; i++ {
			scale[i] = T(rstd) * o.gamma[i]
			slope[i] = T(-rstd * rstd * rstd * dot / n)
			shift[i] = T(-rstd * dy / n)
		}
	}
}

func (o *channelNormOp[T]) gradientOf(tile int) {
	p := tile / o.chunks()
	kernels.ColumnNormGrad(o.chunk(o.call.DIn[0], tile), o.chunk(o.call.DOut[0], tile), o.chunk(o.call.In[0], tile),
		o.vector(p, 0), o.vector(p, 1), o.vector(p, 2), o.vector(p, 3))
}
