package pytorch

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(b []byte) (*File, error) { return Open(bytes.NewReader(b), int64(len(b))) }

func names(f *File) (list []string) {
	for _, t := range f.Tensors() {
		list = append(list, t.Name)
	}
	return list
}

// The files were written by PyTorch (testdata/files.py).
func TestStateDict(t *testing.T) {
	weights := make([]float32, 24)
	for i := range weights {
		weights[i] = float32(i)/8 - 1
	}
	for _, name := range []string{"state_dict.pth", "legacy.pth", "protocol4.pth"} {
		t.Run(name, func(t *testing.T) {
			f, err := open(file(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if len(f.Tensors()) != 11 {
				t.Errorf("tensors %v", names(f))
			}
			for _, c := range []struct {
				name  string
				shape []int
				want  []float32
			}{
				{"weight", []int{4, 3, 1, 2}, weights},
				{"same", []int{4, 3, 1, 2}, weights},
				{"parameter", []int{2}, []float32{0.5, -2}},
				{"scalar", nil, []float32{0.25}},
				{"half", []int{4}, []float32{1, -2, 65504, 1. / (1 << 24)}},
				{"bfloat16", []int{2}, []float32{1, -3}},
				{"double", []int{2}, []float32{0.1, -7}},
				{"transposed", []int{3, 2}, []float32{0, 3, 1, 4, 2, 5}},
				{"part", []int{3}, []float32{2, 4, 6}},
				{"empty", []int{0, 3}, []float32{}},
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
				"integers":     {"integers", "elements of a torch LongStorage", 2},
			} {
				if err := f.ReadFloat32(c.tensor, make([]float32, c.n)); err == nil || !strings.Contains(err.Error(), c.message) {
					t.Errorf("%s: error %v, want %q", name, err, c.message)
				}
			}
		})
	}
}

func TestCheckpoint(t *testing.T) {
	f, err := open(file(t, "checkpoint.pth"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"state_dict.0.weight", "state_dict.0.bias", "state_dict.1.running_mean", "state_dict.1.num_batches_tracked", "optimizer.state.0.exp_avg"} {
		if _, ok := f.Lookup(want); !ok {
			t.Errorf("no tensor %s among %v", want, names(f))
		}
	}
	got := make([]float32, 2)
	if err := f.ReadFloat32("state_dict.1.running_var", got); err != nil || !slices.Equal(got, []float32{0.9, 0.9}) {
		t.Errorf("running_var %v, %v", got, err)
	}
}

// zipped is an archive of torch.save's layout.
func zipped(t testing.TB, pickle string, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	add := func(name, content string, method uint16) {
		e, err := w.CreateHeader(&zip.FileHeader{Name: "x/" + name, Method: method})
		if err == nil {
			_, err = io.WriteString(e, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if pickle != "" {
		add("data.pkl", pickle, zip.Store)
	}
	for i := 0; i+1 < len(entries); i += 2 {
		name, method := strings.CutPrefix(entries[i], "deflated:")
		add(name, entries[i+1], map[bool]uint16{false: zip.Store, true: zip.Deflate}[method])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	float4  = "(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"
	rebuilt = "ctorch._utils\n_rebuild_tensor_v2\n"
)

// one is a pickle of {"x": a tensor of a storage of 4 numbers, offset, size and strides}.
func one(geometry string) string {
	return "\x80\x02}X\x01\x00\x00\x00x" + rebuilt + "(" + float4 + geometry + "tRs."
}

// bomb is a tuple of two tuples of two tuples of ...
func bomb() string {
	return "\x80\x02)" + strings.Repeat("2\x86", 60) + "."
}

func TestRefuses(t *testing.T) {
	twice := "(K\x01K\x02t"
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":              {nil, "the file ends at byte 0"},
		"a text":             {[]byte("no file of torch"), "no file of torch.save"},
		"whole object":       {file(t, "whole.pth"), "class torch.nn.modules.container Sequential"},
		"no pickle":          {zipped(t, "", "data/0", "abc"), "no data.pkl"},
		"two pickles":        {zipped(t, "N.", "data.pkl", "N."), "one pickle is right"},
		"torch script":       {zipped(t, "N.", "constants.pkl", "N."), "TorchScript"},
		"big-endian":         {zipped(t, "N.", "byteorder", "big"), `order "big"`},
		"compressed":         {zipped(t, "N.", "deflated:data/0", "abc"), "compressed"},
		"storage twice":      {zipped(t, "N.", "data/0", "abc", "data/0", "abc"), "twice"},
		"nothing":            {zipped(t, "N."), "no tensors"},
		"pickle breaks off":  {zipped(t, "\x80\x02}q"), "breaks off"},
		"unknown opcode":     {zipped(t, "\x80\x02i."), "unknown opcode"},
		"empty stack":        {zipped(t, "\x80\x02R."), "does not hold"},
		"pop a mark":         {zipped(t, "\x80\x02(0."), "does not hold"},
		"no mark":            {zipped(t, "\x80\x02Nt."), "does not hold"},
		"forgotten":          {zipped(t, "\x80\x02h\x05."), "nothing is remembered under 5"},
		"two values":         {zipped(t, "\x80\x02NN."), "ends with 2 values"},
		"odd pairs":          {zipped(t, "\x80\x02}(Nu."), "does not hold"},
		"huge string":        {zipped(t, "\x80\x02X\xff\xff\xff\xff."), "a string of 4294967295 bytes"},
		"negative string":    {zipped(t, "\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xff."), "a string of -1 bytes"},
		"tuple bomb":         {zipped(t, bomb()), "in one another more than"},
		"beyond its storage": {zipped(t, one("K\x00K\x05\x85K\x01\x85")), "beyond its storage of 4"},
		"offset":             {zipped(t, one("K\x03K\x02\x85K\x01\x85")), "beyond its storage"},
		"negative size":      {zipped(t, one("K\x00J\xff\xff\xff\xff\x85K\x01\x85")), "size [-1]"},
		"huge size":          {zipped(t, one("K\x00\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85K\x01\x85")), "size [9223372036854775807]"},
		"huge stride":        {zipped(t, one("K\x00K\x02\x85\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85")), "strides [9223372036854775807]"},
		"ranks differ":       {zipped(t, one("K\x00"+twice+"K\x01\x85")), "without storage, offset, size or stride"},
		"no stride":          {zipped(t, one("K\x00"+twice)), "without storage, offset, size or stride"},
		"a view storage":     {zipped(t, strings.Replace(one("K\x00K\x04\x85K\x01\x85"), "K\x04tQ", "K\x04)tQ", 1)), "view of another"},
		"name twice":         {zipped(t, "\x80\x02}"+strings.Repeat("X\x01\x00\x00\x00x"+rebuilt+"("+float4+"K\x00))tRs", 2)+"."), "two of this name"},
		"no storage":         {zipped(t, one("K\x00K\x04\x85K\x01\x85")), `storage "0" is not in the file`},
		"short storage":      {zipped(t, one("K\x00K\x04\x85K\x01\x85"), "data/0", "12345678"), "reaches to element 4 of its storage"},
		"legacy, cut":        {file(t, "legacy.pth")[:1400], "the file ends"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := open(c.data)
			if err == nil {
				err = f.ReadFloat32("x", make([]float32, 4))
			}
			var fault *FormatError
			if !errors.As(err, &fault) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v (%T), want a *FormatError with %q", err, err, c.want)
			}
		})
	}
}

// What a pickle of Python 2 calls OrderedDict with, and a dict that contains itself.
func TestOddities(t *testing.T) {
	tensor := rebuilt + "(" + float4 + "K\x00K\x04\x85K\x01\x85tR"
	data := "\x00\x00\x80?\x00\x00\x00@\x00\x00\x40@\x00\x00\x80@"
	for name, pickle := range map[string]string{
		"pairs":      "\x80\x02ccollections\nOrderedDict\n](](U\x01x" + tensor + "ee\x85R.",
		"itself":     "\x80\x02}q\x00(U\x02meh\x00U\x01x" + tensor + "u.",
		"other call": "\x80\x02}(U\x01acos\nsystem\nU\x07rm -rf/\x85RU\x01x" + tensor + "u.",
	} {
		f, err := open(zipped(t, pickle, "data/0", data, "byteorder", "little"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		x := make([]float32, 4)
		if err := f.ReadFloat32("x", x); err != nil || !slices.Equal(x, []float32{1, 2, 3, 4}) {
			t.Errorf("%s: %v, %v", name, x, err)
		}
	}
}

// A short pickle asks for a long list to be copied again and again.
func TestCopiesAreBounded(t *testing.T) {
	pickle := "\x80\x02](" + strings.Repeat("(NNt", 10000) + "e\x85q\x00ccollections\nOrderedDict\nq\x01" +
		strings.Repeat("h\x01h\x00R", 1000) + "."
	if _, err := open(zipped(t, pickle)); err == nil || !strings.Contains(err.Error(), "dicts of more than") {
		t.Errorf("error %v", err)
	}
}

// FuzzOpen: no file makes Open or reading a tensor panic.
func FuzzOpen(f *testing.F) {
	for _, name := range []string{"state_dict.pth", "legacy.pth", "checkpoint.pth", "protocol4.pth"} {
		f.Add(file(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) { readAll(b) })
}

// FuzzPickle aims at what lies inside the archive.
func FuzzPickle(f *testing.F) {
	f.Add(one("K\x00K\x04\x85K\x01\x85"))
	f.Add(bomb())
	for _, name := range []string{"state_dict.pth", "checkpoint.pth", "protocol4.pth", "whole.pth"} {
		b := file(f, name)
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			f.Fatal(err)
		}
		for _, e := range z.File {
			if strings.HasSuffix(e.Name, "/data.pkl") {
				r, err := e.Open()
				if err != nil {
					f.Fatal(err)
				}
				pickle, err := io.ReadAll(r)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(string(pickle))
			}
		}
	}
	f.Fuzz(func(t *testing.T, pickle string) {
		readAll(zipped(t, pickle, "data/0", "0123456789abcdef"))
		legacy := legacyMagic + "\x80\x02M\xe9\x03.\x80\x02}." + pickle + "\x80\x02]U\x010a."
		readAll(append(binary.LittleEndian.AppendUint64([]byte(legacy), 4), "0123456789abcdef"...))
	})
}

func readAll(b []byte) {
	file, err := open(b)
	if err != nil {
		return
	}
	for _, x := range file.Tensors() {
		if x.Elems() <= int64(len(b)) {
			file.ReadFloat32(x.Name, make([]float32, x.Elems()))
		}
	}
}
