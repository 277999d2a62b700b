package imageio

import (
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// Filter is an interpolation kernel.
type Filter int

// The filters, with their kernels over the distance t of an input pixel's centre from
// the output pixel's, in input pixels.
const (
	// Nearest takes the input pixel that holds the output pixel's centre.
	Nearest Filter = iota
	// Area averages the input over the output pixel's footprint, pixels that it covers
	// in part counting in part. It is its own antialiasing.
	Area
	// Bilinear is the tent 1-|t|.
	Bilinear
	// Bicubic is the cubic of Keys (1981), with a = -1/2 unless Resampling.CubicA is set:
	// (a+2)|t|^3 - (a+3)|t|^2 + 1 up to 1, a|t|^3 - 5a|t|^2 + 8a|t| - 4a up to 2.
	Bicubic
	Lanczos3 // sinc(t) sinc(t/3) up to 3
	Lanczos2 // sinc(t) sinc(t/2) up to 2
	Box      // 1 within a half; antialiased, the mean of the pixels whose centres the footprint holds
	Hamming  // sinc(t) (0.54 + 0.46 cos(pi t)) up to 1
)

var filters = [...]struct {
	name   string
	method kernels.Interpolation
}{
	Nearest:  {"nearest", kernels.InterpolateNearest},
	Area:     {"area", kernels.InterpolateArea},
	Bilinear: {"bilinear", kernels.InterpolateLinear},
	Bicubic:  {"bicubic", kernels.InterpolateCubic},
	Lanczos3: {"lanczos3", kernels.InterpolateLanczos3},
	Lanczos2: {"lanczos2", kernels.InterpolateLanczos2},
	Box:      {"box", kernels.InterpolateBox},
	Hamming:  {"hamming", kernels.InterpolateHamming},
}

// String returns the filter's name: "bicubic".
func (f Filter) String() string {
	if f < 0 || int(f) >= len(filters) {
		return fmt.Sprintf("Filter(%d)", int(f))
	}
	return filters[f].name
}

// Border is what a filter meets where it reaches beyond the picture.
type Border int

// The borders.
const (
	BorderExclude   Border = iota // nothing: the weights of the pixels inside are brought to the sum 1
	BorderSymmetric               // the picture's mirror image: c b a | a b c
	BorderEdge                    // the border's pixel again and again: a a a | a b c
)

var borders = [...]kernels.Border{kernels.BorderExclude, kernels.BorderSymmetric, kernels.BorderEdge}

// Steps says whether a picture is rounded to its depth after the first of the two axes,
// as programs do that keep 8 bits throughout, and which axis that is.
type Steps int

// The steps.
const (
	OneStep Steps = iota // rounded once, at the end
	// WidthFirst is Pillow's up to version 12. At a depth of 8 the weights are multiples of
	// 2^-22, as there.
	WidthFirst
	// TallFirst is Pillow's from version 13 on: WidthFirst, but the height first where it
	// loses more than twice the pixels that the width does.
	TallFirst
	// SmallerFirst is MATLAB's: the axis of the smaller ratio out/in, of two equal ones the
	// height.
	SmallerFirst
)

// Resampling is how a picture is brought to another size. Output pixel i has its centre
// at x = (i + 1/2) in/out - 1/2 in the input (half-pixel coordinates), and is the sum
//
//	out[i] = sum over j of k((j - x)/s) in[j]  /  sum over j of k((j - x)/s)
//
// over the input pixels j and what Border puts beside them. The width s of the kernel k is
// 1, or, antialiased, max(in/out, 1): shrinking then first blurs away what the smaller
// picture cannot show. Rows and columns are filtered apart. The zero Border is that of
// tf.image.resize, with its flag antialias; [MATLAB] and [PIL] name the behaviour of others.
type Resampling struct {
	Filter    Filter
	Antialias bool // no meaning for Nearest and Area
	Border    Border
	CubicA    float64 // a of Bicubic, -1/2 where it is 0
	Steps     Steps   // of [Picture.Resize], not of tensors; no meaning with an alpha channel
}

// MATLAB is what imresize does by default: antialiased, except for Nearest, with symmetric
// borders. It is how the pictures of published super-resolution results were shrunk.
func MATLAB(f Filter) Resampling {
	return Resampling{Filter: f, Antialias: f != Nearest, Border: BorderSymmetric, Steps: SmallerFirst}
}

// PIL is what Image.resize of Pillow does: antialiased, except for Nearest, the weights of
// what lies outside dropped. It is that of version 13; Steps says what was different before.
func PIL(f Filter) Resampling {
	return Resampling{Filter: f, Antialias: f != Nearest, Steps: TallFirst}
}

// axis returns the weights that bring one axis from in to out pixels.
// Bits, if not 0, is the precision of the weights.
func (r Resampling) axis(in, out, bits int) *kernels.Axis {
	a := r.CubicA
	if a == 0 {
		a = -.5
	}
	return kernels.NewResampleAxis(in, out, kernels.Resampling{
		Interpolation: filters[r.Filter].method, Antialias: r.Antialias, Border: borders[r.Border], CubicA: a,
		WeightBits: bits,
	})
}

func (r Resampling) check() error {
	if r.Filter < 0 || int(r.Filter) >= len(filters) {
		return fmt.Errorf("imageio: there is no filter %v", r.Filter)
	}
	if r.Steps < OneStep || r.Steps > SmallerFirst {
		return fmt.Errorf("imageio: there are no steps number %d", r.Steps)
	}
	if r.Border < 0 || int(r.Border) >= len(borders) {
		return fmt.Errorf("imageio: there is no border number %d", r.Border)
	}
	return nil
}

// ResizeTensor returns a tensor [H, W, C] brought to [h, w, C]. Sums are taken in
// float64. Values are not clipped: bicubic and Lanczos overshoot at edges. It fails
// where the shape has not three axes, or a size is not positive.
func ResizeTensor(t *tensor.Tensor, h, w int, r Resampling) (*tensor.Tensor, error) {
	if len(t.Shape) != 3 || t.Shape.Elems() == 0 {
		return nil, fmt.Errorf("imageio: a tensor of shape %v cannot be resized; [H W C] can", t.Shape)
	}
	if h < 1 || w < 1 {
		return nil, fmt.Errorf("imageio: resizing to %dx%d; both sides must be at least 1", w, h)
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	inH, inW, ch := t.Shape[0], t.Shape[1], t.Shape[2]
	out := tensor.New(h, w, ch)
	resize := kernels.NewSeparable[float64, float32](1, r.axis(inH, h, 0), r.axis(inW, w, 0), ch, 0)
	resize.Run(nil, out.Data, t.Data, make([]float64, kernels.SeparableScratch(1, h, inW*ch)))
	return out, nil
}

// Resize returns the picture at another size, h high and w wide, with its depth and
// metadata. Colours are weighted by their opacity, so that what lies under transparent
// pixels does not bleed into the visible. It panics where a size is not positive.
func (p *Picture) Resize(h, w int, r Resampling) *Picture {
	if h < 1 || w < 1 {
		panic(fmt.Sprintf("imageio: resizing %v to %dx%d; both sides must be at least 1", p, w, h))
	}
	if w == p.Width && h == p.Height {
		return p.Clone()
	}
	if r.Steps != OneStep && !p.HasAlpha() {
		return p.resizeInSteps(h, w, r)
	}
	t := p.ToTensor()
	if p.HasAlpha() {
		premultiply(t)
	}
	t, err := ResizeTensor(t, h, w, r)
	if err != nil {
		panic(err.Error())
	}
	if p.HasAlpha() {
		unpremultiply(t)
	}
	q, err := FromTensor(t, p.Depth)
	if err != nil {
		panic(err.Error()) // no number here can be NaN
	}
	q.Metadata = p.Metadata
	return q
}

// pillowBits is the precision of Pillow's weights for pictures of 8 bits.
const pillowBits = 22

// resizeInSteps resizes one axis after the other and rounds after each.
func (p *Picture) resizeInSteps(h, w int, r Resampling) *Picture {
	if err := r.check(); err != nil {
		panic(err.Error())
	}
	x := make([]float64, p.samples())
	for i := range x {
		x[i] = float64(p.sample(i)) // not divided by Max, so that halves are exact
	}
	bits := 0
	if r.Steps != SmallerFirst && p.Depth == 8 {
		bits = pillowBits
	}
	rows, cols := r.axis(p.Height, h, bits), r.axis(p.Width, w, bits)
	stay := func(n int) *kernels.Axis { return kernels.NewPadAxis(n, 0, 0, kernels.BorderZero) }
	heightFirst := r.Steps == SmallerFirst && h*p.Width <= w*p.Height ||
		r.Steps == TallFirst && h < p.Height && p.Height-h > 2*(p.Width-w)
	if heightFirst {
		x = p.step(x, rows, stay(p.Width))
		x = p.step(x, stay(h), cols)
	} else {
		x = p.step(x, stay(p.Height), cols)
		x = p.step(x, rows, stay(w))
	}
	q := p.like(w, h, p.Channels)
	for i, v := range x {
		q.setSample(i, int(v))
	}
	return q
}

// step maps the samples x of a picture with p's depth and channels, and rounds them.
func (p *Picture) step(x []float64, rows, cols *kernels.Axis) []float64 {
	y := make([]float64, rows.Out*cols.Out*p.Channels)
	scratch := make([]float64, kernels.SeparableScratch(1, rows.Out, cols.In*p.Channels))
	kernels.NewSeparable[float64, float64](1, rows, cols, p.Channels, 0).Run(nil, y, x, scratch)
	for i, v := range y {
		y[i] = math.Floor(min(max(v, 0), float64(p.Max())) + .5)
	}
	return y
}

// premultiply multiplies the colours of a picture [H, W, C] by its last channel.
func premultiply(t *tensor.Tensor) {
	ch := t.Shape[2]
	for px := t.Data; len(px) > 0; px = px[ch:] {
		for c := range ch - 1 {
			px[c] *= px[ch-1]
		}
	}
}

// unpremultiply is its inverse; transparent pixels become black.
func unpremultiply(t *tensor.Tensor) {
	ch := t.Shape[2]
	for px := t.Data; len(px) > 0; px = px[ch:] {
		for c := range ch - 1 {
			if a := px[ch-1]; a > 0 {
				px[c] /= a
			} else {
				px[c] = 0
			}
		}
	}
}
