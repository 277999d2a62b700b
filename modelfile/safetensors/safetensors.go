// Package safetensors reads and writes the safetensors file format, strictly.
//
// A file is: the length n of the header, 8 bytes little-endian; the header, n bytes
// of JSON padded with spaces; the data section. The header maps each tensor's name
// to its element type, shape and byte range [begin, end) in the data section, and
// may hold one object of strings under "__metadata__". Tensors are row-major and
// little-endian, and cover the data section without overlap or hole.
// (https://github.com/huggingface/safetensors, "Format".)
//
// [Open] checks all of that before any tensor is read, and reports the first fault
// as a [*FormatError]. Memory is bounded by the header's length, itself bounded by
// the file's and by a limit; tensor data goes through a small window into the
// caller's slice. [Write] is deterministic: the same metadata and tensors, in any
// order, give the same bytes. Nothing here panics on a file's content.
package safetensors

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/hourglass-go/hourglass/modelfile/internal/floats"
)

const (
	// DefaultHeaderLimit is the longest header that the format allows, in bytes.
	DefaultHeaderLimit = 100_000_000

	lengthBytes = 8        // the header's length, in front of it
	maxRank     = 32       // more axes than any array library has
	windowBytes = 64 << 10 // through which data is written
	metadataKey = "__metadata__"
)

// TensorInfo describes one tensor of a file.
type TensorInfo struct {
	Name  string
	DType DType
	Shape []int // every dimension >= 0; empty for a single number
	Begin int64 // first byte, counted from the start of the data section
	End   int64 // one past the last byte
}

// Elems is the number of elements.
func (t TensorInfo) Elems() int64 { return (t.End - t.Begin) / int64(t.DType.Size()) }

// File is an opened file whose header has passed every check. Its methods are safe
// for concurrent use where the reader's ReadAt is.
type File struct {
	// Metadata holds the strings of "__metadata__"; it is empty, not nil, where
	// the file has none.
	Metadata map[string]string

	r       io.ReaderAt
	data    int64 // where the data section begins in r
	tensors []TensorInfo
	index   map[string]int
}

// Options relaxes or tightens what [OpenWith] accepts.
type Options struct {
	// HeaderLimit is the longest header accepted, in bytes; 0 means
	// [DefaultHeaderLimit].
	HeaderLimit int64
	// Unaligned accepts tensors that do not begin at a multiple of their element's
	// size, as writers before 2023 left them.
	Unaligned bool
}

// Open reads and checks the header of a file of size bytes. The reader must stay
// open as long as tensors are read. A fault of the file is a [*FormatError].
func Open(r io.ReaderAt, size int64) (*File, error) { return OpenWith(r, size, Options{}) }

// OpenWith is [Open] with options.
func OpenWith(r io.ReaderAt, size int64, o Options) (*File, error) {
	limit := o.HeaderLimit
	if limit == 0 {
		limit = DefaultHeaderLimit
	}
	if size < lengthBytes {
		return nil, faulty(Truncated, "file", "%d bytes, but the header's length alone takes %d", size, lengthBytes)
	}
	var length [lengthBytes]byte
	if err := readFull(r, length[:], 0, "header length"); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > uint64(limit) {
		return nil, faulty(HeaderSize, "header length", "%d bytes stated, at most %d are accepted; a safetensors file begins with its header's length", n, limit)
	}
	if int64(n) > size-lengthBytes {
		return nil, faulty(Truncated, "header", "%d bytes stated, but the file has only %d after the length",
			n, size-lengthBytes)
	}
	raw := make([]byte, n)
	if err := readFull(r, raw, lengthBytes, "header"); err != nil {
		return nil, err
	}
	metadata, tensors, err := parseHeader(raw)
	if err != nil {
		return nil, err
	}
	dataStart := lengthBytes + int64(n)
	if err := checkLayout(tensors, size-dataStart, o.Unaligned); err != nil {
		return nil, err
	}
	f := &File{Metadata: metadata, r: r, data: dataStart, tensors: tensors, index: make(map[string]int, len(tensors))}
	for i, t := range tensors {
		f.index[t.Name] = i
	}
	return f, nil
}

