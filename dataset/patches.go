package dataset

import (
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// Augmentation is what training patches go through, picture and labels alike, drawn anew for
// every patch of every epoch. The zero value is nothing.
type Augmentation struct {
	Flip   bool    // mirrored left to right, half of the time
	Turn   bool    // turned by a multiple of 90 degrees; with Flip, all eight symmetries of a square
	Rotate float64 // turned by up to so many degrees, either way
	Scale  float64 // enlarged or shrunk by up to this factor, at least 1; 0 for none
	// Elastic is the standard deviation, in pixels, of random displacements at the points of
	// a grid of Grid x Grid over the patch, between which they run smoothly (Ronneberger et al.
	// 2015, 3.1: 10 pixels, 3x3 points).
	Elastic float64
	Grid    int // from 2 to 16; 3 where it is 0
}

// mostGrid bounds the points of the elastic grid along an axis.
const mostGrid = 16

// Validate wants angles from 0 to 180, a scale of 0 or from 1 to 8, and at most 1000 pixels of
// displacement.
func (a Augmentation) Validate() error {
	switch {
	case !(a.Rotate >= 0 && a.Rotate <= 180):
		return fmt.Errorf("dataset: rotate is %v, want 0 to 180 degrees", a.Rotate)
	case a.Scale != 0 && !(a.Scale >= 1 && a.Scale <= 8):
		return fmt.Errorf("dataset: scale is %v, want 1 to 8", a.Scale)
	case !(a.Elastic >= 0 && a.Elastic <= 1000):
		return fmt.Errorf("dataset: elastic is %v, want 0 to 1000 pixels", a.Elastic)
	case a.Grid != 0 && (a.Grid < 2 || a.Grid > mostGrid):
		return fmt.Errorf("dataset: grid is %d, want 2 to %d", a.Grid, mostGrid)
	}
	return nil
}

// PatchOptions say how patches are cut.
type PatchOptions struct {
	H, W       int
	PerPicture int // patches of each picture in an epoch; 0 means 1
	Seed       uint64
	// Fixed cuts the same patches in every epoch, and does not augment them: for validation.
	Fixed   bool
	Augment Augmentation
}

// patches are cut out of a gallery.
type patches struct {
	*Gallery
	o   PatchOptions
	key rng.Key
}

// Patches returns patches [H, W, C] of the pictures, values from 0 to 1, with their labels
// [H, W, 1] or, where there are none, themselves as targets. Where a patch lies is drawn from
// (seed, epoch, index), and so is its augmentation. A picture that is smaller than a patch is
// continued by its mirror image, as are turned ones beyond their border.
func Patches(g *Gallery, o PatchOptions) (Set, error) {
	if o.H < 1 || o.W < 1 || o.PerPicture < 0 {
		return nil, fmt.Errorf("dataset: %d patches of %dx%d, want sides of at least 1", o.PerPicture, o.H, o.W)
	}
	if err := o.Augment.Validate(); err != nil {
		return nil, err
	}
	if o.Augment.Turn && o.H != o.W {
		return nil, fmt.Errorf("dataset: patches of %dx%d cannot be turned by 90 degrees, want square ones", o.H, o.W)
	}
	o.PerPicture = max(o.PerPicture, 1)
	name := "patches"
	if o.Fixed {
		name, o.Augment = "fixed patches", Augmentation{}
	}
	return &patches{g, o, rng.New(o.Seed, rng.Hash(name))}, nil
}

func (p *patches) Len() int { return p.Gallery.Len() * p.o.PerPicture }

func (p *patches) Name(index int) string { return p.Gallery.Name(index / p.o.PerPicture) }

func (p *patches) targetIsInput() bool { return !p.Labelled() }

func (p *patches) Shapes() (input, target tensor.Shape) {
	input = tensor.Shape{p.o.H, p.o.W, p.C}
	if p.Labelled() {
		return input, tensor.Shape{p.o.H, p.o.W, 1}
	}
	return input, input.Clone()
}

// drawn is the key that a sample draws from: the same in every epoch where it is fixed.
func (o *PatchOptions) drawn(k rng.Key, epoch, index int) rng.Key {
	if !o.Fixed {
		k = k.Fork(uint64(epoch))
	}
	return k.Fork(uint64(index))
}

func (p *patches) Fill(epoch, index int, input, target []float32) error {
	e := &p.pictures[index/p.o.PerPicture]
	var w warp
	p.o.draw(&w, p.o.drawn(p.key, epoch, index), e)
	c := p.C
	for y := range p.o.H {
		for x := range p.o.W {
			at := y*p.o.W + x
			sy, sx := w.at(float64(y), float64(x))
			e.sample(input[at*c:(at+1)*c], sy, sx)
			if e.labels != nil {
				target[at] = float32(e.labels[mirrored(int(math.Round(sy)), e.h)*e.w+mirrored(int(math.Round(sx)), e.w)])
			}
		}
	}
	if e.labels == nil && &target[0] != &input[0] {
		copy(target, input)
	}
	return nil
}

// sample interpolates between the four pixels around a place.
func (e *exhibit) sample(dst []float32, y, x float64) {
	y0, x0 := math.Floor(y), math.Floor(x)
	fy, fx := float32(y-y0), float32(x-x0)
	c := len(dst)
	row0, row1 := mirrored(int(y0), e.h)*e.w, mirrored(int(y0)+1, e.h)*e.w
	col0, col1 := mirrored(int(x0), e.w), mirrored(int(x0)+1, e.w)
	a, b := e.pix[(row0+col0)*c:][:c], e.pix[(row0+col1)*c:][:c]
	d, f := e.pix[(row1+col0)*c:][:c], e.pix[(row1+col1)*c:][:c]
	for i := range dst {
		top := float32(a[i]) + (float32(b[i])-float32(a[i]))*fx
		low := float32(d[i]) + (float32(f[i])-float32(d[i]))*fx
		dst[i] = (top + (low-top)*fy) / 255
	}
}

// mirrored is the index inside 0..n-1 that i is the mirror image of, reflected at the
// centres of the border pixels.
func mirrored(i, n int) int {
	if n == 1 {
		return 0
	}
	period := 2 * (n - 1)
	i = ((i % period) + period) % period
	return min(i, period-i)
}

// warp maps the pixels of a patch to places in a picture.
type warp struct {
	cy, cx         float64 // the middle of the patch
	oy, ox         float64 // where it lies in the picture
	yy, yx, xy, xx float64 // the matrix
	grid           int     // 0 for no displacement
	h, w           float64
	dy, dx         [mostGrid * mostGrid]float64
}

// draw draws a place and an augmentation into w, which is zero.
func (o *PatchOptions) draw(w *warp, k rng.Key, e *exhibit) {
	const (
		top, left, flip, turn, rotate, scale, displace = 0, 1, 2, 3, 4, 5, 6
	)
	w.h, w.w, w.yy, w.xx = float64(o.H), float64(o.W), 1, 1
	w.cy, w.cx = (w.h-1)/2, (w.w-1)/2
	w.oy = float64(k.IntN(top, max(e.h-o.H, 0)+1)) + w.cy
	w.ox = float64(k.IntN(left, max(e.w-o.W, 0)+1)) + w.cx
	a := &o.Augment
	if a.Flip && k.IntN(flip, 2) == 1 {
		w.yx, w.xx = -w.yx, -w.xx
	}
	if a.Turn {
		for range k.IntN(turn, 4) {
			w.yy, w.yx, w.xy, w.xx = -w.xy, -w.xx, w.yy, w.yx
		}
	}
	if a.Rotate > 0 || a.Scale > 1 {
		angle := (2*k.Float64(rotate) - 1) * a.Rotate * math.Pi / 180
		size := 1.
		if a.Scale > 1 {
			size = math.Pow(a.Scale, 2*k.Float64(scale)-1)
		}
		sin, cos := math.Sincos(angle)
		sin, cos = sin/size, cos/size
		w.yy, w.yx, w.xy, w.xx = cos*w.yy-sin*w.xy, cos*w.yx-sin*w.xx, sin*w.yy+cos*w.xy, sin*w.yx+cos*w.xx
	}
	if a.Elastic > 0 {
		w.grid = a.Grid
		if w.grid == 0 {
			w.grid = 3
		}
		points := k.Fork(displace)
		for i := range w.grid * w.grid {
			w.dy[i] = a.Elastic * points.Normal(uint64(2*i))
			w.dx[i] = a.Elastic * points.Normal(uint64(2*i+1))
		}
	}
}

// at is the place in the picture of a pixel of the patch.
func (w *warp) at(y, x float64) (float64, float64) {
	py, px := y-w.cy, x-w.cx
	if w.grid > 0 {
		dy, dx := w.displacement(y, x)
		py, px = py+dy, px+dx
	}
	return w.oy + w.yy*py + w.yx*px, w.ox + w.xy*py + w.xx*px
}

// displacement interpolates between the points of the grid, whose outer ones lie on the
// patch's border, by Keys's cubic, a = -1/2; beyond the border the grid goes on as it ends.
func (w *warp) displacement(y, x float64) (dy, dx float64) {
	gy, gx := y/max(w.h-1, 1)*float64(w.grid-1), x/max(w.w-1, 1)*float64(w.grid-1)
	y0, x0 := math.Floor(gy), math.Floor(gx)
	ky, kx := keys(gy-y0), keys(gx-x0)
	clamp := func(i int) int { return min(max(i, 0), w.grid-1) }
	for i := range 4 {
		row := clamp(int(y0)+i-1) * w.grid
		for j := range 4 {
			weight := ky[i] * kx[j]
			at := row + clamp(int(x0)+j-1)
			dy += weight * w.dy[at]
			dx += weight * w.dx[at]
		}
	}
	return dy, dx
}

// keys are the weights of the four points around a place t behind the second.
func keys(t float64) [4]float64 {
	t2, t3 := t*t, t*t*t
	return [4]float64{
		-t3/2 + t2 - t/2,
		3*t3/2 - 5*t2/2 + 1,
		-3*t3/2 + 2*t2 + t/2,
		t3/2 - t2/2,
	}
}
