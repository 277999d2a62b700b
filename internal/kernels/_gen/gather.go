package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gatherTile generates gatherF32_<rows>x<2 vectors>_<isa>, the micro-kernel of the
// indirect convolution algorithm (Dukhan 2019): rows of a product whose terms lie in
// taps pieces of k contiguous elements each, at addresses from a table,
//
//	c[r,j] = act(bias[j] + sum over s < taps, p < k of rows[s][r][p] * b[(s*k+p)*2*lanes+j] (+ c[r,j]))
//
// b is a packed panel. All rows are computed, and the first valid of them stored.
func gatherTile(gen *generator) {
	g := newGemm(gen, "gather", gen.gatherRows)
	g.gather = true
	// With twelve rows every register is needed: also that of the argument, which is
	// fetched again where it matters.
	pointers := []reg.GPPhysical{reg.RAX, reg.RCX, reg.RDX, reg.R8, reg.R9, reg.R10, reg.R11, reg.R12,
		reg.R13, reg.R14, reg.R15, reg.RBX}
	g.row = pointers[:gen.gatherRows]
	g.start()

	table, channel := reg.RDI, reg.RDI // channel: bytes to the end of the rows, negative
	g.MOVQ(g.arg(tileB), g.rowB)
	g.MOVQ(U32(0), g.arg(tileCursor))
	g.CMPQ(g.arg(tileTaps), Imm(0))
	g.JE(LabelRef("finish"))
	g.Label("tap")
	g.MOVQ(g.arg(tileRows), table)
	g.ADDQ(g.arg(tileCursor), table)
	g.ADDQ(U32(8*g.mr), g.arg(tileCursor))
	for r, p := range g.row {
		g.MOVQ(Mem{Base: table, Disp: 8 * r}, p)
	}
	g.Load(g.Param("t"), channel)
	g.MOVQ(Mem{Base: channel, Disp: tileK}, channel)
	g.SHLQ(U8(2), channel)
	for _, p := range g.row {
		g.ADDQ(channel, p)
	}
	g.NEGQ(channel)
	g.JZ(LabelRef("next"))
	g.Label("channel")
	for h := range 2 {
		g.VMOVUPS(Mem{Base: g.rowB, Disp: h * g.bytes()}, g.b[h])
	}
	for r, acc := range g.acc {
		a := g.a[r%2]
		g.VBROADCASTSS(Mem{Base: g.row[r], Index: channel, Scale: 1}, a)
		for h := range 2 {
			g.VFMADD231PS(g.b[h], a, acc[h])
		}
	}
	g.ADDQ(U32(2*g.bytes()), g.rowB)
	g.ADDQ(U8(4), channel)
	g.JNZ(LabelRef("channel"))
	g.Label("next")
	g.Load(g.Param("t"), g.args)
	g.DECQ(g.arg(tileTaps))
	g.JNZ(LabelRef("tap"))

	g.finish()
	g.VZEROUPPER()
	g.RET()
}
