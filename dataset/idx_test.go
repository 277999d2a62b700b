package dataset

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/tensor"
)

// idxBytesOf builds a file from its header and values.
func idxBytesOf(kind, axes byte, sizes []uint32, values int) []byte {
	b := []byte{0, 0, kind, axes}
	for _, n := range sizes {
		b = append(b, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	for i := range values {
		b = append(b, byte(i*7))
	}
	return b
}

func packed(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestReadIDX(t *testing.T) {
	for _, shape := range []tensor.Shape{{7}, {3, 5}, {2, 3, 5}, {2, 3, 5, 4}, {1, 1, 1}} {
		x := &IDX{Shape: shape, Data: make([]byte, shape.Elems())}
		for i := range x.Data {
			x.Data[i] = byte(i * 3)
		}
		var plain bytes.Buffer
		if err := WriteIDX(&plain, x); err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string][]byte{"plain": plain.Bytes(), "gzip": packed(t, plain.Bytes())} {
			got, err := ReadIDX(bytes.NewReader(b), 0)
			if err != nil {
				t.Errorf("%v %s: %v", shape, name, err)
				continue
			}
			if !got.Shape.Equal(shape) || !bytes.Equal(got.Data, x.Data) {
				t.Errorf("%v %s: read %v, %v", shape, name, got.Shape, got.Data)
			}
		}
	}
}

func TestReadIDXErrors(t *testing.T) {
	good := idxBytesOf(8, 3, []uint32{2, 3, 5}, 30)
	zipped := packed(t, good)
	flipped := slices.Clone(zipped)
	flipped[len(flipped)-8] ^= 1 // the checksum
	garbled := slices.Clone(packed(t, bytes.Repeat([]byte("some text of words "), 40)))
	garbled[12] ^= 0xff
	for name, c := range map[string]struct {
		b      []byte
		limit  int64
		offset int64
		want   string
	}{
		"empty":            {nil, 0, 0, "magic number"},
		"two bytes":        {good[:2], 0, 2, "magic number"},
		"text":             {[]byte("<html>not found</html>"), 0, 0, "not an IDX file"},
		"first byte":       {append([]byte{1}, good[1:]...), 0, 0, "not an IDX file"},
		"unknown type":     {idxBytesOf(0x0a, 1, []uint32{4}, 4), 0, 0, "not an IDX file"},
		"floats":           {idxBytesOf(0x0d, 1, []uint32{4}, 16), 0, 2, "32-bit floats"},
		"no axes":          {idxBytesOf(8, 0, nil, 0), 0, 3, "0 axes"},
		"many axes":        {idxBytesOf(8, 200, nil, 0), 0, 3, "200 axes"},
		"half a header":    {good[:9], 0, 9, "sizes of 3 axes"},
		"zero size":        {idxBytesOf(8, 3, []uint32{2, 0, 5}, 0), 0, 8, "axis 1 has size 0"},
		"overflow":         {idxBytesOf(8, 4, []uint32{1 << 31, 1 << 31, 1 << 31, 1 << 31}, 0), 0, 4, "more than the limit"},
		"beyond limit":     {good, 29, 12, "more than the limit of 29 bytes"},
		"one value short":  {good[:45], 0, 45, "30 bytes of values"},
		"no values":        {good[:16], 0, 16, "30 bytes of values"},
		"one byte more":    {append(slices.Clone(good), 0), 0, 46, "goes on after the 30 values"},
		"gzip cut":         {zipped[:len(zipped)-12], 0, -2, "the data ends here"},
		"gzip no trailer":  {zipped[:len(zipped)-5], 0, 46, "the data ends here"},
		"gzip header only": {zipped[:6], 0, 0, "gzip header"},
		"gzip checksum":    {flipped, 0, 46, "damaged"},
		"gzip garbled":     {garbled, 0, -2, ""},
		"gzip longer":      {packed(t, append(slices.Clone(good), 9)), 0, 46, "goes on"},
	} {
		_, err := ReadIDX(bytes.NewReader(c.b), c.limit)
		var bad *FileError
		if !errors.As(err, &bad) {
			t.Errorf("%s: error %v, want a FileError", name, err)
			continue
		}
		if c.offset >= 0 && bad.Offset != c.offset || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q at byte %d, want %q at byte %d", name, err, bad.Offset, c.want, c.offset)
		}
	}
}

// A header of 2 GiB without the values must not cost the memory.
func TestReadIDXAllocatesNoLie(t *testing.T) {
	fsys := folder(t, map[string][]byte{trainImages: idxBytesOf(8, 3, []uint32{1 << 15, 1 << 7, 1 << 7}, 10)})
	allocated := testing.AllocsPerRun(1, func() {
		_, _, err := LoadMNIST(fsys)
		if err == nil || !strings.Contains(err.Error(), "more than the limit") {
			t.Errorf("error %v, want one about the limit", err)
		}
	})
	if allocated > 100 {
		t.Errorf("%v allocations", allocated)
	}
}

func TestWriteIDXErrors(t *testing.T) {
	for _, x := range []*IDX{
		{}, {Shape: tensor.Shape{2, 3}, Data: make([]byte, 5)}, {Shape: tensor.Shape{0}},
		{Shape: tensor.Shape{1, 1, 1, 1, 1}, Data: make([]byte, 1)}, {Shape: tensor.Shape{-1, -1}, Data: make([]byte, 1)},
	} {
		if err := WriteIDX(&bytes.Buffer{}, x); err == nil {
			t.Errorf("shape %v with %d bytes was written", x.Shape, len(x.Data))
		}
	}
}

// folder makes a folder of files.
func folder(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// smallMNIST returns the four files of a data set of 6 and 4 pictures of 3x5.
func smallMNIST() map[string][]byte {
	return map[string][]byte{
		trainImages: idxBytesOf(8, 3, []uint32{6, 3, 5}, 90),
		trainLabels: idxBytesOf(8, 1, []uint32{6}, 6),
		testImages:  idxBytesOf(8, 3, []uint32{4, 3, 5}, 60),
		testLabels:  idxBytesOf(8, 1, []uint32{4}, 4),
	}
}

func TestLoadMNIST(t *testing.T) {
	files := smallMNIST()
	for _, name := range []string{trainImages, testLabels} {
		files[name+".gz"] = packed(t, files[name])
		delete(files, name)
	}
	train, test, err := LoadMNIST(folder(t, files))
	if err != nil {
		t.Fatal(err)
	}
	if train.Len() != 6 || test.Len() != 4 || !train.Shape().Equal(tensor.Shape{3, 5, 1}) || test.H != 3 {
		t.Errorf("train %d of %v, test %d of %v", train.Len(), train.Shape(), test.Len(), test.Shape())
	}
	if !slices.Equal(test.Labels, []int32{0, 7, 14, 21}) || train.Bytes(1)[0] != 15*7 {
		t.Errorf("labels %v, first value of picture 1 %d", test.Labels, train.Bytes(1)[0])
	}
}

func TestLoadMNISTErrors(t *testing.T) {
	change := func(name string, b []byte) map[string][]byte {
		files := smallMNIST()
		if files[name] = b; b == nil {
			delete(files, name)
		}
		return files
	}
	for name, c := range map[string]struct {
		files map[string][]byte
		want  []string
	}{
		"missing":     {change(testImages, nil), []string{testImages, "with .gz neither"}},
		"fewer":       {change(trainLabels, idxBytesOf(8, 1, []uint32{5}, 5)), []string{trainLabels, "byte 4: 5 labels, want 6"}},
		"labels 2D":   {change(testLabels, idxBytesOf(8, 2, []uint32{2, 2}, 4)), []string{testLabels, "2 axes, want 1"}},
		"images 1D":   {change(trainImages, idxBytesOf(8, 1, []uint32{6}, 6)), []string{trainImages, "1 axes, want 3"}},
		"other size":  {change(testImages, idxBytesOf(8, 3, []uint32{4, 5, 3}, 60)), []string{testImages, "[5 3 1], want [3 5 1]"}},
		"cut":         {change(testImages, idxBytesOf(8, 3, []uint32{4, 3, 5}, 59)), []string{testImages, "byte 75", "60 bytes"}},
		"a directory": {change(trainImages+"/x", []byte{1}), nil},
	} {
		if name == "a directory" {
			delete(c.files, trainImages)
		}
		dir := folder(t, c.files)
		_, _, err := LoadMNIST(dir)
		var bad *FileError
		if !errors.As(err, &bad) || !strings.HasPrefix(bad.Path, dir) {
			t.Errorf("%s: error %v, want a FileError with the path", name, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q lacks %q", name, err, want)
			}
		}
	}
	for _, dir := range []string{filepath.Join(t.TempDir(), "nowhere"), filepath.Join(folder(t, smallMNIST()), trainImages)} {
		if _, _, err := LoadMNIST(dir); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %v", dir, err)
		}
	}
}

func FuzzReadIDX(f *testing.F) {
	good := idxBytesOf(8, 3, []uint32{2, 3, 5}, 30)
	f.Add(good)
	f.Add(good[:20])
	f.Add(idxBytesOf(8, 1, []uint32{1 << 31}, 3))
	f.Add(idxBytesOf(0x0d, 2, []uint32{1, 1}, 4))
	f.Add(packed(f, good))
	f.Add(packed(f, good)[:30])
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 16
		x, err := ReadIDX(bytes.NewReader(b), limit)
		if err != nil {
			var bad *FileError
			if !errors.As(err, &bad) {
				t.Fatalf("error %v is no FileError", err)
			}
			return
		}
		if x.Shape.Elems() != len(x.Data) || len(x.Data) > limit {
			t.Fatalf("shape %v with %d bytes", x.Shape, len(x.Data))
		}
		var out bytes.Buffer
		if err := WriteIDX(&out, x); err != nil {
			t.Fatal(err)
		}
		if b[0] == 0 && !bytes.Equal(out.Bytes(), b) {
			t.Fatal("written again, the file differs")
		}
	})
}
