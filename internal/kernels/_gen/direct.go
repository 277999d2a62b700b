package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of the Go structs directTile and directTap.
const (
	directTaps, directLimit, directFirst = 0, 8, 16
	directB, directOuts, directColumn    = 24, 32, 40
	directCursor, directLength           = 88, 96

	tapList, tapEnd, tapLength, tapSize = 0, 8, 16, 24
)

var directFields = fields{argument: "directTile", bias: 48, cols: 56, add: 64, act: 72, alpha: 80}

// directUnroll is how many channels one turn of the innermost loop takes.
const directUnroll = 4

// directTile generates directF32_<mr>x<halves vectors>_<isa>, the micro-kernel of the
// indirect convolution algorithm (Dukhan 2019): rows of a product whose terms lie in
// pieces of contiguous elements, at addresses from lists,
//
//	out[r][column+j] = act(bias[j] + sum over taps s, p < length of list[s][first+r][p] * b[...][j] (+ out[r][column+j]))
//
// b is a packed panel, two vectors for each term one after the other, of which a tile of
// one vector reads the first.
func directTile(gen *generator, mr, halves int) {
	g := newGemm(gen, "directF32", mr, halves, directFields)
	// With twelve rows every register is needed: also that of the argument, which is
	// fetched again where it matters.
	g.row = []reg.GPPhysical{reg.RAX, reg.RCX, reg.RDX, reg.R8, reg.R9, reg.R10, reg.R11, reg.R12,
		reg.R14, reg.R15, reg.R13, reg.RBX}[:mr]
	outs, column, place := reg.RSI, reg.RDX, reg.RCX
	g.rowAt = func(r int) Mem {
		if r == 0 {
			g.MOVQ(g.arg(directOuts), outs)
			g.MOVQ(g.arg(directColumn), column)
		}
		g.MOVQ(Mem{Base: outs, Disp: 8 * r}, place)
		return Mem{Base: place, Index: column, Scale: 1}
	}
	g.start()
	// The result's lines come while the sums are taken: a store that waits for its own would
	// hold up those of the next tile.
	for r := range g.mr {
		m := g.rowAt(r)
		for h := 0; h < halves*g.bytes(); h += 64 {
			g.PREFETCHT0(m.Offset(h))
		}
	}

	const step = 4 * directUnroll
	list, tap, end := reg.R13, reg.RBX, reg.RDI
	if !g.masks {
		list = reg.R11 // R13 has the place of the masks
	}
	channel := reg.RDI // bytes to the end of the rows' pieces, negative
	g.CMPQ(g.arg(directLimit), Imm(0))
	g.JE(LabelRef("finish"))
	g.MOVQ(U32(0), g.arg(directCursor))
	g.MOVQ(g.arg(directB), g.rowB)
	g.Label("tap")
	g.Load(g.Param("t"), reg.RDI)
	g.MOVQ(Mem{Base: reg.RDI, Disp: directTaps}, tap)
	g.ADDQ(Mem{Base: reg.RDI, Disp: directCursor}, tap)
	g.MOVQ(Mem{Base: tap, Disp: tapLength}, list)
	g.NEGQ(list)
	g.MOVQ(list, Mem{Base: reg.RDI, Disp: directLength})
	g.MOVQ(Mem{Base: tap, Disp: tapList}, list)
	g.ADDQ(Mem{Base: reg.RDI, Disp: directFirst}, list)
	g.MOVQ(Mem{Base: tap, Disp: tapEnd}, end)
	load := func(r int) {
		g.MOVQ(Mem{Base: list, Disp: 8 * r}, g.row[r])
		g.ADDQ(end, g.row[r])
	}
	last := -1
	for r, p := range g.row {
		if p == list {
			last = r
		} else {
			load(r)
		}
	}
	if last >= 0 {
		load(last)
	}
	g.Load(g.Param("t"), channel)
	g.MOVQ(Mem{Base: channel, Disp: directLength}, channel)
	g.ADDQ(Imm(step), channel)
	g.JG(LabelRef("rest"))
	g.Label("channels")
	for i := range directUnroll {
		g.directTerm(i*2*g.bytes(), channel, 4*i-step)
	}
	g.ADDQ(U32(directUnroll*2*g.bytes()), g.rowB)
	g.ADDQ(Imm(step), channel)
	g.JLE(LabelRef("channels"))
	g.Label("rest")
	g.SUBQ(Imm(step), channel)
	g.JZ(LabelRef("next"))
	g.Label("channel")
	g.directTerm(0, channel, 0)
	g.ADDQ(U32(2*g.bytes()), g.rowB)
	g.ADDQ(Imm(4), channel)
	g.JNZ(LabelRef("channel"))
	g.Label("next")
	g.Load(g.Param("t"), g.args)
	g.MOVQ(g.arg(directCursor), reg.RAX)
	g.ADDQ(Imm(tapSize), reg.RAX)
	g.MOVQ(reg.RAX, g.arg(directCursor))
	g.CMPQ(reg.RAX, g.arg(directLimit))
	g.JNE(LabelRef("tap"))

	g.finish()
	g.VZEROUPPER()
	g.RET()
}

// directTerm multiplies one element of every row, at row + channel + disp, with the vectors
// of b at offset.
func (g *gemm) directTerm(offset int, channel reg.Register, disp int) {
	for h := range g.halves {
		g.VMOVUPS(Mem{Base: g.rowB, Disp: offset + h*g.bytes()}, g.b[h])
	}
	for r, acc := range g.acc {
		a := g.a[r%2]
		g.VBROADCASTSS(Mem{Base: g.row[r], Index: channel, Scale: 1, Disp: disp}, a)
		for h := range g.halves {
			g.VFMADD231PS(g.b[h], a, acc[h])
		}
	}
}

// directTiles generates the micro-kernels of all heights and both widths.
func directTiles(g *generator) {
	for halves := 1; halves <= 2; halves++ {
		for mr := 1; mr <= g.gatherRows; mr++ {
			directTile(g, mr, halves)
		}
	}
}
