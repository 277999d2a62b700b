package imageio

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// Format is a picture file's format.
type Format string

// The formats. All are read; PNG, JPEG, BMP and TIFF are written.
const (
	PNG  Format = "PNG"
	JPEG Format = "JPEG"
	GIF  Format = "GIF" // its first frame
	BMP  Format = "BMP"
	TIFF Format = "TIFF" // its first page
	WebP Format = "WebP"
)

// ErrUnknownFormat means that the bytes begin like none of the formats.
var ErrUnknownFormat = errors.New("not a picture that can be read: PNG, JPEG, GIF, BMP, TIFF and WebP can")

// CorruptError means that a file begins like a picture and is none: cut short, damaged,
// or contradicting itself.
type CorruptError struct {
	Format Format
	Err    error
}

// Error names the format and the cause.
func (e *CorruptError) Error() string { return fmt.Sprintf("broken %s picture: %v", e.Format, e.Err) }

// Unwrap returns the decoder's error.
func (e *CorruptError) Unwrap() error { return e.Err }

// UnsupportedError means that a picture, or what was asked to be written, uses
// something that the format's code here does not.
type UnsupportedError struct {
	Format Format
	What   string
}

// Error names the format and the thing.
func (e *UnsupportedError) Error() string { return fmt.Sprintf("%s: %s", e.Format, e.What) }

// LimitError means that a picture is larger than its Decoder allows.
type LimitError struct {
	Unit     string // "pixels", "pixels on its longer side", "bytes or more"
	Got, Max int64
}

// Error gives both numbers.
func (e *LimitError) Error() string {
	return fmt.Sprintf("the picture has %d %s; the limit is %d", e.Got, e.Unit, e.Max)
}

// Decoder reads pictures under limits, which are checked against the file's header
// before anything of the picture's size is allocated. A zero field means its default.
type Decoder struct {
	MaxPixels int64 // width times height; default 256 Mi
	MaxSide   int   // default 65,535
	MaxBytes  int64 // of the file; default 1 GiB
}

// Decode reads one picture with the default limits: see [Decoder.Decode].
func Decode(r io.Reader) (*Picture, error) { return Decoder{}.Decode(r) }

// Open reads the picture in a file with the default limits. Its errors begin with the
// path; beneath, they are those of [Decoder.Decode].
func Open(path string) (*Picture, error) { return Decoder{}.Open(path) }

// Open is the package's [Open] with d's limits.
func (d Decoder) Open(path string) (*Picture, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := d.Decode(f)
	var inRead *os.PathError
	if errors.As(err, &inRead) {
		return nil, err // names the path itself
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// Decode reads r to its end as one picture, whose format its first bytes tell. Palettes
// are resolved: to grey where all their colours are. A YCbCr picture (JPEG, lossy WebP)
// becomes RGB, each chroma sample repeated over the pixels that it covers. Premultiplied
// TIFF colours are divided by their alpha. Errors from bad bytes are
// [ErrUnknownFormat], [*CorruptError], [*UnsupportedError] or [*LimitError].
func (d Decoder) Decode(r io.Reader) (*Picture, error) {
	maxBytes := orDefault(d.MaxBytes, 1<<30)
	data, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > maxBytes {
		return nil, &LimitError{Unit: "bytes or more", Got: int64(len(data)), Max: maxBytes}
	}
	c := sniff(data)
	if c == nil {
		return nil, ErrUnknownFormat
	}
	config, err := guard(c, func() (image.Config, error) { return c.config(bytes.NewReader(data)) })
	if err != nil {
		return nil, err
	}
	if config.Width < 1 || config.Height < 1 {
		return nil, &CorruptError{c.format, fmt.Errorf("a size of %dx%d pixels", config.Width, config.Height)}
	}
	if err := d.checkSize(config.Width, config.Height); err != nil {
		return nil, err
	}
	p, err := guard(c, func() (*Picture, error) { return c.decode(data, config) })
	if err != nil {
		return nil, err
	}
	if p.Width != config.Width || p.Height != config.Height {
		return nil, &CorruptError{c.format, fmt.Errorf("the header says %dx%d, the pixels are %dx%d",
			config.Width, config.Height, p.Width, p.Height)}
	}
	p.Metadata = c.metadata(data)
	return p, nil
}

func orDefault[T int | int64](v, fallback T) T {
	if v == 0 {
		return fallback
	}
	return v
}

// checkSize holds a header's size against the limits.
func (d Decoder) checkSize(width, height int) error {
	side, pixels := orDefault(d.MaxSide, 1<<16-1), orDefault(d.MaxPixels, 256<<20)
	switch {
	case max(width, height) > side:
		return &LimitError{Unit: "pixels on its longer side", Got: int64(max(width, height)), Max: int64(side)}
	case int64(width)*int64(height) > pixels:
		return &LimitError{Unit: "pixels", Got: int64(width) * int64(height), Max: pixels}
	}
	return nil
}

// A codec is how one format is told and read.
type codec struct {
	format   Format
	config   func(io.Reader) (image.Config, error)
	decode   func(data []byte, c image.Config) (*Picture, error)
	metadata func(data []byte) Metadata
}

// sniff returns the codec for what data begins with, nil where it is none's.
func sniff(data []byte) *codec {
	begins := func(magic string) bool { return bytes.HasPrefix(data, []byte(magic)) }
	switch {
	case begins("\x89PNG\r\n\x1a\n"):
		return &codec{PNG, png.DecodeConfig, decodePNG, metadataPNG}
	case begins("\xff\xd8"):
		return &codec{JPEG, jpeg.DecodeConfig, decodeJPEG, metadataJPEG}
	case begins("GIF87a"), begins("GIF89a"):
		return &codec{GIF, gif.DecodeConfig, decodeGIF, func([]byte) Metadata { return Metadata{} }}
	case begins("BM"):
		return &codec{BMP, bmp.DecodeConfig, decodeBMP, func([]byte) Metadata { return Metadata{} }}
	case begins("II*\x00"), begins("MM\x00*"):
		return &codec{TIFF, tiff.DecodeConfig, decodeTIFF, metadataTIFF}
	case begins("RIFF") && len(data) >= 12 && string(data[8:12]) == "WEBP":
		return &codec{WebP, webp.DecodeConfig, decodeWebP, metadataWebP}
	}
	return nil
}

// guard gives a decoder's errors their types, and turns a panic of a foreign decoder,
// which bad bytes must never cause here, into an error.
func guard[T any](c *codec, f func() (T, error)) (v T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &CorruptError{c.format, fmt.Errorf("the decoder failed: %v", r)}
		}
	}()
	v, err = f()
	var own *UnsupportedError
	var jpegUnsupported jpeg.UnsupportedError
	var pngUnsupported png.UnsupportedError
	var tiffUnsupported tiff.UnsupportedError
	switch {
	case err == nil, errors.As(err, &own):
		return v, err
	case errors.As(err, &jpegUnsupported), errors.As(err, &pngUnsupported), errors.As(err, &tiffUnsupported),
		errors.Is(err, bmp.ErrUnsupported):
		return v, &UnsupportedError{c.format, err.Error()}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return v, &CorruptError{c.format, errors.New("the file ends before the picture does")}
	}
	return v, &CorruptError{c.format, err}
}

