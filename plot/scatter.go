package plot

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"
	"strconv"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/tensor"
)

// ScatterOptions is how a scatter is drawn. The zero value is good.
type ScatterOptions struct {
	Title    string
	Subtitle string   // a smaller line under the title
	Classes  []string // the classes' names, by label; their numbers where empty
	// XLabel and YLabel name the axes where they mean something, as principal components
	// do. An embedding's do not.
	XLabel, YLabel string
	// Pictures, one a point, are drawn in place of the points, as many as fit without
	// overlap: tensors [H, W] or [H, W, C], values 0 to 1. Grey ones are drawn as strokes in their class'
	// colour.
	Pictures []*tensor.Tensor
}

const (
	scatterSide    = 960 // pixels of the square of points
	scatterMargin  = 30
	legendGap      = 24 // pixels between the square and the legend
	thumbnailPixel = 26 // the longer side of a thumbnail
)

// Scatter draws the points of xy, [N, 2], with one scale for both axes, coloured by
// label, each class named at the middle of its points and in a legend. labels has one
// class number a point, or is nil: then all points are alike. There are ten colours; a
// greater label takes the colour of its last digit. It fails where the shapes do not
// fit, where a label is negative, or a coordinate is not finite.
func Scatter(xy *tensor.Tensor, labels []int32, o ScatterOptions) (image.Image, error) {
	if err := checkScatter(xy, labels, o); err != nil {
		return nil, err
	}
	s := newScatter(xy, labels, o)
	if o.Pictures != nil {
		if err := s.thumbnails(o.Pictures); err != nil {
			return nil, err
		}
	} else {
		s.points()
	}
	s.names(o)
	return s.img, nil
}

func checkScatter(xy *tensor.Tensor, labels []int32, o ScatterOptions) error {
	if len(xy.Shape) != 2 || xy.Shape[1] != 2 || xy.Shape[0] == 0 {
		return fmt.Errorf("plot: a scatter of shape %v; [N 2] is needed", xy.Shape)
	}
	n := xy.Shape[0]
	if labels != nil && len(labels) != n {
		return fmt.Errorf("plot: a scatter of %d points has %d labels", n, len(labels))
	}
	if o.Pictures != nil && len(o.Pictures) != n {
		return fmt.Errorf("plot: a scatter of %d points has %d pictures", n, len(o.Pictures))
	}
	for i, l := range labels {
		if l < 0 {
			return fmt.Errorf("plot: point %d of the scatter has the label %d; labels count from 0", i, l)
		}
	}
	for i, v := range xy.Data {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("plot: point %d of the scatter lies at %v", i/2, v)
		}
	}
	return nil
}

// scatter is a drawing in progress.
type scatter struct {
	img    *image.RGBA
	at     [][2]float64 // the points in pixels
	labels []int32
	area   image.Rectangle
}

// newScatter maps the points into the square and makes the canvas with its titles.
func newScatter(xy *tensor.Tensor, labels []int32, o ScatterOptions) *scatter {
	title, small := newTypeface(26, true), newTypeface(18, false)
	top := scatterMargin
	if o.Title != "" {
		top += title.height()
	}
	if o.Subtitle != "" {
		top += small.height()
	}
	if top > scatterMargin {
		top += 12
	}
	left, bottom := scatterMargin, scatterMargin
	if o.YLabel != "" || o.XLabel != "" {
		bottom += small.height()
	}
	right := scatterMargin
	if labels != nil {
		right += legendGap + 18 + widestName(newTypeface(20, false), labels, o.Classes)
	}
	s := &scatter{labels: labels, area: image.Rect(left, top, left+scatterSide, top+scatterSide)}
	s.img = blank(s.area.Max.X+right, s.area.Max.Y+bottom)
	frame(s.img, s.area, rule)
	title.text(s.img, left, scatterMargin+title.capital(), ink, o.Title)
	base := scatterMargin + small.capital()
	if o.Title != "" {
		base += title.height()
	}
	small.text(s.img, left, base, faint, o.Subtitle)
	if o.XLabel != "" || o.YLabel != "" {
		text := o.XLabel + " \u2192"
		if o.YLabel != "" {
			text += "    " + o.YLabel + " \u2191"
		}
		small.text(s.img, left, s.area.Max.Y+10+small.capital(), faint, text)
	}

	var lo, hi [2]float64
	for axis := range 2 {
		lo[axis], hi[axis] = math.Inf(1), math.Inf(-1)
		for i := axis; i < len(xy.Data); i += 2 {
			lo[axis], hi[axis] = min(lo[axis], float64(xy.Data[i])), max(hi[axis], float64(xy.Data[i]))
		}
	}
	const air = 26 // pixels between the outermost point and the frame
	scale := (scatterSide - 2*air) / max(hi[0]-lo[0], hi[1]-lo[1], 1e-30)
	middleX, middleY := float64(left)+scatterSide/2., float64(top)+scatterSide/2.
	for i := 0; i < len(xy.Data); i += 2 {
		s.at = append(s.at, [2]float64{
			middleX + scale*(float64(xy.Data[i])-(lo[0]+hi[0])/2),
			middleY - scale*(float64(xy.Data[i+1])-(lo[1]+hi[1])/2), // up is positive
		})
	}
	return s
}

func (s *scatter) color(i int) color.NRGBA {
	if s.labels == nil {
		return palette[0]
	}
	return palette[int(s.labels[i])%len(palette)]
}

