// Package plot draws what a training run has to show: grids of pictures, curves,
// scatters of embeddings, and an HTML report that holds them all in one file.
//
// Every picture is drawn on white, its text in Go Regular, its colours from a cycle
// that people with any colour vision can tell apart. The same input gives the same
// pixels. A function returns an error where its data cannot be drawn (a value that is
// not a number, shapes that do not fit); it never prints or touches a file but for an
// io.Writer that it is handed.
package plot

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// palette is a cycle of ten colours that testdata/palette.py searched: over normal vision
// and full protanopia, deuteranopia and tritanopia, the least OKLab distance between two
// of them is .125, where it is .061 in the cycle of Petroff (2021, arXiv:2107.02270) and
// .007 in Matplotlib's tab10.
var palette = []color.NRGBA{
	hex(0x009eff), hex(0xff6c04), hex(0x52156d), hex(0x41e0ff), hex(0x884cbd),
	hex(0x00492b), hex(0x4b8281), hex(0xc79ea8), hex(0xbbdb26), hex(0xad5415),
}

var (
	ink   = hex(0x222222) // text
	faint = hex(0x666666) // secondary text
	rule  = hex(0xdddddd) // frames and grid lines
)

func hex(rgb uint32) color.NRGBA {
	return color.NRGBA{R: uint8(rgb >> 16), G: uint8(rgb >> 8), B: uint8(rgb), A: 255}
}

// shade mixes c with black: 0 leaves it, 1 is black.
func shade(c color.NRGBA, k float64) color.NRGBA {
	f := func(v uint8) uint8 { return uint8(float64(v)*(1-k) + .5) }
	return color.NRGBA{f(c.R), f(c.G), f(c.B), c.A}
}

// blank returns a white canvas.
func blank(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(img, img.Rect, image.White, image.Point{}, draw.Src)
	return img
}

// fonts parses the two faces once, when something is first drawn, so that a program
// that draws nothing pays nothing.
var fonts = sync.OnceValues(func() (regular, bold *opentype.Font) {
	parse := func(ttf []byte) *opentype.Font {
		f, err := opentype.Parse(ttf)
		if err != nil {
			panic(fmt.Sprintf("plot: the embedded font: %v", err))
		}
		return f
	}
	return parse(goregular.TTF), parse(gobold.TTF)
})

// A typeface draws text of one size. It belongs to one drawing: faces keep scratch.
type typeface struct{ face font.Face }

func newTypeface(pixels float64, bold bool) typeface {
	f, b := fonts()
	if bold {
		f = b
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: pixels, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		panic(fmt.Sprintf("plot: the embedded font: %v", err))
	}
	return typeface{face}
}

// width is the advance of the text in pixels, rounded up.
func (t typeface) width(s string) int { return font.MeasureString(t.face, s).Ceil() }

// height is the distance from one line to the next in pixels.
func (t typeface) height() int { return t.face.Metrics().Height.Ceil() }

// capital is the height of a capital letter in pixels.
func (t typeface) capital() int { return t.face.Metrics().CapHeight.Round() }

// text draws s with its left end at x and its baseline at y.
func (t typeface) text(dst draw.Image, x, y int, c color.Color, s string) {
	d := font.Drawer{Dst: dst, Src: image.NewUniform(c), Face: t.face, Dot: fixed.P(x, y)}
	d.DrawString(s)
}

// upward draws s turned a quarter to the left: its baseline is the column x, and it
// begins at row y and runs up.
func (t typeface) upward(dst draw.Image, x, y int, c color.Color, s string) {
	w, h := t.width(s)+2, 2*t.height()
	flat := image.NewAlpha(image.Rect(0, 0, w, h))
	base := t.height() + t.capital()/2
	t.text(flat, 0, base, color.Opaque, s)
	turned := image.NewAlpha(image.Rect(0, 0, h, w))
	for r := range h {
		for q := range w {
			turned.SetAlpha(r, w-1-q, flat.AlphaAt(q, r))
		}
	}
	draw.DrawMask(dst, turned.Rect.Add(image.Pt(x-base, y-w)), image.NewUniform(c), image.Point{}, turned, image.Point{}, draw.Over)
}

// outlined draws s on a rim of white, so that it can be read over anything.
func (t typeface) outlined(dst draw.Image, x, y int, c color.Color, s string) {
	const r = 3
	for dy := -r; dy <= r; dy++ {
		for dx := -r; dx <= r; dx++ {
			if dx*dx+dy*dy <= r*r+1 {
				t.text(dst, x+dx, y+dy, color.White, s)
			}
		}
	}
	t.text(dst, x, y, c, s)
}

// frame draws the one-pixel outline just outside r.
func frame(dst draw.Image, r image.Rectangle, c color.Color) {
	r = r.Inset(-1)
	src := image.NewUniform(c)
	for _, side := range []image.Rectangle{
		{r.Min, image.Pt(r.Max.X, r.Min.Y+1)}, {image.Pt(r.Min.X, r.Max.Y-1), r.Max},
		{r.Min, image.Pt(r.Min.X+1, r.Max.Y)}, {image.Pt(r.Max.X-1, r.Min.Y), r.Max},
	} {
		draw.Draw(dst, side, src, image.Point{}, draw.Src)
	}
}
