// Package hugepage takes large pieces of memory that the system may map in pages of 2 MiB
// where it has such: a pass over them misses the translation buffer less often, and the
// processor's prefetching does not stop every 4 KiB.
package hugepage

import "unsafe"

const (
	// size is that of a large page, and align the least alignment of what Make returns.
	size  = 2 << 20
	align = 64
	// enough is from how many bytes on a piece asks for large pages.
	enough = 2 * size
)

// Make returns n elements, all 0, that start at a multiple of 64 bytes.
func Make[T float32 | float64](n int) []T {
	if n == 0 {
		return []T{}
	}
	bytes := n * int(unsafe.Sizeof(T(0)))
	step := align
	if bytes >= enough {
		step = size
	}
	b := make([]byte, bytes+step)
	skip := -int(uintptr(unsafe.Pointer(&b[0]))) & (step - 1)
	b = b[skip : skip+bytes : skip+bytes]
	if bytes >= enough {
		advise(b[:bytes&^(size-1)])
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}
