package imageio

import (
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
	return inner.pad(h, w, p.Background())
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

// pad centres p, the smaller half of an odd rest first, on h x w pixels of one colour.
func (p *Picture) pad(h, w int, colour []int) *Picture {
	q := p.like(w, h, p.Channels)
	for i := range q.samples() {
		q.setSample(i, colour[i%q.Channels])
	}
	top, left := (h-p.Height)/2, (w-p.Width)/2
	size := p.Channels * p.Depth / 8
	for y := range p.Height {
		copy(q.Pix[((top+y)*w+left)*size:], p.Pix[y*p.Width*size:(y+1)*p.Width*size])
	}
	return q
}
