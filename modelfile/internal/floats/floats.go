// Package floats reads arrays of floating-point numbers, little-endian, as other programs
// store them.
package floats

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
)

// Kind is how a number is stored.
type Kind uint8

// The kinds.
const (
	F32  Kind = iota + 1 // IEEE 754 binary32
	F64                  // binary64
	F16                  // binary16
	BF16                 // the upper half of a binary32
)

// Size is the number of bytes of one number.
func (k Kind) Size() int { return [...]int{F32: 4, F64: 8, F16: 2, BF16: 2}[k] }

// window is how many bytes are converted at a time.
const window = 64 << 10

// Read fills dst with the numbers from offset at on, through a small window. F16 and BF16
// are widened exactly; F64 is rounded to the nearest float32, which makes values beyond its
// range infinite. An r that ends early gives a [*TruncatedError]; dst is then partly
// overwritten.
func Read(dst []float32, r io.ReaderAt, at int64, k Kind) error {
	elem := k.Size()
	buffer := make([]byte, min(window, len(dst)*elem))
	for len(dst) > 0 {
		n := min(len(buffer)/elem, len(dst))
		chunk := buffer[:n*elem]
		if err := ReadFull(r, chunk, at); err != nil {
			return err
		}
		decode(dst[:n], chunk, k)
		dst, at = dst[n:], at+int64(len(chunk))
	}
	return nil
}

// TruncatedError is about a file that ends before what it should hold does.
type TruncatedError struct {
	At   int64 // where the file ends
	More int   // how many bytes are missing
}

// Error names both numbers.
func (e *TruncatedError) Error() string {
	return fmt.Sprintf("the file ends at byte %d, %d more are needed", e.At, e.More)
}

// ReadFull fills p from offset at. A reader that ends early gives a [*TruncatedError].
func ReadFull(r io.ReaderAt, p []byte, at int64) error {
	n, err := r.ReadAt(p, at)
	switch {
	case n == len(p):
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &TruncatedError{at + int64(n), len(p) - n}
	}
	return err
}

// decode converts len(dst) numbers.
func decode(dst []float32, src []byte, k Kind) {
	switch k {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	case F64:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
		}
	case F16:
		for i := range dst {
			dst[i] = halfToFloat32(binary.LittleEndian.Uint16(src[2*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
		}
	}
}

// halfToFloat32 widens an IEEE 754 binary16, exactly: 1 sign bit, 5 of exponent
// (bias 15), 10 of fraction.
func halfToFloat32(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent := uint32(h>>10) & 0x1f
	fraction := uint32(h) & 0x3ff
	switch {
	case exponent == 0x1f: // infinity, NaN
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	case exponent == 0 && fraction == 0:
		return math.Float32frombits(sign)
	case exponent == 0: // subnormal: shift the leading one to the implicit place
		shift := uint32(bits.LeadingZeros32(fraction)) - 21
		return math.Float32frombits(sign | (127-14-shift)<<23 | fraction<<shift&0x3ff<<13)
	default:
		return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
	}
}
