package kernels

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// GemmShape is the geometry of a matrix product with its epilogue,
//
//	c[M,N] = act(op(a)[M,K] · op(b)[K,N] + bias[N] (+ c where Accumulate))
type GemmShape struct {
	M, N, K int
	// TransA says that a is stored as [K, M], TransB that b is stored as [N, K].
	TransA, TransB bool
	// Accumulate adds the product to what c holds.
	Accumulate bool
	// SkipZeros says that a has many zeros, as pictures with a black background do: terms
	// whose factor is 0 in all rows of a tile are left out. It changes nothing where b
	// is finite, but what 0 times infinity is; and the sign of a zero.
	SkipZeros bool
	Act       Act
}

// check panics where the shape is impossible.
func (s *GemmShape) check() {
	if s.M < 0 || s.N < 0 || s.K < 0 {
		panic(fmt.Sprintf("kernels: Gemm: negative dimension in %dx%dx%d", s.M, s.K, s.N))
	}
	if int(s.Act.Kind) >= len(actNames) {
		panic("kernels: Gemm: unknown activation " + s.Act.Kind.String())
	}
}

// Gemm is a matrix product prepared for one shape. One goroutine uses it at a time;
// it allocates in NewGemm only.
type Gemm[T Float] struct {
	shape         GemmShape
	c, a, b, bias []T
	blocked       *blockedGemm // nil where plain Go computes the product
	packing       bool
}

// NewGemm prepares a product. It panics where a dimension is negative.
func NewGemm[T Float](s GemmShape) *Gemm[T] {
	s.check()
	g := &Gemm[T]{shape: s}
	if isFloat32[T]() && active != generic {
		g.blocked = newBlockedGemm(active, s)
	}
	return g
}

// Run computes c from a, b and bias (nil for none) on the team. c must not overlap
// the others.
func (g *Gemm[T]) Run(team *parallel.Team, c, a, b, bias []T) {
	for more := g.begin(c, a, b, bias); more; more = g.next() {
		g.packing = true
		team.Run(g.tiles(true), g)
		g.packing = false
		team.Run(g.tiles(false), g)
	}
}

// Do implements [parallel.Task].
func (g *Gemm[T]) Do(tile, _ int) { g.tile(g.packing, tile) }

// A product runs as a sequence of steps, begun by begin and ended by a next that
// returns false. Each has tiles that pack operands, and then blocks that multiply;
// the tiles of either kind are independent. Passes that consist of several products
// put their tiles into one parallel region.

// begin takes the operands and says whether there is anything to do.
func (g *Gemm[T]) begin(c, a, b, bias []T) bool {
	s := &g.shape
	need("Gemm", "c", len(c), s.M*s.N)
	need("Gemm", "a", len(a), s.M*s.K)
	need("Gemm", "b", len(b), s.K*s.N)
	if bias != nil {
		need("Gemm", "bias", len(bias), s.N)
	}
	if s.M == 0 || s.N == 0 {
		return false
	}
	if g.blocked != nil {
		g.blocked.begin(f32(c), f32(a), f32(b), f32(bias))
	} else {
		g.c, g.a, g.b, g.bias = c, a, b, bias
	}
	return true
}

// next goes on to the next step; where there is none, it lets go of the operands.
func (g *Gemm[T]) next() bool {
	if g.blocked != nil {
		return g.blocked.next()
	}
	g.c, g.a, g.b, g.bias = nil, nil, nil, nil
	return false
}

// packsA and packsB say whether an operand is copied before it is used.
func (g *Gemm[T]) packsA() bool { return g.blocked != nil && g.blocked.packedA != nil }
func (g *Gemm[T]) packsB() bool { return g.blocked != nil && g.blocked.packedB != nil }

// genericRows is the number of rows of c in one block of the plain Go product.
const genericRows = 8

// tiles is the number of tiles in this step that pack, or else of blocks.
func (g *Gemm[T]) tiles(packing bool) int {
	switch {
	case g.blocked == nil && packing:
		return 0
	case g.blocked == nil:
		return ceilDiv(g.shape.M, genericRows)
	case packing:
		return g.blocked.packTiles()
	default:
		return g.blocked.blocks()
	}
}

// tile packs, or computes a block.
func (g *Gemm[T]) tile(packing bool, n int) {
	switch {
	case g.blocked == nil:
		gemmGeneric(&g.shape, g.c, g.a, g.b, g.bias, n*genericRows, min((n+1)*genericRows, g.shape.M))
	case packing:
		g.blocked.packTile(n)
	default:
		g.blocked.blockTile(n)
	}
}

// gemmGeneric computes rows [lo, hi) of c, each as a sum of K scaled rows of b, or of
// N dot products where b is transposed.
func gemmGeneric[T Float](s *GemmShape, c, a, b, bias []T, lo, hi int) {
	aRow, aCol := s.K, 1
	if s.TransA {
		aRow, aCol = 1, s.M
	}
	for i := lo; i < hi; i++ {
		row := c[i*s.N : (i+1)*s.N]
		if !s.Accumulate {
			clear(row)
		}
		if bias != nil {
			addGeneric(row, row, bias)
		}
		if s.TransB {
			for j := range row {
				var sum T
				for p, v := range b[j*s.K : (j+1)*s.K] {
					sum += a[i*aRow+p*aCol] * v
				}
				row[j] += sum
			}
		} else {
			for p := range s.K {
				axpyGeneric(a[i*aRow+p*aCol], row, b[p*s.N:(p+1)*s.N])
			}
		}
		if s.Act.Kind != Identity {
			activateGeneric(s.Act, row, row)
		}
	}
}
