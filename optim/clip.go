package optim

import (
	"math"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// NormClip limits the Euclidean norm of the whole gradient to Max, keeping its
// direction (Pascanu et al. 2013; Keras's global_clipnorm). After its first use it
// allocates nothing.
type NormClip struct {
	Max float64 `json:"max"` // above 0

	norm  kernels.Norm
	scale float32
	grads []float32
	each  *kernels.Each
}

// Clip scales grads by Max/norm where their norm exceeds Max, and returns the norm
// that they had. A norm that is NaN or infinite is returned, and grads stay as they
// are, so that the step's own check can name the layer.
func (c *NormClip) Clip(team *Team, grads []float32) float64 {
	norm := math.Sqrt(c.norm.SumSquares(team, grads))
	if !(norm > c.Max) || math.IsInf(norm, 1) {
		return norm
	}
	if c.each == nil {
		c.each = kernels.NewEach(func(lo, hi int) {
			kernels.Scale(c.scale, c.grads[lo:hi], c.grads[lo:hi])
		})
	}
	c.scale, c.grads = float32(c.Max/norm), grads
	c.each.Run(team, len(grads))
	return norm
}

// ClipNorm is [NormClip.Clip] for a single use.
func ClipNorm(team *Team, grads []float32, limit float64) float64 {
	return (&NormClip{Max: limit}).Clip(team, grads)
}
