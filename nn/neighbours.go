package nn

import (
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// neighboursOp is what losses over pairs of neighbouring pixels share: for each axis the
// weighted mean of |e|^power over the pairs, e being the contrast of the target, 0 where there
// is none, less that of the picture.
type neighboursOp[T tensor.Float] struct {
	power             float64
	pictures          int // 1, or 2 with a target; a mask is the input after them
	h, w, ch          int
	call              *Call[T]
	sums, weights     [2][]float64 // by axis and sample
	total             [2]float64   // of the weights
	forward, backward tiles
}

func inferNeighbours(power float64, pictures int, in []Shape) (Signature, error) {
	if !(power >= 0) {
		return Signature{}, fmt.Errorf("Power is %v, want more than 0", power)
	}
	if len(in) < pictures || len(in) > pictures+1 {
		return Signature{}, fmt.Errorf("takes %d inputs and a mask if wanted, got %d", pictures, len(in))
	}
	if err := wantSameShapes(in[:pictures], pictures); err != nil {
		return Signature{}, err
	}
	if len(in[0]) != 3 {
		return Signature{}, fmt.Errorf("takes pictures [H W C], got %v", in[0])
	}
	return Signature{Outputs: []Shape{{}}}, inferPixelMask(in, pictures)
}

func compileNeighbours(power float64, pictures, batch int, in []Shape) Routine {
	return Routine{
		New32:  func() Op[float32] { return newNeighbours[float32](power, pictures, batch, in[0]) },
		New64:  func() Op[float64] { return newNeighbours[float64](power, pictures, batch, in[0]) },
		KeepIn: true,
		FLOPs:  int64(10 * batch * in[0].Elems()),
	}
}

func newNeighbours[T tensor.Float](power float64, pictures, batch int, s Shape) *neighboursOp[T] {
	o := &neighboursOp[T]{power: power, pictures: pictures, h: s[0], w: s[1], ch: s[2]}
	for axis := range o.sums {
		o.sums[axis], o.weights[axis] = make([]float64, batch), make([]float64, batch)
	}
	o.forward, o.backward = o.sample, o.gradSample
	return o
}

func (o *neighboursOp[T]) Forward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch, &o.forward)
	for axis := range o.total {
		o.total[axis] = 0
		for _, w := range o.weights[axis] {
			o.total[axis] += w
		}
	}
	for n := range c.Out[0] {
		c.Out[0][n] = T(o.sums[0][n]*meanFactor(c.Batch, o.total[0]) + o.sums[1][n]*meanFactor(c.Batch, o.total[1]))
	}
}

func (o *neighboursOp[T]) Backward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch, &o.backward)
	clearGrads(c, o.pictures)
}

// axis is the rows and columns of pixels that have a neighbour, and how many pixels further
// it is.
func (o *neighboursOp[T]) axis(axis int) (rows, cols, step int) {
	if axis == 0 {
		return o.h - 1, o.w, o.w
	}
	return o.h, o.w - 1, 1
}

// target is sample n of the target or of its gradient, nil where there is none.
func (o *neighboursOp[T]) target(x [][]T, n int) []T {
	if o.pictures < 2 {
		return nil
	}
	return sampleOf(x[1], n, o.call.Batch)
}

// pairWeight is that of the pair of pixels px and px+step.
func pairWeight[T tensor.Float](mask []T, px, step int) float64 {
	if mask == nil {
		return 1
	}
	return float64(mask[px]) * float64(mask[px+step])
}

// contrast is the differences of element i to element j of the picture and of the target, and
// the difference e of their magnitudes.
func contrast[T tensor.Float](p, t []T, i, j int) (dp, dt, e float64) {
	dp = float64(p[j]) - float64(p[i])
	if t != nil {
		dt = float64(t[j]) - float64(t[i])
	}
	return dp, dt, math.Abs(dt) - math.Abs(dp)
}

func (o *neighboursOp[T]) sample(n int) {
	p, t, mask := sampleOf(o.call.In[0], n, o.call.Batch), o.target(o.call.In, n), maskOf(o.call, o.pictures, n)
	for axis := range o.sums {
		rows, cols, step := o.axis(axis)
		sum, total := 0.0, 0.0
		for y := range rows {
			for px := y * o.w; px < y*o.w+cols; px++ {
				w := pairWeight(mask, px, step)
				if w == 0 {
					continue
				}
				total += w * float64(o.ch)
				for i := px * o.ch; i < (px+1)*o.ch; i++ {
					_, _, e := contrast(p, t, i, i+step*o.ch)
					sum += w * math.Pow(math.Abs(e), o.power)
				}
			}
		}
		o.sums[axis][n], o.weights[axis][n] = sum, total
	}
}

func (o *neighboursOp[T]) gradSample(n int) {
	c := o.call
	p, t, mask := sampleOf(c.In[0], n, c.Batch), o.target(c.In, n), maskOf(c, o.pictures, n)
	gp, gt := sampleOf(c.DIn[0], n, c.Batch), o.target(c.DIn, n)
	clear(gp)
	clear(gt)
	for axis := range o.sums {
		rows, cols, step := o.axis(axis)
		scale := float64(c.DOut[0][n]) * meanFactor(c.Batch, o.total[axis])
		for y := range rows {
			for px := y * o.w; px < y*o.w+cols; px++ {
				w := pairWeight(mask, px, step)
				if w == 0 {
					continue
				}
				for i := px * o.ch; i < (px+1)*o.ch; i++ {
					j := i + step*o.ch
					dp, dt, e := contrast(p, t, i, j)
					if e == 0 {
						continue
					}
					g := scale * w * o.power * math.Copysign(math.Pow(math.Abs(e), o.power-1), e)
					addPair(gp, i, j, -g*signOf(dp))
					addPair(gt, i, j, g*signOf(dt))
				}
			}
		}
	}
}

// addPair adds the gradient g by x[j]-x[i].
func addPair[T tensor.Float](dx []T, i, j int, g float64) {
	if dx != nil {
		dx[j] += T(g)
		dx[i] -= T(g)
	}
}

// signOf is -1, 0 or 1.
func signOf(v float64) float64 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}
