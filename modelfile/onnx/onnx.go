// Package onnx reads the graph and the weights of ONNX models, as far as importing a
// network's weights needs it.
//
// An ONNX file is one message of Protocol Buffers, a ModelProto
// (https://github.com/onnx/onnx, onnx/onnx.proto). [Open] walks through it once: it keeps
// nodes, names and shapes, and notes where the numbers of each tensor lie, so that a model
// of half a gigabyte takes a few kilobytes until a tensor is read. Counts and lengths of
// what it keeps are bounded. What is wrong with a file is a [*FormatError]; nothing here
// panics on a file's content.
package onnx

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/hourglass-go/hourglass/modelfile/internal/floats"
)

// The bounds of what is kept. The largest models that are published stay far below them.
const (
	maxNodes   = 1 << 16 // and as many tensors
	maxEdges   = 1 << 18 // inputs, outputs and attributes of all nodes
	maxText    = 1 << 16 // bytes of a name
	maxNumbers = 1 << 12 // of an attribute
	maxRank    = 32
)

// File is an opened model. Its methods are safe for concurrent use where the reader's
// ReadAt is.
type File struct {
	// Producer is the program that wrote the file: "pytorch", "tf2onnx".
	Producer string
	// Nodes are in the order of the file, each after those that it reads from.
	Nodes []Node
	// Outputs are the names of the graph's results.
	Outputs []string

	r       io.ReaderAt
	tensors []Tensor
	index   map[string]int
	edges   int
}

// Node is an operator at work in the graph.
type Node struct {
	Name            string
	Op              string // "Conv", "Gemm"
	Inputs, Outputs []string
	// Attributes are those of numbers and texts; others are passed over.
	Attributes map[string]Attribute
}

// Attribute is a setting of a node.
type Attribute struct {
	Float float32
	Int   int64
	Text  string
	Ints  []int64
}

// Tensor is an array of the file: an initialiser of the graph, or the value of a Constant
// node, under the name of its output.
type Tensor struct {
	Name  string
	Shape []int

	kind     floats.Kind // 0 for elements that are no floating-point numbers
	typ      int64
	external bool
	at, size int64 // the bytes of its elements
}

// FormatError says what is wrong with a file.
type FormatError struct {
	Where string // the part of the file, such as `tensor "fc.weight"`
	What  string // what was found there, and what would be right
}

// Error gives the part of the file, then what is wrong with it.
func (e *FormatError) Error() string { return "onnx: " + e.Where + ": " + e.What }

func faulty(where, format string, args ...any) error {
	return &FormatError{where, fmt.Sprintf(format, args...)}
}

// Open reads a model of size bytes but for the elements of its tensors. The reader must
// stay open as long as those are read.
func Open(r io.ReaderAt, size int64) (*File, error) {
	f := &File{r: r, index: map[string]int{}}
	if err := f.model(message{w: &window{r: r}, end: size}); err != nil {
		return nil, err
	}
	for i, t := range f.tensors {
		if _, twice := f.index[t.Name]; twice {
			return nil, faulty(tensorNamed(t.Name), "there are two of this name")
		}
		f.index[t.Name] = i
	}
	return f, nil
}

func tensorNamed(name string) string { return fmt.Sprintf("tensor %q", name) }

// Tensors lists the arrays. The slice must not be changed.
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

// ReadFloat32 reads all elements of a tensor, row-major, into dst, which must have exactly
// that length. FLOAT16 and BFLOAT16 are widened exactly; DOUBLE is rounded.
func (f *File) ReadFloat32(name string, dst []float32) error {
	t, ok := f.Lookup(name)
	where := tensorNamed(name)
	switch {
	case !ok:
		return fmt.Errorf("onnx: no tensor %q in the file", name)
	case t.external:
		return faulty(where, "its elements lie in another file; one file is right, as onnx.save writes it with save_as_external_data=False")
	case t.kind == 0:
		return faulty(where, "holds elements of type %d; FLOAT, DOUBLE, FLOAT16 and BFLOAT16 can be read as float32", t.typ)
	case t.size != t.Elems()*int64(t.kind.Size()):
		return faulty(where, "shape %v takes %d bytes, its elements have %d", t.Shape, t.Elems()*int64(t.kind.Size()), t.size)
	case int64(len(dst)) != t.Elems():
		return fmt.Errorf("onnx: tensor %q of shape %v has %d elements, the destination has %d", name, t.Shape, t.Elems(), len(dst))
	}
	err := floats.Read(dst, f.r, t.at, t.kind)
	var short *floats.TruncatedError
	switch {
	case errors.As(err, &short):
		return faulty(where, "%v", short)
	case err != nil:
		return fmt.Errorf("onnx: %s: %w", where, err)
	}
	return nil
}

// model reads a ModelProto.
func (f *File) model(m message) error {
	graphs := 0
	err := m.fields("model", func(v value) (err error) {
		switch v.number {
		case 2: // producer_name
			f.Producer, err = v.text("producer_name")
		case 7:
			graphs++
			err = v.within("graph", f.graph)
		}
		return err
	})
	if err == nil && graphs != 1 {
		return faulty("file", "no ONNX model: a model has one graph, this has %d", graphs)
	}
	return err
}

