package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of the Go struct tile.
const (
	tileC, tileA, tileB, tileBias = 0, 8, 16, 24
	tileK                         = 32
	tileStrideC, tileRowA         = 40, 48
	tileStepA, tileStrideB        = 56, 64
	tileCols, tileAdd             = 72, 80
	tileAct, tileAlpha            = 88, 96
	tileTerms                     = 104
)

// fields are the offsets of what the structs of several kernels have in common.
type fields struct {
	argument                    string // the struct's name
	bias, cols, add, act, alpha int
}

var tileFields = fields{argument: "tile", bias: tileBias, cols: tileCols, add: tileAdd, act: tileAct, alpha: tileAlpha}

// prefetch is how many rows of b ahead a tile asks for: b is read where it lies, and
// its rows may be too far apart for the hardware's guess.
const prefetch = 8

// gemm generates one micro-kernel; the fields are the registers that it uses.
type gemm struct {
	*generator
	fields
	mr, halves int // rows, and vectors in a row
	args       reg.Register
	row        []reg.GPPhysical // pointers to rows of a
	b          [2]reg.VecPhysical
	a          [2]reg.VecPhysical // two, so that broadcasts run ahead
	acc        [][2]reg.VecPhysical

	rowA, stepA, rowB, strideB, k reg.GPPhysical
	rowC, strideC                 reg.GPPhysical
	terms                         reg.GPPhysical

	mask   [2]Op          // with mask registers
	maskAt reg.GPPhysical // without: where the tile's masks are in table
	table  Mem

	// rowAt goes to row r of the result, after row r-1, and returns its place.
	rowAt func(r int) Mem
	// term adds a term to an accumulator.
	term func(a, b, acc reg.VecPhysical)
}

// tile generates gemmF32_<mr>x<2 vectors>_<isa>: mr rows of a matrix product,
//
//	c[r,j] = act(bias[j] + sum over p of a[r*rowA+p*stepA] * b[p*strideB+j] (+ c[r,j]))
//
// where rowA and stepA address a stored either way round. The two vectors of a row of
// b are multiplied with mr broadcast elements of a; the products stay in registers
// until the activation has been applied. The terms p are all below k or, where whole
// vectors of up to skipRows rows have a list of terms, the k numbers of that list.
func tile(gen *generator, mr int) {
	g := newGemm(gen, "gemmF32", mr, 2, tileFields)
	g.term = func(a, b, acc reg.VecPhysical) { g.VFMADD231PS(b, a, acc) }
	g.rows()
}

// rows generates the function of a tile whose rows are at one distance.
func (g *gemm) rows() {
	mr := g.mr
	g.row = []reg.GPPhysical{reg.R8, reg.R9, reg.R10, reg.R11, reg.R12}[:(mr+2)/3] // 0, 3, 6, ...
	g.rowAt = g.stridedRow
	g.start()
	g.product()
	g.finish()
	g.VZEROUPPER()
	g.RET()
}

// stridedRow is rowAt for rows of c that are strideC apart.
func (g *gemm) stridedRow(r int) Mem {
	if r == 0 {
		g.MOVQ(g.arg(tileC), g.rowC)
		g.MOVQ(g.arg(tileStrideC), g.strideC)
	} else {
		g.ADDQ(g.strideC, g.rowC)
	}
	return Mem{Base: g.rowC}
}

// newGemm starts the function of a micro-kernel of mr rows, and assigns registers.
func newGemm(gen *generator, op string, mr, halves int, at fields) *gemm {
	return startGemm(gen, fmt.Sprintf("%s_%dx%d_%s", op, mr, halves*gen.lanes, gen.name), mr, halves, at)
}

func startGemm(gen *generator, name string, mr, halves int, at fields) *gemm {
	v := gen.variant
	g := &gemm{generator: gen, fields: at, mr: mr, halves: halves, args: reg.RBX,
		b: [2]reg.VecPhysical{v.regs[0], v.regs[1]},
		a: [2]reg.VecPhysical{v.regs[2], v.regs[3]},

		rowA: reg.RAX, stepA: reg.RCX, rowB: reg.RSI, strideB: reg.RDX, k: reg.RDI,
		rowC: reg.RSI, strideC: reg.RDX,
		terms: reg.R12, maskAt: reg.R13, table: gen.maskTable(),
	}
	for r := range mr {
		g.acc = append(g.acc, [2]reg.VecPhysical{v.regs[4+2*r], v.regs[5+2*r]})
	}
	if v.masks {
		g.mask = [2]Op{reg.K1, reg.K2}
	}
	g.function(name, fmt.Sprintf("func(t *%s)", at.argument))
	g.Load(g.Param("t"), g.args)
	return g
}

func (g *gemm) arg(offset int) Mem { return Mem{Base: g.args, Disp: offset} }

