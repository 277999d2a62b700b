package parallel

import (
	"testing"
	"unsafe"
)

// TestLocal: a worker's scratch is its own, aligned, kept, and handed on.
func TestLocal(t *testing.T) {
	team := Start(2)
	a, b := Local[float32](team, 0, 100), Local[float64](team, 1, 100)
	if len(a) != 100 || len(b) != 100 || uintptr(unsafe.Pointer(&a[0]))%64 != 0 || uintptr(unsafe.Pointer(&b[0]))%64 != 0 {
		t.Errorf("%d and %d elements at %p and %p", len(a), len(b), &a[0], &b[0])
	}
	for i := range b {
		b[i] = 1
	}
	for i := range a {
		a[i] = 2
	}
	if b[0] != 1 || b[99] != 1 {
		t.Error("two workers share scratch")
	}
	if again := Local[float32](team, 0, 50); &again[0] != &a[0] {
		t.Error("a smaller request moved the scratch")
	}
	if n := testing.AllocsPerRun(10, func() { Local[float32](team, 0, 100) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	team.Close()
	next := Start(1)
	defer next.Close()
	if n := testing.AllocsPerRun(1, func() { Local[float32](next, 0, 100) }); n != 0 {
		t.Errorf("%v allocations where a closed team left its scratch", n)
	}
	if alone := Local[float32](nil, 0, 7); len(alone) != 7 {
		t.Errorf("%d elements without a team", len(alone))
	}
}
