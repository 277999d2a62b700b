package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// fromBytes generates dst[i] = src[i] / whole for n a multiple of the lanes: there is
// no masked load of bytes in AVX2.
func fromBytes(g *generator) {
	g.function("fromBytesF32_"+g.name, "func(dst *float32, src *byte, n int, whole float32)")
	dst, src := g.Load(g.Param("dst"), g.GP64()), g.Load(g.Param("src"), g.GP64())
	n := g.Load(g.Param("n"), g.GP64())
	p, err := g.Param("whole").Resolve()
	if err != nil {
		panic(err)
	}
	whole := g.vec()
	g.VBROADCASTSS(p.Addr, whole)
	i := g.GP64()
	g.XORQ(i, i)
	g.JMP(LabelRef("test"))
	g.Label("vector")
	x := g.vec()
	g.VPMOVZXBD(Mem{Base: src, Index: i, Scale: 1}, x)
	g.VCVTDQ2PS(x, x)
	g.VDIVPS(whole, x, x)
	g.VMOVUPS(x, Mem{Base: dst, Index: i, Scale: 4})
	g.ADDQ(U32(g.lanes), i)
	g.Label("test")
	g.CMPQ(i, n)
	g.JLT(LabelRef("vector"))
	g.VZEROUPPER()
	g.RET()
}

// columnVectors is how many vectors of columns are summed at once: enough to hide the
// latency of an addition.
const columnVectors = 4

// columnSums generates dst[j] += sum over i < rows of x[i*stride+j] for j < n. Stride is
// in bytes. Each column is summed in order, whichever vector it falls into.
func columnSums(g *generator) {
	table := g.maskTable()
	g.function("columnSumsF32_"+g.name, "func(dst, x *float32, rows, n, stride int)")
	dst, x := g.Load(g.Param("dst"), g.GP64()), g.Load(g.Param("x"), g.GP64())
	rows, n := g.Load(g.Param("rows"), g.GP64()), g.Load(g.Param("n"), g.GP64())
	stride := g.Load(g.Param("stride"), g.GP64())
	row, left := g.GP64(), g.GP64()
	sums := func(label string, acc []reg.VecVirtual, add func(v int, m Mem)) {
		g.MOVQ(x, row)
		g.MOVQ(rows, left)
		g.Label(label + "Row")
		for v := range acc {
			add(v, Mem{Base: row, Disp: v * g.bytes()})
		}
		g.ADDQ(stride, row)
		g.DECQ(left)
		g.JNZ(LabelRef(label + "Row"))
	}
	whole := func(label string, vectors int) {
		g.Label(label)
		g.CMPQ(n, Imm(uint64(vectors*g.lanes)))
		g.JLT(LabelRef(label + "End"))
		var acc []reg.VecVirtual
		for v := range vectors {
			acc = append(acc, g.copy(Mem{Base: dst, Disp: v * g.bytes()}))
		}
		sums(label, acc, func(v int, m Mem) { g.VADDPS(m, acc[v], acc[v]) })
		for v, a := range acc {
			g.VMOVUPS(a, Mem{Base: dst, Disp: v * g.bytes()})
		}
		g.ADDQ(U32(vectors*g.bytes()), dst)
		g.ADDQ(U32(vectors*g.bytes()), x)
		g.SUBQ(U32(vectors*g.lanes), n)
		g.JMP(LabelRef(label))
		g.Label(label + "End")
	}
	whole("wide", columnVectors)
	whole("one", 1)
	g.TESTQ(n, n)
	g.JZ(LabelRef("done"))
	acc := []reg.VecVirtual{g.vec()}
	if g.masks {
		bits, k := g.GP64(), g.K()
		g.MOVQ(I32(-1), bits)
		g.BZHIQ(n, bits, bits)
		g.KMOVW(bits.As32(), k)
		g.VMOVUPS_Z(Mem{Base: dst}, k, acc[0])
		sums("part", acc, func(v int, m Mem) { g.VADDPS(m, acc[v], k, acc[v]) })
		g.VMOVUPS(acc[0], k, Mem{Base: dst})
	} else {
		at, mask, y := g.GP64(), g.vec(), g.vec()
		g.LEAQ(table, at)
		g.NEGQ(n)
		g.VMOVUPS(Mem{Base: at, Index: n, Scale: 4, Disp: 64}, mask)
		g.VMASKMOVPS(Mem{Base: dst}, mask, acc[0])
		sums("part", acc, func(v int, m Mem) {
			g.VMASKMOVPS(m, mask, y)
			g.VADDPS(y, acc[v], acc[v])
		})
		g.VMASKMOVPS(acc[0], mask, Mem{Base: dst})
	}
	g.Label("done")
	g.VZEROUPPER()
	g.RET()
}

