package safetensors

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// float32Decoders convert little-endian bytes, len(dst) elements of them, to float32.
var float32Decoders = map[DType]func(dst []float32, src []byte){
	F32: func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	},
	F64: func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
		}
	},
	F16: func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = halfToFloat32(binary.LittleEndian.Uint16(src[2*i:]))
		}
	},
	BF16: func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
		}
	},
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