// checkLayout sorts the tensors by their place in the data section and requires
// that they cover its size bytes exactly.
func checkLayout(tensors []TensorInfo, size int64, unaligned bool) error {
	slices.SortFunc(tensors, func(a, b TensorInfo) int {
		return cmp.Or(cmp.Compare(a.Begin, b.Begin), cmp.Compare(a.End, b.End), cmp.Compare(a.Name, b.Name))
	})
	var covered int64
	for i, t := range tensors {
		switch {
		case t.Begin < covered:
			return inTensor(Overlap, t.Name, "begins at byte %d, inside tensor %q, which ends at %d",
				t.Begin, tensors[i-1].Name, covered)
		case t.Begin > covered:
			return inTensor(Hole, t.Name, "begins at byte %d, but bytes %d to %d belong to no tensor",
				t.Begin, covered, t.Begin)
		case t.End > size:
			return inTensor(Truncated, t.Name, "ends at byte %d, but the file's data section has only %d", t.End, size)
		case !unaligned && t.Begin%t.DType.alignment() != 0:
			return inTensor(Misaligned, t.Name, "begins at byte %d, no multiple of %d as %s asks for",
				t.Begin, t.DType.alignment(), t.DType)
		}
		covered = t.End
	}
	if covered < size {
		return faulty(TrailingBytes, "data section", "%d bytes, but its tensors end at byte %d", size, covered)
	}
	return nil
}

// Tensors lists the tensors in the order of their bytes. The slice must not be
// changed.
func (f *File) Tensors() []TensorInfo { return f.tensors }

// Lookup finds a tensor by name.
func (f *File) Lookup(name string) (TensorInfo, bool) {
	i, ok := f.index[name]
	if !ok {
		return TensorInfo{}, false
	}
	return f.tensors[i], true
}

// Raw returns a reader of a tensor's bytes as they are stored.
func (f *File) Raw(name string) (*io.SectionReader, error) {
	t, ok := f.Lookup(name)
	if !ok {
		return nil, fmt.Errorf("safetensors: no tensor %q in the file", name)
	}
	return io.NewSectionReader(f.r, f.data+t.Begin, t.End-t.Begin), nil
}

// ReadFloat32 reads all elements of a tensor, row-major, into dst, which must have
// exactly that length. F16 and BF16 are widened exactly; F64 is rounded to the
// nearest float32, which makes values beyond its range infinite (see [CheckFinite]).
// Other element types are a [*FormatError]. Where reading fails, dst is partly overwritten.
func (f *File) ReadFloat32(name string, dst []float32) error {
	t, ok := f.Lookup(name)
	if !ok {
		return fmt.Errorf("safetensors: no tensor %q in the file", name)
	}
	if int64(len(dst)) != t.Elems() {
		return fmt.Errorf("safetensors: tensor %q of shape %v has %d elements, the destination has %d",
			name, t.Shape, t.Elems(), len(dst))
	}
	kind, ok := float32Kinds[t.DType]
	if !ok {
		return inTensor(NotFloat, name, "holds %s; only F32, F16, BF16 and F64 can be read as float32", t.DType)
	}
	return located(floats.Read(dst, f.r, f.data+t.Begin, kind), fmt.Sprintf("tensor %q", name))
}

// float32Kinds are the types that can be read as float32.
var float32Kinds = map[DType]floats.Kind{F32: floats.F32, F64: floats.F64, F16: floats.F16, BF16: floats.BF16}

// CheckFinite returns a [*FormatError] of kind [NonFinite] that names the tensor and
// the first element of values that is NaN or infinite, and nil where all are numbers.
func CheckFinite(name string, values []float32) error {
	for i, v := range values {
		// The exponent's bits are all set in NaN and the infinities, and in nothing else.
		if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
			return inTensor(NonFinite, name, "element %d is %v; every value must be finite", i, v)
		}
	}
	return nil
}

// readFull fills p from offset off. A reader that ends early gives a [*FormatError]:
// the file is shorter than it was said to be.
func readFull(r io.ReaderAt, p []byte, off int64, where string) error {
	return located(floats.ReadFull(r, p, off), where)
}

// located says where an error of reading happened.
func located(err error, where string) error {
	var short *floats.TruncatedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &short):
		return faulty(Truncated, where, "%v", short)
	}
	return fmt.Errorf("safetensors: %s: %w", where, err)
}
