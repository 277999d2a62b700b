package imageio

import (
	"fmt"
	"math"

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
	// Bicubic is the cubic of Keys (1981) with a = -1/2:
	// (a+2)|t|^3 - (a+3)|t|^2 + 1 up to 1, a|t|^3 - 5a|t|^2 + 8a|t| - 4a up to 2.
	Bicubic
	// Lanczos3 is sinc(t) sinc(t/3) up to 3.
	Lanczos3
)

var filters = [...]struct {
	name    string
	support float64 // the kernel is zero beyond
	kernel  func(t float64) float64
}{
	Nearest:  {"nearest", .5, nil},
	Area:     {"area", .5, nil},
	Bilinear: {"bilinear", 1, func(t float64) float64 { return max(1-t, 0) }},
	Bicubic:  {"bicubic", 2, keys},
	Lanczos3: {"lanczos3", 3, lanczos3},
}

// String returns the filter's name: "bicubic".
func (f Filter) String() string {
	if f < 0 || int(f) >= len(filters) {
		return fmt.Sprintf("Filter(%d)", int(f))
	}
	return filters[f].name
}

// keys is Keys' cubic of the distance t >= 0.
func keys(t float64) float64 {
	const a = -.5
	switch {
	case t <= 1:
		return ((a+2)*t-(a+3))*t*t + 1
	case t < 2:
		return ((a*t-5*a)*t+8*a)*t - 4*a
	}
	return 0
}

// lanczos3 is the windowed sinc of the distance t >= 0.
func lanczos3(t float64) float64 {
	if t == 0 {
		return 1
	}
	if t >= 3 {
		return 0
	}
	x := math.Pi * t
	return 3 * math.Sin(x) * math.Sin(x/3) / (x * x)
}

// Resampling is how a picture is brought to another size. Output pixel i has its centre
// at x = (i + 1/2) in/out - 1/2 in the input (half-pixel coordinates), and is the sum
//
//	out[i] = sum over j of k((j - x)/s) in[j]  /  sum over j of k((j - x)/s)
//
// of the input pixels j inside the picture; those beyond its border do not count. The
// width s of the kernel k is 1, or, antialiased, max(in/out, 1): shrinking then first
// blurs away what the smaller picture cannot show. Rows and columns are filtered apart.
// Antialiased, this is what PIL's resize and tf.image.resize(antialias=True) compute;
// not antialiased, tf.image.resize.
type Resampling struct {
	Filter    Filter
	Antialias bool // no meaning for Nearest and Area
}

// axis holds the weights that bring one axis from in to out samples: output i is the
// sum over k of weight[i*taps+k] * input[first[i]+k].
type axis struct {
	in, out int
	taps    int
	first   []int
	weight  []float64
}

func newAxis(in, out int, r Resampling) *axis {
	scale := float64(in) / float64(out)
	f := filters[r.Filter]
	width := 1.
	if r.Filter == Area || r.Antialias && r.Filter != Nearest {
		width = max(scale, 1)
	}
	reach := f.support * width
	if r.Filter == Area {
		reach = scale / 2
	}
	a := &axis{in: in, out: out, taps: min(int(math.Ceil(2*reach))+2, in), first: make([]int, out)}
	a.weight = make([]float64, out*a.taps)
	for i := range out {
		x := (float64(i)+.5)*scale - .5
		lo := int(math.Ceil(x - reach - .5)) // one early is harmless: its weight is zero
		lo = min(max(lo, 0), in-a.taps)
		a.first[i] = lo
		w := a.weight[i*a.taps : (i+1)*a.taps]
		if r.Filter == Nearest {
			w[(2*i+1)*in/(2*out)-lo] = 1
			continue
		}
		sum := 0.
		for k := range w {
			j := float64(lo + k)
			if r.Filter == Area { // the part of pixel j under the footprint
				w[k] = max(0, min(j+.5, x+reach)-max(j-.5, x-reach))
			} else {
				w[k] = f.kernel(math.Abs(j-x) / width)
			}
			sum += w[k]
		}
		for k := range w {
			w[k] /= sum
		}
	}
	return a
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
	if r.Filter < 0 || int(r.Filter) >= len(filters) {
		return nil, fmt.Errorf("imageio: there is no filter %v", r.Filter)
	}
	inH, inW, ch := t.Shape[0], t.Shape[1], t.Shape[2]
	out := tensor.New(h, w, ch)
	cols, rows := newAxis(inW, w, r), newAxis(inH, h, r)

	// Input rows are shrunk along x when the first output row needs them and kept in a
	// ring: memory is a few rows, whatever the picture's size.
	ring := make([][]float64, rows.taps)
	for k := range ring {
		ring[k] = make([]float64, w*ch)
	}
	done := 0 // input rows filtered so far
	sum := make([]float64, w*ch)
	for y := range h {
		first := rows.first[y]
		for ; done < first+rows.taps; done++ {
			cols.filterRow(ring[done%rows.taps], t.Data[done*inW*ch:(done+1)*inW*ch], ch)
		}
		clear(sum)
		for k, wk := range rows.weight[y*rows.taps : (y+1)*rows.taps] {
			if wk == 0 {
				continue
			}
			for i, v := range ring[(first+k)%rows.taps] {
				sum[i] += wk * v
			}
		}
		for i, v := range sum {
			out.Data[y*w*ch+i] = float32(v)
		}
	}
	return out, nil
}

// filterRow applies the axis to one row of pixels of ch samples.
func (a *axis) filterRow(dst []float64, src []float32, ch int) {
	for i, first := range a.first {
		for c := range ch {
			sum := 0.
			at := first*ch + c
			for _, w := range a.weight[i*a.taps : (i+1)*a.taps] {
				sum += w * float64(src[at])
				at += ch
			}
			dst[i*ch+c] = sum
		}
	}
}

// Resize returns the picture at another size, h high and w wide, with its depth and
// metadata. Colours are weighted by their opacity, so that what lies under transparent
// pixels does not bleed into the visible. It panics where a size is not positive.
func (p *Picture) Resize(h, w int, r Resampling) *Picture {
	if w == p.Width && h == p.Height {
		return p.Clone()
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
