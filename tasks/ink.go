package tasks

import (
	"image"
	"math"
	"slices"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/modelfile"
)

// ink is what stands out from a picture's background: a drawing.
type ink struct {
	box  image.Rectangle // in pixels of the picture; empty where there is no drawing
	dark bool            // darker than the background
}

func (k ink) found() bool { return !k.box.Empty() }

// polarity is that of the drawing, or of the whole picture where no drawing was found.
func (k ink) polarity(p *imageio.Picture) modelfile.Polarity {
	switch {
	case !k.found():
		return modelfile.MeasurePolarity(p.ToTensor())
	case k.dark:
		return modelfile.DarkOnLight
	}
	return modelfile.LightOnDark
}

const (
	searchSide  = 64   // pixels of the longer side on which the ink is sought
	leastInk    = 0.10 // contrast, of the full range, that counts as a drawing
	leastPart   = 0.10 // a smaller part than this share of the largest is a speck
	digitShare  = 20.0 / 28
	inkQuantile = 0.9 // of the bright pixels: what is stretched to white
)

// findInk looks for a drawing. On a small and blurred copy, in which noise has averaged
// out, the background's plane is subtracted, fitted to the border, so that a photograph lit
// from one side works; a threshold after Otsu (1979) divides what is left, and what
// does not rule the border is ink. Its parts but for specks give the box.
func findInk(p *imageio.Picture) ink {
	grey := p.Gray()
	scale := max(1, float64(max(p.Width, p.Height))/searchSide)
	w, h := max(1, int(math.Round(float64(p.Width)/scale))), max(1, int(math.Round(float64(p.Height)/scale)))
	if w < 3 || h < 3 {
		return ink{}
	}
	small := grey.To16().Resize(h, w, imageio.Resampling{Filter: imageio.Area})
	f := newField(w, h, func(x, y int) float64 { return float64(small.At(x, y, 0)) / float64(small.Max()) }).blurred()
	f.subtractPlane()
	threshold, contrast := f.otsu()
	if contrast < leastInk {
		return ink{}
	}
	border, bright := 0, 0
	f.eachBorder(func(i int) {
		border++
		if f.v[i] > threshold {
			bright++
		}
	})
	dark := 2*bright > border
	mask := make([]bool, len(f.v))
	for i, v := range f.v {
		mask[i] = (v > threshold) != dark
	}
	box := partsBox(mask, w, h)
	return ink{dark: dark, box: image.Rect(
		int(float64(box.Min.X)*float64(p.Width)/float64(w)), int(float64(box.Min.Y)*float64(p.Height)/float64(h)),
		int(math.Ceil(float64(box.Max.X)*float64(p.Width)/float64(w))), int(math.Ceil(float64(box.Max.Y)*float64(p.Height)/float64(h))),
	)}
}

// fit sets the ink of a grey picture, light on dark by now, down on h x w black pixels. Its
// longer side becomes 20/28 of the picture's, as LeCun et al. 1998 (III.A) did; the centre
// of mass comes to the middle.
func (k ink) fit(p *imageio.Picture, h, w int) *imageio.Picture {
	wide := p.To16()
	cut := imageio.New(k.box.Dx(), k.box.Dy(), 1, 16)
	background := float64(wide.Background()[0])
	for y := range cut.Height {
		for x := range cut.Width {
			cut.Set(x, y, 0, int(max(0, float64(wide.At(k.box.Min.X+x, k.box.Min.Y+y, 0))-background)))
		}
	}
	scale := min(digitShare*float64(h)/float64(cut.Height), digitShare*float64(w)/float64(cut.Width))
	side := func(n int) int { return max(1, int(math.Round(float64(n)*scale))) }
	cut = cut.Resize(side(cut.Height), side(cut.Width), imageio.Resampling{Filter: imageio.Bicubic, Antialias: true})
	white := whitest(cut)
	mass, mx, my := 0.0, 0.0, 0.0
	for y := range cut.Height {
		for x := range cut.Width {
			v := min(1, float64(cut.At(x, y, 0))/white)
			mass, mx, my = mass+v, mx+v*(float64(x)+.5), my+v*(float64(y)+.5)
		}
	}
	left, top := float64(w-cut.Width)/2, float64(h-cut.Height)/2
	if mass > 0 {
		left, top = float64(w)/2-mx/mass, float64(h)/2-my/mass
	}
	x0 := min(max(int(math.Round(left)), 0), w-cut.Width)
	y0 := min(max(int(math.Round(top)), 0), h-cut.Height)
	out := imageio.New(w, h, 1, 16)
	for y := range cut.Height {
		for x := range cut.Width {
			out.Set(x0+x, y0+y, 0, int(math.Round(min(1, float64(cut.At(x, y, 0))/white)*float64(out.Max()))))
		}
	}
	return out
}

