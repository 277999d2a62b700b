package kernels

// The blocked product follows Goto and van de Geijn 2008, cut down to what a register
// tile of 14x32 needs: c is split in register tiles, a micro-kernel computes one tile
// for up to kcMax terms of the sum, and a panel of b (one tile wide) stays in cache
// while the rows of a pass by. Both operands are read where they lie unless that would
// be slow: b is packed into panels where it is transposed or where a panel's rows are
// on too many pages, and so are tiles of a. How anything is split depends on the shape alone.

const (
	// kcMax is the longest partial sum: a panel of b is then at most 128 KiB. It also
	// keeps one call of a micro-kernel, which cannot be interrupted, below 10 us.
	kcMax = 1024
	// packedMax is the largest packed part of a or b, in elements.
	packedMax = 1 << 20
	// rowsBytes is how much of a one group of row tiles takes: half of a small L2.
	rowsBytes = 256 << 10
	// matrixBytes is how much of b stays in cache beside rows of a: then rows go slowest,
	// so that a worker keeps to its rows from one product to the next, see [parallel.Team].
	matrixBytes = 512 << 10
	// A worker claims a block at a time. There are to be manyBlocks, so that workers end
	// together, but none with less than minFlops (half a microsecond, against some 50 ns
	// for claiming) or, since a panel of b is shared within, much more than maxFlops.
	manyBlocks = 64
	minFlops   = 1 << 16
	maxFlops   = 1 << 21
)

// tile is what a micro-kernel computes: rows x cols elements of c, rows being part of
// its name,
//
//	c[r,j] = act(bias[j] + sum over p < k of a[r*rowA+p*stepA] * b[p*strideB+j] (+ c[r,j]))
//
// Strides are in bytes. The assembly knows the offsets of the fields.
type tile struct {
	c, a, b, bias                 *float32 // bias may be nil
	k                             int
	strideC, rowA, stepA, strideB int
	cols                          int // 1 to the tile's width
	add                           int // 1 adds c
	act                           int // 0 identity, 1 ReLU, 2 leaky ReLU
	alpha                         float32

	// terms, if not nil, is where the numbers of the k terms begin, ascending; a 0 lies
	// before the first. Only for all columns of a tile of at most skipRows rows.
	terms *int32
}

// inTile returns what the micro-kernels call the activation, 0 where they leave it, or
// have nothing, to do.
func (a Act) inTile() (kind int, alpha float32) {
	switch a.Kind {
	case ReLU:
		return 1, 0
	case LeakyReLU:
		return 2, float32(a.Alpha)
	}
	return 0, 0
}

// reach is the register tile of a variant.
type reach struct{ rows, cols int }

var reaches = [...]reach{avx2: {6, 16}, avx512: {14, 32}}

// skipRows are the rows of the largest tile that can leave out terms: fewer than in
// reaches, since a term is left out where it is 0 in all of them.
var skipRows = [...]int{avx2: 6, avx512: 8}

// blockedGemm is a product planned for a variant; see [Gemm].
type blockedGemm struct {
	GemmShape
	isa  isa
	tile reach

	kc, nc, mc int // terms of a partial sum, columns, and row tiles in one region
	rowTiles   int // near-equal, of at most tile.rows rows
	perBlock   int // row tiles in a block
	group      int // blocks of rows that share the cache while all panels pass

	// Element (r, p) of a row tile is at r*aRow+p*aCol from its start, in a or packed.
	aRow, aCol int
	tileA      int       // elements of a packed row tile
	packedA    []float32 // nil where a is read in place
	perPack    int       // row tiles in a tile of the half that packs
	// With SkipZeros, for each row tile: 0, the terms that count, and room for a vector;
	// and how many they are, -1 where they are too many to be worth it.
	terms   []int32
	counts  []int
	packedB []float32 // panels of kc x tile.cols; nil where b is read in place

	// One region: row tiles [i0, i1), columns [j0, j1) and terms [p0, p1).
	c, a, b, bias          []float32
	i0, i1, j0, j1, p0, p1 int
}

