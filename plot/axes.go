package plot

import (
	"image"
	"image/color"
	"image/draw"
	"math"
)

// axes maps a chart's values into its area and draws what surrounds them.
type axes struct {
	area           image.Rectangle
	x0, x1, y0, y1 float64 // the values at the area's edges
	log            bool    // the ordinate is logarithmic
	xTicks, yTicks []tick
}

// x returns the pixel column of a value.
func (a *axes) x(v float64) float64 {
	return float64(a.area.Min.X) + (v-a.x0)/(a.x1-a.x0)*float64(a.area.Dx())
}

// y returns the pixel row of a value: up is greater.
func (a *axes) y(v float64) float64 {
	part := (v - a.y0) / (a.y1 - a.y0)
	if a.log {
		part = math.Log(v/a.y0) / math.Log(a.y1/a.y0)
	}
	return float64(a.area.Max.Y) - part*float64(a.area.Dy())
}

// draw fixes the area, below the row top, and draws grid lines, axes, ticks and labels.
func (a *axes) draw(img *image.RGBA, top int, xLabel, yLabel string) {
	const margin, tickLength = 28, 6
	small, name := newTypeface(16, false), newTypeface(18, false)
	widest := 0
	for _, t := range a.yTicks {
		widest = max(widest, small.width(t.label))
	}
	left, bottom := margin+widest+tickLength+4, chartHeight-margin-small.height()-tickLength
	if yLabel != "" {
		left += name.height() + 6
	}
	if xLabel != "" {
		bottom -= name.height() + 2
	}
	a.area = image.Rect(left, top, chartWidth-margin-8, bottom)
	r := a.area

	for _, t := range a.xTicks {
		x := int(math.Round(a.x(t.value)))
		fill(img, image.Rect(x, r.Min.Y, x+1, r.Max.Y), rule)
		fill(img, image.Rect(x, r.Max.Y, x+1, r.Max.Y+tickLength), faint)
		small.text(img, x-small.width(t.label)/2, r.Max.Y+tickLength+6+small.capital(), faint, t.label)
	}
	for _, t := range a.yTicks {
		y := int(math.Round(a.y(t.value)))
		length := tickLength / 2
		if t.label != "" {
			length = tickLength
			fill(img, image.Rect(r.Min.X, y, r.Max.X, y+1), rule)
		}
		fill(img, image.Rect(r.Min.X-length, y, r.Min.X, y+1), faint)
		small.text(img, r.Min.X-tickLength-4-small.width(t.label), y+(small.capital()+1)/2, faint, t.label)
	}
	fill(img, image.Rect(r.Min.X-1, r.Min.Y, r.Min.X, r.Max.Y+1), faint)
	fill(img, image.Rect(r.Min.X-1, r.Max.Y, r.Max.X, r.Max.Y+1), faint)

	name.text(img, r.Min.X+(r.Dx()-name.width(xLabel))/2, chartHeight-margin, ink, xLabel)
	name.upward(img, margin+name.capital()-4, r.Min.Y+(r.Dy()+name.width(yLabel))/2, ink, yLabel)
}

func fill(img draw.Image, r image.Rectangle, c color.Color) {
	draw.Draw(img, r, image.NewUniform(c), image.Point{}, draw.Src)
}

// A mask gathers how much of each pixel a curve covers, so that it is laid on the page
// once however often it crosses itself.
type mask struct{ image.Alpha }

func newMask(r image.Rectangle) *mask { return &mask{*image.NewAlpha(r)} }

// segment covers a stroke of the width with round ends: a pixel is covered by half the
// width less its distance from the segment, plus one half, from 0 to 1. A segment from a
// point to itself is a disc.
func (m *mask) segment(a, b xy, width float64) {
	reach := width/2 + 1
	dx, dy := b.x-a.x, b.y-a.y
	square := dx*dx + dy*dy
	box := image.Rect(int(min(a.x, b.x)-reach), int(min(a.y, b.y)-reach), int(max(a.x, b.x)+reach)+1, int(max(a.y, b.y)+reach)+1)
	box = box.Intersect(m.Rect)
	for py := box.Min.Y; py < box.Max.Y; py++ {
		for px := box.Min.X; px < box.Max.X; px++ {
			x, y := float64(px)+.5-a.x, float64(py)+.5-a.y
			along := 0.
			if square > 0 {
				along = min(max((x*dx+y*dy)/square, 0), 1)
			}
			d := math.Hypot(x-along*dx, y-along*dy)
			cover := uint8(min(max(width/2-d+.5, 0), 1)*255 + .5)
			if at := m.PixOffset(px, py); cover > m.Pix[at] {
				m.Pix[at] = cover
			}
		}
	}
}

// line covers the segments between successive points.
func (m *mask) line(points []xy, width float64) {
	for i := 1; i < len(points); i++ {
		m.segment(points[i-1], points[i], width)
	}
}

// dashed covers the line in dashes of 8 pixels with gaps of 6, the round ends counted
// to the dashes.
func (m *mask) dashed(points []xy, width float64) {
	const on, period = 8., 14.
	travelled := 0.
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		length := math.Hypot(b.x-a.x, b.y-a.y)
		at := func(s float64) xy { return xy{a.x + (b.x-a.x)*s/length, a.y + (b.y-a.y)*s/length} }
		for s := 0.; s < length; {
			phase := math.Mod(travelled+s, period)
			if phase >= on {
				s += period - phase
				continue
			}
			end := min(s+on-phase, length)
			m.segment(at(s), at(end), width)
			s = end + 1e-6 // past the border, whatever the rounding
		}
		travelled += length
	}
}

// fill lays the colour over img where the mask is covered.
func (m *mask) fill(img *image.RGBA, c color.Color) {
	draw.DrawMask(img, img.Rect, image.NewUniform(c), image.Point{}, &m.Alpha, img.Rect.Min, draw.Over)
}
