package kernels

import "github.com/hourglass-go/hourglass/internal/parallel"

// DenseGradShape is the geometry of a dense layer's backward pass, for the forward
// pass y[Batch,Out] = act(x[Batch,In] · w[In,Out] + b[Out]).
type DenseGradShape struct {
	Batch, In, Out int
	Act            Act
	// SkipZeros is for an x with many zeros, see [GemmShape].
	SkipZeros bool
}

// DenseGrad computes all gradients of a dense layer:
//
//	dz = dy * act'(y)
//	dx[Batch,In] = dz · wᵀ    dw[In,Out] = xᵀ · dz    db[Out] = column sums of dz
//
// in two parallel regions, one for dz and for packing w, one for all products. One
// goroutine uses it at a time; it allocates in NewDenseGrad only.
type DenseGrad[T Float] struct {
	shape     DenseGradShape
	dx, dw    *Gemm[T]
	dz, y, db []T
	tiles     [3]int // of the region: of dx, of dw, others
	packing   bool
}

// dbColumns is the number of columns in one tile of the bias gradient.
const dbColumns = 128

// NewDenseGrad prepares a backward pass. It panics where a dimension is negative.
func NewDenseGrad[T Float](s DenseGradShape) *DenseGrad[T] {
	return &DenseGrad[T]{
		shape: s,
		dx:    NewGemm[T](GemmShape{M: s.Batch, N: s.In, K: s.Out, TransB: true}),
		dw:    NewGemm[T](GemmShape{M: s.In, N: s.Out, K: s.Batch, TransA: true, SkipZeros: s.SkipZeros}),
	}
}

// Run computes dx, dw and db, of which any may be nil: not wanted. With an activation
// dy is overwritten with dz; without, y is not read. The results must not overlap
// anything else.
func (g *DenseGrad[T]) Run(team *parallel.Team, dx, dw, db, x, w, dy, y []T) {
	s := &g.shape
	need("DenseGrad", "dy", len(dy), s.Batch*s.Out)
	g.dz, g.y, g.db = dy[:s.Batch*s.Out], nil, nil
	if s.Act.Kind != Identity {
		need("DenseGrad", "y", len(y), s.Batch*s.Out)
		g.y = y
	}
	if db != nil {
		need("DenseGrad", "db", len(db), s.Out)
		g.db = db[:s.Out]
	}
	moreX := dx != nil && g.dx.begin(dx, dy, w, nil)
	moreW := dw != nil && g.dw.begin(dw, x, dy, nil)
	if g.y != nil && (moreX && g.dx.packsA() || moreW && g.dw.packsB()) {
		g.region(team, true, false, false) // what is packed must be there before
		g.y = nil
	}
	for first := true; first || moreX || moreW; first = false {
		g.region(team, true, moreX, moreW)
		g.region(team, false, moreX, moreW)
		g.y, g.db = nil, nil
		moreX = moreX && g.dx.next()
		moreW = moreW && g.dw.next()
	}
	g.dz = nil
}

// region runs what is due: dz and packing, or the products and db.
func (g *DenseGrad[T]) region(team *parallel.Team, packing, dx, dw bool) {
	g.packing, g.tiles = packing, [3]int{}
	if dx {
		g.tiles[0] = g.dx.tiles(packing)
	}
	if dw {
		g.tiles[1] = g.dw.tiles(packing)
	}
	if packing && g.y != nil {
		g.tiles[2] = chunks(len(g.dz))
	}
	if !packing && g.db != nil {
		g.tiles[2] = ceilDiv(len(g.db), dbColumns)
	}
	team.Run(g.tiles[0]+g.tiles[1]+g.tiles[2], g)
}

// parts is into how many parts a region is divided. Each has a part of every kind of
// tiles, so that a worker, which begins with a range of the region's tiles, keeps to its
// rows in all of them.
const parts = 8

// kind is 0 for a tile of dx, 1 of dw, 2 for others; n is its number among those.
func (g *DenseGrad[T]) kind(tile int) (kind, n int) {
	for part := range parts {
		for kind, tiles := range g.tiles {
			from, to := tiles*part/parts, tiles*(part+1)/parts
			if tile < to-from {
				return kind, from + tile
			}
			tile -= to - from
		}
	}
	panic("kernels: DenseGrad: no such tile")
}

// Do implements [parallel.Task].
func (g *DenseGrad[T]) Do(tile, _ int) {
	kind, tile := g.kind(tile)
	switch kind {
	case 0:
		g.dx.tile(g.packing, tile)
		return
	case 1:
		g.dw.tile(g.packing, tile)
		return
	}
	if g.packing {
		lo, hi := chunkOf(tile, len(g.dz))
		ActivateGrad(g.shape.Act, g.dz[lo:hi], g.dz[lo:hi], g.y[lo:hi])
		return
	}
	j := tile * dbColumns
	sumColumns(g.db[j:min(j+dbColumns, len(g.db))], g.dz[min(j, len(g.dz)):], g.shape.Batch, g.shape.Out)
}