// rowPad keeps packed rows of a from starting on the same cache set.
const rowPad = 16

func newBlockedGemm(i isa, s GemmShape) *blockedGemm {
	g := &blockedGemm{GemmShape: s, isa: i, tile: reaches[i]}
	if s.SkipZeros {
		g.tile.rows = skipRows[i]
	}
	g.kc = max(1, min(s.K, kcMax))
	g.nc = s.N
	g.rowTiles = ceilDiv(s.M, g.tile.rows)
	g.mc = g.rowTiles
	tileRows := ceilDiv(s.M, max(1, g.rowTiles))
	flops := min(max(2*s.M*s.N*g.kc/manyBlocks, minFlops), maxFlops)
	g.perBlock = max(1, flops/max(1, 2*tileRows*min(s.N, g.tile.cols)*g.kc))
	g.group = max(1, rowsBytes/max(1, 4*g.perBlock*tileRows*g.kc))
	if 4*g.kc*s.N <= matrixBytes {
		g.group = 1
	}
	if s.TransB || scattered(g.kc, 4*s.N) && g.rowTiles >= packReuse {
		g.nc = min(s.N, max(1, packedMax/(g.kc*g.tile.cols))*g.tile.cols)
		g.packedB = make([]float32, g.panels(g.nc)*g.kc*g.tile.cols)
	}
	if g.panels(s.N) >= packReuse && (s.TransA && scattered(g.kc, 4*s.M) || !s.TransA && collides(4*s.K)) {
		g.aRow, g.aCol, g.tileA = g.kc+rowPad, 1, g.tile.rows*(g.kc+rowPad)
		if s.TransA {
			g.aRow, g.aCol, g.tileA = 1, vectorSets[i].lanes, vectorSets[i].lanes*g.kc
		}
		g.mc = min(g.mc, max(1, packedMax/g.tileA))
		g.packedA = make([]float32, g.mc*g.tileA)
	} else if s.TransA {
		g.aRow, g.aCol = 1, s.M
	} else {
		g.aRow, g.aCol = s.K, 1
	}
	g.perPack = max(1, packElems/max(1, tileRows*g.kc))
	if s.SkipZeros {
		g.terms, g.counts = make([]int32, g.mc*g.termsRoom()), make([]int, g.mc)
	}
	return g
}

// termsRoom is how much of terms belongs to one row tile.
func (g *blockedGemm) termsRoom() int { return 1 + g.kc + vectorSets[g.isa].lanes }

// packElems is about how many elements of a one tile packs or looks through, which takes
// about half a microsecond.
const packElems = 8192

// packReuse is how often a packed tile of a, or panel of b, must be used to be worth
// its packing.
const packReuse = 8

// scattered says whether k rows this many bytes apart lie on more pages than a
// first-level TLB remembers.
func scattered(k, stride int) bool { return k*min(stride, 4096) > 160*4096 }

// cacheWays is the number of lines that a set of a first-level cache holds, at least.
const cacheWays = 8

// collides says whether rows this many bytes apart all fall on the same set of a
// first-level cache, which has fewer ways than a tile has rows.
func collides(stride int) bool { return stride%4096 == 0 }

func ceilDiv(a, b int) int { return (a + b - 1) / b }

func (g *blockedGemm) panels(cols int) int { return ceilDiv(cols, g.tile.cols) }

// rowStart is the first row of a row tile; tiles differ by one row at most.
func (g *blockedGemm) rowStart(tile int) int {
	size, larger := g.M/g.rowTiles, g.M%g.rowTiles
	return tile*size + min(tile, larger)
}

// begin takes the operands and enters the first region.
func (g *blockedGemm) begin(c, a, b, bias []float32) {
	g.c, g.a, g.b, g.bias = c, a, b, bias
	g.i0, g.i1 = 0, g.mc
	g.j0, g.j1 = 0, min(g.nc, g.N)
	g.p0, g.p1 = 0, min(g.kc, g.K)
}

