package onnx

import (
	"errors"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// A generated reader of onnx.proto would have 10,000 lines and wants the whole file in
// memory, twice while it unpacks a tensor. The few messages that matter here are walked
// through in place; protowire decodes the numbers.

// window is the part of the file that was read last.
type window struct {
	r      io.ReaderAt
	buffer [4 << 10]byte
	at     int64 // of the buffer in the file
	n      int
}

// peek returns bytes from offset at on: all up to end, or at least 16.
func (w *window) peek(at, end int64) ([]byte, error) {
	const enough = 16 // a tag and a number take 15
	need := min(end-at, enough)
	if at < w.at || at+need > w.at+int64(w.n) {
		n, err := w.r.ReadAt(w.buffer[:], at)
		if int64(n) < need {
			if err == nil || errors.Is(err, io.EOF) {
				return nil, faulty("file", "it ends at byte %d, inside a message that ends at %d", at+int64(n), end)
			}
			return nil, err
		}
		w.at, w.n = at, n
	}
	b := w.buffer[at-w.at : w.n]
	return b[:min(int64(len(b)), end-at)], nil
}

// message is a stretch of the file, [at, end), that holds fields.
type message struct {
	w       *window
	at, end int64
}

// value is what a field holds: a number, or a stretch of bytes.
type value struct {
	number protowire.Number
	wire   protowire.Type
	bits   uint64
	bytes  message
}

// fields calls do with every field in order.
func (m message) fields(what string, do func(value) error) error {
	for m.at < m.end {
		begin := m.at
		b, err := m.w.peek(m.at, m.end)
		if err != nil {
			return err
		}
		v := value{}
		var n, k int
		v.number, v.wire, n = protowire.ConsumeTag(b)
		if n > 0 {
			switch v.wire {
			case protowire.VarintType:
				v.bits, k = protowire.ConsumeVarint(b[n:])
			case protowire.Fixed32Type:
				var bits uint32
				bits, k = protowire.ConsumeFixed32(b[n:])
				v.bits = uint64(bits)
			case protowire.Fixed64Type:
				v.bits, k = protowire.ConsumeFixed64(b[n:])
			case protowire.BytesType:
				v.bits, k = protowire.ConsumeVarint(b[n:])
			default: // groups, which no field of ONNX is
				k = -1
			}
		}
		if n <= 0 || k <= 0 {
			return faulty(what, "byte %d begins no field of Protocol Buffers, as an ONNX file consists of", begin)
		}
		m.at += int64(n + k)
		if v.wire == protowire.BytesType {
			if v.bits > uint64(m.end-m.at) {
				return faulty(what, "the field at byte %d has a length of %d, only %d bytes are left of the %s", begin, v.bits, m.end-m.at, what)
			}
			v.bytes = message{m.w, m.at, m.at + int64(v.bits)}
			m.at = v.bytes.end
		}
		if err := do(v); err != nil {
			return err
		}
	}
	return nil
}

func (v value) want(t protowire.Type, what string) error {
	if v.wire != t {
		return faulty(what, "stored as wire type %d, want %d", v.wire, t)
	}
	return nil
}

func (v value) varint(what string) (uint64, error) {
	return v.bits, v.want(protowire.VarintType, what)
}

func (v value) fixed32(what string) (uint64, error) {
	return v.bits, v.want(protowire.Fixed32Type, what)
}

// within calls do with the bytes of the value.
func (v value) within(what string, do func(message) error) error {
	if err := v.want(protowire.BytesType, what); err != nil {
		return err
	}
	return do(v.bytes)
}

// text reads a short string.
func (v value) text(what string) (string, error) {
	b, err := v.short(what, maxText)
	return string(b), err
}

// short reads the value's bytes, up to a bound.
func (v value) short(what string, most int64) ([]byte, error) {
	if err := v.want(protowire.BytesType, what); err != nil {
		return nil, err
	}
	n := v.bytes.end - v.bytes.at
	if n > most {
		return nil, faulty(what, "%d bytes, at most %d are read", n, most)
	}
	b := make([]byte, n)
	if k, err := v.bytes.w.r.ReadAt(b, v.bytes.at); int64(k) < n {
		if err == nil || errors.Is(err, io.EOF) {
			return nil, faulty(what, "the file ends inside it")
		}
		return nil, err
	}
	return b, nil
}

// varints appends whole numbers to list: one, or packed ones.
func (v value) varints(what string, list []int64, most int) ([]int64, error) {
	if v.wire == protowire.VarintType {
		if len(list) >= most {
			return nil, faulty(what, "more than %d numbers", most)
		}
		return append(list, int64(v.bits)), nil
	}
	b, err := v.short(what, int64(most*protowire.SizeVarint(math.MaxUint64)))
	if err != nil {
		return nil, err
	}
	for len(b) > 0 {
		n, k := protowire.ConsumeVarint(b)
		if k < 0 {
			return nil, faulty(what, "broken number")
		}
		if len(list) >= most {
			return nil, faulty(what, "more than %d numbers", most)
		}
		list, b = append(list, int64(n)), b[k:]
	}
	return list, nil
}
