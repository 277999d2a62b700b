package kernels

import (
	"math"
	"unsafe"
)

// bfloat16 is the upper half of a float32: its sign and exponent, and 7 bits of its mantissa.
// Two of them share the place of a float32 in what kernels keep.

// toBFloat16 rounds to the nearest, ties to even. A NaN stays one.
func toBFloat16(f float32) uint16 {
	b := math.Float32bits(f)
	if f != f {
		return uint16(b>>16) | 1<<6
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// pairsOf views memory of float32 as pairs of bfloat16, the first in the lower half.
func pairsOf(x []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// pairRows sets dst[j] to the pair a[j], b[j].
func pairRows(dst []uint32, a, b []float32) {
	for j := range dst {
		dst[j] = uint32(toBFloat16(a[j])) | uint32(toBFloat16(b[j]))<<16
	}
}
