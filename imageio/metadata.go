package imageio

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
)

// Metadata is best effort: a profile or an orientation that cannot be read is left out,
// as every viewer does, since the pixels are whole. Nothing here trusts a length.

// maxICC bounds the inflated colour profile. Profiles in use take up to 2 MiB.
const maxICC = 16 << 20

// EXIF's and TIFF's tags that are read.
const (
	tagOrientation = 274
	tagICC         = 34675
)

// chunkPNG returns the content of the first chunk of the type, of those before the
// picture's end.
func chunkPNG(data []byte, kind string) ([]byte, bool) {
	for rest := data[min(8, len(data)):]; len(rest) >= 12; {
		n := binary.BigEndian.Uint32(rest)
		if uint64(n)+12 > uint64(len(rest)) {
			break
		}
		if string(rest[4:8]) == kind {
			return rest[8 : 8+n], true
		}
		rest = rest[12+n:]
	}
	return nil, false
}

func metadataPNG(data []byte) Metadata {
	var m Metadata
	if chunk, ok := chunkPNG(data, "iCCP"); ok {
		// Name, zero, compression method 0 (deflate), stream.
		if _, packed, ok := bytes.Cut(chunk, []byte{0}); ok && len(packed) > 0 && packed[0] == 0 {
			m.ICC = inflate(packed[1:])
		}
	}
	if chunk, ok := chunkPNG(data, "eXIf"); ok {
		m.Orientation = tiffTags(chunk)[tagOrientation].orientation()
	}
	return m
}

// inflate returns the content of a zlib stream, nil where it is broken or too long.
func inflate(packed []byte) []byte {
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil
	}
	icc, err := io.ReadAll(io.LimitReader(z, maxICC+1))
	if err != nil || len(icc) > maxICC {
		return nil
	}
	return icc
}

const (
	exifMark = "Exif\x00\x00"
	iccMark  = "ICC_PROFILE\x00"
)

// metadataJPEG walks the segments before the scan: APP1 holds EXIF, one or more APP2 the
// profile, each with its number and their count.
func metadataJPEG(data []byte) Metadata {
	var m Metadata
	var parts [256][]byte
	count := 0
	for rest := data[2:]; len(rest) >= 4 && rest[0] == 0xff; {
		marker := rest[1]
		if marker == 0xff { // fill byte
			rest = rest[1:]
			continue
		}
		n := int(binary.BigEndian.Uint16(rest[2:]))
		if marker == 0xda || n < 2 || n+2 > len(rest) {
			break
		}
		body := rest[4 : 2+n]
		switch {
		case marker == 0xe1 && bytes.HasPrefix(body, []byte(exifMark)) && m.Orientation == 0:
			m.Orientation = tiffTags(body[len(exifMark):])[tagOrientation].orientation()
		case marker == 0xe2 && bytes.HasPrefix(body, []byte(iccMark)) && len(body) > len(iccMark)+2:
			body = body[len(iccMark):]
			count = int(body[1])
			parts[body[0]] = body[2:]
		}
		rest = rest[2+n:]
	}
	for i := 1; i <= count; i++ {
		if parts[i] == nil {
			return Metadata{Orientation: m.Orientation} // part of a profile is none
		}
		m.ICC = append(m.ICC, parts[i]...)
	}
	return m
}

// metadataWebP walks the RIFF chunks.
func metadataWebP(data []byte) Metadata {
	var m Metadata
	for rest := data[12:]; len(rest) >= 8; {
		n := uint64(binary.LittleEndian.Uint32(rest[4:]))
		if n+8 > uint64(len(rest)) {
			break
		}
		body := rest[8 : 8+n]
		switch string(rest[:4]) {
		case "ICCP":
			m.ICC = bytes.Clone(body)
		case "EXIF":
			m.Orientation = tiffTags(bytes.TrimPrefix(body, []byte(exifMark)))[tagOrientation].orientation()
		}
		rest = rest[min(8+n+n%2, uint64(len(rest))):]
	}
	return m
}

func metadataTIFF(data []byte) Metadata {
	tags := tiffTags(data)
	m := Metadata{Orientation: tags[tagOrientation].orientation()}
	if icc := tags[tagICC]; len(icc.data) > 0 && len(icc.data) <= maxICC {
		m.ICC = bytes.Clone(icc.data)
	}
	return m
}

// A tiffTag is the value of a tag: its bytes, and how to read a number in them.
type tiffTag struct {
	order binary.ByteOrder
	kind  uint16 // 1 byte, 3 short, 4 long, 7 undefined
	data  []byte
}

// tiffTags returns the tags of the first directory of a TIFF file, which is also what
// an EXIF block is. It skips whatever points outside the file.
func tiffTags(data []byte) map[uint16]tiffTag {
	if len(data) < 8 {
		return nil
	}
	var order binary.ByteOrder
	switch string(data[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return nil
	}
	at := uint64(order.Uint32(data[4:]))
	if at+2 > uint64(len(data)) {
		return nil
	}
	count := uint64(order.Uint16(data[at:]))
	tags := make(map[uint16]tiffTag)
	for i := range count {
		e := at + 2 + 12*i
		if e+12 > uint64(len(data)) {
			break
		}
		entry := data[e : e+12]
		kind := order.Uint16(entry[2:])
		size := map[uint16]uint64{1: 1, 2: 1, 3: 2, 4: 4, 7: 1}[kind] * uint64(order.Uint32(entry[4:]))
		value := entry[8:]
		if size > 4 {
			from := uint64(order.Uint32(value))
			if from+size > uint64(len(data)) {
				continue
			}
			value = data[from:]
		}
		tags[order.Uint16(entry)] = tiffTag{order, kind, value[:size]}
	}
	return tags
}

// number returns the tag's first value, 0 where the tag is missing or no number.
func (t tiffTag) number() int {
	switch {
	case t.kind == 1 && len(t.data) >= 1:
		return int(t.data[0])
	case t.kind == 3 && len(t.data) >= 2:
		return int(t.order.Uint16(t.data))
	case t.kind == 4 && len(t.data) >= 4:
		return int(t.order.Uint32(t.data))
	}
	return 0
}

// orientation returns the tag's value where it is one of EXIF's eight, else 0.
func (t tiffTag) orientation() int {
	if n := t.number(); n >= 1 && n <= 8 {
		return n
	}
	return 0
}
