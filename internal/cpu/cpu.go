// Package cpu says which instruction sets the kernels may use. A feature is
// reported only where processor and operating system both support it, and the usual
// switches hide it: GODEBUG=cpu.avx512f=off or cpu.avx2=off at run time, the build
// tag noasm at compile time (then nothing is reported).
package cpu

// Features are the instruction sets that a kernel variant asks for.
type Features struct {
	// AVX2 means AVX2 together with the fused multiply-add of FMA3.
	AVX2 bool
	// AVX512 means the foundation with its byte, word, doubleword and vector-length
	// extensions (F, BW, DQ, VL), and AVX2 beside it.
	AVX512 bool
	// BFloat16 means AVX512_BF16, and AVX512 beside it.
	BFloat16 bool
}

// Detect returns the features of the processor that the program runs on.
func Detect() Features { return detect() }
