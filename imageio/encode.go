package imageio

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"path/filepath"
	"strings"

	"golang.org/x/image/bmp"

	"github.com/hourglass-go/hourglass/internal/atomicfile"
)

// DefaultQuality is the JPEG quality where none is given.
const DefaultQuality = 92

// Encoder writes pictures in one format. What the format cannot hold is refused with an
// [*UnsupportedError] that names the way out, and nothing is written.
//
//	PNG   everything
//	TIFF  everything but grey with alpha
//	JPEG  grey and RGB of 8 bits; chroma is halved (4:2:0)
//	BMP   grey and RGB of 8 bits; no profile, no orientation
type Encoder struct {
	Format  Format
	Quality int // of a JPEG, 1 to 100; 0 means DefaultQuality
}

// Encode writes p in the format: [Encoder.Encode] with defaults.
func Encode(w io.Writer, p *Picture, format Format) error {
	return Encoder{Format: format}.Encode(w, p)
}

// FormatOf returns the format that a file's name asks for. It fails, with an
// [*UnsupportedError], where the ending is none of .png, .jpg, .jpeg, .bmp, .tif and
// .tiff, in any case.
func FormatOf(path string) (Format, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".png":
		return PNG, nil
	case ".jpg", ".jpeg":
		return JPEG, nil
	case ".bmp":
		return BMP, nil
	case ".tif", ".tiff":
		return TIFF, nil
	default:
		return "", fmt.Errorf("%s: %w", path,
			&UnsupportedError{Format(fmt.Sprintf("ending %q", ext)), "pictures are written as .png, .jpg, .bmp or .tif"})
	}
}

// Save writes the picture to a file, whole or not at all, in the format that the
// path's ending names.
func (p *Picture) Save(path string) error {
	format, err := FormatOf(path)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error { return Encode(w, p, format) })
}

// Encode writes the picture. It fails where p's fields contradict one another, where
// the format cannot hold it, and with w's errors.
func (e Encoder) Encode(w io.Writer, p *Picture) error {
	if err := p.check(); err != nil {
		return err
	}
	switch e.Format {
	case PNG:
		return encodePNG(w, p)
	case TIFF:
		return encodeTIFF(w, p)
	case JPEG:
		return e.encodeJPEG(w, p)
	case BMP:
		return encodeBMP(w, p)
	}
	return &UnsupportedError{e.Format, "pictures are not written in this format; PNG, JPEG, BMP and TIFF are"}
}

// onlyOpaque8 refuses what neither JPEG nor BMP can hold.
func onlyOpaque8(p *Picture, format Format) error {
	switch {
	case p.HasAlpha():
		return &UnsupportedError{format, "it cannot hold the alpha channel; write PNG, or lay the picture over a background (Flatten)"}
	case p.Depth != 8:
		return &UnsupportedError{format, "it cannot hold 16 bits; write PNG, or round to 8 bits (To8)"}
	}
	return nil
}

func encodeBMP(w io.Writer, p *Picture) error {
	if err := onlyOpaque8(p, BMP); err != nil {
		return err
	}
	switch {
	case len(p.ICC) > 0:
		return &UnsupportedError{BMP, "it cannot hold the colour profile; write PNG, or remove it (ICC = nil)"}
	case p.Orientation > 1:
		return &UnsupportedError{BMP, "it cannot hold the orientation; write PNG, or turn the picture (Upright)"}
	}
	return bmp.Encode(w, p.Image())
}

// encodeJPEG writes the orientation and the profile between the encoder's first marker
// and the rest of what it writes.
func (e Encoder) encodeJPEG(w io.Writer, p *Picture) error {
	if err := onlyOpaque8(p, JPEG); err != nil {
		return err
	}
	quality := e.Quality
	if quality == 0 {
		quality = DefaultQuality
	}
	if quality < 1 || quality > 100 {
		return &UnsupportedError{JPEG, fmt.Sprintf("a quality of %d; it can be 1 to 100", quality)}
	}
	const most = 1<<16 - 1
	if p.Width > most || p.Height > most {
		return &UnsupportedError{JPEG, fmt.Sprintf("a side above %d pixels; write PNG", most)}
	}
	segments, err := jpegSegments(p.Metadata)
	if err != nil {
		return err
	}
	if _, err := w.Write(append([]byte{0xff, 0xd8}, segments...)); err != nil {
		return err
	}
	img := p.Image()
	if n, ok := img.(*image.NRGBA); ok { // opaque, so the same; RGBA is the encoder's fast path
		img = &image.RGBA{Pix: n.Pix, Stride: n.Stride, Rect: n.Rect}
	}
	return jpeg.Encode(&skipper{w: w, skip: 2}, img, &jpeg.Options{Quality: quality})
}

// jpegSegments returns the APP1 and APP2 segments of the metadata.
func jpegSegments(m Metadata) ([]byte, error) {
	var out []byte
	segment := func(marker byte, parts ...[]byte) {
		n := 2
		for _, part := range parts {
			n += len(part)
		}
		out = append(out, 0xff, marker)
		out = binary.BigEndian.AppendUint16(out, uint16(n))
		for _, part := range parts {
			out = append(out, part...)
		}
	}
	if m.Orientation != 0 {
		segment(0xe1, []byte(exifMark), exifBlock(m.Orientation))
	}
	const room = 65535 - 2 - len(iccMark) - 2
	count := (len(m.ICC) + room - 1) / room
	if count > 255 {
		return nil, &UnsupportedError{JPEG, "it cannot hold a colour profile of this length; write PNG"}
	}
	for i := range count {
		part := m.ICC[i*room : min((i+1)*room, len(m.ICC))]
		segment(0xe2, []byte(iccMark), []byte{byte(i + 1), byte(count)}, part)
	}
	return out, nil
}

// exifBlock is the least EXIF: a TIFF directory whose one tag is the orientation.
func exifBlock(orientation int) []byte {
	return []byte{'M', 'M', 0, '*', 0, 0, 0, 8, // big-endian, directory at 8
		0, 1, // one entry
		tagOrientation >> 8, tagOrientation & 0xff, 0, 3, 0, 0, 0, 1, 0, byte(orientation), 0, 0, // one short
		0, 0, 0, 0} // no further directory
}

// skipper drops the first bytes that are written to it.
type skipper struct {
	w    io.Writer
	skip int
}

func (s *skipper) Write(b []byte) (int, error) {
	n := min(s.skip, len(b))
	s.skip -= n
	m, err := s.w.Write(b[n:])
	return n + m, err
}
