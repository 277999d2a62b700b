package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of the Go struct winogradTile.
const (
	winogradSrc, winogradDst       = 0, 8
	winogradSrcRow, winogradSrcCol = 16, 24
	winogradDstRow, winogradDstCol = 32, 40
	winogradN, winogradBias        = 48, 56
	winogradFloor                  = 64
)

// matrix is one of the constant matrices of Winograd's algorithm.
type matrix [][]float64

func (m matrix) transposed() matrix {
	t := make(matrix, len(m[0]))
	for i := range t {
		for j := range m {
			t[i] = append(t[i], m[j][i])
		}
	}
	return t
}

// winogradMatrices returns At, G and Bt of F(m, 3) for the points 0, the pairs +p and -p,
// and infinity (Lavin and Gray 2015, section 4; Toom-Cook's construction):
//
//	conv(d, g) = At ((G g) * (Bt d))
//
// Column i of At holds the powers of a point, row i of Bt the coefficients of the product
// of (x - p) over all other points, row i of G the powers over that product's value at the
// point.
func winogradMatrices(pairs []float64) (at, g, bt matrix) {
	points := []float64{0}
	for _, p := range pairs {
		points = append(points, p, -p)
	}
	m := len(points) - 1
	at = make(matrix, m)
	for i := range at {
		for _, p := range points {
			at[i] = append(at[i], math.Pow(p, float64(i)))
		}
		at[i] = append(at[i], 0)
	}
	at[m-1][m+1] = 1
	product := func(without int) []float64 {
		c := []float64{1}
		for j, q := range points {
			if j != without {
				c = append(c, 0)
				for k := len(c) - 1; k >= 0; k-- {
					c[k] *= -q
					if k > 0 {
						c[k] += c[k-1]
					}
				}
			}
		}
		return append(c, make([]float64, m+2-len(c))...)
	}
	for i, p := range points {
		norm := 1.0
		for j, q := range points {
			if j != i {
				norm *= p - q
			}
		}
		g = append(g, []float64{1 / norm, p / norm, p * p / norm})
		bt = append(bt, product(i))
	}
	g, bt = append(g, []float64{0, 0, 1}), append(bt, product(-1))
	for _, m := range []matrix{at, g, bt} {
		m.clean()
	}
	return at, g, bt
}

// clean rounds to 12 decimals, so that numbers that ought to be equal, 0 or 1 are.
func (m matrix) clean() {
	for _, row := range m {
		for j, c := range row {
			row[j] = math.Round(c*1e12) / 1e12
		}
	}
}

// winogradPairs are the pairs of points of F(2,3) and F(4,3). Those of the latter have
// half the error of the usual 1 and 2 (Alam et al. 2022 search for such points).
var winogradPairs = map[int][]float64{2: {1}, 4: {math.Sqrt2 / 2, math.Sqrt2}}

// winograd generates the transforms of tiles for F(m x m, 3 x 3), each L X Lt for a square
// X of vectors and one of the matrices L:
//
//	input   n x n pixels to n x n numbers, L = Bt, where n = m+2
//	output  n x n numbers to m x m pixels, L = At, with bias and a floor
//	kernel  3 x 3 taps to n x n numbers, L = G
//	pixels  m x m pixels to n x n numbers, L = A: the adjoint of output
//	taps    n x n numbers to 3 x 3 taps, L = Gt: the adjoint of kernel
func winograd(g *generator) {
	for _, m := range []int{2, 4} {
		at, k, bt := winogradMatrices(winogradPairs[m])
		g.transform(fmt.Sprintf("winogradInput%dF32_%s", m, g.name), bt, storeFloat32)
		g.transform(fmt.Sprintf("winogradOutput%dF32_%s", m, g.name), at, storeEpilogue)
		g.transform(fmt.Sprintf("winogradKernel%dF32_%s", m, g.name), k, storeFloat32)
		g.transform(fmt.Sprintf("winogradPixels%dF32_%s", m, g.name), at.transposed(), storeFloat32)
		g.transform(fmt.Sprintf("winogradTaps%dF32_%s", m, g.name), k.transposed(), storeFloat32)
	}
}

// storage is what a transform makes of its results.
type storage int

const (
	storeFloat32  storage = iota
	storeEpilogue         // float32, with bias and floor
	storeBFloat16
)

// A transformer writes one transform. Elements of either square are vectors of channels, in
// memory at multiples of a row and of a column distance.
type transformer struct {
	*generator
	l  matrix
	to storage

	src, dst, bias, column, line reg.GPVirtual
	srcRow, srcRow3, srcRow5     reg.GPVirtual
	dstCol, dstCol3, dstCol5     reg.GPVirtual
	srcCol, dstRow               reg.GPVirtual
	args                         reg.Register
	known                        map[float64]Op // coefficients that are in registers
}