// start sets the masks and fills the accumulators with the bias or with zeros.
func (g *gemm) start() {
	g.zero(g.b[0])
	g.zero(g.b[1])
	cols, bias := reg.RDI, reg.RCX
	g.MOVQ(g.arg(g.fields.cols), cols)
	g.MOVQ(g.arg(g.fields.bias), bias)
	if g.masks {
		bits := reg.RDX
		g.MOVQ(I32(-1), bits)
		g.BZHIQ(cols, bits, bits)
		g.KMOVW(bits.As32(), g.mask[0])
		g.SHRQ(U8(g.lanes), bits)
		g.KMOVW(bits.As32(), g.mask[1])
	} else {
		// The mask of column j is at table[16-cols+j].
		g.LEAQ(g.table, g.maskAt)
		g.SHLQ(U8(2), cols)
		g.SUBQ(cols, g.maskAt)
		g.ADDQ(U8(64), g.maskAt)
	}
	g.TESTQ(bias, bias)
	g.JZ(LabelRef("spread"))
	g.loadMasked(bias)
	g.Label("spread")
	for _, acc := range g.acc {
		for h := range g.halves {
			g.VMOVAPS(g.b[h], acc[h])
		}
	}
}

// loadMasked reads the row of b, or of the bias, that base points to; columns beyond
// the tile's become zero and their memory is not touched.
func (g *gemm) loadMasked(base reg.Register) {
	for h := range g.halves {
		m := Mem{Base: base, Disp: h * g.bytes()}
		if g.masks {
			g.VMOVUPS_Z(m, g.mask[h], g.b[h])
		} else {
			g.VMOVUPS(Mem{Base: g.maskAt, Disp: h * g.bytes()}, g.a[1])
			g.VMASKMOVPS(m, g.a[1], g.b[h])
		}
	}
}

// product adds the k outer products of a column of a and a row of b.
func (g *gemm) product() {
	g.MOVQ(g.arg(tileK), g.k)
	g.TESTQ(g.k, g.k)
	g.JZ(LabelRef("finish"))
	g.MOVQ(g.arg(tileB), g.rowB)
	g.MOVQ(g.arg(tileStrideB), g.strideB)
	g.MOVQ(g.arg(tileStepA), g.stepA)
	g.MOVQ(g.arg(tileRowA), g.rowA)
	g.MOVQ(g.arg(tileA), g.row[0])
	for i := 1; i < len(g.row); i++ {
		g.LEAQ(Mem{Base: g.row[i-1], Index: g.rowA, Scale: 2}, g.row[i])
		g.ADDQ(g.rowA, g.row[i])
	}
	g.CMPQ(g.arg(g.fields.cols), Imm(uint64(2*g.lanes)))
	g.JNE(LabelRef("part"))
	whole := func() {
		g.VMOVUPS(Mem{Base: g.rowB}, g.b[0])
		g.VMOVUPS(Mem{Base: g.rowB, Disp: g.bytes()}, g.b[1])
	}
	if g.mr <= g.skipRows {
		g.MOVQ(g.arg(tileTerms), g.terms)
		g.TESTQ(g.terms, g.terms)
		g.JZ(LabelRef("full"))
		g.Label("some")
		g.skip()
		g.multiply(2, g.a[:], whole)
		g.DECQ(g.k)
		g.JNZ(LabelRef("some"))
		g.JMP(LabelRef("finish"))
	}
	g.loop("full", 2, g.a[:], whole)
	g.JMP(LabelRef("finish"))
	g.Label("part")
	if g.masks {
		// Half the work is skipped where the second vector is empty.
		g.KTESTW(g.mask[1], g.mask[1])
		g.JZ(LabelRef("half"))
		g.loop("masked", 2, g.a[:], func() { g.loadMasked(g.rowB) })
		g.JMP(LabelRef("finish"))
		g.loop("half", 1, g.a[:], func() { g.VMOVUPS_Z(Mem{Base: g.rowB}, g.mask[0], g.b[0]) })
		return
	}
	g.loop("masked", 2, g.a[:1], func() { g.loadMasked(g.rowB) }) // a[1] holds masks
}

// loop multiplies with the first halves vectors of a row of b, which load fetches; it
// broadcasts elements of a into the registers broadcast in turn.
func (g *gemm) loop(label string, halves int, broadcast []reg.VecPhysical, load func()) {
	g.Label(label)
	for h := range halves {
		g.PREFETCHT0(Mem{Base: g.rowB, Index: g.strideB, Scale: prefetch, Disp: h * g.bytes()})
	}
	g.multiply(halves, broadcast, load)
	for _, p := range g.row {
		g.ADDQ(g.stepA, p)
	}
	g.ADDQ(g.strideB, g.rowB)
	g.DECQ(g.k)
	g.JNZ(LabelRef(label))
}