// next enters the next region: other rows, then other terms of the sum, then other
// columns. It returns false, and lets go of the operands, after the last.
func (g *blockedGemm) next() bool {
	switch {
	case g.i1 < g.rowTiles:
		g.i0, g.i1 = g.i1, min(g.i1+g.mc, g.rowTiles)
		return true
	case g.p1 < g.K:
		g.p0, g.p1 = g.p1, min(g.p1+g.kc, g.K)
	case g.j1 < g.N:
		g.j0, g.j1 = g.j1, min(g.j1+g.nc, g.N)
		g.p0, g.p1 = 0, min(g.kc, g.K)
	default:
		g.c, g.a, g.b, g.bias = nil, nil, nil, nil
		return false
	}
	g.i0, g.i1 = 0, g.mc
	return true
}

// panelsToPack is the number of panels of b to pack in this region.
func (g *blockedGemm) panelsToPack() int {
	if g.packedB == nil || g.i0 > 0 {
		return 0
	}
	return g.panels(g.j1 - g.j0)
}

// packTiles is the number of tiles of the region's first half, which packs.
func (g *blockedGemm) packTiles() int {
	n := g.panelsToPack()
	if g.packedA != nil || g.counts != nil {
		n += ceilDiv(g.i1-g.i0, g.perPack)
	}
	return n
}

func (g *blockedGemm) packTile(n int) {
	panels := g.panelsToPack()
	if n < panels {
		g.packPanel(n)
		return
	}
	from := g.i0 + (n-panels)*g.perPack
	for r := from; r < min(from+g.perPack, g.i1) && g.p1 > g.p0; r++ {
		if g.packedA != nil {
			g.packRows(r)
		}
		if g.counts != nil {
			g.findTerms(r)
		}
	}
}

// blocks is the number of tiles of the region's second half, which multiplies.
func (g *blockedGemm) blocks() int {
	return g.panels(g.j1-g.j0) * ceilDiv(g.i1-g.i0, g.perBlock)
}

// blockTile computes one block. A group of row blocks is in cache while all panels
// pass; within it, rows run fastest, so that a panel is in cache, too.
func (g *blockedGemm) blockTile(n int) {
	rowBlocks, panels := ceilDiv(g.i1-g.i0, g.perBlock), g.panels(g.j1-g.j0)
	group := n / (g.group * panels)
	first := group * g.group
	size := min(g.group, rowBlocks-first)
	n -= first * panels
	from := g.i0 + (first+n%size)*g.perBlock
	g.block(from, min(from+g.perBlock, g.i1), n/size)
}

// block computes row tiles [from, to) in one panel.
func (g *blockedGemm) block(from, to, panel int) {
	j := g.j0 + panel*g.tile.cols
	cols := min(g.tile.cols, g.j1-j)
	t := tile{
		k: g.p1 - g.p0, cols: cols,
		strideC: 4 * g.N, rowA: 4 * g.aRow, stepA: 4 * g.aCol, strideB: 4 * g.N,
	}
	if g.p0 > 0 || g.Accumulate {
		t.add = 1
	}
	if g.p0 == 0 && g.bias != nil {
		t.bias = &g.bias[j]
	}
	last := g.p1 == g.K
	if last {
		t.act, t.alpha = g.Act.inTile()
	}
	if t.k > 0 {
		if g.packedB != nil {
			t.b = &g.packedB[panel*g.kc*g.tile.cols]
			t.strideB = 4 * g.tile.cols
		} else {
			t.b = &g.b[g.p0*g.N+j]
		}
	}
	for r := from; r < to; r++ {
		i := g.rowStart(r)
		t.c = &g.c[i*g.N+j]
		if g.p1 > g.p0 {
			t.a = g.rowsOf(r)
		}
		if g.counts != nil && cols == g.tile.cols {
			t.k, t.terms = g.p1-g.p0, nil
			if n := g.counts[r-g.i0]; n >= 0 {
				t.k, t.terms = n, &g.terms[(r-g.i0)*g.termsRoom()]
			}
		}
		g.isa.gemmTile(g.rowStart(r+1)-i, &t)
	}
	if last && t.act == 0 && g.Act.Kind != Identity {
		for i := g.rowStart(from); i < g.rowStart(to); i++ {
			row := g.c[i*g.N+j:][:cols]
			Activate(g.Act, row, row)
		}
	}
}

