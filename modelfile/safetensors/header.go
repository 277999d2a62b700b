package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// headerReader walks the header's JSON token by token: encoding/json's maps would
// keep the last of two equal keys in silence and turn 4.0 into 4.
type headerReader struct{ dec *json.Decoder }

// parseHeader returns the metadata and the tensors in the order of the header.
func parseHeader(raw []byte) (map[string]string, []TensorInfo, error) {
	if len(raw) == 0 || raw[0] != '{' {
		return nil, nil, faulty(HeaderSyntax, "header", "does not begin with '{'")
	}
	// encoding/json replaces broken text by U+FFFD, which would change names.
	if !utf8.Valid(raw) {
		return nil, nil, faulty(HeaderSyntax, "header", "is not valid UTF-8")
	}
	if i := loneSurrogate(raw); i >= 0 {
		return nil, nil, faulty(HeaderSyntax, "header", "the escape at byte %d is half of a surrogate pair", i)
	}
	h := headerReader{json.NewDecoder(bytes.NewReader(raw))}
	h.dec.UseNumber()
	metadata := map[string]string{}
	var tensors []TensorInfo
	err := h.object("header", HeaderSyntax, func(name string) (err error) {
		if name == metadataKey {
			return h.metadata(metadata)
		}
		t, err := h.tensor(name)
		tensors = append(tensors, t)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if rest := bytes.TrimRight(raw[h.dec.InputOffset():], " "); len(rest) > 0 {
		return nil, nil, faulty(HeaderSyntax, "header", "byte %d: only spaces may follow the JSON object", h.dec.InputOffset())
	}
	return metadata, tensors, nil
}

// token returns the next token; faults of syntax become a FormatError.
func (h headerReader) token(where string) (json.Token, error) {
	t, err := h.dec.Token()
	if err == nil {
		return t, nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, faulty(HeaderSyntax, where, "the JSON ends before the object does")
	}
	return nil, faulty(HeaderSyntax, where, "broken JSON near byte %d: %v", h.dec.InputOffset(), err)
}

// open consumes the bracket that begins an object or array.
func (h headerReader) open(bracket json.Delim, p Problem, where string) error {
	t, err := h.token(where)
	if err == nil && t != bracket {
		kind := "an object"
		if bracket == '[' {
			kind = "an array"
		}
		return faulty(p, where, "must be %s, not %s", kind, describe(t))
	}
	return err
}

// object calls value for each key of an object, and refuses a key that comes twice.
// Problem p is reported where there is something else than an object.
func (h headerReader) object(where string, p Problem, value func(key string) error) error {
	if err := h.open('{', p, where); err != nil {
		return err
	}
	seen := map[string]struct{}{}
	for h.dec.More() {
		t, err := h.token(where)
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return faulty(HeaderSyntax, where, "a key must be a string, not %s", describe(t))
		}
		if _, twice := seen[key]; twice {
			return faulty(DuplicateKey, where, "the key %q is given twice", key)
		}
		seen[key] = struct{}{}
		if err := value(key); err != nil {
			return err
		}
	}
	_, err := h.token(where)
	return err
}

func (h headerReader) metadata(into map[string]string) error {
	return h.object(metadataKey, BadMetadata, func(key string) error {
		where := fmt.Sprintf("%s %q", metadataKey, key)
		t, err := h.token(where)
		if err != nil {
			return err
		}
		s, ok := t.(string)
		if !ok {
			return faulty(BadMetadata, where, "must be a string, not %s", describe(t))
		}
		into[key] = s
		return nil
	})
}

func (h headerReader) tensor(name string) (TensorInfo, error) {
	t := TensorInfo{Name: name}
	where := fmt.Sprintf("tensor %q", name)
	var dims, offsets []int64
	seen := 0
	err := h.object(where, HeaderSyntax, func(key string) (err error) {
		seen++
		switch key {
		case "dtype":
			t.DType, err = h.dtype(where)
		case "shape":
			dims, err = h.integers(where, key, BadShape, maxRank)
		case "data_offsets":
			offsets, err = h.integers(where, key, BadOffsets, 2)
		default:
			err = faulty(HeaderSyntax, where, "unknown key %q; dtype, shape and data_offsets are known", key)
		}
		return err
	})
	switch {
	case err != nil:
		return t, err
	case seen != 3:
		return t, faulty(HeaderSyntax, where, "must have all of dtype, shape and data_offsets")
	case len(offsets) != 2:
		return t, faulty(BadOffsets, where, "data_offsets has %d numbers; [begin, end] is right", len(offsets))
	case offsets[1] < offsets[0]:
		return t, faulty(BadOffsets, where, "ends at byte %d, before it begins at %d", offsets[1], offsets[0])
	}
	t.Begin, t.End = offsets[0], offsets[1]
	size, ok := byteSize(dims, t.DType)
	if !ok {
		return t, faulty(BadShape, where, "shape %v of %s counts more bytes than 64 bits can", dims, t.DType)
	}
	if size != t.End-t.Begin {
		return t, faulty(BadOffsets, where, "shape %v of %s takes %d bytes, its offsets %d to %d hold %d",
			dims, t.DType, size, t.Begin, t.End, t.End-t.Begin)
	}
	t.Shape = make([]int, len(dims))
	for i, d := range dims {
		if d > math.MaxInt {
			return t, faulty(BadShape, where, "dimension %d is beyond what this machine can address", d)
		}
		t.Shape[i] = int(d)
	}
	return t, nil
}

func (h headerReader) dtype(where string) (DType, error) {
	t, err := h.token(where)
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", faulty(UnknownDType, where, "dtype must be a string, not %s", describe(t))
	}
	if DType(s).Size() == 0 {
		return "", faulty(UnknownDType, where, "unknown dtype %q; known are %s", s, knownDTypes())
	}
	return DType(s), nil
}

