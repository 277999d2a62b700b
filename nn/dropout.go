package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/tensor"
)

// Dropout sets each element to 0 with probability Rate in training, and divides the others
// by 1-Rate so that the mean stays (Srivastava et al. 2014, inverted). Otherwise it does
// nothing. Input and output: any shape.
//
// Gradient: dx = dy * mask/(1-Rate). The mask is not kept: it is drawn again.
type Dropout struct {
	Rate float64 // in [0, 1)
}

func init() { Register("dropout", 1, Dropout{}) }

func (Dropout) onlyInTraining() {}

// Infer returns the input's shape.
func (d Dropout) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	if !(d.Rate >= 0 && d.Rate < 1) {
		return Signature{}, fmt.Errorf("Rate is %v, want at least 0 and less than 1", d.Rate)
	}
	return Signature{Outputs: []Shape{in[0].Clone()}}, nil
}

// Compile returns the arithmetic; it can run in place.
func (d Dropout) Compile(batch int, in []Shape) Routine {
	return Routine{
		New32:       func() Op[float32] { return newDropoutOp[float32](d) },
		New64:       func() Op[float64] { return newDropoutOp[float64](d) },
		InPlace:     true,
		GradInPlace: []int{0},
		FLOPs:       int64(batch * in[0].Elems()),
	}
}

type dropoutOp[T tensor.Float] struct {
	rate   float64
	call   *Call[T]
	to, of []T
	sample tiles
}

func newDropoutOp[T tensor.Float](d Dropout) *dropoutOp[T] {
	o := &dropoutOp[T]{rate: d.Rate}
	o.sample = func(n int) {
		to, of := sampleOf(o.to, n, o.call.Batch), sampleOf(o.of, n, o.call.Batch)
		key := o.call.Random.Fork(o.call.First + uint64(n))
		keep := T(1 / (1 - o.rate))
		for i, x := range of {
			if key.Float64(uint64(i)) < o.rate {
				to[i] = 0
			} else {
				to[i] = x * keep
			}
		}
	}
	return o
}

func (o *dropoutOp[T]) run(c *Call[T], to, of []T) {
	if !c.Training {
		copy(to, of)
		return
	}
	o.call, o.to, o.of = c, to, of
	c.Team.Run(c.Batch, &o.sample)
}

func (o *dropoutOp[T]) Forward(c *Call[T]) { o.run(c, c.Out[0], c.In[0]) }

func (o *dropoutOp[T]) Backward(c *Call[T]) {
	if c.DIn[0] != nil {
		o.run(c, c.DIn[0], c.DOut[0])
	}
}
