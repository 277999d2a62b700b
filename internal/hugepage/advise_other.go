//go:build !linux

package hugepage

// advise does nothing: other systems do not take advice.
func advise([]byte) {}
