package codec

import (
	"bytes"
	"fmt"
	"io"

	"github.com/flanglet/kanzi-go/v2/bitstream"
	"github.com/flanglet/kanzi-go/v2/entropy"
)

// distribution says what numbers a code's elements can be, and how probable they are. A number is
// coded by halving the interval that it is in until nothing else is left, so that a decision between
// two halves, a bit, is all that has to be predicted.
type distribution interface {
	// interval is the least and the greatest number that element i can be.
	interval(i int) (low, high int32)
	// upper is the probability, in 4096ths from 1 to 4095, that element i, which is from low
	// to high, is above mid.
	upper(i int, low, mid, high int32) int
	// learn tells what it was.
	learn(i int, low, high int32, above bool)
}

// walk follows the decisions of the elements, one after the other. To the library's coder of bits it is a
// predictor.
type walk struct {
	distribution
	out       []int32 // elements that are decided
	count     int     // of all elements
	low, high int32   // of the one that is not
}

func newWalk(d distribution, count int) *walk {
	w := &walk{distribution: d, count: count}
	w.next()
	return w
}

// next goes on to the next element that there is something to decide about.
func (w *walk) next() {
	for len(w.out) < w.count {
		if w.low, w.high = w.interval(len(w.out)); w.low < w.high {
			return
		}
		w.out = append(w.out, w.low)
	}
}

func (w *walk) done() bool { return len(w.out) == w.count }

// middle is the greatest number of the lower half.
func (w *walk) middle() int32 { return w.low + (w.high-w.low)/2 }

// Get is the probability of a 1 in 4096ths. Behind the last element come zeros.
func (w *walk) Get() int {
	if w.done() {
		return 1
	}
	return w.upper(len(w.out), w.low, w.middle(), w.high)
}

// Update takes a decision.
func (w *walk) Update(bit byte) {
	if w.done() {
		return
	}
	w.learn(len(w.out), w.low, w.high, bit == 1)
	if mid := w.middle(); bit == 1 {
		w.low = mid + 1
	} else {
		w.high = mid
	}
	if w.low == w.high {
		w.out = append(w.out, w.low)
		w.next()
	}
}

// decisions are those that lead to the symbols, eight a byte, the first in the highest bit. A symbol
// outside its interval is taken for the nearest inside.
func decisions(d distribution, symbols []int32) []byte {
	var b []byte
	bits := 0
	for i, s := range symbols {
		for low, high := d.interval(i); low < high; bits++ {
			if bits%8 == 0 {
				b = append(b, 0)
			}
			if mid := low + (high-low)/2; s > mid {
				b[len(b)-1] |= 0x80 >> (bits % 8)
				low = mid + 1
			} else {
				high = mid
			}
		}
	}
	return b
}

// bufferSize is the least that the library's streams take.
const bufferSize = 1024

// encodeSymbols returns the symbols, coded, and the number of bytes that their decisions take
// before.
func encodeSymbols(d distribution, symbols []int32) (payload []byte, n int, err error) {
	plain := decisions(d, symbols)
	if len(plain) == 0 {
		return nil, 0, nil
	}
	defer func() { // the library's streams panic where their memory does
		if r := recover(); r != nil {
			payload, n, err = nil, 0, fmt.Errorf("coding %d numbers: %v", len(symbols), r)
		}
	}()
	var out bytes.Buffer
	stream, err := bitstream.NewDefaultOutputBitStream(nopCloser{Writer: &out}, bufferSize)
	if err != nil {
		return nil, 0, err
	}
	e, err := entropy.NewBinaryEntropyEncoder(stream, newWalk(d, len(symbols)))
	if err != nil {
		return nil, 0, err
	}
	if _, err := e.Write(plain); err != nil {
		return nil, 0, err
	}
	e.Dispose()
	if err := stream.Close(); err != nil {
		return nil, 0, err
	}
	return out.Bytes(), len(plain), nil
}

// decodeSymbols is the inverse; n is the number of bytes of the decisions.
func decodeSymbols(d distribution, payload []byte, n, count int) (symbols []int32, err error) {
	w := newWalk(d, count)
	if n > 4*count+1 { // a symbol has at most 22 decisions
		return nil, &FormatError{"length", fmt.Sprintf("%d bytes of decisions for %d numbers", n, count)}
	}
	if n > 0 {
		defer func() { // the library's streams panic where they end early
			if r := recover(); r != nil {
				symbols, err = nil, &FormatError{"payload", fmt.Sprint(r)}
			}
		}()
		stream, err := bitstream.NewDefaultInputBitStream(nopCloser{Reader: bytes.NewReader(payload)}, bufferSize)
		if err != nil {
			return nil, err
		}
		e, err := entropy.NewBinaryEntropyDecoder(stream, w)
		if err != nil {
			return nil, err
		}
		if _, err := e.Read(make([]byte, n)); err != nil {
			return nil, &FormatError{"payload", err.Error()}
		}
	}
	if !w.done() {
		return nil, &FormatError{"payload", fmt.Sprintf("%d of %d numbers", len(w.out), count)}
	}
	return w.out, nil
}

// nopCloser makes a buffer a stream of the library's.
type nopCloser struct {
	io.Reader
	io.Writer
}

// Close does nothing.
func (nopCloser) Close() error { return nil }

// learning predicts the decisions by how they went so far: for every channel it has a
// tree of intervals, each with the counts of both halves.
type learning struct {
	low, high int32
	channels  int
	counts    map[node]*[2]int32
}

// node is an interval of a channel.
type node struct {
	channel   int32
	low, high int32
}

// newAdaptive is for elements from low to high, whose channels take turns.
func newAdaptive(low, high int32, channels int) *learning {
	return &learning{low, high, channels, map[node]*[2]int32{}}
}

func (l *learning) interval(int) (low, high int32) { return l.low, l.high }

// upper is the estimate of Krichevsky and Trofimov 1981.
func (l *learning) upper(i int, low, mid, high int32) int {
	c := l.counts[node{int32(i % l.channels), low, high}]
	if c == nil {
		return 2048
	}
	return int(min(max(4096*(2*c[1]+1)/(2*(c[0]+c[1]+1)), 1), 4095))
}

// forget is the count at which old decisions are weighed half.
const forget = 1 << 10

func (l *learning) learn(i int, low, high int32, above bool) {
	key := node{int32(i % l.channels), low, high}
	c := l.counts[key]
	if c == nil {
		c = new([2]int32)
		l.counts[key] = c
	}
	k := 0
	if above {
		k = 1
	}
	if c[k]++; c[k] == forget {
		c[0], c[1] = c[0]/2, c[1]/2
	}
}
