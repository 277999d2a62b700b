// Package pytorch reads the tensors of files that torch.save wrote: state dicts, and
// checkpoints that hold some, in the zip format (since PyTorch 1.6) and in the older one.
//
// Such a file is a pickle, which Python reads by running what it names. This package runs
// nothing: it builds dicts, lists and tensors, and anything else becomes a value that is
// passed over (pickle.go). Lengths, counts and places are checked before memory is taken
// for them. What is wrong with a file is a [*FormatError]; nothing here panics on a file's
// content.
package pytorch

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/hourglass-go/hourglass/modelfile/internal/floats"
)

const (
	maxRank    = 32
	maxTensors = 1 << 18
	maxDepth   = 64
	maxVisits  = 1 << 20 // of values while tensors are looked for
)

// File is an opened file. Its methods are safe for concurrent use where the reader's
// ReadAt is.
type File struct {
	r       io.ReaderAt
	tensors []Tensor
	index   map[string]int
	places  map[string]place // of the storages, by their keys
}

// Tensor is an array of the file.
type Tensor struct {
	// Name is the keys that lead to it, joined by dots: "features.0.weight", or
	// "state_dict.features.0.weight" in a checkpoint.
	Name  string
	Shape []int

	storage *storage
	offset  int64
	strides []int64
}

// storage is memory that tensors are views of.
type storage struct {
	kind  floats.Kind // 0 for elements that are no floating-point numbers
	class global
	key   string
	elems int64
}

// place is where the bytes of a storage lie.
type place struct{ at, size int64 }

// FormatError says what is wrong with a file.
type FormatError struct {
	Where string // the part of the file, such as `tensor "fc.weight"`
	What  string // what was found there, and what would be right
}

// Error gives the part of the file, then what is wrong with it.
func (e *FormatError) Error() string { return "pytorch: " + e.Where + ": " + e.What }

func faulty(where, format string, args ...any) error {
	return &FormatError{where, fmt.Sprintf(format, args...)}
}

func tensorNamed(name string) string { return fmt.Sprintf("tensor %q", name) }

// Open reads a file of size bytes but for the elements of its tensors. The reader must
// stay open as long as those are read.
func Open(r io.ReaderAt, size int64) (*File, error) {
	f := &File{r: r, index: map[string]int{}, places: map[string]place{}}
	var magic [4]byte
	if err := floats.ReadFull(r, magic[:], 0); err != nil {
		return nil, located(err, "file")
	}
	open := f.openLegacy
	if string(magic[:]) == "PK\x03\x04" {
		open = f.openZip
	}
	root, err := open(size)
	if err != nil {
		return nil, err
	}
	w := walk{file: f, seen: map[any]bool{}}
	if err := w.value("", root, 0); err != nil {
		return nil, err
	}
	if len(f.tensors) == 0 {
		if o, ok := root.(opaque); ok && o.made != "" {
			return nil, faulty("file", "it holds a Python object of class %s, which only Python can open; a state dict is right: torch.save(model.state_dict(), FILE)", o.made)
		}
		return nil, faulty("file", "it holds no tensors; a state dict is right: torch.save(model.state_dict(), FILE)")
	}
	return f, nil
}

// located says where an error of reading happened.
func located(err error, where string) error {
	var short *floats.TruncatedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &short):
		return faulty(where, "%v", short)
	}
	return fmt.Errorf("pytorch: %s: %w", where, err)
}

// walk lists the tensors in a value. What is in several places is listed at the first:
// values may contain one another, and even themselves.
type walk struct {
	file   *File
	seen   map[any]bool // dicts and lists
	visits int          // a tuple that holds another twice, which holds a third twice, ...
}

func (w *walk) value(name string, v any, depth int) error {
	if w.visits++; depth > maxDepth || w.visits > maxVisits {
		return faulty("file", "values are nested deeper than %d levels, or in one another more than %d times", maxDepth, maxVisits)
	}
	switch v := v.(type) {
	case *Tensor:
		t := *v
		t.Name = name
		if _, twice := w.file.index[name]; twice {
			return faulty(tensorNamed(name), "there are two of this name")
		}
		if len(w.file.tensors) >= maxTensors {
			return faulty("file", "more than %d tensors", maxTensors)
		}
		w.file.index[name] = len(w.file.tensors)
		w.file.tensors = append(w.file.tensors, t)
	case *dict:
		if w.seen[v] {
			return nil
		}
		w.seen[v] = true
		for i, key := range v.keys {
			if err := w.value(join(name, key), v.values[i], depth+1); err != nil {
				return err
			}
		}
	case *list:
		if w.seen[v] {
			return nil
		}
		w.seen[v] = true
		return w.items(name, v.items, depth)
	case tuple:
		return w.items(name, v, depth)
	}
	return nil
}

