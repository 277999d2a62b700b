package dataset

import (
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// Key is the source of a sample's draws: a name for corruptions written outside this module.
type Key = rng.Key

// Corruption spoils one picture in place.
type Corruption interface {
	// Corrupt changes x, a picture [H, W, C] of the shape s with values in 0..1, and
	// leaves values in 0..1. All it draws it takes from the key, at fixed counters. It
	// must be safe for concurrent use, and should not allocate.
	Corrupt(k Key, x []float32, s tensor.Shape)
}

// GaussianNoise adds to every value normal noise of one standard deviation for the whole
// picture, drawn uniformly from Min to Max, and clips to 0..1. The picture's range
// is 1: a sigma of 25 in the 8-bit literature is 25/255 here. Min equal to Max gives
// every picture the same sigma.
type GaussianNoise struct{ Min, Max float64 }

// Validate wants 0 <= Min <= Max.
func (g GaussianNoise) Validate() error {
	if !(g.Min >= 0 && g.Min <= g.Max) || math.IsInf(g.Max, 0) {
		return fmt.Errorf("gaussian noise: sigma from %v to %v, want 0 <= min <= max", g.Min, g.Max)
	}
	return nil
}

// Corrupt implements [Corruption].
func (g GaussianNoise) Corrupt(k Key, x []float32, _ tensor.Shape) {
	sigma := float32(g.Min + (g.Max-g.Min)*k.Fork(0).Float64(0))
	normals := k.Fork(1)
	var noise [256]float32
	for from := 0; from < len(x); from += len(noise) {
		part := x[from:min(from+len(noise), len(x))]
		normals.Normals(noise[:len(part)], uint64(from))
		for i, n := range noise[:len(part)] {
			part[i] = clip(part[i] + float32(sigma*n))
		}
	}
}

// clip limits v to 0..1, without a branch: half of all noisy black values are negative,
// in no order that a processor could foresee. Below zero the sign bit becomes a mask
// that clears all others; above, numbers are ordered as their bits are.
func clip(v float32) float32 {
	b := math.Float32bits(v)
	b &^= uint32(int32(b) >> 31)
	return math.Float32frombits(min(b, 0x3f800000))
}

// SaltPepper replaces each pixel, all its channels together, with probability P by white
// or black, one as often as the other.
type SaltPepper struct{ P float64 }

// Validate wants 0 <= P <= 1.
func (c SaltPepper) Validate() error {
	if !(c.P >= 0 && c.P <= 1) {
		return fmt.Errorf("salt and pepper: probability %v, want 0 to 1", c.P)
	}
	return nil
}

// Corrupt implements [Corruption].
func (c SaltPepper) Corrupt(k Key, x []float32, s tensor.Shape) {
	channels := s[len(s)-1]
	spoilt := uint64(c.P * 0x1p53)
	for i := 0; i*channels < len(x); i++ {
		u := k.Uint64(uint64(i)) >> 11
		if u >= spoilt {
			continue
		}
		value := float32(u & 1) // white or black
		fill(x[i*channels:(i+1)*channels], value)
	}
}

func fill(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}

// Poisson makes every value what a sensor counts when white yields Peak photons on
// average: a Poisson number of mean x*Peak, divided by Peak, clipped to 0..1. The
// smaller the peak, the stronger the noise.
type Poisson struct{ Peak float64 }

// Validate wants 0 < Peak <= 1e6.
func (c Poisson) Validate() error {
	if !(c.Peak > 0 && c.Peak <= 1e6) {
		return fmt.Errorf("poisson noise: peak %v, want more than 0, at most 1e6 photons", c.Peak)
	}
	return nil
}

// Corrupt implements [Corruption].
func (c Poisson) Corrupt(k Key, x []float32, _ tensor.Shape) {
	for i, v := range x {
		if v > 0 {
			x[i] = clip(float32(poisson(k.Fork(uint64(i)), float64(v)*c.Peak) / c.Peak))
		}
	}
}

// poisson draws a Poisson number of the given mean, more than 0: by inversion where
// the mean is small, else by rejection, algorithm PTRS of Hörmann, "The transformed
// rejection method for generating Poisson random variables" (1993).
func poisson(k rng.Key, mean float64) float64 {
	if mean < 10 {
		u, n := k.Float64(0), 0.0
		for p := math.Exp(-mean); u >= p && n < 200; p *= mean / n {
			u -= p
			n++
		}
		return n
	}
	logMean := math.Log(mean)
	b := 0.931 + 2.53*math.Sqrt(mean)
	a := -0.059 + 0.02483*b
	invAlpha := 1.1239 + 1.1328/(b-3.4)
	vr := 0.9277 - 3.6224/(b-2)
	for draw := uint64(0); ; draw += 2 {
		u, v := k.Float64(draw)-0.5, 1-k.Float64(draw+1)
		us := 0.5 - math.Abs(u)
		n := math.Floor((2*a/us+b)*u + mean + 0.43)
		if us >= 0.07 && v <= vr {
			return n
		}
		if n < 0 || us < 0.013 && v > us {
			continue
		}
		lg, _ := math.Lgamma(n + 1)
		if math.Log(v)+math.Log(invAlpha)-math.Log(a/(us*us)+b) <= n*logMean-mean-lg {
			return n
		}
	}
}

// Erase overwrites Count rectangles (0 means one) with Value. Each has its own height
// and width, drawn uniformly as shares Min to Max of the picture's, rounded to at least
// one pixel, and lies anywhere inside the picture; rectangles may overlap.
type Erase struct {
	Count    int
	Min, Max float64
	Value    float64
}

// Validate wants a count that is not negative, 0 < Min <= Max <= 1 and a Value in 0..1.
func (c Erase) Validate() error {
	switch {
	case c.Count < 0 || c.Count > 10000:
		return fmt.Errorf("erase: %d rectangles, want 0 (one) to 10000", c.Count)
	case !(c.Min > 0 && c.Min <= c.Max && c.Max <= 1):
		return fmt.Errorf("erase: sides from %v to %v of the picture's, want 0 < min <= max <= 1", c.Min, c.Max)
	case !(c.Value >= 0 && c.Value <= 1):
		return fmt.Errorf("erase: value %v, want 0 to 1", c.Value)
	}
	return nil
}

// Corrupt implements [Corruption].
func (c Erase) Corrupt(k Key, x []float32, s tensor.Shape) {
	height, width, channels := s[0], s[1], s[2]
	side := func(draw uint64, whole int) int {
		share := c.Min + (c.Max-c.Min)*k.Float64(draw)
		return min(max(int(math.Round(share*float64(whole))), 1), whole)
	}
	for r := range uint64(max(c.Count, 1)) {
		h, w := side(4*r, height), side(4*r+1, width)
		top, left := k.IntN(4*r+2, height-h+1), k.IntN(4*r+3, width-w+1)
		for y := top; y < top+h; y++ {
			row := (y*width + left) * channels
			fill(x[row:row+w*channels], float32(c.Value))
		}
	}
}