// decodePNG keeps the file's own channels: Go's decoder widens grey with alpha to four.
func decodePNG(data []byte, config image.Config) (*Picture, error) {
	// Deflate shrinks by at most 1032: a header that promises more is a lie, found out
	// here at no cost.
	if int64(config.Width)*int64(config.Height) > (int64(len(data))+64)*1032*8 {
		return nil, fmt.Errorf("%d bytes cannot hold %dx%d pixels", len(data), config.Width, config.Height)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	_, transparent := chunkPNG(data, "tRNS")
	channels := map[byte]int{0: 1, 2: 3, 4: 2, 6: 4}[data[25]] // by colour type
	switch {
	case channels == 0:
		return FromImage(img), nil
	case transparent && channels%2 == 1:
		channels++
	}
	return convert(img, channels), nil
}

func decodeJPEG(data []byte, _ image.Config) (*Picture, error) {
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if _, ok := img.(*image.CMYK); ok {
		return nil, &UnsupportedError{JPEG, "four inks (CMYK); convert the picture to RGB first"}
	}
	return FromImage(img), nil
}

// decodeGIF returns the first frame on the whole canvas, transparent where the frame
// leaves it free.
func decodeGIF(data []byte, config image.Config) (*Picture, error) {
	img, err := gif.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	canvas := image.Rect(0, 0, config.Width, config.Height)
	if img.Bounds() == canvas {
		return FromImage(img), nil
	}
	whole := image.NewNRGBA(canvas)
	draw.Draw(whole, canvas, img, image.Point{}, draw.Src)
	return FromImage(whole), nil
}

func decodeBMP(data []byte, _ image.Config) (*Picture, error) {
	img, err := bmp.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return FromImage(img), nil
}

// decodeTIFF keeps an alpha channel that is opaque everywhere.
func decodeTIFF(data []byte, _ image.Config) (*Picture, error) {
	img, err := tiff.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if img == nil {
		return nil, errors.New("it holds no pixels")
	}
	if _, ok := img.(*image.Paletted); ok {
		return FromImage(img), nil
	}
	const samplesPerPixel = 277
	switch samples := tiffTags(data)[samplesPerPixel].number(); {
	case samples >= 4:
		return convert(img, 4), nil
	case samples == 3:
		return convert(img, 3), nil
	}
	return FromImage(img), nil
}

func decodeWebP(data []byte, _ image.Config) (*Picture, error) {
	img, err := webp.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	switch m := img.(type) {
	case *image.YCbCr:
		return videoRange(m, nil, 0), nil
	case *image.NYCbCrA:
		return videoRange(&m.YCbCr, m.A, m.AStride), nil
	}
	return FromImage(img), nil
}

// videoRange converts lossy WebP's pixels, whose luma spans 16 to 235, where image/color
// takes it for JPEG's 0 to 255. The constants are RFC 6386's BT.601 as libwebp computes
// them, in 1/64 of a level.
func videoRange(m *image.YCbCr, alpha []byte, alphaStride int) *Picture {
	channels := 3
	if alpha != nil {
		channels = 4
	}
	p := New(m.Rect.Dx(), m.Rect.Dy(), channels, 8)
	level := func(v int) byte { return byte(min(max(v>>6, 0), 255)) }
	i := 0
	for y := range p.Height {
		for x := range p.Width {
			c := m.COffset(x, y)
			luma := 19077 * int(m.Y[m.YOffset(x, y)]) >> 8
			cb, cr := int(m.Cb[c]), int(m.Cr[c])
			p.Pix[i] = level(luma + 26149*cr>>8 - 14234)
			p.Pix[i+1] = level(luma - 6419*cb>>8 - 13320*cr>>8 + 8708)
			p.Pix[i+2] = level(luma + 33050*cb>>8 - 17685)
			if alpha != nil {
				p.Pix[i+3] = alpha[y*alphaStride+x]
			}
			i += channels
		}
	}
	return p
}
