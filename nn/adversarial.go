package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/tensor"
)

// Goal is what an adversarial loss wants of a discriminator's scores (logits: the larger,
// the more real). A generative adversarial network (Goodfellow et al. 2014) is trained by
// turns: the discriminator on pictures of the data with the goal Real and on made ones with
// Fake, the generator on made ones with Fool.
type Goal string

// The goals. The zero value is none of them.
const (
	Real Goal = "real" // the discriminator's, where the picture is from the data
	Fake Goal = "fake" // the discriminator's, where the generator made it
	Fool Goal = "fool" // the generator's
)

func (g Goal) check() error {
	switch g {
	case Real, Fake, Fool:
		return nil
	}
	return fmt.Errorf("Goal is %q, want %q, %q or %q", string(g), Real, Fake, Fool)
}

// inferScores is the shape rule of an adversarial loss: scores of any shape, one number a
// picture or a map with one a patch.
func inferScores(g Goal, in []Shape) (Signature, error) {
	if err := g.check(); err != nil {
		return Signature{}, err
	}
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	return Signature{Outputs: []Shape{{}}}, nil
}

// compileScores is the arithmetic of an adversarial loss: the mean of value over a sample's
// scores, with its derivative.
func compileScores(batch int, in []Shape, value, slope func(z float64) float64) Routine {
	return Routine{
		New32:  func() Op[float32] { return newScoreLoss[float32](value, slope) },
		New64:  func() Op[float64] { return newScoreLoss[float64](value, slope) },
		KeepIn: true,
		FLOPs:  int64(4 * batch * in[0].Elems()),
	}
}

type scoreLoss[T tensor.Float] struct {
	call              *Call[T]
	forward, backward tiles
}

func newScoreLoss[T tensor.Float](value, slope func(z float64) float64) *scoreLoss[T] {
	o := &scoreLoss[T]{}
	o.forward = func(n int) {
		z, sum := sampleOf(o.call.In[0], n, o.call.Batch), 0.0
		for _, v := range z {
			sum += value(float64(v))
		}
		o.call.Out[0][n] = T(sum / float64(len(z)))
	}
	o.backward = func(n int) {
		z, dz := sampleOf(o.call.In[0], n, o.call.Batch), sampleOf(o.call.DIn[0], n, o.call.Batch)
		scale := float64(o.call.DOut[0][n]) / float64(len(z))
		for i, v := range z {
			dz[i] = T(scale * slope(float64(v)))
		}
	}
	return o
}

func (o *scoreLoss[T]) Forward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch, &o.forward)
}

func (o *scoreLoss[T]) Backward(c *Call[T]) {
	if c.DIn[0] != nil {
		o.call = c
		c.Team.Run(c.Batch, &o.backward)
	}
}
