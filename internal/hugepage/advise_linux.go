package hugepage

import "syscall"

// advise asks for large pages. Where there are none, small ones do.
func advise(b []byte) {
	const hugePage = 14 // MADV_HUGEPAGE
	_ = syscall.Madvise(b, hugePage)
}
