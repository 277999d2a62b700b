package safetensors

import "strings"

// DType names the element type of a stored tensor, as the format spells it. The
// zero value means F32 where a tensor is written.
type DType string

// The element types of the format whose elements are whole bytes. The types of
// four and six bits, which some exporters write, are refused as unknown.
const (
	BOOL   DType = "BOOL"
	U8     DType = "U8"
	I8     DType = "I8"
	F8E5M2 DType = "F8_E5M2"
	F8E4M3 DType = "F8_E4M3"
	F8E8M0 DType = "F8_E8M0"
	I16    DType = "I16"
	U16    DType = "U16"
	F16    DType = "F16"
	BF16   DType = "BF16"
	I32    DType = "I32"
	U32    DType = "U32"
	F32    DType = "F32"
	I64    DType = "I64"
	U64    DType = "U64"
	F64    DType = "F64"
	C64    DType = "C64"
)

// dtypes lists the types in the order of the format's own writer, by rising
// alignment, with the bytes of an element.
var dtypes = []struct {
	name DType
	size int
}{
	{BOOL, 1}, {U8, 1}, {I8, 1}, {F8E5M2, 1}, {F8E4M3, 1}, {F8E8M0, 1},
	{I16, 2}, {U16, 2}, {F16, 2}, {BF16, 2},
	{I32, 4}, {U32, 4}, {F32, 4},
	{C64, 8}, {F64, 8}, {I64, 8}, {U64, 8},
}

// rank is the place in dtypes, or -1.
func (d DType) rank() int {
	for i, known := range dtypes {
		if known.name == d {
			return i
		}
	}
	return -1
}

// Size is the number of bytes of one element, and 0 for a type that the format, as
// this package reads it, does not have.
func (d DType) Size() int {
	if i := d.rank(); i >= 0 {
		return dtypes[i].size
	}
	return 0
}

// alignment is the power of two on which an element of the type should lie: its
// size, but for C64, a pair of 4-byte numbers.
func (d DType) alignment() int64 {
	if d == C64 {
		return 4
	}
	return int64(d.Size())
}

// knownDTypes lists the accepted spellings for an error message.
func knownDTypes() string {
	names := make([]string, len(dtypes))
	for i, d := range dtypes {
		names[i] = string(d.name)
	}
	return strings.Join(names, ", ")
}
