package dataset

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// Downscale shrinks a picture Factor times, by an area of triangles (bilinear, against
// aliasing), rounding its size up, and enlarges it again bilinearly to the size it had: what is
// left of a picture that was taken too small. What a network makes of it is super-resolution.
type Downscale struct{ Factor int }

// Validate wants a factor from 2 to 16.
func (c Downscale) Validate() error {
	if c.Factor < 2 || c.Factor > 16 {
		return fmt.Errorf("downscale: factor %d, want 2 to 16", c.Factor)
	}
	return nil
}

// Corrupt implements [Corruption]; it draws nothing, and allocates the small picture.
func (c Downscale) Corrupt(_ Key, x []float32, s tensor.Shape) {
	h, w, channels := s[0], s[1], s[2]
	small := [2]int{(h + c.Factor - 1) / c.Factor, (w + c.Factor - 1) / c.Factor}
	shrunk := make([]float32, small[0]*small[1]*channels)
	resample(shrunk, small, x, [2]int{h, w}, channels)
	resample(x, [2]int{h, w}, shrunk, small, channels)
}

// resample resizes a picture bilinearly, against aliasing where it shrinks.
func resample(dst []float32, to [2]int, src []float32, from [2]int, channels int) {
	var axes [2]*kernels.Axis
	for i := range axes {
		axes[i] = kernels.NewResampleAxis(from[i], to[i], kernels.Resampling{
			Interpolation: kernels.InterpolateLinear, Coordinates: kernels.HalfPixel, Border: kernels.BorderExclude, Antialias: true,
		})
	}
	k := kernels.NewSeparable[float32, float32](1, axes[0], axes[1], channels, 0)
	k.Run(nil, dst, src, make([]float32, kernels.SeparableScratch(1, to[0], from[1]*channels)))
}
