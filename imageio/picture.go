// Package imageio reads, writes and transforms pictures without changing what it was
// not asked to change.
//
// A [Picture] keeps what its file held: grey stays grey, an alpha channel stays,
// straight (not premultiplied), 16 bits stay 16 bits, and the colour profile and the
// orientation of the camera travel with the pixels. What a target format cannot hold
// is refused by name, never dropped; [Picture.Flatten], [Picture.To8],
// [Picture.Upright] and their like drop it on request. Other metadata (camera,
// position, comments) is not read and therefore never written.
//
// Pixels are row-major with interleaved channels, as in a tensor [H, W, C]. Functions
// that take a Picture panic only where its fields contradict one another, which is a
// caller's bug; files are checked, with typed errors, and decoded under limits.
package imageio

import (
	"fmt"
	"image"
	"image/color"
)

// Picture is a raster of unsigned samples. Sample (y, x, c) is number
// i = (y*Width+x)*Channels+c: Pix[i] at a depth of 8, and the big-endian pair
// Pix[2i], Pix[2i+1] at a depth of 16.
type Picture struct {
	Width, Height int
	Channels      int // 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha
	Depth         int // bits a sample: 8 or 16
	Pix           []byte
	Metadata
}

// Metadata is what a Picture carries beside its pixels. To give a network's output the
// look of its input, copy it: out.Metadata = in.Metadata.
type Metadata struct {
	// ICC is the colour profile, as it stands in the file; nil where it had none.
	ICC []byte
	// Orientation is EXIF's number, 1 to 8, for how the pixels are to be turned for
	// viewing; 0 where the file said nothing. Pix is not turned: see Upright.
	Orientation int
}

// New returns a picture of zeros: black, and transparent where it has an alpha
// channel. It panics where a size is not positive, or the channels or the depth are not
// ones that a Picture can have.
func New(width, height, channels, depth int) *Picture {
	p := &Picture{Width: width, Height: height, Channels: channels, Depth: depth}
	if err := p.checkHeader(); err != nil {
		panic(err.Error())
	}
	p.Pix = make([]byte, width*height*channels*depth/8)
	return p
}

// Max is the greatest sample value: 255 or 65535.
func (p *Picture) Max() int { return 1<<p.Depth - 1 }

// HasAlpha reports whether the last channel is opacity.
func (p *Picture) HasAlpha() bool { return p.Channels == 2 || p.Channels == 4 }

// At returns sample c of the pixel in column x of row y. It panics out of range.
func (p *Picture) At(x, y, c int) int { return p.sample(p.index(x, y, c)) }

// Set stores v, 0 to Max, as sample c of the pixel in column x of row y. It panics out
// of range.
func (p *Picture) Set(x, y, c, v int) { p.setSample(p.index(x, y, c), v) }

// Clone returns a copy that shares nothing with p.
func (p *Picture) Clone() *Picture {
	q := *p
	q.Pix = append([]byte(nil), p.Pix...)
	q.ICC = append([]byte(nil), p.ICC...)
	return &q
}

func (p *Picture) index(x, y, c int) int {
	if x < 0 || x >= p.Width || y < 0 || y >= p.Height || c < 0 || c >= p.Channels {
		panic(fmt.Sprintf("imageio: sample (%d, %d, %d) outside %v", x, y, c, p))
	}
	return (y*p.Width+x)*p.Channels + c
}

// sample returns sample number i of p.
func (p *Picture) sample(i int) int {
	if p.Depth == 8 {
		return int(p.Pix[i])
	}
	return int(p.Pix[2*i])<<8 | int(p.Pix[2*i+1])
}

// setSample stores sample number i of p.
func (p *Picture) setSample(i, v int) {
	if p.Depth == 8 {
		p.Pix[i] = byte(v)
		return
	}
	p.Pix[2*i], p.Pix[2*i+1] = byte(v>>8), byte(v)
}

// samples is the number of samples in p.
func (p *Picture) samples() int { return p.Width * p.Height * p.Channels }

// like returns a zeroed picture with p's depth and metadata.
func (p *Picture) like(width, height, channels int) *Picture {
	q := New(width, height, channels, p.Depth)
	q.Metadata = p.Metadata
	return q
}