// transform generates dst = l src lt for n channels, at least as many as there are lanes:
// the last vector overlaps the one before it where n is not a multiple of those. The
// matrix is applied to the columns first, a few rows of the result at a time, so that the
// intermediate rows stay in registers.
func (g *generator) transform(name string, l matrix, to storage) {
	g.function(name, "func(t *winogradTile)")
	t := &transformer{generator: g, l: l, to: to, args: g.GP64(), known: map[float64]Op{}}
	g.Load(g.Param("t"), t.args)
	get := func(offset int) reg.GPVirtual {
		r := g.GP64()
		g.MOVQ(Mem{Base: t.args, Disp: offset}, r)
		return r
	}
	odd := func(r reg.GPVirtual) (three, five reg.GPVirtual) {
		three, five = g.GP64(), g.GP64()
		g.LEAQ(Mem{Base: r, Index: r, Scale: 2}, three)
		g.LEAQ(Mem{Base: r, Index: r, Scale: 4}, five)
		return three, five
	}
	t.src, t.dst = get(winogradSrc), get(winogradDst)
	t.srcRow, t.srcCol = get(winogradSrcRow), get(winogradSrcCol)
	t.dstRow, t.dstCol = get(winogradDstRow), get(winogradDstCol)
	t.srcRow3, t.srcRow5 = odd(t.srcRow)
	t.dstCol3, t.dstCol5 = odd(t.dstCol)
	if to == storeEpilogue {
		t.bias = get(winogradBias)
	}
	t.column, t.line = g.GP64(), g.GP64()
	if g.masks { // and so registers enough
		for _, row := range l {
			for _, c := range row {
				t.keep(c)
			}
		}
	}

	g.Label("channels")
	t.square()
	left := Mem{Base: t.args, Disp: winogradN}
	step := t.column
	g.MOVQ(U32(g.bytes()), step)
	g.SUBQ(U32(g.lanes), left)
	g.JZ(LabelRef("done"))
	g.CMPQ(left, Imm(uint64(g.lanes)))
	g.JGE(LabelRef("advance"))
	// The last vector begins where the channels end with it.
	g.MOVQ(left, step)
	g.MOVQ(U32(g.lanes), left)
	g.SHLQ(U8(2), step)
	g.Label("advance")
	g.ADDQ(step, t.src)
	if to == storeEpilogue {
		g.ADDQ(step, t.bias)
	}
	if to == storeBFloat16 {
		g.SHRQ(U8(1), step)
	}
	g.ADDQ(step, t.dst)
	g.JMP(LabelRef("channels"))
	g.Label("done")
	g.VZEROUPPER()
	g.RET()
}

// keep loads a coefficient into a register, unless there is no need for one.
func (t *transformer) keep(c float64) {
	c = math.Abs(c)
	if _, ok := t.known[c]; ok || c == 0 || c == 1 {
		return
	}
	x := t.vec()
	t.VMOVUPS(t.constant(c), x)
	t.known[c] = x
}

// multiple is the address of base + k*stride, given the registers of 3 and 5 strides.
func multiple(base reg.Register, k int, stride, three, five reg.Register) Mem {
	switch k {
	case 0:
		return Mem{Base: base}
	case 3:
		return Mem{Base: base, Index: three, Scale: 1}
	case 5:
		return Mem{Base: base, Index: five, Scale: 1}
	default:
		return Mem{Base: base, Index: stride, Scale: uint8(k)}
	}
}

// square transforms one vector of channels.
func (t *transformer) square() {
	for _, rows := range t.groups() {
		between := make([][]Op, len(rows)) // rows of l src
		t.MOVQ(t.src, t.column)
		for j := range t.l[0] {
			if j > 0 {
				t.ADDQ(t.srcCol, t.column)
			}
			load := t.cached(func(i int) Op {
				return t.copy(multiple(t.column, i, t.srcRow, t.srcRow3, t.srcRow5))
			})
			for k, x := range t.apply(rows, load) {
				between[k] = append(between[k], x)
			}
		}
		for k, r := range rows {
			t.setLine(r)
			row := between[k]
			for _, cols := range t.groups() {
				for i, x := range t.apply(cols, func(j int) Op { return row[j] }) {
					t.finish(x, cols[i])
				}
			}
		}
	}
}

// setLine points line to row r of dst.
func (t *transformer) setLine(r int) {
	t.MOVQ(t.dst, t.line)
	for ; r >= 2; r -= 2 {
		t.LEAQ(Mem{Base: t.line, Index: t.dstRow, Scale: 2}, t.line)
	}
	if r == 1 {
		t.ADDQ(t.dstRow, t.line)
	}
}

