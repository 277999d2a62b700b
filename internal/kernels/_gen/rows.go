package main

import (
	"github.com/mmcloughlin/avo/attr"
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
	cols := g.Load(g.Param("cols"), g.GP64()).(reg.GPVirtual)
	x, load := g.vec(), g.maskedLoad(table, cols)
	g.Label("row")
	load(Mem{Base: src}, x)
	g.VMOVUPS(x, Mem{Base: dst})
	g.ADDQ(stride, src)
	g.ADDQ(U32(g.bytes()), dst)
	g.DECQ(k)
	g.JNZ(LabelRef("row"))
	g.VZEROUPPER()
	g.RET()
}

// nonzeroColumns generates a function that lists the columns of rows x k elements, rows at
// least 1, that are not 0 throughout, and returns their number. The list may be
// overwritten by a vector beyond its end. Stride is in bytes.
func nonzeroColumns(g *generator) {
	table := g.maskTable()
	g.function("nonzeroColumnsF32_"+g.name, "func(list *int32, a *float32, rows, k, stride int) int")
	list, a := g.Load(g.Param("list"), g.GP64()), g.Load(g.Param("a"), g.GP64())
	rows, k := g.Load(g.Param("rows"), g.GP64()), g.Load(g.Param("k"), g.GP64())
	stride := g.Load(g.Param("stride"), g.GP64())
	count, column, row, left, bits := g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64()
	any, x := g.vec(), g.vec()
	scan := func(label string, or func(m Mem)) {
		g.MOVQ(a, row)
		g.MOVQ(rows, left)
		g.zero(any)
		g.Label(label + "Row")
		or(Mem{Base: row})
		g.ADDQ(stride, row)
		g.DECQ(left)
		g.JNZ(LabelRef(label + "Row"))
	}
	numbers := g.vec() // of the columns in this vector
	if g.masks {
		g.VMOVDQU32(g.consecutive(), numbers)
	}
	emit := func() {
		if g.masks {
			mask := g.K()
			g.VPTESTMD(any, any, mask)
			g.VPCOMPRESSD_Z(numbers, mask, x)
			g.VMOVDQU32(x, Mem{Base: list, Index: count, Scale: 4})
			g.KMOVW(mask, bits.As32())
			g.POPCNTL(bits.As32(), bits.As32())
			g.ADDQ(bits, count)
			g.VPADDD(g.bits(uint32(g.lanes)), numbers, numbers)
			return
		}
		g.zero(x)
		g.VPCMPEQD(x, any, x)
		g.VMOVMSKPS(x, bits.As32())
		g.NOTL(bits.As32())
		for range g.lanes {
			g.MOVL(column.As32(), Mem{Base: list, Index: count, Scale: 4})
			g.INCL(column.As32())
			g.SHRL(Imm(1), bits.As32())
			g.ADCQ(Imm(0), count)
		}
	}
	g.XORQ(count, count)
	g.XORQ(column, column)
	g.Label("whole")
	g.CMPQ(k, Imm(uint64(g.lanes)))
	g.JLT(LabelRef("rest"))
	scan("whole", func(m Mem) { g.VORPS(m, any, any) })
	emit()
	g.ADDQ(U32(g.bytes()), a)
	g.SUBQ(U32(g.lanes), k)
	g.JMP(LabelRef("whole"))
	g.Label("rest")
	g.TESTQ(k, k)
	g.JZ(LabelRef("done"))
	load := g.maskedLoad(table, k.(reg.GPVirtual))
	scan("rest", func(m Mem) {
		load(m, x)
		g.VORPS(x, any, any)
	})
	emit()
	g.Label("done")
	g.Store(count, g.ReturnIndex(0))
	g.VZEROUPPER()
	g.RET()
}

// nonzeroRows generates a function that lists the rows of k x cols elements, k at least 1
// and cols at most the lanes, that are not 0 throughout, and returns their number. The
// list may be overwritten by one element beyond its end. Stride is in bytes.
func nonzeroRows(g *generator) {
	table := g.maskTable()
	g.function("nonzeroRowsF32_"+g.name, "func(list *int32, a *float32, cols, k, stride int) int")
	list, a := g.Load(g.Param("list"), g.GP64()), g.Load(g.Param("a"), g.GP64())
	cols, k := g.Load(g.Param("cols"), g.GP64()), g.Load(g.Param("k"), g.GP64())
	stride := g.Load(g.Param("stride"), g.GP64())
	count, row, bits := g.GP64(), g.GP64(), g.GP64()
	x := g.vec()
	load := g.maskedLoad(table, cols.(reg.GPVirtual))
	g.XORQ(count, count)
	g.XORQ(row, row)
	g.Label("row")
	load(Mem{Base: a}, x)
	g.MOVL(row.As32(), Mem{Base: list, Index: count, Scale: 4})
	if g.masks {
		mask := g.K()
		g.VPTESTMD(x, x, mask)
		g.KMOVW(mask, bits.As32())
	} else {
		zero := g.vec()
		g.zero(zero)
		g.VPCMPEQD(zero, x, zero)
		g.VMOVMSKPS(zero, bits.As32())
		g.XORL(Imm(0xff), bits.As32())
	}
	g.NEGL(bits.As32()) // sets the carry where there is a bit
	g.ADCQ(Imm(0), count)
	g.ADDQ(stride, a)
	g.INCL(row.As32())
	g.DECQ(k)
	g.JNZ(LabelRef("row"))
	g.Store(count, g.ReturnIndex(0))
	g.VZEROUPPER()
	g.RET()
}

// consecutive is the vector 0, 1, 2, ... of 32-bit integers, in memory.
func (g *generator) consecutive() Mem {
	m := g.StaticGlobal("consecutive")
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range g.lanes {
		g.AddDatum(4*i, U32(uint32(i)))
	}
	return m
}

// maskedLoad returns a function that loads the first n elements at an address, n being
// at most the lanes, and zeros behind them. It overwrites n.
func (g *generator) maskedLoad(table Mem, n reg.GPVirtual) func(m Mem, x reg.VecVirtual) {
	if g.masks {
		bits, mask := g.GP64(), g.K()
		g.MOVQ(I32(-1), bits)
		g.BZHIQ(n, bits, bits)
		g.KMOVW(bits.As32(), mask)
		return func(m Mem, x reg.VecVirtual) { g.VMOVUPS_Z(m, mask, x) }
	}
	at, mask := g.GP64(), g.vec()
	g.LEAQ(table, at)
	g.NEGQ(n)
	g.VMOVUPS(Mem{Base: at, Index: n, Scale: 4, Disp: 64}, mask)
	return func(m Mem, x reg.VecVirtual) { g.VMASKMOVPS(m, mask, x) }
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
