// Package importer gives models of this program the weights that other programs trained.
//
// [Open] recognises a file of safetensors, ONNX or PyTorch by its first bytes. [FindVGG]
// tells which VGG its tensors are, whatever library named them, and how it wants pictures;
// [VGG.Fill] writes them into a model's parameters, whose layout may be another: a
// convolution's kernel [out, in, h, w], and a dense layer behind flattened [c, h, w] or
// [h, w, c], which may itself become a convolution.
package importer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hourglass-go/hourglass/modelfile/onnx"
	"github.com/hourglass-go/hourglass/modelfile/pytorch"
	"github.com/hourglass-go/hourglass/modelfile/safetensors"
)

// Format names what a file is.
type Format string

// The formats.
const (
	Safetensors Format = "safetensors"
	ONNX        Format = "ONNX"
	PyTorch     Format = "PyTorch"
)

// Archive is an opened file of named arrays.
type Archive struct {
	Format Format
	// Metadata is what a safetensors file says beside its tensors.
	Metadata map[string]string

	size    int64
	arrays  []Array
	shapes  map[string][]int
	graph   *onnx.File // nil for another format
	read    func(name string, dst []float32) error
	closing io.Closer
}

// Array is a named array of numbers, row-major.
type Array struct {
	Name  string
	Shape []int
}

// FormatError says what is wrong with a file as a whole; what is wrong inside one is an
// error of its format's package.
type FormatError struct{ What string }

// Error is what was found, and what would be right.
func (e *FormatError) Error() string { return "importer: " + e.What }

func faulty(format string, args ...any) error { return &FormatError{fmt.Sprintf(format, args...)} }

// Open opens the file at a path; errors name it.
func Open(path string) (*Archive, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("importer: %w", err)
	}
	a, err := openFile(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	a.closing = f
	return a, nil
}

func openFile(f *os.File) (*Archive, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, faulty("it is a folder; one file of weights is right")
	}
	return Read(f, info.Size())
}

// Close closes the file that [Open] opened.
func (a *Archive) Close() error {
	if a.closing == nil {
		return nil
	}
	return a.closing.Close()
}

// Read opens a file of size bytes. The reader must stay open as long as arrays are read.
func Read(r io.ReaderAt, size int64) (*Archive, error) {
	var head [16]byte
	n, err := r.ReadAt(head[:min(size, int64(len(head)))], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	a := &Archive{size: size}
	switch format := recognise(head[:n], size); format {
	case Safetensors:
		err = a.openSafetensors(r, size)
	case PyTorch:
		err = a.openPyTorch(r, size)
	case ONNX:
		err = a.openONNX(r, size)
	default:
		err = faulty("%s", format)
	}
	if err != nil {
		return nil, err
	}
	a.shapes = map[string][]int{}
	for _, t := range a.arrays {
		a.shapes[t.Name] = t.Shape
	}
	return a, nil
}

// recognise tells the format by the first bytes; where it is none that is read, it tells
// what to do instead.
func recognise(head []byte, size int64) Format {
	switch {
	case len(head) >= 9 && head[8] == '{' && binary.LittleEndian.Uint64(head) <= uint64(size):
		return Safetensors
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("\x80\x02\x8a\x0a")):
		return PyTorch
	case bytes.HasPrefix(head, []byte("\x89HDF\r\n\x1a\n")):
		return "a file of HDF5, as Keras wrote; safetensors, ONNX or PyTorch is right: safetensors.numpy.save_file({w.path: w.numpy() for w in model.weights}, FILE) makes the first"
	case len(head) >= 2 && head[0] == 0x08: // ir_version, a small number, comes first
		return ONNX
	}
	return "no file of weights that can be read: safetensors, ONNX or PyTorch is right"
}

func (a *Archive) openSafetensors(r io.ReaderAt, size int64) error {
	f, err := safetensors.OpenWith(r, size, safetensors.Options{Unaligned: true})
	if err != nil {
		return err
	}
	a.Format, a.read, a.Metadata = Safetensors, f.ReadFloat32, f.Metadata
	for _, t := range f.Tensors() {
		a.arrays = append(a.arrays, Array{t.Name, t.Shape})
	}
	return nil
}

func (a *Archive) openPyTorch(r io.ReaderAt, size int64) error {
	f, err := pytorch.Open(r, size)
	if err != nil {
		return err
	}
	a.Format, a.read = PyTorch, f.ReadFloat32
	for _, t := range f.Tensors() {
		a.arrays = append(a.arrays, Array{t.Name, t.Shape})
	}
	return nil
}

func (a *Archive) openONNX(r io.ReaderAt, size int64) error {
	f, err := onnx.Open(r, size)
	if err != nil {
		return err
	}
	a.Format, a.read, a.graph = ONNX, f.ReadFloat32, f
	for _, t := range f.Tensors() {
		a.arrays = append(a.arrays, Array{t.Name, t.Shape})
	}
	return nil
}

// Arrays lists what is in the file.
func (a *Archive) Arrays() []Array { return a.arrays }

// array reads an array whole. Its shape is what the caller has made sure of.
func (a *Archive) array(name string, elems int) ([]float32, error) {
	v := make([]float32, elems)
	if err := a.read(name, v); err != nil {
		return nil, err
	}
	return v, safetensors.CheckFinite(name, v)
}
