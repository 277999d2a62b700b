package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// channelLoop runs body for all vectors of n channels, at byte offset from a pixel's first.
// The last vector is masked. Label tells loops of one function apart.
func (g *generator) channelLoop(label string, table Mem, n, offset, left reg.Register, body func(mask Op)) {
	g.XORQ(offset, offset)
	g.MOVQ(n, left)
	g.Label(label + "Whole")
	g.CMPQ(left, Imm(uint64(g.lanes)))
	g.JLT(LabelRef(label + "Rest"))
	body(nil)
	g.ADDQ(U32(g.bytes()), offset)
	g.SUBQ(U32(g.lanes), left)
	g.JMP(LabelRef(label + "Whole"))
	g.Label(label + "Rest")
	g.TESTQ(left, left)
	g.JZ(LabelRef(label + "End"))
	body(g.maskOf(left, table))
	g.Label(label + "End")
}

// poolTap is one of the taps of a 2x2 window: pixel col of the upper or the lower row.
type poolTap struct {
	row string
	col int
}

var poolTaps = []poolTap{{"top", 0}, {"top", 1}, {"bottom", 0}, {"bottom", 1}}

// poolLoop runs body for every vector of the pixels of a row of y, and gives it the places of
// the window's four pixels and of the pixel of y.
func poolLoop(g *generator, name string, ofX, ofY []string, body func(c *columnPass, window [4]Mem, pixel func(string) Mem)) {
	table := g.maskTable()
	signature := "func("
	for _, a := range append(append([]string{}, ofY...), ofX...) {
		signature += a + ", "
	}
	g.function(name+"F32_"+g.name, signature[:len(signature)-2]+" *float32, pixels, n int)")
	base := map[string]reg.Register{}
	for _, a := range append(append([]string{}, ofY...), ofX...) {
		base[a] = g.Load(g.Param(a), g.GP64())
	}
	pixels, n := g.Load(g.Param("pixels"), g.GP64()), g.Load(g.Param("n"), g.GP64())
	pitch, offset, left, second := g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(n, pitch)
	g.SHLQ(U8(2), pitch)
	c := &columnPass{generator: g}
	g.Label("pixel")
	g.channelLoop("channels", table, n, offset, left, func(mask Op) {
		c.mask = mask
		g.LEAQ(Mem{Base: offset, Index: pitch, Scale: 1}, second)
		var window [4]Mem
		for t, tap := range poolTaps {
			window[t] = Mem{Base: base[tap.row], Index: []reg.Register{offset, second}[tap.col], Scale: 1}
		}
		body(c, window, func(a string) Mem { return Mem{Base: base[a], Index: offset, Scale: 1} })
	})
	for _, a := range ofY {
		g.ADDQ(pitch, base[a])
	}
	for _, a := range ofX {
		g.LEAQ(Mem{Base: base[a], Index: pitch, Scale: 2}, base[a])
	}
	g.DECQ(pixels)
	g.JNZ(LabelRef("pixel"))
	g.VZEROUPPER()
	g.RET()
}

// pools generates pooling by windows of 2x2 and stride 2 that lie inside, a row of y at a
// time: y has pixels, at least one, of n channels.
func pools(g *generator) {
	for _, withMask := range []bool{false, true} {
		name, ofY := "maxPool2", []string{"y"}
		if withMask {
			name, ofY = "maxPool2Mask", []string{"y", "mask"}
		}
		poolLoop(g, name, []string{"top", "bottom"}, ofY, func(c *columnPass, window [4]Mem, pixel func(string) Mem) {
			best := c.read(window[0])
			var tap reg.VecVirtual
			if withMask {
				tap = g.none()
			}
			for t := 1; t < 4; t++ {
				x := c.read(window[t])
				g.takeLarger(x, best, func(choose func(from Op, to reg.VecVirtual)) {
					choose(x, best)
					if withMask {
						choose(g.constant(float64(t)), tap)
					}
				})
			}
			c.write(best, pixel("y"))
			if withMask {
				c.write(tap, pixel("mask"))
			}
		})
	}
	poolLoop(g, "maxPool2Grad", []string{"top", "bottom"}, []string{"dy", "mask"}, func(c *columnPass, window [4]Mem, pixel func(string) Mem) {
		dy, tap := c.read(pixel("dy")), c.read(pixel("mask"))
		for t := range 4 {
			const equal = 0
			c.write(g.where(tap, equal, g.copy(g.constant(float64(t))), dy, g.none()), window[t])
		}
	})
}

// takeLarger calls f with what replaces, lane by lane, one thing by another where x is larger
// than best or NaN, and best is not NaN.
func (g *generator) takeLarger(x, best reg.VecVirtual, f func(choose func(from Op, to reg.VecVirtual))) {
	const ordered, notLessOrEqual = 7, 22
	if g.masks {
		k := g.K()
		g.VCMPPS(Imm(ordered), best, best, k)
		g.VCMPPS(Imm(notLessOrEqual), best, x, k, k)
		f(func(from Op, to reg.VecVirtual) { g.VMOVUPS(from, k, to) })
		return
	}
	valid, larger := g.vec(), g.vec()
	g.VCMPPS(Imm(ordered), best, best, valid)
	g.VCMPPS(Imm(notLessOrEqual), best, x, larger)
	g.VANDPS(valid, larger, larger)
	f(func(from Op, to reg.VecVirtual) { g.VBLENDVPS(larger, from, to, to) })
}