// graph reads a GraphProto.
func (f *File) graph(m message) error {
	return m.fields("graph", func(v value) error {
		switch v.number {
		case 1:
			return v.within("node", f.node)
		case 5:
			return v.within("initializer", func(m message) error { return f.tensor(m, "") })
		case 12: // output, a ValueInfoProto
			return v.within("output", func(m message) error {
				return m.fields("output", func(v value) error {
					if v.number != 1 {
						return nil
					}
					name, err := v.text("name of an output")
					f.Outputs = append(f.Outputs, name)
					return errors.Join(err, f.count(&f.edges, maxEdges, "edges"))
				})
			})
		case 15:
			return faulty("graph", "holds sparse initialisers, which are not understood")
		}
		return nil
	})
}

// count adds one to n and fails beyond a bound.
func (f *File) count(n *int, most int, what string) error {
	if *n++; *n > most {
		return faulty("graph", "more than %d %s", most, what)
	}
	return nil
}

// node reads a NodeProto.
func (f *File) node(m message) error {
	if len(f.Nodes) >= maxNodes {
		return faulty("graph", "more than %d nodes", maxNodes)
	}
	var n Node
	var constant []message
	err := m.fields("node", func(v value) (err error) {
		var s string
		switch v.number {
		case 1, 2:
			if s, err = v.text("name of an edge"); v.number == 1 {
				n.Inputs = append(n.Inputs, s)
			} else {
				n.Outputs = append(n.Outputs, s)
			}
			return errors.Join(err, f.count(&f.edges, maxEdges, "edges"))
		case 3:
			n.Name, err = v.text("name of a node")
		case 4:
			n.Op, err = v.text("op_type")
		case 5:
			if err := f.count(&f.edges, maxEdges, "attributes"); err != nil {
				return err
			}
			err = v.within("attribute", func(m message) error { return n.attribute(m, &constant) })
		}
		return err
	})
	if err != nil {
		return err
	}
	f.Nodes = append(f.Nodes, n)
	if n.Op == "Constant" && len(constant) == 1 && len(n.Outputs) == 1 {
		return f.tensor(constant[0], n.Outputs[0])
	}
	return nil
}

// attribute reads an AttributeProto; a tensor in it is left to the caller.
func (n *Node) attribute(m message, tensors *[]message) error {
	var name string
	var a Attribute
	err := m.fields("attribute", func(v value) (err error) {
		switch v.number {
		case 1:
			name, err = v.text("name of an attribute")
		case 2:
			var bits uint64
			bits, err = v.fixed32("f")
			a.Float = math.Float32frombits(uint32(bits))
		case 3:
			var i uint64
			i, err = v.varint("i")
			a.Int = int64(i)
		case 4:
			a.Text, err = v.text("s")
		case 5:
			err = v.within("t", func(m message) error {
				*tensors = append((*tensors)[:0], m)
				return nil
			})
		case 8:
			a.Ints, err = v.varints("ints", a.Ints, maxNumbers)
		}
		return err
	})
	if err != nil {
		return err
	}
	if n.Attributes == nil {
		n.Attributes = map[string]Attribute{}
	}
	n.Attributes[name] = a
	return nil
}

// The element types of TensorProto.DataType that can be read as float32.
var kinds = map[int64]floats.Kind{1: floats.F32, 10: floats.F16, 11: floats.F64, 16: floats.BF16}

// tensor reads a TensorProto but for its elements. Name, where it is set, is how it is
// called.
func (f *File) tensor(m message, name string) error {
	if len(f.tensors) >= maxNodes {
		return faulty("graph", "more than %d tensors", maxNodes)
	}
	var t Tensor
	var dims []int64
	pieces := 0
	elements := func(v value) error {
		pieces++
		return v.within("elements", func(m message) error {
			t.at, t.size = m.at, m.end-m.at
			return nil
		})
	}
	err := m.fields("tensor", func(v value) (err error) {
		switch v.number {
		case 1:
			dims, err = v.varints("dims", dims, maxRank)
		case 2:
			var typ uint64
			typ, err = v.varint("data_type")
			t.typ = int64(typ)
		case 8:
			t.Name, err = v.text("name of a tensor")
		case 9, 4, 10: // raw_data, or float_data or double_data, packed
			err = elements(v)
		case 14: // data_location
			var location uint64
			location, err = v.varint("data_location")
			t.external = location == 1
		}
		return err
	})
	if err != nil {
		return err
	}
	if name != "" {
		t.Name = name
	}
	if pieces > 1 {
		return faulty(tensorNamed(t.Name), "its elements are in %d pieces; one is right", pieces)
	}
	t.kind = kinds[t.typ]
	elems := int64(1)
	for _, d := range dims {
		if d < 0 || d > 0 && elems > math.MaxInt64/8/d {
			return faulty(tensorNamed(t.Name), "shape %v is no shape", dims)
		}
		elems *= d
		t.Shape = append(t.Shape, int(d))
	}
	f.tensors = append(f.tensors, t)
	return nil
}
