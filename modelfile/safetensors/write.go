package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Tensor is one tensor to be written: the float32 values in Data, or, for any other
// element type, its stored bytes in Raw.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32 // row-major; used where Raw is nil
	Raw   []byte    // little-endian elements of DType, row-major
	DType DType     // of Raw; the zero value and F32 are the types of Data
}

// Write writes a file. The output depends only on the metadata and on the tensors,
// not on their order in the slice: metadata is sorted by key, tensors by element type,
// the widest first (so that each is aligned), and then by name; the header is padded
// with spaces until the data section begins at a multiple of 8. For one metadata
// entry these are the very bytes of the format's own writer in Rust. Values go
// through a small window; nothing is held twice.
//
// Names must be unique, valid UTF-8 and not "__metadata__", and each shape must
// count its tensor's elements; a violation is reported before anything is written.
func Write(w io.Writer, metadata map[string]string, tensors []Tensor) error {
	sorted, err := prepare(tensors)
	if err != nil {
		return err
	}
	header, err := encodeHeader(metadata, sorted)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("safetensors: writing the header: %w", err)
	}
	window := make([]byte, 0, windowBytes)
	for _, t := range sorted {
		if err := writeData(w, t, window); err != nil {
			return fmt.Errorf("safetensors: writing tensor %q: %w", t.Name, err)
		}
	}
	return nil
}

// prepare checks the tensors and returns them in the order of the file.
func prepare(tensors []Tensor) ([]Tensor, error) {
	sorted := slices.Clone(tensors)
	for i := range sorted {
		t := &sorted[i]
		if t.DType == "" {
			t.DType = F32
		}
		if err := checkTensor(*t); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(sorted, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(b.DType.rank(), a.DType.rank()), strings.Compare(a.Name, b.Name))
	})
	seen := make(map[string]struct{}, len(sorted))
	for _, t := range sorted {
		if _, twice := seen[t.Name]; twice {
			return nil, fmt.Errorf("safetensors: two tensors are named %q", t.Name)
		}
		seen[t.Name] = struct{}{}
	}
	return sorted, nil
}

func checkTensor(t Tensor) error {
	if t.Name == metadataKey || !utf8.ValidString(t.Name) {
		return fmt.Errorf("safetensors: %q cannot name a tensor: it must be UTF-8 and not %q", t.Name, metadataKey)
	}
	if t.DType.Size() == 0 {
		return fmt.Errorf("safetensors: tensor %q: unknown dtype %q; known are %s", t.Name, t.DType, knownDTypes())
	}
	if len(t.Shape) > maxRank {
		return fmt.Errorf("safetensors: tensor %q has %d axes, at most %d can be stored", t.Name, len(t.Shape), maxRank)
	}
	if t.Raw == nil && t.DType != F32 {
		return fmt.Errorf("safetensors: tensor %q: Data is F32; elements of %s go in Raw", t.Name, t.DType)
	}
	dims := make([]int64, len(t.Shape))
	for i, d := range t.Shape {
		if d < 0 {
			return fmt.Errorf("safetensors: tensor %q: shape %v has a negative dimension", t.Name, t.Shape)
		}
		dims[i] = int64(d)
	}
	if size, ok := byteSize(dims, t.DType); !ok || size != dataBytes(t) {
		return fmt.Errorf("safetensors: tensor %q: shape %v of %s does not count the %d bytes given",
			t.Name, t.Shape, t.DType, dataBytes(t))
	}
	return nil
}

func dataBytes(t Tensor) int64 {
	if t.Raw != nil {
		return int64(len(t.Raw))
	}
	return 4 * int64(len(t.Data))
}

// encodeHeader returns the length, the JSON and its padding. The JSON is put
// together by hand because the order of its keys matters.
func encodeHeader(metadata map[string]string, sorted []Tensor) ([]byte, error) {
	var b bytes.Buffer
	b.Write(make([]byte, lengthBytes))
	b.WriteByte('{')
	if len(metadata) > 0 {
		fmt.Fprintf(&b, "%q:{", metadataKey)
		for i, key := range slices.Sorted(maps.Keys(metadata)) {
			if !utf8.ValidString(key) || !utf8.ValidString(metadata[key]) {
				return nil, fmt.Errorf("safetensors: metadata %q is not valid UTF-8", key)
			}
			comma(&b, i)
			writeString(&b, key)
			b.WriteByte(':')
			writeString(&b, metadata[key])
		}
		b.WriteByte('}')
	}
	var begin int64
	for i, t := range sorted {
		comma(&b, i+len(metadata))
		writeString(&b, t.Name)
		end := begin + dataBytes(t)
		shape := strings.Join(strings.Fields(fmt.Sprint(t.Shape)), ",")
		fmt.Fprintf(&b, `:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, t.DType, shape, begin, end)
		begin = end
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	n := b.Len() - lengthBytes
	if n > DefaultHeaderLimit {
		return nil, fmt.Errorf("safetensors: the header would take %d bytes, at most %d are allowed", n, DefaultHeaderLimit)
	}
	binary.LittleEndian.PutUint64(b.Bytes(), uint64(n))
	return b.Bytes(), nil
}

func comma(b *bytes.Buffer, before int) {
	if before > 0 {
		b.WriteByte(',')
	}
}

// writeString appends s as a JSON string, without the escapes for HTML.
func writeString(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	// Encoding a string into a buffer cannot fail; it ends in a newline.
	_ = e.Encode(s)
	b.Truncate(b.Len() - 1)
}

// writeData writes a tensor's bytes; window is scratch space for the conversion.
func writeData(w io.Writer, t Tensor, window []byte) error {
	if t.Raw != nil {
		_, err := w.Write(t.Raw)
		return err
	}
	for data := t.Data; len(data) > 0; {
		n := min(len(data), cap(window)/4)
		chunk := window[:0]
		for _, v := range data[:n] {
			chunk = binary.LittleEndian.AppendUint32(chunk, math.Float32bits(v))
		}
		if _, err := w.Write(chunk); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}