// whitest is the level that the ink's middle has: a high quantile of the pixels above
// half of the maximum.
func whitest(p *imageio.Picture) float64 {
	var v []int
	most := 1
	for i := range p.Width * p.Height {
		v = append(v, p.At(i%p.Width, i/p.Width, 0))
		most = max(most, v[i])
	}
	v = slices.DeleteFunc(v, func(x int) bool { return 2*x < most })
	if len(v) == 0 {
		return float64(most)
	}
	slices.Sort(v)
	return float64(v[int(inkQuantile*float64(len(v)-1))])
}

// field is a small array of brightness, [h, w].
type field struct {
	w, h int
	v    []float64
}

func newField(w, h int, at func(x, y int) float64) *field {
	f := &field{w, h, make([]float64, w*h)}
	for i := range f.v {
		f.v[i] = at(i%w, i/w)
	}
	return f
}

// blurred is the mean over the 3x3 pixels around each, those outside left out.
func (f *field) blurred() *field {
	return newField(f.w, f.h, func(x, y int) float64 {
		sum, n := 0.0, 0.0
		for j := max(y-1, 0); j <= min(y+1, f.h-1); j++ {
			for i := max(x-1, 0); i <= min(x+1, f.w-1); i++ {
				sum, n = sum+f.v[j*f.w+i], n+1
			}
		}
		return sum / n
	})
}

// eachBorder calls do with the index of every outermost element.
func (f *field) eachBorder(do func(i int)) {
	for i := range f.v {
		if x, y := i%f.w, i/f.w; x == 0 || y == 0 || x == f.w-1 || y == f.h-1 {
			do(i)
		}
	}
}

// subtractPlane takes the slope of the border's brightness off the whole field. The
// border is symmetric, so the least-squares plane a + bx + cy about its middle has
// independent coefficients.
func (f *field) subtractPlane() {
	var sx, sy, sxx, syy, sum, n float64
	cx, cy := float64(f.w-1)/2, float64(f.h-1)/2
	f.eachBorder(func(i int) { sum, n = sum+f.v[i], n+1 })
	mean := sum / n
	f.eachBorder(func(i int) {
		x, y, v := float64(i%f.w)-cx, float64(i/f.w)-cy, f.v[i]-mean
		sx, sy, sxx, syy = sx+v*x, sy+v*y, sxx+x*x, syy+y*y
	})
	for i := range f.v {
		f.v[i] -= sx/sxx*(float64(i%f.w)-cx) + sy/syy*(float64(i/f.w)-cy)
	}
}

// otsu is the threshold that divides the values in two classes of the least variance, and
// the distance of the classes' means.
func (f *field) otsu() (threshold, contrast float64) {
	sorted := slices.Sorted(slices.Values(f.v))
	total := 0.0
	for _, v := range sorted {
		total += v
	}
	below, best := 0.0, -1.0
	for i := 1; i < len(sorted); i++ {
		below += sorted[i-1]
		if sorted[i] == sorted[i-1] {
			continue
		}
		n0, n1 := float64(i), float64(len(sorted)-i)
		d := (total-below)/n1 - below/n0
		if between := n0 * n1 * d * d; between > best {
			best, threshold, contrast = between, (sorted[i-1]+sorted[i])/2, d
		}
	}
	return threshold, contrast
}

// partsBox is the box around the connected parts (8 neighbours) of the mask, [h, w], that
// are not specks.
func partsBox(mask []bool, w, h int) image.Rectangle {
	type part struct {
		size int
		box  image.Rectangle
	}
	var parts []part
	seen := make([]bool, len(mask))
	most := 0
	for start := range mask {
		if !mask[start] || seen[start] {
			continue
		}
		var p part
		queue := []int{start}
		seen[start] = true
		for len(queue) > 0 {
			i := queue[len(queue)-1]
			queue = queue[:len(queue)-1]
			x, y := i%w, i/w
			p.size++
			p.box = p.box.Union(image.Rect(x, y, x+1, y+1))
			for v := max(y-1, 0); v <= min(y+1, h-1); v++ {
				for u := max(x-1, 0); u <= min(x+1, w-1); u++ {
					if j := v*w + u; mask[j] && !seen[j] {
						seen[j] = true
						queue = append(queue, j)
					}
				}
			}
		}
		parts = append(parts, p)
		most = max(most, p.size)
	}
	var box image.Rectangle
	for _, p := range parts {
		if float64(p.size) >= leastPart*float64(most) {
			box = box.Union(p.box)
		}
	}
	return box
}
