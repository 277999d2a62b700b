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
	Act        Act
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
	s := &g.shape
	need("Gemm", "c", len(c), s.M*s.N)
	need("Gemm", "a", len(a), s.M*s.K)
	need("Gemm", "b", len(b), s.K*s.N)
	if bias != nil {
		need("Gemm", "bias", len(bias), s.N)
	}
	switch {
	case s.M == 0 || s.N == 0:
	case g.blocked != nil:
		g.blocked.run(team, f32(c), f32(a), f32(b), f32(bias))
	default:
		g.c, g.a, g.b, g.bias = c, a, b, bias
		team.Run((s.M+genericRows-1)/genericRows, g)
		g.c, g.a, g.b, g.bias = nil, nil, nil, nil
	}
}

// genericRows is the number of rows of c in one tile of the plain Go product.
const genericRows = 8

// Do implements [parallel.Task] for the plain Go product.
func (g *Gemm[T]) Do(tile, _ int) {
	lo, hi := tile*genericRows, min((tile+1)*genericRows, g.shape.M)
	gemmGeneric(&g.shape, g.c, g.a, g.b, g.bias, lo, hi)
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
