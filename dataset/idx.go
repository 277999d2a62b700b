package dataset

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/hourglass-go/hourglass/tensor"
)

// IDX is an array of unsigned bytes in the format of the MNIST files: row-major, the
// outermost axis first.
type IDX struct {
	Shape tensor.Shape
	Data  []byte
}

// MaxIDXBytes is how much data an IDX file may hold where the caller sets no limit.
const MaxIDXBytes = 1 << 30

const (
	idxBytes   = 0x08 // the type code of unsigned bytes
	idxMaxAxes = 4    // N, H, W, C; more has no use here
)

// idxTypes names the type codes of the format.
var idxTypes = map[byte]string{
	idxBytes: "unsigned bytes", 0x09: "signed bytes", 0x0b: "16-bit integers", 0x0c: "32-bit integers",
	0x0d: "32-bit floats", 0x0e: "64-bit floats",
}

// ReadIDX reads an IDX file of unsigned bytes, plain or gzip as its first bytes say: two
// zeros, the type, the number of axes, the size of each axis as a big-endian 32-bit
// number, the values. It allocates nothing before the header is found to be sound and
// to announce at most limit bytes (0: [MaxIDXBytes]). The stream must end where the
// values end. Every error is a [*FileError] without a path; its offset counts in the
// uncompressed content.
func ReadIDX(r io.Reader, limit int64) (*IDX, error) {
	if limit <= 0 {
		limit = MaxIDXBytes
	}
	d := idxReader{r: bufio.NewReaderSize(r, 1<<16)}
	if head, _ := d.r.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(d.r)
		if err != nil {
			return nil, &FileError{Offset: 0, Problem: "the gzip header is damaged", Err: err}
		}
		d.r = bufio.NewReaderSize(z, 1<<16)
	}
	shape, size, err := d.header(limit)
	if err != nil {
		return nil, err
	}
	x := &IDX{Shape: shape, Data: make([]byte, size)}
	if err := d.read(x.Data, fmt.Sprintf("%d bytes of values as the header's sizes %v announce", size, shape)); err != nil {
		return nil, err
	}
	switch _, err := d.r.ReadByte(); {
	case err == nil:
		return nil, d.fail("the data goes on after the %d values that the header's sizes %v announce", size, shape)
	case err != io.EOF: // the checksum at the end of a gzip stream, too, is read here
		return nil, d.broken("the end of the file", err)
	}
	return x, nil
}

// idxReader counts what it has read.
type idxReader struct {
	r      *bufio.Reader
	offset int64
}

// header reads and checks all that stands before the values, and returns their number.
func (d *idxReader) header(limit int64) (tensor.Shape, int64, error) {
	var b [4 * idxMaxAxes]byte
	if err := d.read(b[:4], "the 4 bytes of an IDX file's magic number"); err != nil {
		return nil, 0, err
	}
	kind, axes := b[2], int(b[3])
	name, known := idxTypes[kind]
	switch {
	case b[0] != 0 || b[1] != 0 || !known:
		d.offset = 0
		return nil, 0, d.fail("not an IDX file: it begins with % x, want 00 00 08 and the number of axes (or gzip, 1f 8b)", b[:4])
	case kind != idxBytes:
		d.offset = 2
		return nil, 0, d.fail("the values are %s (type %#02x), want unsigned bytes (type 0x08)", name, kind)
	case axes < 1 || axes > idxMaxAxes:
		d.offset = 3
		return nil, 0, d.fail("%d axes, want 1 (labels) to %d", axes, idxMaxAxes)
	}
	if err := d.read(b[:4*axes], fmt.Sprintf("the sizes of %d axes, 4 bytes each", axes)); err != nil {
		return nil, 0, err
	}
	shape, size := make(tensor.Shape, axes), int64(1)
	for axis := range shape {
		n := int64(binary.BigEndian.Uint32(b[4*axis:]))
		if n == 0 || n > limit/size {
			d.offset = int64(4 + 4*axis)
			if n == 0 {
				return nil, 0, d.fail("axis %d has size 0, want at least 1", axis)
			}
			return nil, 0, d.fail("with size %d on axis %d the values are more than the limit of %d bytes", n, axis, limit)
		}
		shape[axis] = int(n)
		size *= n
	}
	return shape, size, nil
}

// read fills p, or says at which byte the data ended instead of what.
func (d *idxReader) read(p []byte, want string) error {
	n, err := io.ReadFull(d.r, p)
	d.offset += int64(n)
	if err != nil {
		return d.broken(want, err)
	}
	return nil
}

// broken is the error for data that ended, or could not be read on.
func (d *idxReader) broken(want string, err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.As(err, &corrupt) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader):
		return &FileError{Offset: d.offset, Problem: "the compressed data is damaged", Err: err}
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return d.fail("the data ends here, want %s", want)
	}
	return &FileError{Offset: d.offset, Problem: "cannot be read on", Err: err}
}

func (d *idxReader) fail(format string, args ...any) error {
	return &FileError{Offset: d.offset, Problem: fmt.Sprintf(format, args...)}
}

// images returns the array [N, H, W] or [N, H, W, C] as pictures.
func (x *IDX) images() (*Images, error) {
	s := x.Shape
	if len(s) != 3 && len(s) != 4 {
		return nil, &FileError{Offset: 3, Problem: fmt.Sprintf("%d axes, want 3 (pictures, rows, columns)", len(s))}
	}
	m := &Images{H: s[1], W: s[2], C: 1, Pix: x.Data}
	if len(s) == 4 {
		m.C = s[3]
	}
	return m, nil
}

// WriteIDX writes the array as a plain IDX file. It fails where shape and data disagree,
// or the format cannot hold the shape.
func WriteIDX(w io.Writer, x *IDX) error {
	tooLarge := func(n int) bool { return n < 1 || int64(n) > 1<<32-1 }
	if len(x.Shape) < 1 || len(x.Shape) > idxMaxAxes || slices.ContainsFunc(x.Shape, tooLarge) || x.Shape.Elems() != len(x.Data) {
		return fmt.Errorf("dataset: %d bytes of shape %v do not make an IDX file of 1 to %d axes", len(x.Data), x.Shape, idxMaxAxes)
	}
	head := []byte{0, 0, idxBytes, byte(len(x.Shape))}
	for _, n := range x.Shape {
		head = binary.BigEndian.AppendUint32(head, uint32(n))
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err := w.Write(x.Data)
	return err
}
