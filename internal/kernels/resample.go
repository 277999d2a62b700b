package kernels

import (
	"fmt"
	"math"
)

// Interpolation is how a sample between the input's is computed.
type Interpolation int

// The interpolations. All but the first three are a filter k(t) of the signed distance t
// of an input sample from the wanted position; its support is where it is not zero.
const (
	// InterpolateNearest takes one sample.
	InterpolateNearest Interpolation = iota
	// InterpolateArea is the mean of the output's footprint, samples that it covers in
	// part counting in part.
	InterpolateArea
	// InterpolateAdaptive is the mean of all samples that the footprint touches, each in
	// full: PyTorch's adaptive average pooling.
	InterpolateAdaptive
	InterpolateLinear // 1-|t| up to 1
	// InterpolateCubic is Keys (1981): (a+2)|t|³-(a+3)|t|²+1 up to 1, and
	// a|t|³-5a|t|²+8a|t|-4a up to 2.
	InterpolateCubic
	// InterpolateMitchell is the cubic of Mitchell and Netravali (1988), B = C = 1/3, up to 2.
	InterpolateMitchell
	InterpolateGaussian // exp(-2t²), sigma 1/2, below 3/2
	InterpolateLanczos2 // sinc(t)sinc(t/2) up to 2
	InterpolateLanczos3 // sinc(t)sinc(t/3) up to 3
	InterpolateLanczos5 // sinc(t)sinc(t/5) up to 5
	InterpolateBox      // 1 in (-1/2, 1/2]
	InterpolateHamming  // sinc(t)(0.54+0.46 cos(πt)) up to 1
)

// Coordinates is the rule for where output sample i of out lies among the in samples of
// the input. Scale is Resampling.Scale, or out/in where that is 0.
type Coordinates int

// The rules.
const (
	HalfPixel          Coordinates = iota // (i+1/2)/scale - 1/2: the outer edges coincide
	HalfPixelOrigin                       // HalfPixel; 0 where out is 1: PyTorch's rule in ONNX
	HalfPixelSymmetric                    // HalfPixel about the centre, where scale*in is not out
	HalfPixelUnshifted                    // (i+1/2)/scale: ONNX's for TensorFlow's nearest, with floor
	Asymmetric                            // i/scale: the first samples' centres coincide
	AlignCorners                          // i(in-1)/(out-1): the first and last centres do; 0 where out is 1
	AlignCornersScale                     // AlignCorners with scale*in, not rounded, for out
	Region                                // i over the part From to To of 0 to in-1; beyond it there is nothing
)

// Rounding says which sample is nearest to a position.
type Rounding int

// The roundings.
const (
	RoundPreferCeil  Rounding = iota // the nearest, of two the right one
	RoundPreferFloor                 // the nearest, of two the left one
	RoundFloor
	RoundCeil
)

// Resampling is how an axis is brought to another number of samples.
//
// Output i lies at x by the rule of Coordinates, and is the sum over j of
// k((j-x)/s)*input[j], divided by the sum of these weights. The width s is 1, or, with
// Antialias, max(1/scale, 1): shrinking then averages over all that it skips.
type Resampling struct {
	Interpolation Interpolation
	Coordinates   Coordinates
	Rounding      Rounding // for InterpolateNearest
	Border        Border
	CubicA        float64 // a of InterpolateCubic
	Antialias     bool
	Scale         float64 // what the caller asked for; 0 stands for out/in
	From, To      float64 // of Region, as parts of the input
	// WeightBits, if not 0, rounds the weights of a filter to multiples of 2^-WeightBits.
	WeightBits int
}

// NewResampleAxis computes the weights that bring in samples to out. It panics where a
// number is not positive or an option unknown.
func NewResampleAxis(in, out int, r Resampling) *Axis {
	if in < 1 || out < 1 || r.Scale < 0 || math.IsInf(r.Scale, 0) || math.IsNaN(r.Scale) {
		panic(fmt.Sprintf("kernels: resampling of %d samples to %d by scale %v", in, out, r.Scale))
	}
	a := newAxis(in, out)
	row := resampleRow{axis: a, r: r, weights: map[int]float64{}}
	row.width = 1
	if r.Antialias {
		row.width = math.Max(1/r.scale(in, out), 1)
	}
	row.kernel, row.support = r.filter()
	for i := range out {
		row.build(i)
		a.endRow()
	}
	return a
}

func (r *Resampling) scale(in, out int) float64 {
	if r.Scale > 0 {
		return r.Scale
	}
	return float64(out) / float64(in)
}

// position is where output i lies. Without a Scale it is one correctly rounded quotient
// of integers, so that a position on a sample, or half way between two, is exactly that.
func (r *Resampling) position(output, inputs, outputs int) float64 {
	i, in, out := float64(output), float64(inputs), float64(outputs)
	exact := r.Scale == 0
	switch r.Coordinates {
	case HalfPixel, HalfPixelOrigin:
		switch {
		case r.Coordinates == HalfPixelOrigin && out == 1:
			return 0
		case exact:
			return ((2*i+1)*in - out) / (2 * out)
		}
		return (i+.5)/r.Scale - .5
	case HalfPixelSymmetric:
		if exact {
			return ((2*i+1)*in - out) / (2 * out)
		}
		return in/2*(1-out/(r.Scale*in)) + (i+.5)/r.Scale - .5
	case HalfPixelUnshifted:
		if exact {
			return (2*i + 1) * in / (2 * out)
		}
		return (i + .5) / r.Scale
	case Asymmetric:
		if exact {
			return i * in / out
		}
		return i / r.Scale
	case AlignCorners, AlignCornersScale:
		switch {
		case out == 1:
			return 0
		case exact || r.Coordinates == AlignCorners:
			return i * (in - 1) / (out - 1)
		}
		return i * (in - 1) / (r.Scale*in - 1)
	case Region:
		if out == 1 {
			return (r.From + r.To) / 2 * (in - 1)
		}
		return i*(r.To-r.From)*(in-1)/(out-1) + r.From*(in-1)
	}
	panic(fmt.Sprintf("kernels: no coordinates number %d", r.Coordinates))
}

