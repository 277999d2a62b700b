package plot

import (
	"fmt"
	"image"
	"image/draw"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/tensor"
)

// GridOptions is how a grid is drawn. The zero value is good.
type GridOptions struct {
	Title    string
	Subtitle string   // a smaller line under the title
	Columns  []string // a label above each column; none where empty
	// Scale is the pixels on the screen for each pixel of a picture. 0 chooses the
	// integer that brings the largest picture's longer side to about 96.
	Scale int
}

// Grid draws rows of pictures, each tensor [H, W] or [H, W, C] with values 0 to 1 and C
// from 1 to 4 (a second or fourth channel is opacity, over white); values beyond are
// clipped. A nil tensor leaves its place empty. labels, one a row or none at all, stand
// to the left. Pictures are enlarged by repeating pixels, so that one sees what the
// network saw. It fails where there is no picture, the labels do not count the rows, or
// a tensor is no picture.
func Grid(rows [][]*tensor.Tensor, labels []string, o GridOptions) (image.Image, error) {
	if len(labels) != 0 && len(labels) != len(rows) {
		return nil, fmt.Errorf("plot: a grid of %d rows has %d row labels", len(rows), len(labels))
	}
	cells, err := gridCells(rows)
	if err != nil {
		return nil, err
	}
	g := layOut(cells, labels, o)
	for r, row := range cells {
		y := g.rowY[r]
		if len(labels) != 0 && g.rowH[r] > 0 {
			x := g.left - g.labelGap - g.label.width(labels[r])
			g.label.text(g.img, x, y+(g.rowH[r]+g.label.capital())/2, ink, labels[r])
		}
		for c, p := range row {
			if p != nil {
				g.cell(p, g.colX[c], y, g.colW[c], g.rowH[r])
			}
		}
	}
	return g.img, nil
}

// gridCells turns the tensors into pictures.
func gridCells(rows [][]*tensor.Tensor) ([][]*imageio.Picture, error) {
	cells := make([][]*imageio.Picture, len(rows))
	some := false
	for r, row := range rows {
		cells[r] = make([]*imageio.Picture, len(row))
		for c, t := range row {
			if t == nil {
				continue
			}
			p, err := imageio.FromTensor(t, 8)
			if err != nil {
				return nil, fmt.Errorf("plot: row %d, column %d of the grid: %w", r+1, c+1, err)
			}
			cells[r][c] = p.Flatten(1)
			some = true
		}
	}
	if !some {
		return nil, fmt.Errorf("plot: a grid of %d rows without a picture", len(rows))
	}
	return cells, nil
}

// gridLayout is where everything goes, in pixels.
type gridLayout struct {
	img        *image.RGBA
	scale      int
	left       int // where the first column begins
	labelGap   int
	rowY, rowH []int
	colX, colW []int
	label      typeface
}

// layOut measures the grid, makes its canvas and writes title and column labels.
func layOut(cells [][]*imageio.Picture, labels []string, o GridOptions) *gridLayout {
	const margin, gutter, labelGap = 24, 6, 14
	g := &gridLayout{scale: o.Scale, labelGap: labelGap}
	longest := 1
	for _, row := range cells {
		h := 0
		for c, p := range row {
			if c == len(g.colW) {
				g.colW = append(g.colW, 0)
			}
			if p != nil {
				g.colW[c] = max(g.colW[c], p.Width)
				h = max(h, p.Height)
				longest = max(longest, p.Width, p.Height)
			}
		}
		g.rowH = append(g.rowH, h)
	}
	if g.scale < 1 {
		g.scale = max((96+longest/2)/longest, 1)
	}

	// Text grows with the pictures, within reason.
	cell := longest * g.scale
	size := float64(min(max(cell/5, 13), 24))
	g.label = newTypeface(size, false)
	title, small := newTypeface(size*1.3, true), newTypeface(size*.9, false)
	g.left = margin
	for r, s := range labels {
		if g.rowH[r] > 0 {
			g.left = max(g.left, margin+g.label.width(s)+labelGap)
		}
	}
	top := margin
	if o.Title != "" {
		top += title.height()
	}
	if o.Subtitle != "" {
		top += small.height() + 2
	}
	if top > margin {
		top += gutter
	}
	columnBase := top + small.capital()
	if len(o.Columns) != 0 {
		top = columnBase + 8
	}
	x, y := g.left, top
	for c := range g.colW {
		g.colW[c] *= g.scale
		g.colX = append(g.colX, x)
		x += g.colW[c] + gutter
	}
	for r := range g.rowH {
		g.rowH[r] *= g.scale
		g.rowY = append(g.rowY, y)
		y += g.rowH[r] + gutter
	}
	width := max(x-gutter, margin+title.width(o.Title), margin+small.width(o.Subtitle)) + margin
	g.img = blank(width, y-gutter+margin)
	if o.Title != "" {
		title.text(g.img, margin, margin+title.capital(), ink, o.Title)
	}
	if o.Subtitle != "" {
		base := margin + small.capital()
		if o.Title != "" {
			base += title.height()
		}
		small.text(g.img, margin, base, faint, o.Subtitle)
	}
	for c, s := range o.Columns[:min(len(o.Columns), len(g.colW))] {
		small.text(g.img, g.colX[c]+(g.colW[c]-small.width(s))/2, columnBase, faint, s)
	}
	return g
}

// cell draws one picture, enlarged, in the middle of its place, in a hairline frame
// that keeps a picture on white apart from the page.
func (g *gridLayout) cell(p *imageio.Picture, x, y, w, h int) {
	big := p.Resize(p.Height*g.scale, p.Width*g.scale, imageio.Resampling{Filter: imageio.Nearest})
	at := image.Rect(0, 0, big.Width, big.Height).Add(image.Pt(x+(w-big.Width)/2, y+(h-big.Height)/2))
	draw.Draw(g.img, at, big.Image(), image.Point{}, draw.Src)
	frame(g.img, at, rule)
}
