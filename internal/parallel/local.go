package parallel

import (
	"sync"
	"unsafe"
)

// Local returns n elements that belong to the worker until it asks again: scratch that stays
// in its core's caches from one task to the next. What they hold is undefined; they start at
// a multiple of 64 bytes. Memory is taken when a worker first wants so much, and handed on to
// other teams when the team closes; a nil team has nowhere to keep it and always takes fresh
// memory.
func Local[T float32 | float64](t *Team, worker, n int) []T {
	size := n * int(unsafe.Sizeof(T(0)))
	var b []byte
	if t == nil {
		b = aligned(size)
	} else {
		if len(t.locals[worker].bytes) < size {
			t.locals[worker].bytes = takeLocal(size)
		}
		b = t.locals[worker].bytes
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// local is the scratch of a worker, alone on its cache line.
type local struct {
	bytes []byte
	_     [cacheLine - 24]byte
}

// aligned returns n bytes that start at a multiple of 64.
func aligned(n int) []byte {
	b := make([]byte, n+cacheLine)
	skip := -int(uintptr(unsafe.Pointer(&b[0]))) & (cacheLine - 1)
	return b[skip : skip+n : skip+n]
}

// sparesMax bounds the memory that closed teams leave for others.
const sparesMax = 8

// spares are locals of closed teams.
var spares struct {
	mu   sync.Mutex
	list [][]byte
}

// takeLocal returns at least n bytes, a spare one's where one is large enough.
func takeLocal(n int) []byte {
	spares.mu.Lock()
	defer spares.mu.Unlock()
	for i, b := range spares.list {
		if len(b) >= n {
			last := len(spares.list) - 1
			spares.list[i] = spares.list[last]
			spares.list = spares.list[:last]
			return b
		}
	}
	return aligned(n)
}

// release hands the team's locals on.
func (t *Team) release() {
	spares.mu.Lock()
	defer spares.mu.Unlock()
	for i := range t.locals {
		if b := t.locals[i].bytes; b != nil && len(spares.list) < sparesMax {
			spares.list = append(spares.list, b)
		}
		t.locals[i].bytes = nil
	}
}
