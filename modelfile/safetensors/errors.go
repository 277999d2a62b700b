package safetensors

import "fmt"

// Problem classifies what a [FormatError] found.
type Problem string

// What can be wrong with a file.
const (
	// Truncated: the file ends before its header or its tensors do.
	Truncated Problem = "truncated"
	// HeaderSize: the stated length of the header exceeds the limit.
	HeaderSize Problem = "header size"
	// HeaderSyntax: the header is not the JSON object that the format asks for.
	HeaderSyntax Problem = "header syntax"
	// DuplicateKey: a name is given twice, so that readers would disagree.
	DuplicateKey Problem = "duplicate key"
	// BadMetadata: __metadata__ is not an object of strings.
	BadMetadata Problem = "metadata"
	// UnknownDType: a tensor has an element type that the format does not have.
	UnknownDType Problem = "dtype"
	// NotFloat: a tensor that is read as float32 has an element type of whole numbers.
	NotFloat Problem = "not floating point"
	// BadShape: a dimension is negative or no integer, or the product overflows.
	BadShape Problem = "shape"
	// BadOffsets: a tensor's offsets are reversed or do not fit dtype and shape.
	BadOffsets Problem = "offsets"
	// Overlap: two tensors claim the same bytes.
	Overlap Problem = "overlap"
	// Hole: bytes between two tensors belong to neither.
	Hole Problem = "hole"
	// TrailingBytes: bytes after the last tensor belong to none.
	TrailingBytes Problem = "trailing bytes"
	// Misaligned: a tensor does not begin at a multiple of its element's size.
	Misaligned Problem = "alignment"
	// NonFinite: a value is NaN or infinite where every value must be a number.
	NonFinite Problem = "non-finite value"
)

// FormatError says what is wrong with a file. All that a file can lie about is
// reported this way; an error of the underlying reader is passed on as it is.
type FormatError struct {
	Problem Problem // the kind of fault, to be compared in code
	Where   string  // the part of the file, such as `tensor "dense.kernel"`
	What    string  // what was found there, and what would be right
}

// Error gives the part of the file, then what is wrong with it.
func (e *FormatError) Error() string { return "safetensors: " + e.Where + ": " + e.What }

func faulty(p Problem, where, format string, args ...any) *FormatError {
	return &FormatError{Problem: p, Where: where, What: fmt.Sprintf(format, args...)}
}

func inTensor(p Problem, name, format string, args ...any) *FormatError {
	return faulty(p, fmt.Sprintf("tensor %q", name), format, args...)
}
