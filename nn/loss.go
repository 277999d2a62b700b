package nn

import (
	"github.com/hourglass-go/hourglass/tensor"
)

// pairLoss is the arithmetic that elementwise losses share: for each sample the sum of a
// function of prediction and target over all elements, over a divisor: their number, for the mean.
//
// A loss takes two inputs of one shape, prediction and target, and its output has the
// empty shape: one number a sample. Its gradient by a prediction p of K elements is
// dp = dout/K * f'(p, t) for the divisor K.
type pairLoss[T tensor.Float] struct {
	value func(p, t []T) T // sum of f over the elements
	// grad sets dp and dt, either of which may be nil, to scale times the derivatives.
	grad              func(dp, dt, p, t []T, scale T)
	call              *Call[T]
	forward, backward tiles
}

func newPairLoss[T tensor.Float](divisor int, value func(p, t []T) T, grad func(dp, dt, p, t []T, scale T)) *pairLoss[T] {
	o := &pairLoss[T]{value: value, grad: grad}
	o.forward = func(n int) {
		p, t := sampleOf(o.call.In[0], n, o.call.Batch), sampleOf(o.call.In[1], n, o.call.Batch)
		o.call.Out[0][n] = o.value(p, t) / T(divisor)
	}
	o.backward = func(n int) {
		c := o.call
		p, t := sampleOf(c.In[0], n, c.Batch), sampleOf(c.In[1], n, c.Batch)
		dp, dt := sampleOf(c.DIn[0], n, c.Batch), sampleOf(c.DIn[1], n, c.Batch)
		o.grad(dp, dt, p, t, c.DOut[0][n]/T(divisor))
	}
	return o
}

// sampleOf is the part of a batch's values that belongs to sample n, nil for nil.
func sampleOf[T tensor.Float](x []T, n, batch int) []T {
	k := len(x) / batch
	return x[n*k : (n+1)*k : (n+1)*k]
}

func (o *pairLoss[T]) Forward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch, &o.forward)
}

func (o *pairLoss[T]) Backward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch, &o.backward)
}

// inferLoss is the shape rule of a loss of prediction and target.
func inferLoss(in []Shape) (Signature, error) {
	if err := wantSameShapes(in, 2); err != nil {
		return Signature{}, err
	}
	return Signature{Outputs: []Shape{{}}}, nil
}

// signed gives the gradients of a function of p-t: scale*g, and its negative by t.
func signed[T tensor.Float](dp, dt []T, i int, g T) {
	if dp != nil {
		dp[i] = g
	}
	if dt != nil {
		dt[i] = -g
	}
}