// integers reads an array of at most limit integers in 0..2^63-1, written as plain
// digits: 4.0, 4e0 and -0 are refused.
func (h headerReader) integers(where, key string, p Problem, limit int) ([]int64, error) {
	where += " " + key
	if err := h.open('[', p, where); err != nil {
		return nil, err
	}
	var list []int64
	for h.dec.More() {
		t, err := h.token(where)
		if err != nil {
			return nil, err
		}
		number, ok := t.(json.Number)
		if !ok {
			return nil, faulty(p, where, "must hold integers, not %s", describe(t))
		}
		n, err := strconv.ParseUint(number.String(), 10, 63)
		if err != nil {
			return nil, faulty(p, where, "%s is no integer from 0 to %d", number, int64(math.MaxInt64))
		}
		if len(list) == limit {
			return nil, faulty(p, where, "has more than %d numbers", limit)
		}
		list = append(list, int64(n))
	}
	_, err := h.token(where)
	return list, err
}

// byteSize multiplies the dimensions and the element's size; ok is false where that
// exceeds 63 bits, even if a later dimension is 0: readers disagree on such shapes.
func byteSize(dims []int64, d DType) (size int64, ok bool) {
	product, zero := uint64(d.Size()), false
	for _, n := range dims {
		if n == 0 {
			zero = true
			continue
		}
		hi, lo := bits.Mul64(product, uint64(n))
		if hi != 0 || lo > math.MaxInt64 {
			return 0, false
		}
		product = lo
	}
	if zero {
		return 0, true
	}
	return int64(product), true
}

// loneSurrogate returns the place of the first \u escape that is half of a
// surrogate pair without its other half, or -1.
func loneSurrogate(raw []byte) int {
	for i := 0; i+1 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		switch first := escape(raw[i:]); {
		case first < 0xd800 || first > 0xdfff:
			i++
		case first >= 0xdc00:
			return i
		default:
			if second := escape(raw[i+6:]); second < 0xdc00 || second > 0xdfff {
				return i
			}
			i += 11
		}
	}
	return -1
}

// escape decodes the \uXXXX that b begins with, or returns -1.
func escape(b []byte) int64 {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 32)
	if err != nil {
		return -1
	}
	return int64(n)
}

// describe names a JSON token for an error message.
func describe(t json.Token) string {
	switch v := t.(type) {
	case json.Delim:
		if v == '{' {
			return "an object"
		}
		return "an array"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case bool:
		return strconv.FormatBool(v)
	default:
		return "null"
	}
}
