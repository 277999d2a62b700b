package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A stream is a loop over the elements of parallel arrays, one vector at a time. Its
// last vector is masked: the same instructions compute an element wherever it lies.
type stream struct {
	*generator
	base    map[string]reg.Register
	scalar  map[string]reg.VecVirtual
	index   reg.GPVirtual
	partial bool // the masked vector is being generated
	mask    Op   // K register or vector, valid where partial
}

// comparisons of VCMPPS, quiet.
const (
	lessOrEqual    = 18
	greaterOrEqual = 29
)

// streamFunc generates a function with pointer parameters arrays, a length n and
// float32 parameters scalars. Before holds what is done once, each what is done for a
// vector, after what follows; the result, if any, is returned by after.
func (g *generator) streamFunc(name, signature string, arrays, scalars []string, before, each, after func(s *stream)) {
	s := &stream{generator: g, base: map[string]reg.Register{}, scalar: map[string]reg.VecVirtual{}}
	table := g.maskTable()
	g.function(name+"F32_"+g.name, signature)
	for _, a := range arrays {
		s.base[a] = g.Load(g.Param(a), g.GP64())
	}
	for _, p := range scalars {
		b, err := g.Param(p).Resolve()
		if err != nil {
			panic(err)
		}
		s.scalar[p] = g.vec()
		g.VBROADCASTSS(b.Addr, s.scalar[p])
	}
	n := g.Load(g.Param("n"), g.GP64())
	s.index = g.GP64()
	next := g.GP64()
	if before != nil {
		before(s)
	}
	g.XORQ(s.index, s.index)
	g.Label("whole")
	g.LEAQ(Mem{Base: s.index, Disp: g.lanes}, next)
	g.CMPQ(next, n)
	g.JGT(LabelRef("rest"))
	each(s)
	g.MOVQ(next, s.index)
	g.JMP(LabelRef("whole"))
	g.Label("rest")
	g.SUBQ(s.index, n)
	g.JZ(LabelRef("done"))
	s.partial = true
	if g.masks {
		g.MOVQ(I32(-1), next)
		g.BZHIQ(n, next, next)
		k := g.K()
		g.KMOVW(next.As32(), k)
		s.mask = k
	} else {
		m := g.YMM()
		g.LEAQ(table, next)
		g.NEGQ(n)
		g.VMOVUPS(Mem{Base: next, Index: n, Scale: 4, Disp: 64}, m)
		s.mask = m
	}
	each(s)
	g.Label("done")
	if after != nil {
		after(s)
	}
	g.VZEROUPPER()
	g.RET()
}

func (s *stream) at(array string) Mem { return Mem{Base: s.base[array], Index: s.index, Scale: 4} }

// load returns the vector of an array; masked lanes are 0.
func (s *stream) load(array string) reg.VecVirtual {
	x := s.vec()
	switch {
	case !s.partial:
		s.VMOVUPS(s.at(array), x)
	case s.masks:
		s.VMOVUPS_Z(s.at(array), s.mask, x)
	default:
		s.VMASKMOVPS(s.at(array), s.mask, x)
	}
	return x
}

// store writes a vector; masked lanes of the array stay.
func (s *stream) store(array string, x Op) {
	switch {
	case !s.partial:
		s.VMOVUPS(x, s.at(array))
	case s.masks:
		s.VMOVUPS(x, s.mask, s.at(array))
	default:
		s.VMASKMOVPS(x, s.mask, s.at(array))
	}
}

// storePast writes a vector past the caches; the array must be aligned to vectors, and its
// readers be behind a fence.
func (s *stream) storePast(array string, x Op) {
	if s.partial {
		s.store(array, x)
		return
	}
	s.VMOVNTPS(x, s.at(array))
}

// masked returns x with its masked lanes cleared.
func (s *stream) masked(x Op) Op {
	if !s.partial {
		return x
	}
	y := s.vec()
	if s.masks {
		s.VMOVAPS_Z(x, s.mask, y)
	} else {
		s.VANDPS(s.mask, x, y)
	}
	return y
}

// accumulate adds x to sum, without its masked lanes.
func (s *stream) accumulate(sum, x Op) { s.VADDPS(s.masked(x), sum, sum) }

// The arithmetic below returns new registers; b may be memory.

