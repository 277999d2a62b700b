package imageio

import (
	"fmt"
	"image"
	"math"
	"slices"
)

// Fit returns the picture brought to exactly h high and w wide without distorting it:
// enlarged or shrunk (bicubic, antialiased) until one side fits, then centred on a
// background of the median colour of its own border. It is how a photograph of a digit
// becomes 28x28. It panics where a size is not positive.
func (p *Picture) Fit(h, w int) *Picture {
	scale := min(float64(h)/float64(p.Height), float64(w)/float64(p.Width))
	side := func(n, most int) int { return min(max(int(math.Round(float64(n)*scale)), 1), most) }
	inner := p.Resize(side(p.Height, h), side(p.Width, w), Resampling{Filter: Bicubic, Antialias: true})
	return inner.Pad(h, w, p.Background())
}

// Background returns the median of each channel over the picture's outermost pixels: 0
// to Max, one number a channel.
func (p *Picture) Background() []int {
	v := make([][]int, p.Channels)
	for y := range p.Height {
		step := 1
		if y > 0 && y < p.Height-1 {
			step = max(p.Width-1, 1) // the first and the last column
		}
		for x := 0; x < p.Width; x += step {
			for c := range v {
				v[c] = append(v[c], p.At(x, y, c))
			}
		}
	}
	median := make([]int, p.Channels)
	for c := range v {
		slices.Sort(v[c])
		median[c] = v[c][len(v[c])/2]
	}
	return median
}

// Pad returns h x w pixels of one colour, given as one number a channel, 0 to Max, with p
// in their middle; of an odd rest the smaller half comes first. It panics where p is
// larger, or where the colour has not p's channels.
func (p *Picture) Pad(h, w int, colour []int) *Picture {
	if p.Height > h || p.Width > w || len(colour) != p.Channels {
		panic(fmt.Sprintf("imageio: %v padded to %dx%d with the colour %v", p, w, h, colour))
	}
	q := p.like(w, h, p.Channels)
	for i := range q.samples() {
		q.setSample(i, colour[i%q.Channels])
	}
	q.paste(p, (w-p.Width)/2, (h-p.Height)/2)
	return q
}

// Crop returns the pixels inside r. It panics where r is empty or reaches outside.
func (p *Picture) Crop(r image.Rectangle) *Picture {
	if r.Empty() || !r.In(image.Rect(0, 0, p.Width, p.Height)) {
		panic(fmt.Sprintf("imageio: %v cropped to %v", p, r))
	}
	q := p.like(r.Dx(), r.Dy(), p.Channels)
	q.paste(p, -r.Min.X, -r.Min.Y)
	return q
}

// paste copies src, of the same channels and depth, to column x and row y of p, as much
// of it as lies inside.
func (p *Picture) paste(src *Picture, x, y int) {
	size := p.Channels * p.Depth / 8
	from, to := max(0, -x), min(src.Width, p.Width-x)
	for r := max(0, -y); r < min(src.Height, p.Height-y); r++ {
		at := (r*src.Width + from) * size
		copy(p.Pix[((y+r)*p.Width+x+from)*size:], src.Pix[at:at+(to-from)*size])
	}
}

// Content returns the least rectangle around what stands out of the picture's
// background: the pixels of which some sample differs from Background by more than the
// given part, 0 to 1, of the greatest such difference. It is empty for a uniform
// picture. A half finds the pen on a page in uneven light.
func (p *Picture) Content(part float64) image.Rectangle {
	back := p.Background()
	difference := func(i int) int {
		d := p.sample(i) - back[i%p.Channels]
		return max(d, -d)
	}
	most := 0
	for i := range p.samples() {
		most = max(most, difference(i))
	}
	var r image.Rectangle
	for i := range p.samples() {
		if d := difference(i); d > 0 && float64(d) > part*float64(most) {
			x, y := i/p.Channels%p.Width, i/p.Channels/p.Width
			r = r.Union(image.Rect(x, y, x+1, y+1))
		}
	}
	return r
}
