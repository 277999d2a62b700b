// Package kernels is the arithmetic of Hourglass on slices.
//
// Kernels know slices and geometry, not tensors. Every matrix is row-major and dense.
// Each kernel is written once in plain Go, generic over float32 and float64: the
// float64 form is what gradient checks run on, the float32 form is the fallback, and
// its loop is the documentation of what the SIMD variants compute. Those are chosen
// once, at start-up (see [ISA]); all variants pass one conformance suite.
//
// Rules that hold for every function here:
//
//   - Lengths are checked once, at the exported function; a slice that is too short
//     is a caller's bug and panics. Where several slices meet element by element, the
//     first one's length counts, and the others must be at least as long.
//   - A result may alias an input element for element (same start) where the
//     doc comment does not say otherwise; partial overlaps are never allowed.
//   - Results are a function of the inputs and the instruction set alone: neither the
//     number of workers nor the place of an element in its chunk matters. NaN and
//     infinities propagate.
//   - What runs over a [parallel.Team] allocates nothing after its constructor.
package kernels

import (
	"fmt"
	"math"
	"unsafe"
)

// Float is the element type: float32 in use, float64 where gradients are checked.
type Float interface{ float32 | float64 }

// isFloat32 says whether T is float32; it is a constant in each instantiation.
func isFloat32[T Float]() bool { return unsafe.Sizeof(T(0)) == 4 }

// f32 views a slice whose element type is known to be float32 as such.
func f32[T Float](x []T) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// need panics unless the slice called name has at least n elements.
func need(op, name string, have, n int) {
	if have < n {
		panic(fmt.Sprintf("kernels: %s: %s has %d elements, needs %d", op, name, have, n))
	}
}

func exp[T Float](x T) T   { return T(math.Exp(float64(x))) }
func log1p[T Float](x T) T { return T(math.Log1p(float64(x))) }
func sqrt[T Float](x T) T  { return T(math.Sqrt(float64(x))) }
func abs[T Float](x T) T   { return T(math.Abs(float64(x))) }

// sigmoid is 1/(1+exp(-x)), written so that exp never overflows.
func sigmoid[T Float](x T) T {
	if x >= 0 {
		return 1 / (1 + exp(-x))
	}
	e := exp(x)
	return e / (1 + e)
}