// rowsOf is where the terms of a row tile begin, packed or in a.
func (g *blockedGemm) rowsOf(tile int) *float32 {
	if g.packedA != nil {
		return &g.packedA[(tile-g.i0)*g.tileA]
	}
	return &g.a[g.rowStart(tile)*g.aRow+g.p0*g.aCol]
}

// findTerms lists the terms of a row tile that are not 0 in all of its rows.
func (g *blockedGemm) findTerms(tile int) {
	k, rows := g.p1-g.p0, g.rowStart(tile+1)-g.rowStart(tile)
	list := g.terms[(tile-g.i0)*g.termsRoom():][:g.termsRoom()]
	list[0] = 0
	find, stride := vectorSets[g.isa].nonzeroColumns, 4*g.aRow
	if g.aRow == 1 {
		find, stride = vectorSets[g.isa].nonzeroRows, 4*g.aCol
	}
	n := find(&list[1], g.rowsOf(tile), rows, k, stride)
	if n > k-k/8 {
		n = -1 // all terms in their order are quicker to find
	}
	g.counts[tile-g.i0] = n
}

// packRows copies terms [p0, p1) of one row tile of a.
func (g *blockedGemm) packRows(tile int) {
	k := g.p1 - g.p0
	dst := g.packedA[(tile-g.i0)*g.tileA:]
	lo, hi := g.rowStart(tile), g.rowStart(tile+1)
	if g.TransA {
		vectorSets[g.isa].copyStrip(&dst[0], &g.a[g.p0*g.M+lo], k, 4*g.M, hi-lo)
		return
	}
	for i := lo; i < hi; i++ {
		copy(dst[(i-lo)*g.aRow:], g.a[i*g.K+g.p0:][:k])
	}
}

// packPanel copies terms [p0, p1) of one panel of b, one term after the other.
func (g *blockedGemm) packPanel(panel int) {
	j := g.j0 + panel*g.tile.cols
	cols := min(g.tile.cols, g.j1-j)
	dst := g.packedB[panel*g.kc*g.tile.cols:]
	if !g.TransB && cols == g.tile.cols && g.p1 > g.p0 {
		vectorSets[g.isa].copyPanel(&dst[0], &g.b[g.p0*g.N+j], g.p1-g.p0, 4*g.N)
		return
	}
	if !g.TransB {
		for p := g.p0; p < g.p1; p++ {
			copy(dst[:cols], g.b[p*g.N+j:])
			dst = dst[g.tile.cols:]
		}
		return
	}
	transposePanel(vectorSets[g.isa], dst, g.b[j*g.K+g.p0:], g.p1-g.p0, cols, g.K, g.tile.cols)
}

// transposePanel computes dst[p*dstStride+j] = src[j*srcStride+p] for p < k, j < cols.
// Squares of one vector's lanes are transposed in registers, what remains element by
// element; dstStride is two vectors.
func transposePanel(v *vectors, dst, src []float32, k, cols, srcStride, dstStride int) {
	whole := k &^ (v.lanes - 1)
	for j := 0; j < cols; j += v.lanes {
		from := 0
		if whole > 0 && j+v.lanes <= cols {
			v.transpose(&dst[j], &src[j*srcStride], whole, 4*srcStride)
			from = whole
		}
		for i := j; i < min(j+v.lanes, cols); i++ {
			for p := from; p < k; p++ {
				dst[p*dstStride+i] = src[i*srcStride+p]
			}
		}
	}
}