// skip goes from one term of the list to the next.
func (g *gemm) skip() {
	a, b := reg.R14, reg.R15
	g.MOVL(Mem{Base: g.terms, Disp: 4}, a.As32())
	g.SUBL(Mem{Base: g.terms}, a.As32())
	g.ADDQ(U8(4), g.terms)
	g.MOVQ(a, b)
	g.IMULQ(g.stepA, a)
	g.IMULQ(g.strideB, b)
	for _, p := range g.row {
		g.ADDQ(a, p)
	}
	g.ADDQ(b, g.rowB)
}

// multiply adds one outer product.
func (g *gemm) multiply(halves int, broadcast []reg.VecPhysical, load func()) {
	load()
	for r, acc := range g.acc {
		a := broadcast[r%len(broadcast)]
		m := Mem{Base: g.row[r/3]}
		if r%3 > 0 {
			m.Index, m.Scale = g.rowA, uint8(r%3)
		}
		g.VBROADCASTSS(m, a)
		for h := range halves {
			g.term(a, g.b[h], acc[h])
		}
	}
}

// finish adds c where the product accumulates, applies the activations of the ReLU
// family and stores.
func (g *gemm) finish() {
	act := reg.RDI
	g.Label("finish")
	g.CMPQ(g.arg(g.fields.add), Imm(0))
	g.JE(LabelRef("activate"))
	g.loadMasks()
	g.eachRow(func(h int, m Mem, x reg.VecPhysical) {
		if g.masks {
			g.VADDPS(m, x, g.mask[h], x)
		} else {
			g.VMASKMOVPS(m, g.b[h], g.a[0])
			g.VADDPS(g.a[0], x, x)
		}
	})

	g.Label("activate")
	zero, alpha := g.b[0], g.b[1]
	g.zero(zero)
	g.MOVQ(g.arg(g.fields.act), act)
	g.TESTQ(act, act)
	g.JZ(LabelRef("store"))
	g.CMPQ(act, Imm(1))
	g.JNE(LabelRef("leaky"))
	g.each(func(x reg.VecPhysical) { g.VMAXPS(x, zero, x) }) // x where x is NaN
	g.JMP(LabelRef("store"))
	g.Label("leaky")
	g.VBROADCASTSS(g.arg(g.fields.alpha), alpha)
	g.each(func(x reg.VecPhysical) {
		const lessOrEqual = 18
		if g.masks {
			g.VCMPPS(Imm(lessOrEqual), zero, x, reg.K3)
			g.VMULPS(alpha, x, reg.K3, x)
			return
		}
		g.VMULPS(alpha, x, g.a[0])
		g.VCMPPS(Imm(lessOrEqual), zero, x, g.a[1])
		g.VBLENDVPS(g.a[1], g.a[0], x, x)
	})

	g.Label("store")
	g.CMPQ(g.arg(g.fields.cols), Imm(uint64(g.halves*g.lanes)))
	g.JNE(LabelRef("storePart"))
	g.eachRow(func(h int, m Mem, x reg.VecPhysical) { g.VMOVUPS(x, m) })
	g.JMP(LabelRef("done"))
	g.Label("storePart")
	g.loadMasks()
	g.eachRow(func(h int, m Mem, x reg.VecPhysical) {
		if g.masks {
			g.VMOVUPS(x, g.mask[h], m)
		} else {
			g.VMASKMOVPS(x, g.b[h], m)
		}
	})
	g.Label("done")
}

// loadMasks puts the masks into the registers of b where they have none of their own.
func (g *gemm) loadMasks() {
	if !g.masks {
		g.VMOVUPS(Mem{Base: g.maskAt}, g.b[0])
		g.VMOVUPS(Mem{Base: g.maskAt, Disp: g.bytes()}, g.b[1])
	}
}

// each calls f for every accumulator.
func (g *gemm) each(f func(x reg.VecPhysical)) {
	for _, acc := range g.acc {
		for h := range g.halves {
			f(acc[h])
		}
	}
}

// eachRow calls f for the vectors h of every row, with their places in the result.
func (g *gemm) eachRow(f func(h int, m Mem, x reg.VecPhysical)) {
	for r, acc := range g.acc {
		m := g.rowAt(r)
		for h := range g.halves {
			f(h, m.Offset(h*g.bytes()), acc[h])
		}
	}
}

// peakChains is the number of independent multiply-adds in one turn of peak's loop:
// latency times throughput with room to spare.
const peakChains = 12

// peak generates the loop that measures the peak: multiply-adds on registers alone.
func peak(g *generator) {
	g.function("peakF32_"+g.name, "func(turns int)")
	turns := reg.RCX
	g.Load(g.Param("turns"), turns)
	for _, x := range g.regs[:peakChains+2] {
		g.zero(x)
	}
	g.Label("turn")
	for i := range peakChains {
		g.VFMADD231PS(g.regs[0], g.regs[1], g.regs[2+i])
	}
	g.DECQ(turns)
	g.JNZ(LabelRef("turn"))
	g.VZEROUPPER()
	g.RET()
}
