package codec

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math"
)

// A file is
//
//	"HGZ", version      4 bytes; the version is 1
//	model               8 bytes: the first of the SHA-256 of its graph and weights
//	kind                1 byte: 0 multiples of a step, 1 those of an entropy bottleneck, 2 a code book
//	channels, depth     1 byte each: 1 or 3, 8 or 16
//	width, height       varints
//	step                4 bytes, a float32, little-endian; 0 for a code book
//	low, high           kind 0: zigzag varints, the least and the greatest multiple
//	bytes               varint: of what the payload decodes to
//	payload
//	checksum            4 bytes: CRC-32 (IEEE) of all before, little-endian
//
// Varints are those of encoding/binary.
const (
	magic   = "HGZ"
	version = 1
)

// FormatError is what is wrong with a file, and where.
type FormatError struct{ Where, What string }

// Error names the place and the fault.
func (e *FormatError) Error() string {
	return fmt.Sprintf("not a compressed picture: %s: %s", e.Where, e.What)
}

// ModelError refuses a file that another model has made.
type ModelError struct{ File, Model [8]byte }

// Error names both models by their fingerprints.
func (e *ModelError) Error() string {
	return fmt.Sprintf("the file was made by the model with the fingerprint %s, this one's is %s: want that model",
		hex.EncodeToString(e.File[:]), hex.EncodeToString(e.Model[:]))
}

type file struct {
	kind            kind
	id              [8]byte
	width, height   int
	channels, depth int
	step            float32
	low, high       int32
	bytes           int
	payload         []byte
}

func (f *file) marshal() []byte {
	b := append([]byte(magic), version)
	b = append(b, f.id[:]...)
	b = append(b, byte(f.kind), byte(f.channels), byte(f.depth))
	b = binary.AppendUvarint(b, uint64(f.width))
	b = binary.AppendUvarint(b, uint64(f.height))
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f.step))
	if f.kind == adaptive {
		b = binary.AppendVarint(b, int64(f.low))
		b = binary.AppendVarint(b, int64(f.high))
	}
	b = binary.AppendUvarint(b, uint64(f.bytes))
	b = append(b, f.payload...)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// reader takes a file apart; the first fault sticks.
type reader struct {
	data []byte
	err  error
}

func (r *reader) fail(where, format string, args ...any) {
	if r.err == nil {
		r.err = &FormatError{where, fmt.Sprintf(format, args...)}
	}
}

func (r *reader) take(where string, n int) []byte {
	if len(r.data) < n {
		r.fail(where, "the file ends")
		return make([]byte, n)
	}
	part := r.data[:n]
	r.data = r.data[n:]
	return part
}

// number reads a varint from low to high.
func (r *reader) number(where string, low, high int64) int {
	v, n := binary.Varint(r.data)
	return r.within(where, v, n, low, high)
}

// count is number for an unsigned one.
func (r *reader) count(where string, low, high int64) int {
	v, n := binary.Uvarint(r.data)
	return r.within(where, int64(min(v, math.MaxInt64)), n, low, high)
}

func (r *reader) within(where string, v int64, n int, low, high int64) int {
	switch {
	case n <= 0:
		r.fail(where, "the file ends, or the number does not")
		return int(low)
	case v < low || v > high:
		r.fail(where, "%d; %d to %d is right", v, low, high)
		return int(low)
	}
	r.data = r.data[n:]
	return int(v)
}

// parse reads a file and checks all that can be checked without its model.
func parse(data []byte) (*file, error) {
	const checksum = 4
	r := &reader{data: data}
	if head := r.take("beginning", len(magic)+1); string(head[:len(magic)]) != magic {
		r.fail("beginning", "%q; %q is right", head[:len(magic)], magic)
	} else if head[len(magic)] != version {
		r.fail("version", "%d; this program reads %d", head[len(magic)], version)
	}
	if r.err == nil && len(r.data) < checksum {
		r.fail("checksum", "the file ends")
	}
	if r.err != nil {
		return nil, r.err
	}
	body := data[:len(data)-checksum]
	if got, want := crc32.ChecksumIEEE(body), binary.LittleEndian.Uint32(data[len(body):]); got != want {
		return nil, &FormatError{"checksum", fmt.Sprintf("%08x, that of the content is %08x: the file is damaged", want, got)}
	}
	r.data = body[len(magic)+1:]
	f := &file{}
	copy(f.id[:], r.take("model", len(f.id)))
	head := r.take("kind", 3)
	f.kind, f.channels, f.depth = kind(head[0]), int(head[1]), int(head[2])
	switch {
	case f.kind >= kinds:
		r.fail("kind", "%d; 0 to %d is right", f.kind, kinds-1)
	case f.channels != 1 && f.channels != 3:
		r.fail("channels", "%d; 1 or 3 is right", f.channels)
	case f.depth != 8 && f.depth != 16:
		r.fail("depth", "%d; 8 or 16 is right", f.depth)
	}
	f.width = r.count("width", 1, MaxPixels)
	f.height = r.count("height", 1, MaxPixels/int64(f.width))
	f.step = math.Float32frombits(binary.LittleEndian.Uint32(r.take("step", 4)))
	if good := f.step > 0 && !math.IsInf(float64(f.step), 1); good == (f.kind == vectors) || !good && f.step != 0 {
		r.fail("step", "%v; a number above 0, or 0 for a code book, is right", f.step)
	}
	if f.kind == adaptive {
		f.low = int32(r.number("least number", -maxSymbol, maxSymbol))
		f.high = int32(r.number("greatest number", int64(f.low), maxSymbol))
	}
	f.bytes = r.count("length", 0, math.MaxInt32)
	f.payload = r.data
	return f, r.err
}