// finish stores column j of the line.
func (t *transformer) finish(x Op, j int) {
	m := multiple(t.line, j, t.dstCol, t.dstCol3, t.dstCol5)
	if t.to == storeBFloat16 {
		t.storeRounded(x, m)
		return
	}
	if t.to == storeEpilogue {
		y := t.vec()
		t.VADDPS(Mem{Base: t.bias}, x, y)
		floor := t.vec()
		t.VBROADCASTSS(Mem{Base: t.args, Disp: winogradFloor}, floor)
		t.VMAXPS(y, floor, y) // y where it is NaN
		x = y
	}
	t.VMOVUPS(x, m)
}

// cached makes f compute each of its values once.
func (t *transformer) cached(f func(i int) Op) func(i int) Op {
	seen := map[int]Op{}
	return func(i int) Op {
		if seen[i] == nil {
			seen[i] = f(i)
		}
		return seen[i]
	}
}

// groups divides the rows of the matrix into such as share work. In a tall matrix the rows
// of +p and -p differ in the signs of some terms alone. In a wide one the columns do, so
// that even and odd rows are functions of sums, and of differences, of two columns' inputs.
func (t *transformer) groups() [][]int {
	var groups [][]int
	if t.wide() {
		groups = [][]int{nil, nil}
		for i := range t.l {
			groups[i%2] = append(groups[i%2], i)
		}
		return groups
	}
	last := len(t.l) - 1
	groups = append(groups, []int{0})
	for i := 1; i < last; i += 2 {
		groups = append(groups, []int{i, i + 1})
	}
	return append(groups, []int{last})
}

func (t *transformer) wide() bool { return len(t.l) < len(t.l[0]) }

// apply returns a group of rows of the matrix times a vector whose elements x gives.
func (t *transformer) apply(rows []int, x func(i int) Op) []Op {
	if t.wide() {
		return t.applyWide(rows, x)
	}
	if len(rows) == 1 {
		return []Op{t.combine(t.l[rows[0]], x)}
	}
	r := t.l[rows[0]]
	same, turned := make([]float64, len(r)), make([]float64, len(r))
	for i, c := range r {
		if t.l[rows[1]][i] == c {
			same[i] = c
		} else {
			turned[i] = c
		}
	}
	e := t.combine(same, x)
	scale := 1.0
	for _, c := range turned {
		if c != 0 {
			scale = c
		}
	}
	for i := range turned {
		turned[i] /= scale
	}
	matrix{turned}.clean()
	o := t.combine(turned, x)
	if scale == 1 {
		return []Op{t.add(e, o), t.sub(e, o)}
	}
	plus, minus := t.copy(e), e
	t.multiplyAdd(scale, o, plus)
	t.multiplyAdd(-scale, o, minus)
	return []Op{plus, minus}
}

// applyWide is apply for a wide matrix.
func (t *transformer) applyWide(rows []int, x func(i int) Op) []Op {
	last := len(t.l[0]) - 1
	pair := t.cached(func(i int) Op {
		if rows[0]%2 == 0 {
			return t.add(x(i), x(i+1))
		}
		return t.sub(x(i), x(i+1))
	})
	var out []Op
	for _, r := range rows {
		c := make([]float64, last+1)
		c[0], c[last] = t.l[r][0], t.l[r][last]
		for i := 1; i < last; i += 2 {
			c[i] = t.l[r][i]
		}
		out = append(out, t.combine(c, func(i int) Op {
			if i == 0 || i == last {
				return x(i)
			}
			return pair(i)
		}))
	}
	return out
}

// combine returns the sum of c[i]*x(i) in a register of its own.
func (t *transformer) combine(c []float64, x func(i int) Op) Op {
	first := -1
	for i, v := range c {
		if v != 0 && (first < 0 || v == 1 && c[first] != 1) {
			first = i
		}
	}
	sum := t.vec()
	if c[first] == 1 {
		t.VMOVUPS(x(first), sum)
	} else {
		t.VMULPS(t.coefficient(math.Abs(c[first])), x(first), sum)
		if c[first] < 0 {
			sum = t.sub(t.none(), sum)
		}
	}
	for i, v := range c {
		if i != first && v != 0 {
			t.multiplyAdd(v, x(i), sum)
		}
	}
	return sum
}

func (t *transformer) coefficient(c float64) Op {
	if x, ok := t.known[c]; ok {
		return x
	}
	return t.constant(c)
}

// multiplyAdd adds c*x to sum.
func (t *transformer) multiplyAdd(c float64, x, sum Op) {
	switch {
	case c == 1:
		t.VADDPS(x, sum, sum)
	case c == -1:
		t.VSUBPS(x, sum, sum)
	case c > 0:
		t.VFMADD231PS(t.coefficient(c), x, sum)
	default:
		t.VFNMADD231PS(t.coefficient(-c), x, sum)
	}
}