// points draws a translucent disc a point, smaller where there are many. They are
// visited in strides of the golden section, so that no class that a data set keeps
// together lies above all others.
func (s *scatter) points() {
	n := len(s.at)
	radius := min(max(170/math.Sqrt(float64(n)), 1.7), 5)
	for k := range n {
		i := stride(k, n)
		disc(s.img, s.at[i][0], s.at[i][1], radius, s.color(i), .8)
	}
}

// stride is a permutation of 0..n-1 that jumps about: k times a number near n/1.618
// that has no divisor in common with n.
func stride(k, n int) int {
	step := max(int(float64(n)/math.Phi), 1)
	for gcd(step, n) != 1 {
		step++
	}
	return int(int64(k) * int64(step) % int64(n))
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// disc lays a disc of the colour over img, with smooth edges: a pixel is covered by the
// disc's radius less its distance, plus one half, from 0 to 1.
func disc(img *image.RGBA, x, y, radius float64, c color.NRGBA, opacity float64) {
	for py := int(y - radius - 1); py <= int(y+radius+1); py++ {
		for px := int(x - radius - 1); px <= int(x+radius+1); px++ {
			d := math.Hypot(float64(px)+.5-x, float64(py)+.5-y)
			if cover := min(max(radius-d+.5, 0), 1) * opacity; cover > 0 {
				blend(img, px, py, c, cover)
			}
		}
	}
}

// blend lays c over an opaque pixel.
func blend(img *image.RGBA, x, y int, c color.NRGBA, cover float64) {
	if !(image.Pt(x, y).In(img.Rect)) {
		return
	}
	p := img.Pix[img.PixOffset(x, y):]
	for k, v := range [3]uint8{c.R, c.G, c.B} {
		p[k] = uint8(float64(p[k])*(1-cover) + float64(v)*cover + .5)
	}
}

// thumbnails draws the pictures that fit beside one another and a small point for all
// others.
func (s *scatter) thumbnails(pictures []*tensor.Tensor) error {
	const cell = thumbnailPixel * 4 / 5 // strokes rarely fill their picture
	taken := make(map[image.Point]bool)
	var drawn []int
	for k := range s.at {
		i := stride(k, len(s.at))
		c := image.Pt(int(s.at[i][0]), int(s.at[i][1])).Div(cell)
		if taken[c] {
			disc(s.img, s.at[i][0], s.at[i][1], 1.2, s.color(i), .25)
			continue
		}
		taken[c] = true
		drawn = append(drawn, i)
	}
	for _, i := range drawn {
		p, err := imageio.FromTensor(pictures[i], 8)
		if err != nil {
			return fmt.Errorf("plot: picture %d of the scatter: %w", i, err)
		}
		s.thumbnail(p.Fit(thumbnailPixel, thumbnailPixel), i)
	}
	return nil
}

// thumbnail draws one picture at its point. Of a grey one only what differs from its
// background is drawn, in the class' colour.
func (s *scatter) thumbnail(p *imageio.Picture, i int) {
	x0, y0 := int(s.at[i][0])-p.Width/2, int(s.at[i][1])-p.Height/2
	if p.Channels != 1 {
		r := image.Rect(x0, y0, x0+p.Width, y0+p.Height)
		draw.Draw(s.img, r, p.Image(), image.Point{}, draw.Over)
		frame(s.img, r, s.color(i))
		return
	}
	back := p.Background()[0]
	span := float64(max(back, 255-back))
	c := shade(s.color(i), .1)
	for y := range p.Height {
		for x := range p.Width {
			blend(s.img, x0+x, y0+y, c, math.Abs(float64(p.At(x, y, 0)-back))/span)
		}
	}
}

// names writes the legend and, at the median of each class' points, its name.
func (s *scatter) names(o ScatterOptions) {
	if s.labels == nil {
		return
	}
	big, small := newTypeface(30, true), newTypeface(20, false)
	members := make(map[int32][]int)
	for i, l := range s.labels {
		members[l] = append(members[l], i)
	}
	var classes []int32
	for l := range members {
		classes = append(classes, l)
	}
	slices.Sort(classes)
	x, y := s.area.Max.X+legendGap, s.area.Min.Y+14
	for _, l := range classes {
		name := className(l, o.Classes)
		c := palette[int(l)%len(palette)]
		disc(s.img, float64(x), float64(y), 8, c, 1)
		small.text(s.img, x+18, y+small.capital()/2+1, ink, name)
		y += small.height() + 8
		if len(classes) > 1 {
			cx, cy := s.median(members[l])
			big.outlined(s.img, cx-big.width(name)/2, cy+big.capital()/2, shade(c, .45), name)
		}
	}
}

// className is the class' name, or its number where it has none.
func className(l int32, classes []string) string {
	if int(l) < len(classes) {
		return classes[l]
	}
	return strconv.Itoa(int(l))
}

// widestName is the width of the longest name that the legend will hold.
func widestName(t typeface, labels []int32, classes []string) int {
	seen := make(map[int32]bool)
	widest := 0
	for _, l := range labels {
		if !seen[l] {
			seen[l] = true
			widest = max(widest, t.width(className(l, classes)))
		}
	}
	return widest
}

// median returns the pixel at the median of the points' coordinates.
func (s *scatter) median(points []int) (x, y int) {
	var v [2]float64
	for axis := range 2 {
		all := make([]float64, len(points))
		for k, i := range points {
			all[k] = s.at[i][axis]
		}
		slices.Sort(all)
		v[axis] = all[len(all)/2]
	}
	return int(v[0]), int(v[1])
}