func (g *generator) add(a, b Op) reg.VecVirtual { x := g.vec(); g.VADDPS(b, a, x); return x }
func (g *generator) sub(a, b Op) reg.VecVirtual { x := g.vec(); g.VSUBPS(b, a, x); return x }
func (g *generator) mul(a, b Op) reg.VecVirtual { x := g.vec(); g.VMULPS(b, a, x); return x }
func (g *generator) div(a, b Op) reg.VecVirtual { x := g.vec(); g.VDIVPS(b, a, x); return x }
func (g *generator) sqrt(a Op) reg.VecVirtual   { x := g.vec(); g.VSQRTPS(a, x); return x }
func (g *generator) and(a, b Op) reg.VecVirtual { x := g.vec(); g.VANDPS(b, a, x); return x }
func (g *generator) or(a, b Op) reg.VecVirtual  { x := g.vec(); g.VORPS(b, a, x); return x }
func (g *generator) copy(a Op) reg.VecVirtual   { x := g.vec(); g.VMOVUPS(a, x); return x }

// maxNaN returns the larger of a and b, and b where it is NaN; minNaN likewise.
func (g *generator) maxNaN(a, b Op) reg.VecVirtual { x := g.vec(); g.VMAXPS(b, a, x); return x }
func (g *generator) minNaN(a, b Op) reg.VecVirtual { x := g.vec(); g.VMINPS(b, a, x); return x }

// none returns a cleared register.
func (g *generator) none() reg.VecVirtual { x := g.vec(); g.zero(x); return x }

// where returns, lane by lane, yes where x cmp y holds and no elsewhere.
func (g *generator) where(x Op, cmp uint64, y, yes, no Op) reg.VecVirtual {
	out := g.vec()
	if g.masks {
		k := g.K()
		g.VCMPPS(Imm(cmp), y, x, k)
		g.VBLENDMPS(yes, no, k, out)
	} else {
		m := g.vec()
		g.VCMPPS(Imm(cmp), y, x, m)
		g.VBLENDVPS(m, yes, no, out)
	}
	return out
}

// constant returns a vector in memory whose lanes are all f.
func (g *generator) constant(f float64) Mem { return g.bits(math.Float32bits(float32(f))) }

func (g *generator) bits(b uint32) Mem {
	name := fmt.Sprintf("lanes%08x", b)
	if m, ok := g.constants[name]; ok {
		return m
	}
	m := g.StaticGlobal(name)
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 8 {
		g.AddDatum(8*i, U64(uint64(b)<<32|uint64(b)))
	}
	g.constants[name] = m
	return m
}

// horner returns c[0] + c[1]*x + c[2]*x² + ...
func (g *generator) horner(x Op, c ...float64) reg.VecVirtual {
	p := g.copy(g.constant(c[len(c)-1]))
	for i := len(c) - 2; i >= 0; i-- {
		g.VFMADD213PS(g.constant(c[i]), x, p)
	}
	return p
}

// reduced splits x = n*log(2) + r with |r| <= log(2)/2, and returns n and exp(r)-1, the
// latter by its Taylor polynomial of degree 7 (an error of 5e-9).
func (g *generator) reduced(x Op) (n, p reg.VecVirtual) {
	n = g.vec()
	g.round(g.mul(x, g.constant(math.Log2E)), n)
	r := g.copy(x)
	// log(2) in two parts: the first has few bits, so that n times it is exact.
	const high = 0.693359375
	g.VFNMADD231PS(g.constant(high), n, r)
	g.VFNMADD231PS(g.constant(math.Ln2-high), n, r)
	q := g.horner(r, 1./2, 1./6, 1./24, 1./120, 1./720, 1./5040)
	p = g.mul(r, r)
	g.VFMADD213PS(r, q, p)
	return n, p
}

// round rounds to the nearest integer, ties to even.
func (g *generator) round(x, out Op) {
	if g.masks {
		g.VRNDSCALEPS(Imm(8), x, out)
	} else {
		g.VROUNDPS(Imm(8), x, out)
	}
}

// power2 returns 2^n for whole n in [-126, 127].
func (g *generator) power2(n Op) reg.VecVirtual {
	i := g.vec()
	g.VCVTPS2DQ(n, i)
	return g.power2int(i)
}

func (g *generator) power2int(i Op) reg.VecVirtual {
	p := g.vec()
	g.VPADDD(g.bits(127), i, p)
	g.VPSLLD(Imm(23), p, p)
	return p
}

// exp returns exp(x), with infinity above 88.7, denormals below -87.3, 0 below -104.
func (g *generator) exp(x Op) reg.VecVirtual {
	x = g.minNaN(g.copy(g.constant(90)), x)
	x = g.maxNaN(g.copy(g.constant(-110)), x)
	n, p := g.reduced(x)
	e := g.add(p, g.constant(1))
	if g.masks {
		g.VSCALEFPS(n, e, e)
		return e
	}
	// 2^n may leave the range of normal numbers: multiply in two steps.
	i, half := g.vec(), g.vec()
	g.VCVTPS2DQ(n, i)
	g.VPSRAD(Imm(1), i, half)
	g.VPSUBD(half, i, i)
	return g.mul(g.mul(e, g.power2int(half)), g.power2int(i))
}