func (w *walk) items(name string, items []any, depth int) error {
	for i, item := range items {
		if err := w.value(join(name, int64(i)), item, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// join is the name of what lies under a key, a text or a number.
func join(name string, key any) string {
	if name == "" {
		return fmt.Sprint(key)
	}
	return fmt.Sprint(name, ".", key)
}

// Tensors lists the tensors. The slice must not be changed.
func (f *File) Tensors() []Tensor { return f.tensors }

// Lookup finds a tensor by name.
func (f *File) Lookup(name string) (Tensor, bool) {
	i, ok := f.index[name]
	if !ok {
		return Tensor{}, false
	}
	return f.tensors[i], true
}

// Elems is the number of elements.
func (t Tensor) Elems() int64 {
	n := int64(1)
	for _, d := range t.Shape {
		n *= int64(d)
	}
	return n
}

// span is how many elements of its storage lie between the tensor's first and its last,
// both included.
func (t Tensor) span() int64 {
	if t.Elems() == 0 {
		return 0
	}
	n := int64(1)
	for i, d := range t.Shape {
		n += int64(d-1) * t.strides[i]
	}
	return n
}

// contiguous reports whether the elements lie one behind the other, row-major.
func (t Tensor) contiguous() bool {
	stride := int64(1)
	for i := len(t.Shape) - 1; i >= 0; i-- {
		if t.Shape[i] != 1 && t.strides[i] != stride {
			return false
		}
		stride *= int64(t.Shape[i])
	}
	return true
}

// ReadFloat32 reads all elements of a tensor, row-major, into dst, which must have exactly
// that length. Half and bfloat16 are widened exactly; double is rounded.
func (f *File) ReadFloat32(name string, dst []float32) error {
	t, ok := f.Lookup(name)
	switch {
	case !ok:
		return fmt.Errorf("pytorch: no tensor %q in the file", name)
	case t.storage.kind == 0:
		return faulty(tensorNamed(name), "holds the elements of a %s; float, double, half and bfloat16 can be read as float32", t.storage.class)
	case int64(len(dst)) != t.Elems():
		return fmt.Errorf("pytorch: tensor %q of shape %v has %d elements, the destination has %d", name, t.Shape, t.Elems(), len(dst))
	case len(dst) == 0:
		return nil
	}
	p, ok := f.places[t.storage.key]
	elem := int64(t.storage.kind.Size())
	switch {
	case !ok:
		return faulty(tensorNamed(name), "its storage %q is not in the file", t.storage.key)
	case t.span() > p.size/elem-t.offset:
		return faulty(tensorNamed(name), "reaches to element %d of its storage %q, which has %d", t.offset+t.span(), t.storage.key, p.size/elem)
	}
	values := dst
	if !t.contiguous() {
		values = make([]float32, t.span())
	}
	if err := floats.Read(values, f.r, p.at+t.offset*elem, t.storage.kind); err != nil {
		return located(err, tensorNamed(name))
	}
	if !t.contiguous() {
		t.gather(dst, values)
	}
	return nil
}

// gather copies the elements out of the span that they lie in.
func (t Tensor) gather(dst, span []float32) {
	index := make([]int, len(t.Shape))
	at := int64(0)
	for i := range dst {
		dst[i] = span[at]
		for axis := len(index) - 1; axis >= 0; axis-- {
			index[axis]++
			at += t.strides[axis]
			if index[axis] < t.Shape[axis] {
				break
			}
			at -= int64(index[axis]) * t.strides[axis]
			index[axis] = 0
		}
	}
}

// The storage classes whose elements can be read as float32.
var kinds = map[global]floats.Kind{
	"torch FloatStorage": floats.F32, "torch DoubleStorage": floats.F64,
	"torch HalfStorage": floats.F16, "torch BFloat16Storage": floats.BF16,
}

// persistent makes a storage of ("storage", class, key, location, elements).
func persistent(t tuple) (any, error) {
	if len(t) < 5 || t[0] != "storage" {
		return nil, errors.New("a persistent value that is no storage")
	}
	class, ok1 := t[1].(global)
	key, ok2 := t[2].(string)
	elems, ok3 := t[4].(int64)
	if !ok1 || !ok2 || !ok3 || elems < 0 {
		return nil, errors.New("a storage without class, key or number of elements")
	}
	if len(t) > 5 && t[5] != nil {
		return nil, errors.New("a storage that is a view of another, as PyTorch before 0.4 wrote them")
	}
	return &storage{kinds[class], class, key, elems}, nil
}

// rebuild makes the tensors that PyTorch's own functions would.
func rebuild(f global, args tuple) (any, error) {
	switch f {
	case "torch._utils _rebuild_parameter", "torch._utils _rebuild_parameter_with_state":
		if len(args) > 0 {
			if t, ok := args[0].(*Tensor); ok {
				return t, nil
			}
		}
		return nil, errors.New("a parameter that is no tensor")
	case "torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v2":
		return rebuildTensor(args)
	}
	return nil, nil
}

// rebuildTensor checks (storage, offset, size, stride, ...).
func rebuildTensor(args tuple) (any, error) {
	if len(args) < 4 {
		return nil, errors.New("a tensor without storage, offset, size or stride")
	}
	s, ok1 := args[0].(*storage)
	offset, ok2 := args[1].(int64)
	size, ok3 := args[2].(tuple)
	strides, ok4 := args[3].(tuple)
	if !ok1 || !ok2 || !ok3 || !ok4 || offset < 0 || len(size) != len(strides) || len(size) > maxRank {
		return nil, errors.New("a tensor without storage, offset, size or stride")
	}
	t := &Tensor{storage: s, offset: offset}
	elems, last := int64(1), offset
	for i := range size {
		d, ok1 := size[i].(int64)
		stride, ok2 := strides[i].(int64)
		if !ok1 || !ok2 || d < 0 || stride < 0 || d > 0 && elems > math.MaxInt64/8/d ||
			d > 1 && stride > (math.MaxInt64/8-last)/(d-1) {
			return nil, fmt.Errorf("a tensor of size %v and strides %v", size, strides)
		}
		elems *= d
		last += max(d-1, 0) * stride
		t.Shape, t.strides = append(t.Shape, int(d)), append(t.strides, stride)
	}
	if elems > 0 && last >= s.elems {
		return nil, fmt.Errorf("a tensor of size %v at element %d reaches beyond its storage of %d elements", size, offset, s.elems)
	}
	return t, nil
}
