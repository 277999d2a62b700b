package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// narrow generates one micro-kernel of few columns; see narrowTile.
type narrow struct {
	*gemm
	cols  int
	sums  []reg.VecPhysical // of row r and column c at r*cols+c
	w     []reg.VecPhysical // a vector of each column's terms
	x     []reg.VecPhysical // those of a row, in turn
	last  reg.VecPhysical   // mask of the last terms, without mask registers
	spare [3]reg.VecPhysical
}

// narrowTile generates narrowF32_<mr>x<cols>_<isa>, of at most four columns: where the
// result has few channels, vectors lie along the terms of the sum instead of the columns,
//
//	out[r][column+j] = act(bias[j] + sum over taps s, p < length of list[s][first+r][p] * b[...][j][p])
//
// b has for each vector of a tap's terms, the last one filled up, a vector for each column.
// bias points to four elements, the columns' biases again and again, and four times alpha.
func narrowTile(gen *generator, mr, cols int) {
	name := fmt.Sprintf("narrowF32_%dx%d_%s", mr, cols, gen.name)
	g := &narrow{gemm: newDirect(gen, name, mr, 1), cols: cols}
	free := g.regs
	take := func(n int) []reg.VecPhysical {
		taken := free[:n]
		free = free[n:]
		return taken
	}
	g.spare = [3]reg.VecPhysical(free[:3]) // of the others, when the sums are complete
	g.w = take(cols)
	if g.masks {
		g.x = take(2)
	} else {
		g.x, g.last = take(1), take(1)[0]
	}
	g.sums = take(mr * cols)
	for _, sum := range g.sums {
		g.zero(sum)
	}
	g.eachTap(g.maskLast, g.terms)
	g.Label("finish")
	g.Load(g.Param("t"), g.args)
	zero := g.spare[2]
	g.zero(zero)
	g.MOVQ(g.arg(g.fields.bias), reg.RDI)
	rows := 4 / cols // in one vector
	for r := 0; r < mr; r += rows {
		n := min(rows, mr-r)
		var four [4]reg.VecPhysical
		for i := range four {
			four[i] = zero
			if i < n*cols {
				four[i] = g.sums[r*cols+i]
			}
		}
		g.reduce(four)
		g.activate(fmt.Sprint(r))
		for i := range n {
			g.put(i*cols, g.rowAt(r+i))
		}
	}
	g.VZEROUPPER()
	g.RET()
}

// maskLast makes the mask of the terms that do not fill a vector.
func (g *narrow) maskLast(length, spare reg.GPPhysical) {
	g.SHRQ(U8(2), length)
	g.ANDQ(Imm(uint64(g.lanes-1)), length)
	if g.masks {
		g.MOVQ(I32(-1), spare)
		g.BZHIQ(length, spare, spare)
		g.KMOVW(spare.As32(), reg.K1)
		return
	}
	g.LEAQ(g.table, spare)
	g.NEGQ(length)
	g.VMOVUPS(Mem{Base: spare, Index: length, Scale: 4, Disp: 64}, g.last)
}

// terms adds those of one tap.
func (g *narrow) terms(channel reg.Register) {
	step := g.bytes()
	add := func(load func(m Mem, x reg.VecPhysical), disp int) {
		for c, w := range g.w {
			g.VMOVUPS(Mem{Base: g.rowB, Disp: c * step}, w)
		}
		for r, p := range g.row {
			x := g.x[r%len(g.x)]
			load(Mem{Base: p, Index: channel, Scale: 1, Disp: disp}, x)
			for c, w := range g.w {
				g.VFMADD231PS(w, x, g.sums[r*g.cols+c])
			}
		}
		g.ADDQ(U32(g.cols*step), g.rowB)
	}
	g.ADDQ(Imm(uint64(step)), channel)
	g.JG(LabelRef("rest"))
	g.Label("vectors")
	add(func(m Mem, x reg.VecPhysical) { g.VMOVUPS(m, x) }, -step)
	g.ADDQ(Imm(uint64(step)), channel)
	g.JLE(LabelRef("vectors"))
	g.Label("rest")
	g.SUBQ(Imm(uint64(step)), channel)
	g.JZ(LabelRef("next"))
	add(func(m Mem, x reg.VecPhysical) {
		if g.masks {
			g.VMOVUPS_Z(m, reg.K1, x)
		} else {
			g.VMASKMOVPS(m, g.last, x)
		}
	}, 0)
	g.Label("next")
}

// reduce adds up the lanes of four vectors, and leaves the four sums in the first spare one.
func (g *narrow) reduce(x [4]reg.VecPhysical) {
	s, t := g.spare[0], g.spare[1]
	pair := func(a, b reg.VecPhysical) {
		g.VUNPCKLPS(b, a, s)
		g.VUNPCKHPS(b, a, t)
		g.VADDPS(t, s, a)
	}
	pair(x[0], x[1])
	pair(x[2], x[3])
	g.VUNPCKLPD(x[2], x[0], s)
	g.VUNPCKHPD(x[2], x[0], t)
	g.VADDPS(t, s, s)
	if g.lanes == 16 {
		g.VEXTRACTF64X4(Imm(1), s, t.AsY())
		g.VADDPS(t.AsY(), s.AsY(), s.AsY())
	}
	g.VEXTRACTF128(Imm(1), s.AsY(), t.AsX())
	g.VADDPS(t.AsX(), s.AsX(), s.AsX())
}

// activate adds the bias to four sums and applies an activation of the ReLU family.
func (g *narrow) activate(label string) {
	x, t, zero := g.spare[0].AsX(), g.spare[1].AsX(), g.spare[2].AsX()
	g.VADDPS(Mem{Base: reg.RDI}, x, x)
	g.CMPQ(g.arg(g.fields.act), Imm(1))
	g.JL(LabelRef("store" + label))
	g.JG(LabelRef("leaky" + label))
	g.VMAXPS(x, zero, x) // x where x is NaN
	g.JMP(LabelRef("store" + label))
	g.Label("leaky" + label)
	g.VMINPS(x, zero, t)
	g.VMULPS(Mem{Base: reg.RDI, Disp: 16}, t, t)
	g.VMAXPS(x, zero, x)
	g.VADDPS(t, x, x)
	g.Label("store" + label)
}

// put stores one row of the four sums, that begins at the first one.
func (g *narrow) put(first int, m Mem) {
	x := g.spare[0].AsX()
	switch {
	case g.cols == 4:
		g.VMOVUPS(x, m)
	case g.cols > 1 && first == 0:
		g.VMOVLPS(x, m)
		if g.cols == 3 {
			g.VEXTRACTPS(Imm(2), x, m.Offset(8))
		}
	case g.cols > 1:
		g.VMOVHPS(x, m)
	default:
		g.VEXTRACTPS(Imm(uint64(first)), x, m)
	}
}