// copyPanel generates dst[p*2*lanes+j] = src[p*stride+j] for j < 2*lanes and p < k, k
// at least 1: a whole panel of a row-major matrix. Stride is in bytes.
func copyPanel(g *generator) {
	g.function("copyPanelF32_"+g.name, "func(dst, src *float32, k, stride int)")
	dst, src := g.Load(g.Param("dst"), g.GP64()), g.Load(g.Param("src"), g.GP64())
	k, stride := g.Load(g.Param("k"), g.GP64()), g.Load(g.Param("stride"), g.GP64())
	g.Label("row")
	lo, hi := g.copy(Mem{Base: src}), g.copy(Mem{Base: src, Disp: g.bytes()})
	g.PREFETCHT0(Mem{Base: src, Index: stride, Scale: prefetch})
	if g.bytes() == 64 {
		g.PREFETCHT0(Mem{Base: src, Index: stride, Scale: prefetch, Disp: 64})
	}
	g.VMOVUPS(lo, Mem{Base: dst})
	g.VMOVUPS(hi, Mem{Base: dst, Disp: g.bytes()})
	g.ADDQ(stride, src)
	g.ADDQ(U32(2*g.bytes()), dst)
	g.DECQ(k)
	g.JNZ(LabelRef("row"))
	g.VZEROUPPER()
	g.RET()
}

// copyStrip generates dst[p*lanes+j] = src[p*stride+j] for j < cols and p < k, k at
// least 1 and cols at most the lanes: the rows of a tile where they are columns. What
// follows cols in dst becomes 0. Stride is in bytes.
func copyStrip(g *generator) {
	table := g.maskTable()
	g.function("copyStripF32_"+g.name, "func(dst, src *float32, k, stride, cols int)")
	dst, src := g.Load(g.Param("dst"), g.GP64()), g.Load(g.Param("src"), g.GP64())
	k, stride := g.Load(g.Param("k"), g.GP64()), g.Load(g.Param("stride"), g.GP64())
	cols := g.Load(g.Param("cols"), g.GP64())
	x := g.vec()
	var load func()
	if g.masks {
		bits, mask := g.GP64(), g.K()
		g.MOVQ(I32(-1), bits)
		g.BZHIQ(cols, bits, bits)
		g.KMOVW(bits.As32(), mask)
		load = func() { g.VMOVUPS_Z(Mem{Base: src}, mask, x) }
	} else {
		at, mask := g.GP64(), g.vec()
		g.LEAQ(table, at)
		g.NEGQ(cols)
		g.VMOVUPS(Mem{Base: at, Index: cols, Scale: 4, Disp: 64}, mask)
		load = func() { g.VMASKMOVPS(Mem{Base: src}, mask, x) }
	}
	g.Label("row")
	load()
	g.VMOVUPS(x, Mem{Base: dst})
	g.ADDQ(stride, src)
	g.ADDQ(U32(g.bytes()), dst)
	g.DECQ(k)
	g.JNZ(LabelRef("row"))
	g.VZEROUPPER()
	g.RET()
}

