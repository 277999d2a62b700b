package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// file assembles a file from a header and its data section; the header's length is
// the true one.
func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(b, header...)
	return append(b, make([]byte, data)...)
}

// withLength is file with a stated header length of the caller's choice.
func withLength(n uint64, rest string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, n), rest...)
}

const f32x2 = `{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`

// lies holds every way in which a file can be wrong that this package knows.
var lies = []struct {
	name    string
	data    []byte
	problem Problem
	message string // a part of the error's text
}{
	{"empty", nil, Truncated, "0 bytes"},
	{"seven bytes", make([]byte, 7), Truncated, "7 bytes"},
	{"header beyond file", withLength(50, `{}`), Truncated, "50 bytes stated"},
	{"header beyond limit", withLength(DefaultHeaderLimit+1, `{}`), HeaderSize, "100000001 bytes stated"},
	{"header of 2^64-1", withLength(math.MaxUint64, `{}`), HeaderSize, "18446744073709551615"},
	{"header of 2^63", withLength(1<<63, `{}`), HeaderSize, "at most 100000000"},
	{"header of nothing", withLength(0, ``), HeaderSyntax, "begin with '{'"},
	{"space in front", file(` {}`, 0), HeaderSyntax, "begin with '{'"},
	{"array", file(`[]`, 0), HeaderSyntax, "begin with '{'"},
	{"cut JSON", file(`{"a":`, 0), HeaderSyntax, "JSON ends"},
	{"cut string", file(`{"a`, 0), HeaderSyntax, "JSON"},
	{"comma at end", file(`{"a":`+f32x2+`,}`, 8), HeaderSyntax, "JSON"},
	{"no comma", file(`{"a":`+f32x2+`"b":1}`, 8), HeaderSyntax, "JSON"},
	{"no colon", file(`{"a"`+f32x2+`}`, 8), HeaderSyntax, "JSON"},
	{"bytes after JSON", file(`{"a":`+f32x2+`} x`, 8), HeaderSyntax, "only spaces"},
	{"newline after JSON", file("{}\n", 0), HeaderSyntax, "only spaces"},
	{"not UTF-8", file("{\"a\xff\":"+f32x2+"}", 8), HeaderSyntax, "UTF-8"},
	{"lone high surrogate", file(`{"\ud800":`+f32x2+`}`, 8), HeaderSyntax, "surrogate"},
	{"lone low surrogate", file(`{"\udc00":`+f32x2+`}`, 8), HeaderSyntax, "surrogate"},
	{"two high surrogates", file(`{"\ud800\ud800":`+f32x2+`}`, 8), HeaderSyntax, "surrogate"},
	{"tensor twice", file(`{"a":`+f32x2+`,"a":`+f32x2+`}`, 8), DuplicateKey, `"a" is given twice`},
	{"tensor twice, escaped", file(`{"a":`+f32x2+`,"\u0061":`+f32x2+`}`, 8), DuplicateKey, `"a" is given twice`},
	{"metadata twice", file(`{"__metadata__":{},"__metadata__":{}}`, 0), DuplicateKey, "twice"},
	{"metadata key twice", file(`{"__metadata__":{"k":"1","k":"2"}}`, 0), DuplicateKey, `"k"`},
	{"field twice", file(`{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8), DuplicateKey, `"dtype"`},
	{"metadata number", file(`{"__metadata__":{"k":1}}`, 0), BadMetadata, `__metadata__ "k": must be a string, not a number`},
	{"metadata nested", file(`{"__metadata__":{"k":{}}}`, 0), BadMetadata, "not an object"},
	{"metadata null", file(`{"__metadata__":null}`, 0), BadMetadata, "not null"},
	{"metadata list", file(`{"__metadata__":[]}`, 0), BadMetadata, "not an array"},
	{"tensor is number", file(`{"a":1}`, 0), HeaderSyntax, `tensor "a": must be an object, not a number`},
	{"unknown field", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"strides":[1]}}`, 8), HeaderSyntax, `unknown key "strides"`},
	{"no shape", file(`{"a":{"dtype":"F32","data_offsets":[0,4]}}`, 4), HeaderSyntax, "must have all"},
	{"no dtype", file(`{"a":{"shape":[1],"data_offsets":[0,4]}}`, 4), HeaderSyntax, "must have all"},
	{"no offsets", file(`{"a":{"dtype":"F32","shape":[1]}}`, 4), HeaderSyntax, "must have all"},
	{"unknown dtype", file(`{"a":{"dtype":"f32","shape":[2],"data_offsets":[0,8]}}`, 8), UnknownDType, `unknown dtype "f32"`},
	{"dtype is number", file(`{"a":{"dtype":32,"shape":[2],"data_offsets":[0,8]}}`, 8), UnknownDType, "must be a string"},
	{"negative dimension", file(`{"a":{"dtype":"F32","shape":[-2,-1],"data_offsets":[0,8]}}`, 8), BadShape, "-2"},
	{"fraction", file(`{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}`, 8), BadShape, "2.0"},
	{"exponent", file(`{"a":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}`, 8), BadShape, "2e0"},
	{"minus zero", file(`{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}`, 0), BadShape, "-0"},
	{"shape string", file(`{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}`, 8), BadShape, "not a string"},
	{"shape number", file(`{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}`, 8), BadShape, "not a number"},
	{"shape nested", file(`{"a":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}}`, 8), BadShape, "not an array"},
	{"33 axes", file(`{"a":{"dtype":"U8","shape":[1`+strings.Repeat(",1", 32)+`],"data_offsets":[0,1]}}`, 1), BadShape, "more than 32"},
	{"product overflows", file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}`, 8), BadShape, "64 bits"},
	{"product wraps to 8", file(`{"a":{"dtype":"F32","shape":[4611686018427387906],"data_offsets":[0,8]}}`, 8), BadShape, "64 bits"},
	{"overflow times 0", file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}}`, 0), BadShape, "64 bits"},
	{"dimension of 2^64", file(`{"a":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,8]}}`, 8), BadShape, "no integer"},
	{"offsets reversed", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8), BadOffsets, "before it begins"},
	{"one offset", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8]}}`, 8), BadOffsets, "1 numbers"},
	{"three offsets", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}`, 8), BadOffsets, "more than 2"},
	{"negative offset", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, 8), BadOffsets, "-8"},
	{"offsets too wide", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}}`, 12), BadOffsets, "takes 8 bytes"},
	{"offsets too narrow", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 8), BadOffsets, "hold 4"},
	{"overlap", file(`{"a":`+f32x2+`,"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12), Overlap, `inside tensor "a"`},
	{"same bytes", file(`{"a":`+f32x2+`,"b":`+f32x2+`}`, 8), Overlap, `inside tensor "a"`},
	{"hole", file(`{"a":`+f32x2+`,"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}`, 16), Hole, "bytes 8 to 12"},
	{"hole in front", file(`{"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), Hole, "bytes 0 to 4"},
	{"short data", file(`{"a":`+f32x2+`}`, 7), Truncated, "only 7"},
	{"far beyond", file(`{"a":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]}}`, 8), Truncated, "only 8"},
	{"trailing byte", file(`{"a":`+f32x2+`}`, 9), TrailingBytes, "end at byte 8"},
	{"data without tensor", file(`{}`, 1), TrailingBytes, "1 bytes"},
	{"misaligned", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}`, 5), Misaligned, "no multiple of 4"},
}

