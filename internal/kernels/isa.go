package kernels

// ISA returns the variant of the float32 kernels in use: "avx512", "avx2" or
// "generic".
func ISA() string { return "generic" }