// String describes the picture: "640x480 RGB 8 bits".
func (p *Picture) String() string {
	return fmt.Sprintf("%dx%d %s %d bits", p.Width, p.Height, channelNames[min(max(p.Channels, 0), 5)], p.Depth)
}

var channelNames = [...]string{"empty", "grey", "grey+alpha", "RGB", "RGB+alpha", "unknown"}

func (p *Picture) checkHeader() error {
	switch {
	case p.Width < 1 || p.Height < 1:
		return fmt.Errorf("imageio: a picture of %dx%d pixels; both sides must be at least 1", p.Width, p.Height)
	case p.Channels < 1 || p.Channels > 4:
		return fmt.Errorf("imageio: a picture of %d channels; it can have 1 to 4", p.Channels)
	case p.Depth != 8 && p.Depth != 16:
		return fmt.Errorf("imageio: a picture of %d bits; it can have 8 or 16", p.Depth)
	}
	return nil
}

// check returns an error where the fields contradict one another.
func (p *Picture) check() error {
	if err := p.checkHeader(); err != nil {
		return err
	}
	if want := p.samples() * p.Depth / 8; len(p.Pix) != want {
		return fmt.Errorf("imageio: a picture %v needs %d bytes, Pix has %d", p, want, len(p.Pix))
	}
	return nil
}

// Image returns the pixels as one of the standard library's images: Gray, Gray16,
// NRGBA or NRGBA64. The first two, and RGB with alpha, share Pix.
func (p *Picture) Image() image.Image {
	r := image.Rect(0, 0, p.Width, p.Height)
	switch {
	case p.Channels == 1 && p.Depth == 8:
		return &image.Gray{Pix: p.Pix, Stride: p.Width, Rect: r}
	case p.Channels == 1:
		return &image.Gray16{Pix: p.Pix, Stride: 2 * p.Width, Rect: r}
	case p.Depth == 8:
		return &image.NRGBA{Pix: p.rgba().Pix, Stride: 4 * p.Width, Rect: r}
	default:
		return &image.NRGBA64{Pix: p.rgba().Pix, Stride: 8 * p.Width, Rect: r}
	}
}

// rgba returns p with four channels; p itself where it has them.
func (p *Picture) rgba() *Picture {
	if p.Channels == 4 {
		return p
	}
	q := p.like(p.Width, p.Height, 4)
	colours := (p.Channels+1)/2*2 - 1 // 1 or 3
	for i, n := 0, p.Width*p.Height; i < n; i++ {
		for c := range 3 {
			q.setSample(4*i+c, p.sample(p.Channels*i+min(c, colours-1)))
		}
		alpha := p.Max()
		if p.HasAlpha() {
			alpha = p.sample(p.Channels*i + p.Channels - 1)
		}
		q.setSample(4*i+3, alpha)
	}
	return q
}

// FromImage returns a copy of any image as a Picture. Grey images give one channel, and
// so does a palette of greys; an image that is opaque everywhere gets no alpha channel;
// premultiplied colours are divided by their alpha. 16 bits a sample stay. CMYK images
// are converted without a profile, as image/color does.
func FromImage(img image.Image) *Picture {
	switch m := img.(type) {
	case *image.Gray, *image.Gray16:
		return convert(img, 1)
	case *image.Paletted:
		return fromPaletted(m)
	}
	if o, ok := img.(interface{ Opaque() bool }); ok && o.Opaque() {
		return convert(img, 3)
	}
	return convert(img, 4)
}

// fromPaletted keeps a palette of greys grey.
func fromPaletted(m *image.Paletted) *Picture {
	channels := 1
	for _, c := range m.Palette {
		if r, g, b, _ := c.RGBA(); r != g || g != b {
			channels = 3
			break
		}
	}
	if !m.Opaque() {
		channels++
	}
	return convert(m, channels)
}

// depthOf is 16 for the images that hold 16 bits a sample, 8 for all others.
func depthOf(img image.Image) int {
	switch img.(type) {
	case *image.Gray16, *image.RGBA64, *image.NRGBA64, *image.Alpha16:
		return 16
	}
	return 8
}

