package plot

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
)

// Series is one named curve.
type Series struct {
	Name string
	X    []float64 // nil means 1, 2, 3, ...: epochs
	Y    []float64 // a NaN leaves a gap
	// Dashed marks a line to compare with, such as a published figure. A dashed series
	// of one value is drawn across the whole chart.
	Dashed bool
}

// Chart is one system of axes with its curves.
type Chart struct {
	Title          string
	XLabel, YLabel string
	LogY           bool // a logarithmic ordinate; values that are not positive are left out
	Series         []Series
}

const chartWidth, chartHeight = 760, 480 // pixels

// Curves draws charts side by side, such as a run's loss and its metrics over the
// epochs, each with a legend above its axes. It fails where there is no chart, where
// the X and Y of a series differ in length, and where a chart has no finite value.
func Curves(charts ...Chart) (image.Image, error) {
	if len(charts) == 0 {
		return nil, fmt.Errorf("plot: curves without a chart")
	}
	img := blank(chartWidth*len(charts), chartHeight)
	for i, c := range charts {
		one, err := c.draw()
		if err != nil {
			return nil, err
		}
		at := image.Rect(i*chartWidth, 0, (i+1)*chartWidth, chartHeight)
		draw.Draw(img, at, one, image.Point{}, draw.Src)
	}
	return img, nil
}

// draw returns the chart's picture.
func (c Chart) draw() (image.Image, error) {
	curves, err := c.curves()
	if err != nil {
		return nil, err
	}
	img := blank(chartWidth, chartHeight)
	a := &axes{log: c.LogY}
	a.x0, a.x1, a.y0, a.y1 = ranges(curves, c.LogY)
	a.xTicks, a.yTicks = linearTicks(a.x0, a.x1, allWhole(curves)), linearTicks(a.y0, a.y1, false)
	if c.LogY {
		a.yTicks = logTicks(a.y0, a.y1)
	}
	a.draw(img, c.heading(img, curves)+14, c.XLabel, c.YLabel)
	for _, v := range curves {
		v.draw(img, a)
	}
	return img, nil
}

// heading writes the title and the legend and returns the row where they end.
func (c Chart) heading(img draw.Image, curves []curve) int {
	const margin, gap, swatch = 28, 26, 34
	title, name := newTypeface(26, true), newTypeface(19, false)
	y := margin
	if c.Title != "" {
		title.text(img, margin, y+title.capital(), ink, c.Title)
		y += title.height() + 4
	}
	x := margin
	for _, v := range curves {
		if v.name == "" {
			continue
		}
		w := swatch + 8 + name.width(v.name)
		if x > margin && x+w > chartWidth-margin {
			x, y = margin, y+name.height()+2
		}
		middle := y + name.capital()/2
		for i := range swatch {
			if v.dashed && i%12 >= 7 {
				continue
			}
			draw.Draw(img, image.Rect(x+i, middle-1, x+i+1, middle+3), image.NewUniform(v.color), image.Point{}, draw.Src)
		}
		name.text(img, x+swatch+8, y+name.capital(), ink, v.name)
		x += w + gap
	}
	if x > margin {
		y += name.height() + 2
	}
	return y
}

// A curve is a series as it is drawn: pieces of finite points.
type curve struct {
	name   string
	color  color.NRGBA
	dashed bool
	pieces [][]xy
}

type xy struct{ x, y float64 }

// curves checks the series and cuts them at their gaps.
func (c Chart) curves() ([]curve, error) {
	var out []curve
	some := false
	colours := 0
	for _, s := range c.Series {
		if s.X != nil && len(s.X) != len(s.Y) {
			return nil, fmt.Errorf("plot: the curve %q has %d abscissae for %d values", s.Name, len(s.X), len(s.Y))
		}
		v := curve{name: s.Name, dashed: s.Dashed, color: faint}
		if !s.Dashed {
			v.color = palette[colours%len(palette)]
			colours++
		}
		var piece []xy
		for i, y := range s.Y {
			x := float64(i + 1)
			if s.X != nil {
				x = s.X[i]
			}
			if bad := math.IsNaN(x+y) || math.IsInf(x+y, 0) || c.LogY && y <= 0; !bad {
				piece = append(piece, xy{x, y})
				some = true
				continue
			}
			if len(piece) > 0 {
				v.pieces = append(v.pieces, piece)
			}
			piece = nil
		}
		if len(piece) > 0 {
			v.pieces = append(v.pieces, piece)
		}
		out = append(out, v)
	}
	if !some {
		return nil, fmt.Errorf("plot: the chart %q has no value that can be drawn", c.Title)
	}
	return out, nil
}

// across reports whether the curve is one value for the whole chart.
func (v curve) across() bool {
	return v.dashed && len(v.pieces) == 1 && len(v.pieces[0]) == 1
}

// draw draws the curve. Few points are marked.
func (v curve) draw(img *image.RGBA, a *axes) {
	m := newMask(img.Rect)
	if v.across() {
		y := a.y(v.pieces[0][0].y)
		m.dashed([]xy{{float64(a.area.Min.X), y}, {float64(a.area.Max.X), y}}, 2)
		m.fill(img, v.color)
		return
	}
	count := 0
	for _, piece := range v.pieces {
		count += len(piece)
	}
	for _, piece := range v.pieces {
		line := make([]xy, len(piece))
		for i, q := range piece {
			line[i] = xy{a.x(q.x), a.y(q.y)}
		}
		switch {
		case v.dashed:
			m.dashed(line, 2)
			continue
		case len(line) == 1:
			m.segment(line[0], line[0], 9) // a point by itself
		}
		m.line(line, 3.2)
		for i := 0; count <= 25 && i < len(line); i++ {
			m.segment(line[i], line[i], 9)
		}
	}
	m.fill(img, v.color)
}

// ranges returns what the axes span: the points, with some air above and below.
func ranges(curves []curve, log bool) (xmin, xmax, ymin, ymax float64) {
	xmin, ymin, xmax, ymax = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, v := range curves {
		for _, piece := range v.pieces {
			for _, q := range piece {
				ymin, ymax = min(ymin, q.y), max(ymax, q.y)
				if !v.across() {
					xmin, xmax = min(xmin, q.x), max(xmax, q.x)
				}
			}
		}
	}
	if math.IsInf(xmin, 1) { // nothing but lines across
		xmin, xmax = 0, 1
	}
	if xmin == xmax {
		xmin, xmax = xmin-1, xmax+1
	}
	if log {
		air := math.Pow(ymax/ymin, .06)
		if ymin == ymax {
			air = 1.5
		}
		return xmin, xmax, ymin / air, ymax * air
	}
	air := (ymax - ymin) * .06
	if air == 0 {
		air = max(math.Abs(ymax)*.1, 1e-6)
	}
	return xmin, xmax, ymin - air, ymax + air
}

// allWhole reports whether every abscissa is a whole number, as epochs are.
func allWhole(curves []curve) bool {
	for _, v := range curves {
		for _, piece := range v.pieces {
			for _, q := range piece {
				if q.x != math.Trunc(q.x) {
					return false
				}
			}
		}
	}
	return true
}
