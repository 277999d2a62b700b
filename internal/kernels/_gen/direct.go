package main

import (
	"fmt"

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
	g := newDirect(gen, fmt.Sprintf("directF32_%dx%d_%s", mr, halves*gen.lanes, gen.name), mr, halves)
	g.start()
	g.prefetchRows()
	const step = 4 * directUnroll
	g.eachTap(nil, func(channel reg.Register) {
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
	})
	g.finish()
	g.VZEROUPPER()
	g.RET()
}

// newDirect starts the function of a micro-kernel whose rows are read through lists.
func newDirect(gen *generator, name string, mr, halves int) *gemm {
	g := startGemm(gen, name, mr, halves, directFields)
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
	return g
}

// prefetchRows asks for the result's lines, which come while the sums are taken: a store
// that waits for its own would hold up those of the next tile.
func (g *gemm) prefetchRows() {
	for r := range g.mr {
		m := g.rowAt(r)
		for h := 0; h < g.halves*g.bytes(); h += 64 {
			g.PREFETCHT0(m.Offset(h))
		}
	}
}

// eachTap loops over the taps: body is to add the terms of one, which lie from row + channel
// on to row, channel being negative. before, unless it is nil, is done before the rows are
// known, with the length of a row's terms in bytes and a spare register.
func (g *gemm) eachTap(before func(length, spare reg.GPPhysical), body func(channel reg.Register)) {
	list, tap, end := reg.R13, reg.RBX, reg.RDI
	if !g.masks {
		list = reg.R11 // R13 has the place of the masks
	}
	channel := reg.RDI
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
	if before != nil {
		g.NEGQ(list)
		before(list, reg.RAX)
	}
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
	body(channel)
	g.Load(g.Param("t"), g.args)
	g.MOVQ(g.arg(directCursor), reg.RAX)
	g.ADDQ(Imm(tapSize), reg.RAX)
	g.MOVQ(reg.RAX, g.arg(directCursor))
	g.CMPQ(reg.RAX, g.arg(directLimit))
	g.JNE(LabelRef("tap"))
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

// depthTile generates depthF32_<mr>x<halves vectors>_<isa>: each column has a channel of the
// input to itself, which it multiplies with one element of b for each tap,
//
//	out[r][column+j] = act(bias[j] + sum over taps s of list[s][first+r][j] * b[s][j])
func depthTile(gen *generator, mr, halves int) {
	g := newDirect(gen, fmt.Sprintf("depthF32_%dx%d_%s", mr, halves*gen.lanes, gen.name), mr, halves)
	g.start()
	g.eachTap(nil, func(channel reg.Register) {
		each := func(f func(h int, m Mem, x reg.VecPhysical)) {
			for h := range halves {
				g.VMOVUPS(Mem{Base: g.rowB, Disp: h * g.bytes()}, g.b[h])
			}
			for r, acc := range g.acc {
				for h := range halves {
					f(h, Mem{Base: g.row[r], Index: channel, Scale: 1, Disp: h * g.bytes()}, acc[h])
				}
			}
			g.ADDQ(U32(2*g.bytes()), g.rowB)
		}
		if g.masks { // what a mask hides is not read
			each(func(h int, m Mem, x reg.VecPhysical) { g.VFMADD231PS(m, g.b[h], g.mask[h], x) })
			return
		}
		each(func(h int, m Mem, x reg.VecPhysical) {
			g.VMOVUPS(Mem{Base: g.maskAt, Disp: h * g.bytes()}, g.a[0])
			g.VMASKMOVPS(m, g.a[0], g.a[1])
			g.VFMADD231PS(g.a[1], g.b[h], x)
		})
	})
	g.finish()
	g.VZEROUPPER()
	g.RET()
}

// directTiles generates the micro-kernels of all heights and both widths, those of
// depthwise convolution of a whole tile's height and of one row, and those of few columns.
func directTiles(g *generator) {
	for halves := 1; halves <= 2; halves++ {
		for mr := 1; mr <= g.gatherRows; mr++ {
			directTile(g, mr, halves)
		}
	}
	for halves := 1; halves <= 2; halves++ {
		depthTile(g, 1, halves)
		depthTile(g, g.gatherRows, halves)
	}
	for cols, rows := range g.narrowRows {
		narrowTile(g, 1, cols+1)
		narrowTile(g, rows, cols+1)
	}
}