// round is the sample nearest to x.
func (r Rounding) round(x float64) int {
	switch r {
	case RoundPreferFloor:
		return int(math.Ceil(x - .5))
	case RoundFloor:
		return int(math.Floor(x))
	case RoundCeil:
		return int(math.Ceil(x))
	}
	return int(math.Floor(x + .5))
}

// resampleRow builds the rows of an axis, one after the other.
type resampleRow struct {
	axis           *Axis
	r              Resampling
	width, support float64
	kernel         func(t float64) float64
	weights        map[int]float64 // of the row, by input; border taps fall on one another
}

func (w *resampleRow) build(i int) {
	in, out := w.axis.In, w.axis.Out
	x := w.r.position(i, in, out)
	if w.r.Coordinates == Region && (x < 0 || x > float64(in-1)) {
		return
	}
	nearest := min(max(w.r.Rounding.round(x), 0), in-1)
	switch w.r.Interpolation {
	case InterpolateNearest:
		w.axis.tap(nearest, 1)
		return
	case InterpolateArea, InterpolateAdaptive:
		w.footprint(i)
		return
	}
	clear(w.weights)
	reach := w.support * w.width
	first, last := int(math.Ceil(x-reach)), int(math.Floor(x+reach))
	low, high, sum := in, -1, 0.
	for j := first; j <= last; j++ {
		k := w.kernel((float64(j) - x) / w.width)
		at := w.r.Border.at(j, in)
		if at < 0 || k == 0 {
			continue
		}
		w.weights[at] += k
		low, high, sum = min(low, at), max(high, at), sum+k
	}
	if sum == 0 { // nothing of the input is within reach
		w.axis.tap(nearest, 1)
		return
	}
	for j := low; j <= high; j++ {
		if k := w.r.fixed(w.weights[j] / sum); k != 0 {
			w.axis.tap(j, k)
		}
	}
}

// fixed rounds a weight to WeightBits.
func (r *Resampling) fixed(weight float64) float64 {
	if r.WeightBits == 0 {
		return weight
	}
	return math.Ldexp(math.Round(math.Ldexp(weight, r.WeightBits)), -r.WeightBits)
}

// footprint adds the taps of a mean over the output's footprint, i*in/out to (i+1)*in/out,
// where sample j covers j to j+1. All is counted in parts of 1/out.
func (w *resampleRow) footprint(i int) {
	in, out := int64(w.axis.In), int64(w.axis.Out)
	from, to := int64(i)*in, int64(i+1)*in
	if w.r.Interpolation == InterpolateAdaptive {
		from, to = from/out*out, (to+out-1)/out*out
	}
	for j := from / out; j*out < to; j++ {
		covered := min((j+1)*out, to) - max(j*out, from)
		w.axis.tap(int(j), float64(covered)/float64(to-from))
	}
}

// filter is the interpolation's k and its support; nil for those that have none.
func (r *Resampling) filter() (kernel func(t float64) float64, support float64) {
	switch r.Interpolation {
	case InterpolateNearest, InterpolateArea, InterpolateAdaptive:
		return nil, .5
	case InterpolateLinear:
		return func(t float64) float64 { return math.Max(1-math.Abs(t), 0) }, 1
	case InterpolateCubic:
		return func(t float64) float64 { return cubic(math.Abs(t), r.CubicA) }, 2
	case InterpolateMitchell:
		return func(t float64) float64 { return mitchell(math.Abs(t)) }, 2
	case InterpolateGaussian:
		return func(t float64) float64 {
			if math.Abs(t) >= 1.5 {
				return 0
			}
			return math.Exp(-2 * t * t)
		}, 1.5
	case InterpolateLanczos2:
		return func(t float64) float64 { return sinc(t) * sinc(t/2) }, 2
	case InterpolateLanczos3:
		return func(t float64) float64 { return sinc(t) * sinc(t/3) }, 3
	case InterpolateLanczos5:
		return func(t float64) float64 { return sinc(t) * sinc(t/5) }, 5
	case InterpolateBox:
		return func(t float64) float64 {
			if t > -.5 && t <= .5 {
				return 1
			}
			return 0
		}, .5
	case InterpolateHamming:
		return func(t float64) float64 { return sinc(t) * (.54 + .46*math.Cos(math.Pi*t)) }, 1
	}
	panic(fmt.Sprintf("kernels: no interpolation number %d", r.Interpolation))
}

// cubic is Keys' kernel of the distance t.
func cubic(t, a float64) float64 {
	switch {
	case t <= 1:
		return ((a+2)*t-(a+3))*t*t + 1
	case t < 2:
		return ((a*t-5*a)*t+8*a)*t - 4*a
	}
	return 0
}

// mitchell is Mitchell and Netravali's kernel of the distance t.
func mitchell(t float64) float64 {
	switch {
	case t < 1:
		return (7.*t/6-2)*t*t + 8./9
	case t < 2:
		return ((2-7*t/18)*t-10./3)*t + 16./9
	}
	return 0
}

// sinc is sin(πt)/(πt).
func sinc(t float64) float64 {
	if t == 0 {
		return 1
	}
	if t == math.Trunc(t) {
		return 0 // exactly, where the rounding of πt would leave a trace
	}
	return math.Sin(math.Pi*t) / (math.Pi * t)
}
