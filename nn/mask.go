package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/tensor"
)

// A mask is the last, optional input of many losses: weights, at least 0, that say how
// much an element counts; 0 leaves it out. Its shape is the prediction's, or the
// prediction's with 1 or nothing for the last axis: one weight a pixel. The loss then is
// the mean by these weights over the whole batch. So that the mean over the batch of one
// number a sample is that, sample i of N contributes
//
//	N * sum over i (m*f) / sum over the batch (m).
//
// A batch that is masked altogether has the loss 0. A mask has no gradient.

// shapesFit reports whether two shapes agree, as far as they are known.
func shapesFit(a, b Shape) bool {
	if len(a) != len(b) {
		return false
	}
	for axis, d := range a {
		if d != b[axis] && d != Any && b[axis] != Any {
			return false
		}
	}
	return true
}

// perPixel reports whether s is the shape of one number for each vector along the last
// axis of a value of shape p: p without that axis, or with 1 for it.
func perPixel(s, p Shape) bool {
	if len(p) == 0 {
		return false
	}
	pixels := p[:len(p)-1]
	return shapesFit(s, pixels) || len(s) == len(p) && s[len(s)-1] == 1 && shapesFit(s[:len(pixels)], pixels)
}

// inferMaskedLoss is the shape rule of a loss of prediction, target and, if there is a
// third input, a mask.
func inferMaskedLoss(in []Shape) (Signature, error) {
	if len(in) != 3 {
		return inferLoss(in)
	}
	if !shapesFit(in[2], in[0]) && !perPixel(in[2], in[0]) {
		return Signature{}, fmt.Errorf("takes a mask of the prediction's shape or one number a pixel, got %v for %v", in[2], in[0])
	}
	return inferLoss(in[:2])
}

// inferPixelMask checks the optional mask, input i, of a loss whose mask weighs whole
// pixels.
func inferPixelMask(in []Shape, i int) error {
	if len(in) == i+1 && !perPixel(in[i], in[0]) {
		return fmt.Errorf("takes a mask of one number a pixel, got %v for %v", in[i], in[0])
	}
	return nil
}

// maskOf is sample n's part of a loss' mask, input i, nil where there is none.
func maskOf[T tensor.Float](c *Call[T], i, n int) []T {
	if len(c.In) <= i {
		return nil
	}
	return sampleOf(c.In[i], n, c.Batch)
}

// clearGrads sets the gradients of the inputs from i on, if anybody wants them, to 0:
// those of labels and masks.
func clearGrads[T tensor.Float](c *Call[T], i int) {
	for _, d := range c.DIn[min(i, len(c.DIn)):] {
		clear(d)
	}
}

// newMeanLoss is the arithmetic of an elementwise loss of the inputs' shapes, with a mask
// if there is a third. value and grad are as in pairLoss.
func newMeanLoss[T tensor.Float](batch int, in []Shape, value func(p, t []T) T, grad func(dp, dt, p, t []T, scale T)) Op[T] {
	if len(in) == 2 {
		return newPairLoss(in[0].Elems(), value, grad)
	}
	o := &maskedLoss[T]{value: value, grad: grad, per: in[0].Elems() / in[2].Elems()}
	o.sums, o.weights = make([]float64, batch), make([]float64, batch)
	o.forward, o.backward = o.sumSample, o.gradSample
	return o
}

// maskedLoss is an elementwise loss' mean by the weights of a mask.
type maskedLoss[T tensor.Float] struct {
	value             func(p, t []T) T
	grad              func(dp, dt, p, t []T, scale T)
	per               int // consecutive elements that share a weight
	call              *Call[T]
	sums, weights     []float64 // by sample
	total             float64   // of the weights of all elements
	forward, backward tiles
}

func (o *maskedLoss[T]) Forward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch, &o.forward)
	o.total = 0
	for _, w := range o.weights {
		o.total += w * float64(o.per)
	}
	shareOut(c.Out[0], o.sums, o.total)
}

// shareOut sets every sample's number to its part of a mean that is taken over the whole
// batch, the sum of sums divided by total, such that their mean is that mean. Where
// nothing counts they are 0.
func shareOut[T tensor.Float](out []T, sums []float64, total float64) {
	for n, s := range sums {
		out[n] = 0
		if total != 0 {
			out[n] = T(float64(len(out)) * s / total)
		}
	}
}

// meanFactor is the factor of shareOut: by it a sample's sum becomes its number.
func meanFactor(batch int, total float64) float64 {
	if total == 0 {
		return 0
	}
	return float64(batch) / total
}

func (o *maskedLoss[T]) sumSample(n int) {
	c := o.call
	p, t, m := sampleOf(c.In[0], n, c.Batch), sampleOf(c.In[1], n, c.Batch), maskOf(c, 2, n)
	sum, weight := 0.0, 0.0
	for i, w := range m {
		if w == 0 {
			continue // what is masked may be not a number
		}
		at := i * o.per
		sum += float64(w) * float64(o.value(p[at:at+o.per], t[at:at+o.per]))
		weight += float64(w)
	}
	o.sums[n], o.weights[n] = sum, weight
}

func (o *maskedLoss[T]) Backward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch, &o.backward)
	clearGrads(c, 2)
}

func (o *maskedLoss[T]) gradSample(n int) {
	c := o.call
	p, t, m := sampleOf(c.In[0], n, c.Batch), sampleOf(c.In[1], n, c.Batch), maskOf(c, 2, n)
	dp, dt := sampleOf(c.DIn[0], n, c.Batch), sampleOf(c.DIn[1], n, c.Batch)
	scale := float64(c.DOut[0][n]) * meanFactor(c.Batch, o.total)
	for i, w := range m {
		at, end := i*o.per, (i+1)*o.per
		dpi, dti := partOf(dp, at, end), partOf(dt, at, end)
		if w == 0 {
			clear(dpi)
			clear(dti)
			continue
		}
		o.grad(dpi, dti, p[at:end], t[at:end], T(scale*float64(w)))
	}
}

// partOf is x[lo:hi], nil for nil.
func partOf[T tensor.Float](x []T, lo, hi int) []T {
	if x == nil {
		return nil
	}
	return x[lo:hi]
}

// workerTiles makes a function of the tile's number and the worker's a task for a team.
type workerTiles func(tile, worker int)

// Do runs a tile.
func (f *workerTiles) Do(tile, worker int) { (*f)(tile, worker) }
