//go:build amd64 && !noasm

package cpu

import "golang.org/x/sys/cpu"

func detect() Features {
	x := &cpu.X86
	avx2 := x.HasAVX2 && x.HasFMA
	avx512 := avx2 && x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL
	return Features{AVX2: avx2, AVX512: avx512, BFloat16: avx512 && x.HasAVX512BF16}
}
