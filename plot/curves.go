package plot

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
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

const (
	chartWidth, chartHeight = 760, 480 // pixels
	dpi                     = 144      // so a point is two pixels
)

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
	p := gonum.New()
	p.TextHandler = text.Plain{Fonts: font.NewCache(liberation.Collection())}
	p.BackgroundColor = color.White
	for _, a := range []*gonum.Axis{&p.X, &p.Y} {
		a.LineStyle = vgdraw.LineStyle{Color: faint, Width: vg.Points(.5)}
		a.Tick.LineStyle = a.LineStyle
		a.Tick.Length = vg.Points(3)
		a.Padding = 0
		a.Tick.Label.Font.Variant, a.Label.TextStyle.Font.Variant = "Sans", "Sans"
		a.Tick.Label.Font.Size, a.Label.TextStyle.Font.Size = vg.Points(8), vg.Points(9)
		a.Tick.Label.Color, a.Label.TextStyle.Color = faint, ink
		a.Tick.Label.Handler, a.Label.TextStyle.Handler = p.TextHandler, p.TextHandler
		a.Label.Padding = vg.Points(4)
	}
	p.X.Label.Text, p.Y.Label.Text = c.XLabel, c.YLabel
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = ranges(curves, c.LogY)
	p.X.Tick.Marker = gonum.TickerFunc(func(lo, hi float64) []gonum.Tick { return linearTicks(lo, hi, allWhole(curves)) })
	p.Y.Tick.Marker = gonum.TickerFunc(func(lo, hi float64) []gonum.Tick { return linearTicks(lo, hi, false) })
	if c.LogY {
		p.Y.Scale = gonum.LogScale{}
		p.Y.Tick.Marker = gonum.TickerFunc(logTicks)
	}
	p.Add(gridLines{})
	for _, v := range curves {
		p.Add(v)
	}

	canvas := vgimg.NewWith(vgimg.UseWH(chartWidth*vg.Inch/dpi, chartHeight*vg.Inch/dpi), vgimg.UseDPI(dpi))
	img := canvas.Image()
	bottom := c.heading(img, curves)
	const margin = 12 // points
	p.Draw(vgdraw.Crop(vgdraw.New(canvas), vg.Points(margin), -vg.Points(margin+4), vg.Points(margin),
		-vg.Length(bottom)*vg.Inch/dpi))
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

// Plot draws the curve; it is what makes a curve a plotter of gonum/plot. Few points
// are marked.
func (v curve) Plot(c vgdraw.Canvas, p *gonum.Plot) {
	toX, toY := p.Transforms(&c)
	style := vgdraw.LineStyle{Color: v.color, Width: vg.Points(1.6)}
	if v.dashed {
		style.Width, style.Dashes = vg.Points(1), []vg.Length{vg.Points(4), vg.Points(2.5)}
	}
	if v.across() {
		y := toY(v.pieces[0][0].y)
		c.StrokeLine2(style, c.Min.X, y, c.Max.X, y)
		return
	}
	count := 0
	for _, piece := range v.pieces {
		count += len(piece)
	}
	for _, piece := range v.pieces {
		line := make([]vg.Point, len(piece))
		for i, q := range piece {
			line[i] = vg.Point{X: toX(q.x), Y: toY(q.y)}
		}
		c.StrokeLines(style, line)
		if v.dashed || count > 25 && len(line) > 1 {
			continue
		}
		for _, at := range line {
			c.DrawGlyphNoClip(vgdraw.GlyphStyle{Color: v.color, Radius: vg.Points(2.2), Shape: vgdraw.CircleGlyph{}}, at)
		}
	}
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

// gridLines draws a faint line at every labelled tick.
type gridLines struct{}

// Plot makes gridLines a plotter of gonum/plot.
func (gridLines) Plot(c vgdraw.Canvas, p *gonum.Plot) {
	toX, toY := p.Transforms(&c)
	style := vgdraw.LineStyle{Color: rule, Width: vg.Points(.5)}
	for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		if !t.IsMinor() {
			c.StrokeLine2(style, toX(t.Value), c.Min.Y, toX(t.Value), c.Max.Y)
		}
	}
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if !t.IsMinor() {
			c.StrokeLine2(style, c.Min.X, toY(t.Value), c.Max.X, toY(t.Value))
		}
	}
}
