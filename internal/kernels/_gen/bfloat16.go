package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// bfloat16 generates what prediction in bfloat16 needs: the products of Winograd's algorithm
// and the transform of its inputs. The instructions of AVX512_BF16 are written as bytes, since
// neither avo nor Go's assembler knows them.
func bfloat16(g *generator) {
	if !g.masks {
		return // there are none for AVX2
	}
	for mr := 1; mr <= g.rows; mr++ {
		t := newGemm(g, "gemmBF16", mr, 2, tileFields)
		t.term = func(a, b, acc reg.VecPhysical) { g.evexF3(0x52, b, a, acc) }
		t.rows()
	}
	for _, m := range []int{2, 4} {
		_, _, bt := winogradMatrices(winogradPairs[m])
		g.transform(fmt.Sprintf("winogradInput%dBF16_%s", m, g.name), bt, storeBFloat16)
	}
}

// VDPBF16PS adds the products of two pairs of bfloat16 in each lane, with opcode 0x52 of
// evexF3; VCVTNEPS2BF16, which rounds a vector of float32 to half as long a one of bfloat16,
// has 0x72 and only one source.

// rounded is the register through which results are rounded. The instruction has to name it.
var rounded = reg.Z31

// storeRounded stores a vector as bfloat16.
func (g *generator) storeRounded(x Op, m Mem) {
	g.VMOVUPS(x, rounded)
	g.evexF3(0x72, rounded, reg.Z0, rounded)
	g.VMOVUPS(rounded.AsY(), m)
}

// evexF3 writes an instruction of the encoding EVEX.512.F3.0F38.W0 with three registers, as
// Intel's manual, volume 2, section 2.7 lays it out: the source rm, the source vvvv (Z0 where
// there is none), the destination.
func (g *generator) evexF3(opcode int, rm, vvvv, dst reg.VecPhysical) {
	bit := func(r reg.Physical, n int) int { return int(r.PhysicalIndex()) >> n & 1 }
	low := func(r reg.Physical) int { return int(r.PhysicalIndex()) & 7 }
	p0 := (1-bit(dst, 3))<<7 | (1-bit(rm, 4))<<6 | (1-bit(rm, 3))<<5 | (1-bit(dst, 4))<<4 | 2
	p1 := (^int(vvvv.PhysicalIndex())&15)<<3 | 1<<2 | 2
	p2 := 2<<5 | (1-bit(vvvv, 4))<<3
	for _, b := range []int{0x62, p0, p1, p2, opcode, 3<<6 | low(dst)<<3 | low(rm)} {
		g.Instruction(&ir.Instruction{Opcode: "BYTE", Operands: []Op{Imm(uint64(b))}})
	}
}