// transpose generates dst[p*2*lanes+j] = src[j*stride+p] for j < lanes and p < k, k a
// multiple of the lanes: half a panel of a transposed matrix. Stride is in bytes.
func transpose(g *generator) {
	g.function("transposeF32_"+g.name, "func(dst, src *float32, k, stride int)")
	dst, k := g.Load(g.Param("dst"), g.GP64()), g.Load(g.Param("k"), g.GP64())
	stride := g.Load(g.Param("stride"), g.GP64())
	row := []reg.Register{g.Load(g.Param("src"), g.GP64())} // rows 0, 3, 6, ...
	for len(row)*3 < g.lanes {
		next := g.GP64()
		g.LEAQ(Mem{Base: row[len(row)-1], Index: stride, Scale: 2}, next)
		g.ADDQ(stride, next)
		row = append(row, next)
	}
	g.Label("square")
	var r []reg.VecVirtual
	for i := range g.lanes {
		m := Mem{Base: row[i/3]}
		if i%3 > 0 {
			m.Index, m.Scale = stride, uint8(i%3)
		}
		r = append(r, g.copy(m))
	}
	for c, column := range g.transposed(r) {
		g.VMOVUPS(column, Mem{Base: dst, Disp: c * 2 * g.bytes()})
	}
	for _, p := range row {
		g.ADDQ(U32(g.bytes()), p)
	}
	g.ADDQ(U32(2*g.lanes*g.bytes()), dst)
	g.SUBQ(U32(g.lanes), k)
	g.JNZ(LabelRef("square"))
	g.VZEROUPPER()
	g.RET()
}

// transposed returns the columns of a square of registers. After the unpacking steps,
// register 4q+c holds in its 128-bit lane l rows 4q to 4q+3 of column 4l+c; the rest
// transposes the 128-bit lanes.
func (g *generator) transposed(r []reg.VecVirtual) []reg.VecVirtual {
	pair := func(op func(...Op), a, b reg.VecVirtual) reg.VecVirtual { x := g.vec(); op(b, a, x); return x }
	lo32 := func(a, b reg.VecVirtual) reg.VecVirtual { return pair(g.VUNPCKLPS, a, b) }
	hi32 := func(a, b reg.VecVirtual) reg.VecVirtual { return pair(g.VUNPCKHPS, a, b) }
	lo64 := func(a, b reg.VecVirtual) reg.VecVirtual { return pair(g.VUNPCKLPD, a, b) }
	hi64 := func(a, b reg.VecVirtual) reg.VecVirtual { return pair(g.VUNPCKHPD, a, b) }
	u := make([]reg.VecVirtual, len(r))
	for i := 0; i < len(r); i += 4 {
		t0, t1 := lo32(r[i], r[i+1]), hi32(r[i], r[i+1])
		t2, t3 := lo32(r[i+2], r[i+3]), hi32(r[i+2], r[i+3])
		u[i], u[i+1], u[i+2], u[i+3] = lo64(t0, t2), hi64(t0, t2), lo64(t1, t3), hi64(t1, t3)
	}
	out := make([]reg.VecVirtual, len(r))
	for c := range 4 {
		if g.lanes == 8 {
			out[c], out[4+c] = g.vec(), g.vec()
			g.VPERM2F128(Imm(0x20), u[4+c], u[c], out[c])
			g.VPERM2F128(Imm(0x31), u[4+c], u[c], out[4+c])
			continue
		}
		lanes := func(choice uint64, a, b reg.VecVirtual) reg.VecVirtual {
			x := g.vec()
			g.VSHUFF32X4(Imm(choice), b, a, x)
			return x
		}
		const even, odd = 0x88, 0xdd // lanes 0 and 2, 1 and 3, of either source
		v0, v1 := lanes(even, u[c], u[4+c]), lanes(odd, u[c], u[4+c])
		w0, w1 := lanes(even, u[8+c], u[12+c]), lanes(odd, u[8+c], u[12+c])
		out[c], out[8+c] = lanes(even, v0, w0), lanes(odd, v0, w0)
		out[4+c], out[12+c] = lanes(even, v1, w1), lanes(odd, v1, w1)
	}
	return out
}
