package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/tensor"
)

// SpatialDropout sets whole channels of a sample to 0 with probability Rate in training,
// and divides the others by 1-Rate so that the mean stays (Tompson et al. 2015):
// neighbouring pixels say much the same, so that dropping them one by one, as [Dropout]
// does, hardly takes anything away. Otherwise it does nothing. Input and output: [..., C].
//
// Gradient: dx = dy * mask/(1-Rate). The mask is not kept: it is drawn again.
type SpatialDropout struct {
	Rate float64 // in [0, 1)
}

func init() { Register("spatial_dropout", 1, SpatialDropout{}) }

func (SpatialDropout) onlyInTraining() {}

// Infer returns the input's shape.
func (d SpatialDropout) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	if _, err := normChannels(in[0]); err != nil {
		return Signature{}, err
	}
	if !(d.Rate >= 0 && d.Rate < 1) {
		return Signature{}, fmt.Errorf("Rate is %v, want at least 0 and less than 1", d.Rate)
	}
	return Signature{Outputs: []Shape{in[0].Clone()}}, nil
}

// Compile returns the arithmetic; it can run in place.
func (d SpatialDropout) Compile(batch int, in []Shape) Routine {
	ch := in[0][len(in[0])-1]
	return Routine{
		New32:   func() Op[float32] { return newSpatialDropoutOp[float32](d, ch) },
		New64:   func() Op[float64] { return newSpatialDropoutOp[float64](d, ch) },
		InPlace: true,
		Scratch: batch * ch, // the factor of each channel
		FLOPs:   int64(batch * in[0].Elems()),
	}
}

type spatialDropoutOp[T tensor.Float] struct {
	rate   float64
	ch     int
	call   *Call[T]
	to, of []T
	sample tiles
}

func newSpatialDropoutOp[T tensor.Float](d SpatialDropout, ch int) *spatialDropoutOp[T] {
	o := &spatialDropoutOp[T]{rate: d.Rate, ch: ch}
	o.sample = func(n int) {
		to, of := sampleOf(o.to, n, o.call.Batch), sampleOf(o.of, n, o.call.Batch)
		key := o.call.Random.Fork(o.call.First + uint64(n))
		factor := o.call.Scratch[n*o.ch:][:o.ch]
		for i := range factor {
			factor[i] = 0
			if key.Float64(uint64(i)) >= o.rate {
				factor[i] = T(1 / (1 - o.rate))
			}
		}
		for ; len(of) > 0; to, of = to[o.ch:], of[o.ch:] {
			for i, f := range factor {
				to[i] = of[i] * f
			}
		}
	}
	return o
}

func (o *spatialDropoutOp[T]) run(c *Call[T], to, of []T) {
	if !c.Training {
		copy(to, of)
		return
	}
	o.call, o.to, o.of = c, to, of
	c.Team.Run(c.Batch, &o.sample)
}

func (o *spatialDropoutOp[T]) Forward(c *Call[T]) { o.run(c, c.Out[0], c.In[0]) }

func (o *spatialDropoutOp[T]) Backward(c *Call[T]) {
	if c.DIn[0] != nil {
		o.run(c, c.DIn[0], c.DOut[0])
	}
}
