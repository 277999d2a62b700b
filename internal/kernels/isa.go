package kernels

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/cpu"
)

//go:generate go run -C _gen . -set gemm -pkg kernels -out ../gemm_amd64.s -stubs ../gemm_amd64.go
//go:generate go run -C _gen . -set columns -pkg kernels -out ../columns_amd64.s -stubs ../columns_amd64.go
//go:generate go run -C _gen . -set direct -pkg kernels -out ../direct_amd64.s -stubs ../direct_amd64.go
//go:generate go run -C _gen . -set outer -pkg kernels -out ../outer_amd64.s -stubs ../outer_amd64.go
//go:generate go run -C _gen . -set vector -pkg kernels -out ../vector_amd64.s -stubs ../vector_amd64.go
//go:generate go run -C _gen . -set winograd -pkg kernels -out ../winograd_amd64.s -stubs ../winograd_amd64.go
//go:generate go run -C _gen . -set bfloat16 -pkg kernels -out ../bfloat16_amd64.s -stubs ../bfloat16_amd64.go

// An isa is a variant of the float32 kernels.
type isa uint8

const (
	generic isa = iota // plain Go
	avx2               // AVX2 and FMA3
	avx512             // AVX-512 F, BW, DQ, VL
)

var isaNames = [...]string{generic: "generic", avx2: "avx2", avx512: "avx512"}

func (i isa) String() string { return isaNames[i] }

// best is the fastest variant that the processor supports.
var best = func() isa {
	switch f := cpu.Detect(); {
	case f.AVX512:
		return avx512
	case f.AVX2:
		return avx2
	default:
		return generic
	}
}()

// active is the variant in use. Only Force changes it.
var active = best

// HasBFloat16 says whether products in bfloat16 are there, in the variant in use.
func HasBFloat16() bool { return active == avx512 && cpu.Detect().BFloat16 }

// ISA returns the variant of the float32 kernels in use: "avx512", "avx2" or
// "generic".
func ISA() string { return active.String() }

// Force makes the kernels use another variant, for tests and measurements, and
// returns a function that undoes it. It fails where the processor lacks the
// instructions. It must not be called while kernels run, and products prepared
// before it keep their variant.
func Force(name string) (restore func(), err error) {
	for i, n := range isaNames {
		if n != name {
			continue
		}
		if isa(i) > best {
			return nil, fmt.Errorf("kernels: variant %q is not available here, the best is %q", name, best)
		}
		before := active
		active = isa(i)
		return func() { active = before }, nil
	}
	return nil, fmt.Errorf("kernels: unknown variant %q, want one of %q", name, isaNames)
}
