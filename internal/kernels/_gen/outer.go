package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of the Go struct outerTile, which follow those of tile.
const (
	tileSize                     = tileTerms + 8
	outerLines, outerPictures    = tileSize, tileSize + 8
	outerLineA, outerLineB       = tileSize + 16, tileSize + 24
	outerPictureA, outerPictureB = tileSize + 32, tileSize + 40
	outerAhead, outerAheadStep   = tileSize + 48, tileSize + 56
)

// outerTile generates outerF32_<mr>x<2 vectors>_<isa>, mr rows of a weight gradient:
//
//	c[r,j] = sum over the pixels of a[r] * b[j] (+ c[r,j])
//
// where a and b go from pixel to pixel, k of them in a line, by stepA and strideB, at a
// line's end by lineA and lineB more, and after the last of the lines of a picture by
// pictureA and pictureB more. With no lines the sum is 0. With each pixel goes a prefetch into
// the second-level cache, from ahead on in steps of aheadStep: of what comes after this tile.
func outerTile(gen *generator, mr int) {
	at := tileFields
	at.argument = "outerTile"
	g := newGemm(gen, "outerF32", mr, 2, at)
	g.rowAt = g.stridedRow
	g.start()
	g.pixels()
	g.finish()
	g.VZEROUPPER()
	g.RET()
}

// pixels adds the outer products of all pixels.
func (g *gemm) pixels() {
	g.rowA = reg.R8
	pixels, lines, pictures, lineA, lineB := reg.RAX, reg.R9, reg.R10, reg.R11, reg.R12
	ahead, aheadStep := reg.R14, reg.R15
	g.CMPQ(g.arg(outerLines), Imm(0))
	g.JE(LabelRef("finish"))
	g.MOVQ(g.arg(tileA), g.rowA)
	g.MOVQ(g.arg(tileB), g.rowB)
	g.MOVQ(g.arg(tileStepA), g.stepA)
	g.MOVQ(g.arg(tileStrideB), g.strideB)
	g.MOVQ(g.arg(tileK), pixels)
	g.MOVQ(g.arg(outerPictures), pictures)
	g.MOVQ(g.arg(outerLineA), lineA)
	g.MOVQ(g.arg(outerLineB), lineB)
	g.MOVQ(g.arg(outerAhead), ahead)
	g.MOVQ(g.arg(outerAheadStep), aheadStep)

	loop := func(label string, halves int, broadcast []reg.VecPhysical, load func()) {
		g.Label(label)
		g.MOVQ(g.arg(outerLines), lines)
		g.Label(label + "Line")
		g.MOVQ(pixels, g.k)
		g.Label(label + "Pixel")
		load()
		g.PREFETCHT1(Mem{Base: ahead})
		g.ADDQ(aheadStep, ahead)
		for r, acc := range g.acc {
			a := broadcast[r%len(broadcast)]
			g.VBROADCASTSS(Mem{Base: g.rowA, Disp: 4 * r}, a)
			for h := range halves {
				g.VFMADD231PS(g.b[h], a, acc[h])
			}
		}
		g.ADDQ(g.stepA, g.rowA)
		g.ADDQ(g.strideB, g.rowB)
		g.DECQ(g.k)
		g.JNZ(LabelRef(label + "Pixel"))
		g.ADDQ(lineA, g.rowA)
		g.ADDQ(lineB, g.rowB)
		g.DECQ(lines)
		g.JNZ(LabelRef(label + "Line"))
		g.ADDQ(g.arg(outerPictureA), g.rowA)
		g.ADDQ(g.arg(outerPictureB), g.rowB)
		g.DECQ(pictures)
		g.JNZ(LabelRef(label))
	}
	g.CMPQ(g.arg(tileCols), Imm(uint64(2*g.lanes)))
	g.JNE(LabelRef("part"))
	loop("full", 2, g.a[:], func() {
		g.VMOVUPS(Mem{Base: g.rowB}, g.b[0])
		g.VMOVUPS(Mem{Base: g.rowB, Disp: g.bytes()}, g.b[1])
	})
	g.JMP(LabelRef("finish"))
	g.Label("part")
	// Half the work is skipped where the second vector is empty.
	g.CMPQ(g.arg(tileCols), Imm(uint64(g.lanes)))
	g.JLE(LabelRef("half"))
	broadcast := g.a[:]
	if !g.masks {
		broadcast = g.a[:1] // loadMasked holds masks in the other
	}
	loop("masked", 2, broadcast, func() { g.loadMasked(g.rowB) })
	g.JMP(LabelRef("finish"))
	loop("half", 1, g.a[:], func() {
		if g.masks {
			g.VMOVUPS_Z(Mem{Base: g.rowB}, g.mask[0], g.b[0])
		} else {
			g.VMOVUPS(Mem{Base: g.maskAt}, g.b[1])
			g.VMASKMOVPS(Mem{Base: g.rowB}, g.b[1], g.b[0])
		}
	})
}
