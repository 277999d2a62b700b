package kernels

import (
	"fmt"
	"math"
	"slices"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// winogradPlan is a convolution of 3x3 and stride 1 over pictures, divided into tiles: the
// gathering pass of a layer, or the scattering one, which is a convolution by the kernel
// turned and transposed.
type winogradPlan struct {
	size       winogradSize
	isa        isa
	batch      int
	inH, inW   int
	outH, outW int
	top, left  int   // padding before
	in, out    []int // channels of the parts
	k, c       int   // channels in all
	turned     bool
	half       bool // V and U are pairs of bfloat16
	terms      int  // of a product: k, or pairs

	tilesH, tilesW, tiles int
	// A row of V or M is a tile's k or c numbers in one of the planes, at a pitch that keeps
	// the rows of a product from starting on the same set of a cache.
	pitchIn, pitchOut int
	block             int  // tiles that are in V and M at a time
	shared            bool // V and M are everybody's, not one worker's
	width             int  // columns of a panel of U
	tileRows          int  // rows of a register tile
}

const (
	// winogradLocal is how many elements of V and M a worker keeps in its second-level cache,
	// where U, of at most winogradStream elements, passes by again and again.
	winogradLocal  = 160 << 10
	winogradStream = 700 << 10
	// winogradShared is how many elements of V and M all share in the last-level cache.
	winogradShared = 2 << 20
)

// winogradFits says whether the algorithm can compute the shape.
func (s *ConvShape) winogradFits() bool {
	three := func(w Window) bool {
		return w.Kernel == 3 && w.Stride == 1 && w.Dilation == 1 && w.Before >= 0 && w.Before <= 2 && w.In-w.Out+w.Before <= 2
	}
	return s.Groups == 1 && three(s.H) && three(s.W)
}

// newWinogradPlan plans a pass.
func newWinogradPlan[T Float](s *ConvShape, size winogradSize, turned bool) winogradPlan {
	p := winogradPlan{
		size: size, batch: s.Batch, turned: turned,
		inH: s.H.In, inW: s.W.In, outH: s.H.Out, outW: s.W.Out, top: s.H.Before, left: s.W.Before,
		in: s.parts(), out: []int{s.Out}, k: s.In, c: s.Out,
	}
	if turned {
		p.inH, p.outH, p.inW, p.outW = p.outH, p.inH, p.outW, p.inW
		p.top, p.left = 2-p.top, 2-p.left
		p.in, p.out, p.k, p.c = p.out, p.in, p.c, p.k
	}
	m := int(size)
	p.tilesH, p.tilesW = ceilDiv(p.outH, m), ceilDiv(p.outW, m)
	p.tiles = p.batch * p.tilesH * p.tilesW
	p.terms, p.pitchIn, p.pitchOut, p.width, p.tileRows = p.k, p.k, p.c, p.c, genericRows
	if isFloat32[T]() && active != generic {
		p.isa = active
		if p.half = !turned && s.inPairs(); p.half {
			p.terms = p.k / 2
		}
		p.pitchIn, p.pitchOut = winogradPitch(p.terms), winogradPitch(p.c)
		p.width, p.tileRows = reaches[active].cols, reaches[active].rows
	}
	p.divide()
	return p
}

// winogradPitch is the distance of rows of n numbers.
func winogradPitch(n int) int {
	if n < 64 {
		return n
	}
	return alignUp16(n) + 16
}

func alignUp16(n int) int { return (n + 15) &^ 15 }

// divide chooses the blocks: by the shape alone.
func (p *winogradPlan) divide() {
	planes := p.size.planes()
	perTile := planes * (p.pitchIn + p.pitchOut)
	local := max(winogradLocal/perTile, p.tileRows)
	p.shared = planes*p.terms*p.c > winogradStream || p.tiles < 4*local
	if p.shared {
		local = max(winogradShared/perTile, 4*p.tileRows)
	}
	blocks := ceilDiv(p.tiles, max(local, 1))
	if !p.shared && blocks < 32 {
		blocks = ceilDiv(blocks, 4) * 4 // so that few workers end together
	}
	p.block = ceilDiv(p.tiles, max(blocks, 1))
}

func (p *winogradPlan) blocks() int { return ceilDiv(p.tiles, max(p.block, 1)) }

// sizes are the elements of V and M.
func (p *winogradPlan) sizes() (v, m int) {
	planes := p.size.planes()
	return alignUp16(planes * p.block * p.pitchIn), alignUp16(planes * p.block * p.pitchOut)
}

// patch is the elements of a square of pixels of any part.
func (p *winogradPlan) patch() int {
	return p.size.planes() * max(slices.Max(p.in), slices.Max(p.out))
}

// name is that of the kernel's form.
func (p *winogradPlan) name() string {
	name := fmt.Sprintf("winograd%d %v", p.size, p.isa)
	if p.turned {
		name += " turned"
	}
	if p.half {
		name += " bfloat16"
	}
	return name
}

// place is the picture and the first row and column of outputs of a tile.
func (p *winogradPlan) place(tile int) (n, row, col int) {
	m := int(p.size)
	col = tile % p.tilesW * m
	tile /= p.tilesW
	return tile / p.tilesH, tile % p.tilesH * m, col
}

// panels of U are of width columns; panel j of plane t is a matrix [terms, width].
func (p *winogradPlan) panels() int { return ceilDiv(p.c, p.width) }

func (p *winogradPlan) panel(u, t int) int { return (u*p.size.planes() + t) * p.terms * p.width }

// workerRegion makes a function of the tile's and the worker's number a task for a team.
type workerRegion func(tile, worker int)

// Do implements [parallel.Task].
func (f *workerRegion) Do(tile, worker int) { (*f)(tile, worker) }

// winogradPass is a [convPass] by a plan.
type winogradPass[T Float] struct {
	winogradPlan
	crew    winogradCrew[T]
	x, y    canvas[T]
	end     epilogue[T]
	u, w    []T // the kernel in the transformed form, and as it is
	v, m    []T // shared
	from, n int // the tiles of the shared block

	blockTask, inTask, productTask, freshTask, outTask, prepareTask workerRegion
}

func newWinogradPass[T Float](s *ConvShape, size winogradSize, turned bool) *winogradPass[T] {
	p := &winogradPass[T]{winogradPlan: newWinogradPlan[T](s, size, turned)}
	p.x = canvas[T]{channels: p.in, h: p.inH, w: p.inW}
	p.y = canvas[T]{channels: p.out, h: p.outH, w: p.outW}
	gather, scatter := s.acts()
	p.end = epilogue[T]{floor: T(math.Inf(-1)), act: gather}
	if turned {
		p.end.act = scatter
	} else {
		p.x.border = s.Border
	}
	if p.end.act.Kind == ReLU {
		p.end.floor, p.end.act = 0, Act{}
	}
	p.blockTask, p.inTask, p.outTask, p.prepareTask = p.runBlock, p.runIn, p.runOut, p.runPrepare
	p.productTask, p.freshTask = p.runProduct, p.runFreshProduct
	return p
}

// winogradCrew is a team with a place for each worker to call transforms from.
type winogradCrew[T Float] struct {
	team    *parallel.Team
	workers []winogradWorker[T]
}

// hire begins a run on a team.
func (c *winogradCrew[T]) hire(team *parallel.Team, isa isa, size winogradSize) {
	c.team = team
	for len(c.workers) < team.Workers() {
		c.workers = append(c.workers, winogradWorker[T]{isa: isa, size: size})
	}
}

// dismiss lets go of the team and of what the workers' last calls pointed to.
func (c *winogradCrew[T]) dismiss() {
	c.team = nil
	for i := range c.workers {
		c.workers[i].tile = winogradTile{}
	}
}

func (p *winogradPass[T]) form() int { return p.size.planes() * p.terms * p.panels() * p.width }

func (p *winogradPass[T]) scratch() int {
	if !p.shared {
		return 0
	}
	v, m := p.sizes()
	return v + m
}

func (p *winogradPass[T]) run(team *parallel.Team, out, in [][]T, form, bias, scratch []T) {
	p.crew.hire(team, p.isa, p.size)
	p.y.parts, p.x.parts, p.u, p.end.bias = out, in, form, bias
	if p.shared {
		v, m := p.sizes()
		p.v, p.m = scratch[:v], scratch[v:v+m]
		for p.from = 0; p.from < p.tiles; p.from += p.block {
			p.n = min(p.block, p.tiles-p.from)
			team.Run(ceilDiv(p.n, winogradGroup), &p.inTask)
			if form == nil {
				team.Run(p.panels(), &p.freshTask)
			} else {
				team.Run(p.products(), &p.productTask)
			}
			team.Run(ceilDiv(p.n, winogradGroup), &p.outTask)
		}
	} else {
		team.Run(p.blocks(), &p.blockTask)
	}
	p.y.parts, p.x.parts, p.u, p.end.bias, p.v, p.m = nil, nil, nil, nil, nil, nil
	p.crew.dismiss()
}

// runBlock computes a block from pixels to pixels, all in the worker's cache.
func (p *winogradPass[T]) runBlock(block, worker int) {
	nv, nm := p.sizes()
	np := p.patch()
	local := parallel.Local[T](p.crew.team, worker, nv+nm+np)
	v, m, patch := local[:nv], local[nv:nv+nm], local[nv+nm:]
	from := block * p.block
	n := min(p.block, p.tiles-from)
	w := &p.crew.workers[worker]
	for i := range n {
		p.input(w, v, patch, from+i, i)
	}
	for t := range p.size.planes() {
		for u := range p.panels() {
			p.product(v, m, p.u[p.panel(u, t):], t, u, n, 0, p.terms)
		}
	}
	for i := range n {
		p.output(w, m, patch, from+i, i)
	}
}

const (
	// winogradGroup is how many tiles one task transforms where V and M are shared.
	winogradGroup = 4
	// winogradPanels is how many panels of a plane one task multiplies there.
	winogradPanels = 4
)

func (p *winogradPass[T]) runIn(group, worker int) {
	patch := parallel.Local[T](p.crew.team, worker, p.patch())
	for i := group * winogradGroup; i < min((group+1)*winogradGroup, p.n); i++ {
		p.input(&p.crew.workers[worker], p.v, patch, p.from+i, i)
	}
}

func (p *winogradPass[T]) runOut(group, worker int) {
	patch := parallel.Local[T](p.crew.team, worker, p.patch())
	for i := group * winogradGroup; i < min((group+1)*winogradGroup, p.n); i++ {
		p.output(&p.crew.workers[worker], p.m, patch, p.from+i, i)
	}
}

func (p *winogradPass[T]) products() int {
	return p.size.planes() * ceilDiv(p.panels(), winogradPanels)
}

func (p *winogradPass[T]) runProduct(task, _ int) {
	groups := ceilDiv(p.panels(), winogradPanels)
	first := task % groups * winogradPanels
	for u := first; u < min(first+winogradPanels, p.panels()); u++ {
		t := task / groups
		p.product(p.v, p.m, p.u[p.panel(u, t):], t, u, p.n, 0, p.terms)
	}
}

// input transforms a tile's inputs to row i of V.
func (p *winogradPass[T]) input(w *winogradWorker[T], v, patch []T, tile, i int) {
	n, row, col := p.place(tile)
	op := winogradInput
	if p.half {
		op = winogradInputBF16
	}
	w.load(op, v[i*p.pitchIn:], p.block*p.pitchIn, &p.x, n, row-p.top, col-p.left, patch)
}

// output transforms row i of M to a tile's outputs.
func (p *winogradPass[T]) output(w *winogradWorker[T], m, patch []T, tile, i int) {
	n, row, col := p.place(tile)
	w.store(m[i*p.pitchOut:], p.block*p.pitchOut, &p.y, n, row, col, &p.end, patch)
}

// product computes the first rows of M in plane t and panel u of columns, or adds to them
// the terms from k0 on; b is the panel from that term on.
func (p *winogradPass[T]) product(v, m, b []T, t, u, rows, k0, k1 int) {
	v, m = v[t*p.block*p.pitchIn+k0:], m[t*p.block*p.pitchOut:]
	j := u * p.width
	if p.isa == generic {
		p.productGeneric(v, m, b, rows, k1-k0, k0 > 0)
		return
	}
	x := tile{
		b: &f32(b)[0], k: k1 - k0, cols: min(p.width, p.c-j),
		strideC: 4 * p.pitchOut, rowA: 4 * p.pitchIn, stepA: 4, strideB: 4 * p.width,
	}
	if k0 > 0 {
		x.add = 1
	}
	tiles := ceilDiv(rows, p.tileRows)
	size, larger := rows/tiles, rows%tiles
	for r, i := 0, 0; r < tiles; r++ {
		n := size
		if r < larger {
			n++
		}
		x.a, x.c = &f32(v)[i*p.pitchIn], &f32(m)[i*p.pitchOut+j]
		if p.half {
			gemmTileBF16(n, &x)
		} else {
			p.isa.gemmTile(n, &x)
		}
		i += n
	}
}

// productGeneric is the product in plain Go, where all columns are one panel.
func (p *winogradPass[T]) productGeneric(v, m, b []T, rows, k int, add bool) {
	for i := range rows {
		row := m[i*p.pitchOut:][:p.c]
		if !add {
			clear(row)
		}
		for q, f := range v[i*p.pitchIn:][:k] {
			axpyGeneric(f, row, b[q*p.width:])
		}
	}
}
