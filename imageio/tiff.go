package imageio

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
	"math"
)

// encodeTIFF writes a baseline TIFF 6.0 file: one strip, deflated, big-endian as Pix is.
// The tags' numbers are those of the specification.
func encodeTIFF(w io.Writer, p *Picture) error {
	if p.Channels == 2 {
		return &UnsupportedError{TIFF, "grey with alpha is not written; write PNG"}
	}
	var strip bytes.Buffer
	z := zlib.NewWriter(&strip)
	z.Write(p.Pix) // into memory: cannot fail
	z.Close()

	const (
		short     = 3
		long      = 4
		undefined = 7
		header    = 8
	)
	type entry struct {
		tag, kind uint16
		count     int
		value     []byte
	}
	be := binary.BigEndian
	shorts := func(tag uint16, v ...int) entry {
		var b []byte
		for _, x := range v {
			b = be.AppendUint16(b, uint16(x))
		}
		return entry{tag, short, len(v), b}
	}
	number := func(tag uint16, v int) entry { return entry{tag, long, 1, be.AppendUint32(nil, uint32(v))} }
	photometric, bits := 1, []int{p.Depth} // black is zero
	if p.Channels >= 3 {
		photometric = 2 // RGB
		bits = []int{p.Depth, p.Depth, p.Depth, p.Depth}[:p.Channels]
	}
	entries := []entry{ // in the order of their tags, as the specification wants them
		number(256, p.Width), number(257, p.Height), shorts(258, bits...), shorts(259, 8),
		shorts(262, photometric), number(273, header),
	}
	if p.Orientation != 0 {
		entries = append(entries, shorts(tagOrientation, p.Orientation))
	}
	entries = append(entries, shorts(277, p.Channels), number(278, p.Height), number(279, strip.Len()))
	if p.Channels == 4 {
		entries = append(entries, shorts(338, 2)) // the fourth is straight alpha
	}
	if len(p.ICC) > 0 {
		entries = append(entries, entry{tagICC, undefined, len(p.ICC), p.ICC})
	}

	pad := strip.Len() % 2 // a directory begins at an even place
	directory := header + strip.Len() + pad
	far := directory + 2 + 12*len(entries) + 4 // where values longer than 4 bytes go
	if int64(far)+int64(len(p.ICC)) > math.MaxUint32 {
		return &UnsupportedError{TIFF, "a file above 4 GiB; write PNG"}
	}
	tail := make([]byte, pad)
	tail = be.AppendUint16(tail, uint16(len(entries)))
	var values []byte
	for _, e := range entries {
		tail = be.AppendUint32(be.AppendUint16(be.AppendUint16(tail, e.tag), e.kind), uint32(e.count))
		if len(e.value) <= 4 {
			tail = append(append(tail, e.value...), make([]byte, 4-len(e.value))...)
			continue
		}
		tail = be.AppendUint32(tail, uint32(far+len(values)))
		values = append(values, e.value...)
		values = append(values, make([]byte, len(values)%2)...)
	}
	tail = append(append(tail, 0, 0, 0, 0), values...) // no further directory
	head := be.AppendUint32([]byte("MM\x00*"), uint32(directory))
	for _, part := range [][]byte{head, strip.Bytes(), tail} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}
