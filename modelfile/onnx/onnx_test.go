package onnx

import (
	"bytes"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func small(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/small.onnx")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(b []byte) (*File, error) { return Open(bytes.NewReader(b), int64(len(b))) }

// The file was written by the format's own library (testdata/small.py).
func TestPythonFile(t *testing.T) {
	f, err := open(small(t))
	if err != nil {
		t.Fatal(err)
	}
	var ops []string
	for _, n := range f.Nodes {
		ops = append(ops, n.Op)
	}
	if !slices.Equal(ops, []string{"Constant", "Conv", "Mul", "LeakyRelu"}) || f.Producer != "small.py" || !slices.Equal(f.Outputs, []string{"out"}) {
		t.Errorf("nodes %v of %q, outputs %v", ops, f.Producer, f.Outputs)
	}
	conv := f.Nodes[1]
	if conv.Name != "/conv/Conv" || !slices.Equal(conv.Inputs, []string{"image", "conv.weight", "conv.bias"}) || !slices.Equal(conv.Outputs, []string{"y"}) {
		t.Errorf("got %+v", conv)
	}
	if a := conv.Attributes; !slices.Equal(a["pads"].Ints, []int64{0, 1, 0, 1}) || a["group"].Int != 1 || a["auto_pad"].Text != "NOTSET" {
		t.Errorf("attributes %+v", a)
	}
	if a := f.Nodes[3].Attributes["alpha"].Float; a != 0.125 {
		t.Errorf("alpha is %v", a)
	}
	weights := make([]float32, 24)
	for i := range weights {
		weights[i] = float32(i)/8 - 1
	}
	for _, c := range []struct {
		name  string
		shape []int
		want  []float32
	}{
		{"conv.weight", []int{4, 3, 1, 2}, weights},
		{"conv.bias", []int{4}, []float32{0.5, -2, 3e38, 0}},
		{"half", []int{4}, []float32{1, -2, 65504, 1. / (1 << 24)}},
		{"double", []int{2}, []float32{0.1, -7}},
		{"fixed", nil, []float32{0.25}},
	} {
		info, ok := f.Lookup(c.name)
		if !ok || !slices.Equal(info.Shape, c.shape) {
			t.Errorf("%s: %+v, want shape %v", c.name, info, c.shape)
			continue
		}
		got := make([]float32, info.Elems())
		if err := f.ReadFloat32(c.name, got); err != nil {
			t.Error(err)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s is %v, want %v", c.name, got, c.want)
		}
	}
	for name, c := range map[string]struct {
		tensor, message string
		n               int
	}{
		"missing":      {"b", `no tensor "b"`, 2},
		"wrong length": {"half", "has 4 elements, the destination has 3", 3},
		"integers":     {"integers", "elements of type 7", 2},
	} {
		if err := f.ReadFloat32(c.tensor, make([]float32, c.n)); err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: error %v, want %q", name, err, c.message)
		}
	}
}

// Messages of ONNX, put together by hand.
func varint(field int, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, protowire.Number(field), protowire.VarintType), v)
}

func nested(field int, parts ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, protowire.Number(field), protowire.BytesType), slices.Concat(parts...))
}

func text(field int, s string) []byte { return nested(field, []byte(s)) }

// inGraph is a model with one graph of the fields.
func inGraph(parts ...[]byte) []byte { return nested(7, parts...) }

func TestRefuses(t *testing.T) {
	floats4 := nested(9, make([]byte, 16))
	for name, c := range map[string]struct {
		data []byte
		want string // of Open's error, or of reading the tensor "x"
	}{
		"empty":            {nil, "a model has one graph, this has 0"},
		"a text":           {[]byte("PNG or anything"), "begins no field"},
		"two graphs":       {slices.Concat(inGraph(), inGraph()), "one graph, this has 2"},
		"length beyond":    {protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.BytesType), 9), "length of 9, only 0 bytes are left"},
		"group":            {protowire.AppendTag(nil, 7, protowire.StartGroupType), "begins no field"},
		"graph is number":  {varint(7, 3), "stored as wire type 0, want 2"},
		"broken number":    {append(protowire.AppendTag(nil, 1, protowire.VarintType), 0x80), "begins no field"},
		"long name":        {inGraph(nested(1, text(3, strings.Repeat("a", maxText+1)))), "65537 bytes, at most 65536"},
		"33 axes":          {inGraph(nested(5, nested(1, make([]byte, 33)))), "more than 32 numbers"},
		"negative axis":    {inGraph(nested(5, varint(1, math.MaxUint64), text(8, "x"))), "is no shape"},
		"overflow":         {inGraph(nested(5, varint(1, 1<<40), varint(1, 1<<40), text(8, "x"))), "is no shape"},
		"two of a name":    {inGraph(nested(5, text(8, "x")), nested(5, text(8, "x"))), `tensor "x": there are two`},
		"elements twice":   {inGraph(nested(5, varint(2, 1), floats4, floats4, text(8, "x"))), "in 2 pieces"},
		"too few elements": {inGraph(nested(5, varint(1, 5), varint(2, 1), floats4, text(8, "x"))), "takes 20 bytes, its elements have 16"},
		"no elements":      {inGraph(nested(5, varint(1, 4), varint(2, 1), text(8, "x"))), "takes 16 bytes, its elements have 0"},
		"external":         {inGraph(nested(5, varint(1, 4), varint(2, 1), text(8, "x"), varint(14, 1))), "in another file"},
		"sparse":           {inGraph(nested(15, nil)), "sparse"},
		"many nodes":       {inGraph(bytes.Repeat(nested(1, nil), maxNodes+1)), "more than 65536 nodes"},
		"many tensors":     {inGraph(bytes.Repeat(nested(5, nil), maxNodes+1)), "more than 65536 tensors"},
		"many edges":       {inGraph(nested(1, bytes.Repeat(text(1, ""), maxEdges+1))), "more than 262144 edges"},
		"many attributes":  {inGraph(nested(1, bytes.Repeat(nested(5, nil), maxEdges+1))), "more than 262144 attributes"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := open(c.data)
			if err == nil {
				x, _ := f.Lookup("x")
				err = f.ReadFloat32("x", make([]float32, x.Elems()))
			}
			var fault *FormatError
			if !errors.As(err, &fault) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v (%T), want a *FormatError with %q", err, err, c.want)
			}
		})
	}
}

// Cut anywhere, the file is refused or, cut between fields, an error of what is missing.
func TestTruncated(t *testing.T) {
	whole := small(t)
	for n := range whole {
		f, err := Open(bytes.NewReader(whole[:n]), int64(len(whole)))
		var fault *FormatError
		if err == nil || !errors.As(err, &fault) {
			t.Fatalf("cut to %d bytes: %v, %v", n, f, err)
		}
	}
}

// FuzzOpen: no file makes Open or reading a tensor panic, or take memory that the file's
// own length does not account for.
func FuzzOpen(f *testing.F) {
	f.Add(small(f))
	f.Add(inGraph(nested(5, varint(1, 1<<30), varint(2, 1), text(8, "x"), nested(9, make([]byte, 8)))))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := open(b)
		if err != nil {
			return
		}
		for _, x := range file.Tensors() {
			if x.Elems() <= int64(len(b)) {
				file.ReadFloat32(x.Name, make([]float32, x.Elems()))
			}
		}
	})
}
