package hugepage

import (
	"testing"
	"unsafe"
)

func TestMake(t *testing.T) {
	if x := Make[float32](0); len(x) != 0 {
		t.Errorf("%d elements of none", len(x))
	}
	for _, n := range []int{1, 1000, enough/4 - 1, enough / 4, 3*size/4 + 17, 3 * size} {
		x := Make[float32](n)
		if len(x) != n || cap(x) != n {
			t.Fatalf("%d elements of %d wanted, room for %d", len(x), n, cap(x))
		}
		if at := uintptr(unsafe.Pointer(&x[0])); at%align != 0 || 4*n >= enough && at%size != 0 {
			t.Errorf("%d elements at %#x", n, at)
		}
		for i, v := range x {
			if v != 0 {
				t.Fatalf("element %d of %d is %v", i, n, v)
			}
			x[i] = 1
		}
	}
}