func TestOpenRefusesLies(t *testing.T) {
	for _, lie := range lies {
		t.Run(lie.name, func(t *testing.T) {
			_, err := Open(bytes.NewReader(lie.data), int64(len(lie.data)))
			var fault *FormatError
			if !errors.As(err, &fault) {
				t.Fatalf("error %v (%T), want a *FormatError", err, err)
			}
			if fault.Problem != lie.problem || !strings.Contains(err.Error(), lie.message) {
				t.Errorf("problem %q in %q, want %q with %q", fault.Problem, err, lie.problem, lie.message)
			}
		})
	}
}

func TestOpenAccepts(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
		want []TensorInfo
	}{
		{"nothing", file(`{}`, 0), nil},
		{"padding", file(`{}      `, 0), nil},
		{"white space within", file("{ \"a\" :\n"+f32x2+"\t}", 8), []TensorInfo{{"a", F32, []int{2}, 0, 8}}},
		{"scalar", file(`{"a":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}`, 8), []TensorInfo{{"a", F64, []int{}, 0, 8}}},
		{"empty tensors share a place", file(`{"b":{"dtype":"F32","shape":[3,0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`, 0),
			[]TensorInfo{{"a", F32, []int{0}, 0, 0}, {"b", F32, []int{3, 0}, 0, 0}}},
		{"not in order", file(`{"z":{"data_offsets":[8,9],"shape":[1],"dtype":"BOOL"},"a":`+f32x2+`}`, 9),
			[]TensorInfo{{"a", F32, []int{2}, 0, 8}, {"z", BOOL, []int{1}, 8, 9}}},
		{"surrogate pair", file(`{"\ud83d\ude00\\ud800":`+f32x2+`}`, 8), []TensorInfo{{"😀\\ud800", F32, []int{2}, 0, 8}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Open(bytes.NewReader(c.data), int64(len(c.data)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, f.Tensors()); diff != "" {
				t.Error(diff)
			}
			if f.Metadata == nil {
				t.Error("Metadata is nil")
			}
		})
	}
}

