package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A columnPass is a loop over the rows of matrices of one width, in blocks of columns. What
// belongs to a column stays in registers meanwhile.
type columnPass struct {
	*generator
	base   map[string]reg.Register     // of each matrix, at the block's first column
	param  map[string][]reg.VecVirtual // of each vector, and of each of the block's
	sum    map[string][]reg.VecVirtual
	offset reg.Register // bytes from the first row
	vector int          // of the block
	mask   Op           // K register or vector, of a block that is part of a vector; or nil
}

// columnFunc generates name(matrices, params, sums *float32, rows, n, stride int): body is
// called for every vector of a row of the matrices, n columns of which are handled, stride
// bytes apart, and may read params and add to sums, of n numbers each. There is at least
// one row, and one column. wide is how many vectors are handled at once.
func (g *generator) columnFunc(name string, matrices, params, sums []string, wide int, body func(c *columnPass)) {
	table := g.maskTable()
	signature := "func("
	for _, list := range [][]string{matrices, params, sums} {
		for _, a := range list {
			signature += a + ", "
		}
	}
	g.function(name+"F32_"+g.name, signature[:len(signature)-2]+" *float32, rows, n, stride int)")
	c := &columnPass{generator: g, base: map[string]reg.Register{}}
	vectors := append(append([]string{}, params...), sums...)
	all := append(append([]string{}, matrices...), vectors...)
	for _, a := range all {
		c.base[a] = g.Load(g.Param(a), g.GP64())
	}
	rows, n := g.Load(g.Param("rows"), g.GP64()), g.Load(g.Param("n"), g.GP64())
	stride := g.Load(g.Param("stride"), g.GP64())
	left, offset := g.GP64(), g.GP64()
	c.offset = offset

	block := func(label string, wide int) {
		c.param, c.sum = map[string][]reg.VecVirtual{}, map[string][]reg.VecVirtual{}
		read := func(into map[string][]reg.VecVirtual, list []string) {
			for _, a := range list {
				for v := range wide {
					into[a] = append(into[a], c.read(Mem{Base: c.base[a], Disp: v * g.bytes()}))
				}
			}
		}
		read(c.param, params)
		read(c.sum, sums)
		g.MOVQ(rows, left)
		g.XORQ(offset, offset)
		g.Label(label + "Row")
		for c.vector = range wide {
			body(c)
		}
		g.ADDQ(stride, offset)
		g.DECQ(left)
		g.JNZ(LabelRef(label + "Row"))
		for _, a := range sums {
			for v := range wide {
				c.write(c.sum[a][v], Mem{Base: c.base[a], Disp: v * g.bytes()})
			}
		}
	}
	whole := func(label string, wide int) {
		g.Label(label)
		g.CMPQ(n, Imm(uint64(wide*g.lanes)))
		g.JLT(LabelRef(label + "End"))
		block(label, wide)
		for _, a := range all {
			g.ADDQ(U32(wide*g.bytes()), c.base[a])
		}
		g.SUBQ(U32(wide*g.lanes), n)
		g.JMP(LabelRef(label))
		g.Label(label + "End")
	}
	whole("wide", wide)
	whole("one", 1)
	g.TESTQ(n, n)
	g.JZ(LabelRef("done"))
	c.mask = g.maskOf(n, table)
	block("part", 1)
	g.Label("done")
	g.VZEROUPPER()
	g.RET()
}

// maskOf returns the mask of the first n lanes, n at most all of them; it destroys n.
func (g *generator) maskOf(n reg.Register, table Mem) Op {
	at := g.GP64()
	if g.masks {
		k := g.K()
		g.MOVQ(I32(-1), at)
		g.BZHIQ(n, at, at)
		g.KMOVW(at.As32(), k)
		return k
	}
	mask := g.vec()
	g.LEAQ(table, at)
	g.NEGQ(n)
	g.VMOVUPS(Mem{Base: at, Index: n, Scale: 4, Disp: 64}, mask)
	return mask
}

// read returns a vector; columns beyond the last are 0.
func (c *columnPass) read(m Mem) reg.VecVirtual {
	x := c.vec()
	switch {
	case c.mask == nil:
		c.VMOVUPS(m, x)
	case c.masks:
		c.VMOVUPS_Z(m, c.mask, x)
	default:
		c.VMASKMOVPS(m, c.mask, x)
	}
	return x
}

func (c *columnPass) write(x Op, m Mem) {
	switch {
	case c.mask == nil:
		c.VMOVUPS(x, m)
	case c.masks:
		c.VMOVUPS(x, c.mask, m)
	default:
		c.VMASKMOVPS(x, c.mask, m)
	}
}

// at is the body's vector of a matrix.
func (c *columnPass) at(matrix string) Mem {
	return Mem{Base: c.base[matrix], Index: c.offset, Scale: 1, Disp: c.vector * c.bytes()}
}

func (c *columnPass) load(matrix string) reg.VecVirtual { return c.read(c.at(matrix)) }
func (c *columnPass) store(x Op, matrix string)         { c.write(x, c.at(matrix)) }
func (c *columnPass) of(param string) reg.VecVirtual    { return c.param[param][c.vector] }
func (c *columnPass) to(sum string) reg.VecVirtual      { return c.sum[sum][c.vector] }

// columns generates the passes of normalisation by column; package kernels has the formulas.
func columns(g *generator) {
	wide := 2 // beside three or four vectors for each column there is room for so many
	if g.masks {
		wide = 4
	}
	g.columnFunc("columnMoments", []string{"x"}, []string{"pivot"}, []string{"sum", "squares"}, 4, func(c *columnPass) {
		d := g.sub(c.load("x"), c.of("pivot"))
		g.VADDPS(d, c.to("sum"), c.to("sum"))
		g.VFMADD231PS(d, d, c.to("squares"))
	})
	normalise := func(c *columnPass) reg.VecVirtual {
		d := g.sub(c.load("x"), c.of("mean"))
		g.VFMADD213PS(c.of("shift"), c.of("scale"), d)
		return d
	}
	g.columnFunc("columnNormalise", []string{"y", "x"}, []string{"mean", "scale", "shift"}, nil, wide,
		func(c *columnPass) { c.store(normalise(c), "y") })
	g.columnFunc("columnNormSums", []string{"dy", "x"}, []string{"mean"}, []string{"sum", "dots"}, wide, func(c *columnPass) {
		dy := c.load("dy")
		g.VADDPS(dy, c.to("sum"), c.to("sum"))
		g.VFMADD231PS(g.sub(c.load("x"), c.of("mean")), dy, c.to("dots"))
	})
	g.columnFunc("columnNormGrad", []string{"dx", "dy", "x"}, []string{"mean", "a", "b", "c"}, nil, wide, func(c *columnPass) {
		d := g.sub(c.load("x"), c.of("mean"))
		g.VFMADD213PS(c.of("c"), c.of("b"), d)
		g.VFMADD231PS(c.load("dy"), c.of("a"), d)
		c.store(d, "dx")
	})
}
