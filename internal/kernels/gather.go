package kernels

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// GatherShape is the geometry of a product whose rows are gathered from memory in
// pieces: taps of channels contiguous elements each. A convolution is one, with a row
// for each output pixel and a tap for each element of the kernel; so are its strided,
// dilated and transposed forms, which differ in where the pieces lie.
type GatherShape struct {
	Rows, Taps, Channels, N int
	// Accumulate adds the product to what c holds.
	Accumulate bool
	Act        Act
}

// Gather is the product
//
//	c[i,j] = act(bias[j] + sum over s < Taps, p < Channels of
//	             x[at[i*Taps+s]+p] * w[(s*Channels+p)*N+j]  (+ c[i,j] where Accumulate))
//
// after the indirect convolution algorithm of Dukhan 2019: rows are read where they
// lie, by pointers, and never copied together. A negative offset stands for a piece of
// zeros, which is padding. One goroutine uses a Gather at a time; it allocates in
// NewGather, and in Run for a team larger than any before.
type Gather[T Float] struct {
	shape         GatherShape
	c, x, w, bias []T
	at            []int

	// For float32 with SIMD; isa is generic otherwise.
	isa     isa
	width   int       // columns of a panel
	packed  []float32 // w in panels, columns beyond N being 0
	zeros   []float32 // a piece of padding
	tables  [][]*float32
	packing bool
}

// gatherRows is the number of rows of the micro-kernels.
var gatherRows = [...]int{generic: 8, avx2: 6, avx512: 12}

// NewGather prepares a product. It panics where a dimension is negative.
func NewGather[T Float](s GatherShape) *Gather[T] {
	if min(s.Rows, s.Taps, s.Channels, s.N) < 0 {
		panic(fmt.Sprintf("kernels: NewGather: negative dimension in %+v", s))
	}
	g := &Gather[T]{shape: s}
	if isFloat32[T]() && active != generic {
		g.isa, g.width = active, reaches[active].cols
		g.packed = make([]float32, ceilDiv(s.N, g.width)*g.width*s.Taps*s.Channels)
		g.zeros = make([]float32, s.Channels)
	}
	return g
}

// Run computes c[Rows,N] from pieces of x at the offsets at[Rows,Taps], the weights
// w[Taps*Channels,N] and bias[N] (nil for none). c must not overlap the others.
func (g *Gather[T]) Run(team *parallel.Team, c, x []T, at []int, w, bias []T) {
	s := &g.shape
	need("Gather", "c", len(c), s.Rows*s.N)
	need("Gather", "at", len(at), s.Rows*s.Taps)
	need("Gather", "w", len(w), s.Taps*s.Channels*s.N)
	if bias != nil {
		need("Gather", "bias", len(bias), s.N)
	}
	for _, offset := range at[:s.Rows*s.Taps] {
		need("Gather", "x", len(x), offset+s.Channels)
	}
	if s.Rows == 0 || s.N == 0 {
		return
	}
	g.c, g.x, g.w, g.bias, g.at = c, x, w, bias, at
	if g.isa != generic {
		for len(g.tables) < team.Workers() {
			g.tables = append(g.tables, make([]*float32, gatherRows[g.isa]*s.Taps))
		}
		g.packing = true
		team.Run(ceilDiv(s.N, g.width), g)
		g.packing = false
	}
	team.Run(ceilDiv(s.Rows, gatherRows[g.isa]), g)
	g.c, g.x, g.w, g.bias, g.at = nil, nil, nil, nil, nil
	for _, table := range g.tables {
		clear(table)
	}
}

// Do implements [parallel.Task].
func (g *Gather[T]) Do(n, worker int) {
	if g.packing {
		g.packPanel(n)
		return
	}
	lo := n * gatherRows[g.isa]
	hi := min(lo+gatherRows[g.isa], g.shape.Rows)
	if g.isa == generic {
		gatherGeneric(&g.shape, g.c, g.x, g.at, g.w, g.bias, lo, hi)
	} else {
		g.rows(lo, hi, g.tables[worker])
	}
}

// gatherGeneric computes rows [lo, hi) of c.
func gatherGeneric[T Float](s *GatherShape, c, x []T, at []int, w, bias []T, lo, hi int) {
	for i := lo; i < hi; i++ {
		row := c[i*s.N : (i+1)*s.N]
		if !s.Accumulate {
			clear(row)
		}
		if bias != nil {
			addGeneric(row, row, bias)
		}
		for t := range s.Taps {
			offset := at[i*s.Taps+t]
			if offset < 0 {
				continue
			}
			for p, v := range x[offset : offset+s.Channels] {
				axpyGeneric(v, row, w[(t*s.Channels+p)*s.N:])
			}
		}
		if s.Act.Kind != Identity {
			activateGeneric(s.Act, row, row)
		}
	}
}

// packPanel copies the columns of one panel of w, one row after the other.
func (g *Gather[T]) packPanel(panel int) {
	s := &g.shape
	k, j := s.Taps*s.Channels, panel*g.width
	cols := min(g.width, s.N-j)
	dst, w := g.packed[panel*g.width*k:], f32(g.w)
	for p := range k {
		copy(dst[p*g.width:][:cols], w[p*s.N+j:])
	}
}

// rows computes rows [lo, hi) of c, with the worker's table for their pointers. Rows
// that the micro-kernel has and c does not are rows of zeros.
func (g *Gather[T]) rows(lo, hi int, table []*float32) {
	s := &g.shape
	size := gatherRows[g.isa]
	x, c, bias := f32(g.x), f32(g.c), f32(g.bias)
	if s.Channels > 0 {
		for i := range table {
			r, t := lo+i%size, i/size
			table[i] = &g.zeros[0]
			if r < hi && g.at[r*s.Taps+t] >= 0 {
				table[i] = &x[g.at[r*s.Taps+t]]
			}
		}
	}
	act, alpha := s.Act.inTile()
	k := s.Taps * s.Channels
	for j := 0; j < s.N; j += g.width {
		t := tile{
			c: &c[lo*s.N+j], k: s.Channels, strideC: 4 * s.N, cols: min(g.width, s.N-j),
			act: act, alpha: alpha, valid: hi - lo,
		}
		if k > 0 {
			t.b, t.rows, t.taps = &g.packed[j*k], &table[0], s.Taps
		}
		if bias != nil {
			t.bias = &bias[j]
		}
		if s.Accumulate {
			t.add = 1
		}
		g.isa.gatherTile(&t)
	}
	if act == 0 && s.Act.Kind != Identity {
		Activate(s.Act, g.c[lo*s.N:hi*s.N], g.c[lo*s.N:hi*s.N])
	}
}