// convert copies img into a picture of the given channels. One or two channels take
// the red sample: the caller knows that the image is grey.
func convert(img image.Image, channels int) *Picture {
	b := img.Bounds()
	p := New(b.Dx(), b.Dy(), channels, depthOf(img))
	if convertFast(p, img) {
		return p
	}
	alpha := p.HasAlpha()
	i := 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			px := straight(img.At(x, y))
			v := [4]uint16{px.R, px.G, px.B, px.A}
			if alpha {
				v[channels-1] = px.A
			}
			for c := range channels {
				p.setSample(i, (int(v[c])*p.Max()+32767)/65535)
				i++
			}
		}
	}
	return p
}

// convertFast copies rows where img's memory is laid out as p's, or nearly so. It
// reports whether it did.
func convertFast(p *Picture, img image.Image) bool {
	row := p.Width * p.Channels * p.Depth / 8
	var pix []byte
	var stride, pixel int // bytes a row and a pixel of img
	switch m := img.(type) {
	case *image.Gray:
		pix, stride, pixel = m.Pix[m.PixOffset(m.Rect.Min.X, m.Rect.Min.Y):], m.Stride, 1
	case *image.Gray16:
		pix, stride, pixel = m.Pix[m.PixOffset(m.Rect.Min.X, m.Rect.Min.Y):], m.Stride, 2
	case *image.NRGBA:
		pix, stride, pixel = m.Pix[m.PixOffset(m.Rect.Min.X, m.Rect.Min.Y):], m.Stride, 4
	case *image.NRGBA64:
		pix, stride, pixel = m.Pix[m.PixOffset(m.Rect.Min.X, m.Rect.Min.Y):], m.Stride, 8
	case *image.RGBA: // only where alpha is not wanted: then it is opaque
		if p.Channels != 3 {
			return false
		}
		pix, stride, pixel = m.Pix[m.PixOffset(m.Rect.Min.X, m.Rect.Min.Y):], m.Stride, 4
	case *image.YCbCr:
		if p.Channels == 3 {
			convertYCbCr(p, m)
		}
		return p.Channels == 3
	default:
		return false
	}
	sample := p.Depth / 8
	colour := min(pixel, (p.Channels+1)/2*2*sample-sample) // bytes of colour
	for y := range p.Height {
		src, dst := pix[y*stride:], p.Pix[y*row:(y+1)*row]
		if pixel == p.Channels*sample {
			copy(dst, src)
			continue
		}
		for x := range p.Width {
			s, d := src[x*pixel:(x+1)*pixel], dst[x*p.Channels*sample:]
			copy(d[:colour], s)
			if p.HasAlpha() {
				copy(d[colour:colour+sample], s[pixel-sample:])
			}
		}
	}
	return true
}

// convertYCbCr is the loop that a photograph takes: JPEG's full-range BT.601, each chroma
// sample used for all the pixels that it covers.
func convertYCbCr(p *Picture, m *image.YCbCr) {
	i := 0
	for y := m.Rect.Min.Y; y < m.Rect.Max.Y; y++ {
		for x := m.Rect.Min.X; x < m.Rect.Max.X; x++ {
			c := m.COffset(x, y)
			p.Pix[i], p.Pix[i+1], p.Pix[i+2] = color.YCbCrToRGB(m.Y[m.YOffset(x, y)], m.Cb[c], m.Cr[c])
			i += 3
		}
	}
}

// straight returns the colour with its alpha not multiplied in, each sample rounded to
// nearest.
func straight(c color.Color) color.NRGBA64 {
	switch v := c.(type) {
	case color.NRGBA:
		return color.NRGBA64{R: uint16(v.R) * 257, G: uint16(v.G) * 257, B: uint16(v.B) * 257, A: uint16(v.A) * 257}
	case color.NRGBA64:
		return v
	}
	r, g, b, a := c.RGBA()
	if a == 0 {
		return color.NRGBA64{}
	}
	div := func(v uint32) uint16 { return uint16(min((v*0xffff+a/2)/a, 0xffff)) }
	return color.NRGBA64{R: div(r), G: div(g), B: div(b), A: uint16(a)}
}
