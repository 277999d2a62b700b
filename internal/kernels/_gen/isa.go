package main

import (
	"go/token"
	"go/types"
	"log"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// kernels stands for the package that the assembly belongs to. It declares the struct
// types that kernels take by pointer: their names suffice, since fields are read by
// offset, which a test in that package checks.
var kernels = func() *types.Package {
	p := types.NewPackage("github.com/hourglass-go/hourglass/internal/kernels", "kernels")
	for _, name := range []string{"tile", "directTile", "outerTile", "winogradTile"} {
		t := types.NewTypeName(token.NoPos, p, name, nil)
		types.NewNamed(t, types.NewStruct(nil, nil), nil)
		p.Scope().Insert(t)
	}
	return p
}()

// A variant is an instruction set that every kernel is generated for.
type variant struct {
	name  string
	lanes int // float32 elements in a vector
	rows  int // rows of the largest GEMM tile, two vectors wide
	// gatherRows are those of the tile whose rows have a pointer each.
	gatherRows int
	// skipRows are those of the largest tile that may leave out terms of its sum.
	skipRows int
	// narrowRows are those of the tiles of 1, 2, ... columns that are vectors along the terms.
	narrowRows []int
	// masks says that loads and stores take a mask register, so that a tile may have
	// fewer columns than it has lanes.
	masks bool
	regs  []reg.VecPhysical
}

var variants = []variant{
	{
		name: "avx512", lanes: 16, rows: 14, gatherRows: 12, skipRows: 8, narrowRows: []int{12, 12, 8, 6}, masks: true,
		regs: []reg.VecPhysical{
			reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
			reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
			reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
			reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
		},
	},
	{
		name: "avx2", lanes: 8, rows: 6, gatherRows: 6, skipRows: 6, narrowRows: []int{6, 6, 3, 2},
		regs: []reg.VecPhysical{
			reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
			reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
		},
	},
}

// bytes is the width of a vector.
func (v variant) bytes() int { return 4 * v.lanes }

// A generator writes the functions of one variant.
type generator struct {
	*build.Context
	variant
	table     operand.Mem            // see maskTable
	constants map[string]operand.Mem // see bits
}

// maskTable is 16 lanes of ones and then 16 of zeros, from which vector masks of any
// length are cut where there are no mask registers.
func (g *generator) maskTable() operand.Mem {
	if g.masks || g.table.Symbol.Name != "" {
		return g.table
	}
	g.table = g.StaticGlobal("lanemask")
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 32 {
		ones := operand.U32(0)
		if i < 16 {
			ones = 0xffffffff
		}
		g.AddDatum(4*i, ones)
	}
	return g.table
}

// function starts a function of that name and Go signature.
func (g *generator) function(name, signature string) {
	s, err := gotypes.ParseSignatureInPackage(kernels, signature)
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
	g.Function(name)
	g.Attributes(attr.NOSPLIT)
	g.Signature(s)
	g.Pragma("noescape")
}

// vec returns a virtual register of the variant's width.
func (g *generator) vec() reg.VecVirtual {
	if g.lanes == 16 {
		return g.ZMM()
	}
	return g.YMM()
}

// zero clears a vector.
func (g *generator) zero(x operand.Op) { g.VXORPS(x, x, x) }