func TestOptions(t *testing.T) {
	odd := file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}`, 5)
	f, err := OpenWith(bytes.NewReader(odd), int64(len(odd)), Options{Unaligned: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.ReadFloat32("b", make([]float32, 1)); err != nil {
		t.Error(err)
	}
	_, err = OpenWith(bytes.NewReader(odd), int64(len(odd)), Options{Unaligned: true, HeaderLimit: 10})
	if fault := new(FormatError); !errors.As(err, &fault) || fault.Problem != HeaderSize {
		t.Errorf("header above the limit: %v", err)
	}
}

func TestReadFloat32Converts(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		dtype DType
		bytes []byte
		want  []float32
	}{
		{F32, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}, []float32{1, -2}},
		{F64, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, []float32{1}},
		{F64, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xef, 0x7f}, []float32{inf}}, // MaxFloat64
		{BF16, []byte{0x80, 0x3f, 0x49, 0x40}, []float32{1, 3.140625}},
		// 1, -2, largest, smallest normal, largest and smallest subnormal, -0, infinity.
		{F16, []byte{0, 0x3c, 0, 0xc0, 0xff, 0x7b, 0, 0x04, 0xff, 0x03, 0x01, 0x00, 0, 0x80, 0, 0x7c},
			[]float32{1, -2, 65504, 0x1p-14, 1023 * 0x1p-24, 0x1p-24, float32(math.Copysign(0, -1)), inf}},
	} {
		var b bytes.Buffer
		if err := Write(&b, nil, []Tensor{{Name: "x", Shape: []int{len(c.want)}, Raw: c.bytes, DType: c.dtype}}); err != nil {
			t.Fatal(err)
		}
		f := open(t, b.Bytes())
		got := make([]float32, len(c.want))
		if err := f.ReadFloat32("x", got); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if math.Float32bits(got[i]) != math.Float32bits(c.want[i]) {
				t.Errorf("%s element %d: %v, want %v", c.dtype, i, got[i], c.want[i])
			}
		}
	}
}

func TestReadFloat32Refuses(t *testing.T) {
	f := open(t, file(`{"a":`+f32x2+`,"n":{"dtype":"I64","shape":[1],"data_offsets":[8,16]}}`, 16))
	for name, c := range map[string]struct {
		tensor, message string
		n               int
	}{
		"missing":      {"b", `no tensor "b"`, 2},
		"wrong length": {"a", "2 elements, the destination has 3", 3},
		"integers":     {"n", "holds I64", 1},
	} {
		if err := f.ReadFloat32(c.tensor, make([]float32, c.n)); err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: error %v, want %q", name, err, c.message)
		}
	}
	if _, err := f.Raw("b"); err == nil {
		t.Error("Raw of a missing tensor gave no error")
	}
}

// A file that shrinks after it was opened, and a disk that fails.
func TestReaderFails(t *testing.T) {
	whole := file(`{"a":`+f32x2+`}`, 8)
	_, err := Open(bytes.NewReader(whole[:20]), int64(len(whole)))
	if fault := new(FormatError); !errors.As(err, &fault) || fault.Problem != Truncated {
		t.Errorf("short header: %v", err)
	}
	f, err := Open(bytes.NewReader(whole[:len(whole)-3]), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	err = f.ReadFloat32("a", make([]float32, 2))
	if fault := new(FormatError); !errors.As(err, &fault) || fault.Problem != Truncated {
		t.Errorf("short data: %v", err)
	}
	if _, err := Open(brokenDisk{}, 100); !errors.Is(err, errDisk) {
		t.Errorf("broken disk: %v", err)
	}
}

var errDisk = errors.New("I/O error")

type brokenDisk struct{}

func (brokenDisk) ReadAt([]byte, int64) (int, error) { return 0, errDisk }

func TestCheckFinite(t *testing.T) {
	if err := CheckFinite("w", []float32{0, -1, math.MaxFloat32, math.SmallestNonzeroFloat32}); err != nil {
		t.Error(err)
	}
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		err := CheckFinite("w", []float32{0, 1, bad})
		if fault := new(FormatError); !errors.As(err, &fault) || fault.Problem != NonFinite ||
			!strings.Contains(err.Error(), `tensor "w": element 2`) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func open(t testing.TB, b []byte) *File {
	t.Helper()
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWriteIsDeterministic(t *testing.T) {
	a := Tensor{Name: "a", Shape: []int{1, 3}, Raw: []byte{1, 2, 3}, DType: U8}
	b := Tensor{Name: "b<&\n\"", Shape: []int{2}, Data: []float32{1, 2}}
	c := Tensor{Name: "c", Shape: []int{}, Raw: make([]byte, 8), DType: I64}
	metadata := map[string]string{"z": "1", "a": "<é>", "m": ""}
	var first, second bytes.Buffer
	if err := errors.Join(Write(&first, metadata, []Tensor{a, b, c}), Write(&second, metadata, []Tensor{c, a, b})); err != nil {
		t.Fatal(err)
	}
	const header = `{"__metadata__":{"a":"<é>","m":"","z":"1"},` +
		`"c":{"dtype":"I64","shape":[],"data_offsets":[0,8]},` +
		`"b<&\n\"":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},` +
		`"a":{"dtype":"U8","shape":[1,3],"data_offsets":[16,19]}}`
	got := first.Bytes()
	if !bytes.Equal(got, second.Bytes()) {
		t.Error("the order of the tensors changes the file")
	}
	n := int(binary.LittleEndian.Uint64(got))
	if (8+n)%8 != 0 || strings.TrimRight(string(got[8:8+n]), " ") != header {
		t.Errorf("header of %d bytes:\n%s\nwant\n%s", n, got[8:8+n], header)
	}
	f := open(t, got)
	if diff := cmp.Diff(metadata, f.Metadata); diff != "" {
		t.Error(diff)
	}
	raw, err := f.Raw("a")
	if err != nil {
		t.Fatal(err)
	}
	if stored, err := io.ReadAll(raw); err != nil || !bytes.Equal(stored, a.Raw) {
		t.Errorf("raw bytes %v, %v", stored, err)
	}
}

func TestWriteRefuses(t *testing.T) {
	two := []float32{1, 2}
	for name, c := range map[string]struct {
		tensors  []Tensor
		metadata map[string]string
		message  string
	}{
		"twice":         {tensors: []Tensor{{Name: "a", Shape: []int{2}, Data: two}, {Name: "a", Shape: []int{2}, Data: two}}, message: `named "a"`},
		"reserved":      {tensors: []Tensor{{Name: "__metadata__", Shape: []int{2}, Data: two}}, message: "cannot name"},
		"not UTF-8":     {tensors: []Tensor{{Name: "\xff", Shape: []int{2}, Data: two}}, message: "cannot name"},
		"shape":         {tensors: []Tensor{{Name: "a", Shape: []int{3}, Data: two}}, message: "does not count the 8 bytes"},
		"overflow":      {tensors: []Tensor{{Name: "a", Shape: []int{1 << 30, 1 << 30, 8}, Data: two}}, message: "does not count"},
		"negative":      {tensors: []Tensor{{Name: "a", Shape: []int{-1, -2}, Data: two}}, message: "negative"},
		"axes":          {tensors: []Tensor{{Name: "a", Shape: make([]int, 33)}}, message: "33 axes"},
		"dtype":         {tensors: []Tensor{{Name: "a", Shape: []int{1}, Raw: []byte{1}, DType: "I4"}}, message: `"I4"`},
		"data as half":  {tensors: []Tensor{{Name: "a", Shape: []int{2}, Data: two, DType: F16}}, message: "go in Raw"},
		"metadata text": {metadata: map[string]string{"k": "\xff"}, message: `metadata "k"`},
	} {
		var b bytes.Buffer
		err := Write(&b, c.metadata, c.tensors)
		if err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: error %v, want %q", name, err, c.message)
		}
		if b.Len() > 0 {
			t.Errorf("%s: %d bytes were written all the same", name, b.Len())
		}
	}
}

// fullDisk fails once its room is used up.
type fullDisk struct{ room int }

func (d *fullDisk) Write(p []byte) (int, error) {
	d.room -= len(p)
	if d.room < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

func TestWriteToFullDisk(t *testing.T) {
	tensor := Tensor{Name: "a", Shape: []int{40000}, Data: make([]float32, 40000)}
	for _, room := range []int{0, 1000, 100_000} {
		if err := Write(&fullDisk{room}, nil, []Tensor{tensor}); !errors.Is(err, errDisk) {
			t.Errorf("room for %d bytes: %v", room, err)
		}
	}
}

// What is written is read back, whatever the names, strings, shapes and lengths;
// lengths lie around the window's.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		metadata := rapid.MapOfN(rapid.String(), rapid.String(), 0, 4).Draw(t, "metadata")
		names := rapid.SliceOfNDistinct(rapid.String(), 0, 5, rapid.ID).Draw(t, "names")
		var tensors []Tensor
		for i, name := range names {
			n := rapid.SampledFrom([]int{0, 1, 3, windowBytes/4 - 1, windowBytes / 4, windowBytes/4 + 1}).Draw(t, "n")
			data := make([]float32, n)
			for j := range data {
				data[j] = float32(i*1000 + j)
			}
			tensors = append(tensors, Tensor{Name: name, Shape: []int{1, n}, Data: data})
		}
		var b bytes.Buffer
		if err := Write(&b, metadata, tensors); err != nil {
			t.Fatal(err)
		}
		f, err := Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(metadata, f.Metadata); diff != "" {
			t.Fatal(diff)
		}
		for _, want := range tensors {
			got := make([]float32, len(want.Data))
			if err := f.ReadFloat32(want.Name, got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.Data, got); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// Whatever the bytes: no panic, faults are typed, and a file that is accepted is one
// that a plain JSON reader accepts too, whose every tensor can be read, and which
// comes back the same after it is written again.
func FuzzOpen(f *testing.F) {
	for _, lie := range lies {
		f.Add(lie.data)
	}
	f.Add(file(`{}`, 0))
	f.Add(file(`{"__metadata__":{"k":"v"},"a":`+f32x2+`}`, 8))
	f.Add(file(`{"h":{"dtype":"F16","shape":[2,2],"data_offsets":[8,16]},"d":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}  `, 16))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := OpenWith(bytes.NewReader(b), int64(len(b)), Options{HeaderLimit: 1 << 16})
		if err != nil {
			if fault := new(FormatError); !errors.As(err, &fault) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		n := binary.LittleEndian.Uint64(b)
		if !json.Valid(b[8 : 8+n]) {
			t.Fatalf("accepted broken JSON %q", b[8:8+n])
		}
		var again []Tensor
		for _, info := range file.Tensors() {
			again = append(again, rewritten(t, file, info))
		}
		var out bytes.Buffer
		if err := Write(&out, file.Metadata, again); err != nil {
			t.Fatal(err)
		}
		back := open(t, out.Bytes())
		if diff := cmp.Diff(file.Metadata, back.Metadata); diff != "" {
			t.Fatal(diff)
		}
		for _, want := range file.Tensors() {
			got, ok := back.Lookup(want.Name)
			if !ok || got.DType != want.DType || fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) {
				t.Fatalf("tensor %v came back as %v", want, got)
			}
		}
	})
}

// rewritten reads a tensor in every way it can be read.
func rewritten(t testing.TB, f *File, info TensorInfo) Tensor {
	raw, err := f.Raw(info.Name)
	if err != nil {
		t.Fatal(err)
	}
	stored := make([]byte, info.End-info.Begin)
	if _, err := io.ReadFull(raw, stored); err != nil {
		t.Fatal(err)
	}
	if _, ok := float32Kinds[info.DType]; ok {
		if err := f.ReadFloat32(info.Name, make([]float32, info.Elems())); err != nil {
			t.Fatal(err)
		}
	}
	return Tensor{Name: info.Name, Shape: info.Shape, Raw: stored, DType: info.DType}
}

// The file was written by the format's own library (testdata/python.py): all of it
// is read, and writing the same tensors gives the same bytes.
func TestPythonFile(t *testing.T) {
	want, err := os.ReadFile("testdata/python.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	f := open(t, want)
	for name, values := range map[string][]float32{
		"dense.kernel": {-1, -0.75, -0.5, -0.25, 0, 0.25},
		"dense.bias":   {0.5, -2, 3e38},
		"scale":        {0.1},
		"half":         {1, -2, 65504, 0x1p-24, 0.333251953125, float32(math.Copysign(0, -1))},
		"empty":        {},
	} {
		got := make([]float32, len(values))
		if err := f.ReadFloat32(name, got); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(values, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	var tensors []Tensor
	for _, info := range f.Tensors() {
		tensors = append(tensors, rewritten(t, f, info))
	}
	var b bytes.Buffer
	if err := Write(&b, f.Metadata, tensors); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("written:\n%q\nPython wrote:\n%q", b.Bytes(), want)
	}
}