// expm1 returns exp(x)-1 for x <= 0, as 2^n*(exp(r)-1) + (2^n-1): accurate near 0.
func (g *generator) expm1(x Op) reg.VecVirtual {
	x = g.maxNaN(g.copy(g.constant(-40)), x)
	n, p := g.reduced(x)
	scale := g.power2(n)
	g.VFMADD213PS(g.sub(scale, g.constant(1)), scale, p)
	return p
}

func (g *generator) abs(x Op) reg.VecVirtual { return g.and(x, g.bits(0x7fffffff)) }

// negAbs returns -|x|.
func (g *generator) negAbs(x Op) reg.VecVirtual { return g.or(x, g.bits(0x80000000)) }

// sigmoidParts returns e = exp(-|x|) and sigmoid(x).
func (g *generator) sigmoidParts(x Op) (e, y reg.VecVirtual) {
	e = g.exp(g.negAbs(x))
	one := g.copy(g.constant(1))
	return e, g.div(g.where(x, greaterOrEqual, g.none(), one, e), g.add(e, one))
}

// log1p returns log(1+e) for e in [0, 1], as 2*artanh(s) with s = e/(2+e) <= 1/3; the
// series is cut where its terms are below 1e-8 of the sum.
func (g *generator) log1p(e Op) reg.VecVirtual {
	s := g.div(e, g.add(e, g.constant(2)))
	s2 := g.mul(s, s)
	p := g.horner(s2, 2, 2./3, 2./5, 2./7, 2./9, 2./11, 2./13, 2./15)
	return g.mul(s, p)
}

// log1pLarge returns log(1+q) for q from 0 up to the largest numbers: 1+q is split into a
// power of two and a factor from 1 to 2.
func (g *generator) log1pLarge(q Op) reg.VecVirtual {
	const less = 17
	u := g.add(q, g.constant(1))
	n := g.vec()
	g.VPSRLD(Imm(23), u, n)
	g.VPSUBD(g.bits(127), n, n)
	g.VCVTDQ2PS(n, n)
	f := g.or(g.and(u, g.bits(1<<23-1)), g.constant(1))
	l := g.log1p(g.where(u, less, g.copy(g.constant(2)), q, g.sub(f, g.constant(1))))
	g.VFMADD231PS(g.constant(math.Ln2), n, l)
	return l
}

// root returns the square root of x >= 0. With AVX-512, whose instruction for it takes
// longer than all else in a pass, it is the estimate of 1/sqrt(x), times x, improved by
// one step of Newton's method: the relative error is below 2^-22, below the normal
// numbers it is 0, and it is finite at infinity.
func (g *generator) root(x Op) reg.VecVirtual {
	if !g.masks {
		return g.sqrt(x)
	}
	const notLess = 21 // true of NaN
	x = g.minNaN(g.copy(g.constant(math.MaxFloat32)), x)
	y, k := g.vec(), g.K()
	g.VCMPPS(Imm(notLess), g.constant(0x1p-126), x, k)
	g.VRSQRT14PS_Z(x, k, y)
	s := g.mul(x, y)
	g.VMULPS(g.constant(.5), y, y)
	g.VFNMADD213PS(g.constant(.5), s, y) // (1 - x/s²)/2, nearly
	g.VFMADD231PS(y, s, s)
	return s
}

// tanh returns -t/(t+2) with t = exp(-2|x|)-1, and the sign of x.
func (g *generator) tanh(x Op) reg.VecVirtual {
	t := g.expm1(g.mul(g.negAbs(x), g.constant(2)))
	y := g.div(t, g.add(t, g.constant(2)))
	return g.or(g.abs(y), g.and(x, g.bits(0x80000000)))
}

// sum returns the sum of a vector's lanes in lane 0 of an XMM register.
func (g *generator) sum(x reg.VecVirtual) reg.VecVirtual {
	y := g.YMM()
	if g.lanes == 16 {
		g.VEXTRACTF64X4(Imm(1), x, y)
		g.VADDPS(x.AsY(), y, y)
	} else {
		y = x
	}
	s, t := g.XMM(), g.XMM()
	g.VEXTRACTF128(Imm(1), y, s)
	g.VADDPS(y.AsX(), s, s)
	g.VPERMILPS(Imm(0b1110), s, t)
	g.VADDPS(t, s, s)
	g.VPERMILPS(Imm(0b01), s, t)
	g.VADDSS(t, s, s)
	return s
}
