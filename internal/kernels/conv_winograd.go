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
	block             int   // tiles that are in V and M at a time
	shared            bool  // V is everybody's, not one worker's
	width             int   // columns of a panel of U
	groups            []int // where V is shared, one task has columns groups[i] to groups[i+1]
	tileRows          int   // rows of a register tile
}

const (
	// winogradLocal is how many elements of V and M a worker keeps in its second-level cache,
	// where U, of at most winogradStream elements, passes by again and again.
	winogradLocal  = 160 << 10
	winogradStream = 700 << 10
	// winogradShared is how many elements of V and M all share in the last-level cache.
	winogradShared = 2 << 20
	// winogradTasks is how many tasks there are to be, so that few workers end together.
	winogradTasks = 4
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
	p.shared = planes*p.terms*p.c > winogradStream || p.tiles < winogradTasks*p.tileRows
	if p.shared {
		local = max(winogradShared/perTile, 4*p.tileRows)
	}
	blocks := ceilDiv(p.tiles, max(local, 1))
	if !p.shared && blocks < 32 {
		blocks = max(blocks, min(4*winogradTasks, p.tiles/p.tileRows)) // a worker that is late costs little
		blocks = ceilDiv(blocks, winogradTasks) * winogradTasks
	}
	p.block = ceilDiv(p.tiles, max(blocks, 1))
	p.groups = []int{0}
	for j := p.width; j < p.c; j += p.width {
		if p.divides(j) {
			p.groups = append(p.groups, j)
		}
	}
	p.groups = append(p.groups, p.c)
}

// divides says that columns may be divided at j: so that on either side of it there are as
// many of a part as a transform wants.
func (p *winogradPlan) divides(j int) bool {
	edge := 0
	for _, n := range p.out {
		edge += n
		if d := max(j-edge, edge-j); d > 0 && d < vectorSets[p.isa].lanes {
			return false
		}
	}
	return true
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
	v       []T // shared
	from, n int // the tiles of the shared block
	perTask int // those of a task

	blockTask, inTask, groupTask, prepareTask workerRegion
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
	p.blockTask, p.inTask, p.groupTask, p.prepareTask = p.runBlock, p.runIn, p.runGroup, p.runPrepare
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
	v, _ := p.sizes()
	return v
}

func (p *winogradPass[T]) run(team *parallel.Team, out, in [][]T, form, bias, scratch []T) {
	p.crew.hire(team, p.isa, p.size)
	p.y.parts, p.x.parts, p.u, p.end.bias = out, in, form, bias
	if p.shared {
		p.v = scratch
		for p.from = 0; p.from < p.tiles; p.from += p.block {
			p.n = min(p.block, p.tiles-p.from)
			team.Run(ceilDiv(p.n, winogradGroup), &p.inTask)
			groups := len(p.groups) - 1
			p.perTask = p.n
			if form != nil {
				p.perTask = ceilDiv(p.n, min(ceilDiv(winogradTasks, groups), ceilDiv(p.n, p.tileRows)))
			}
			team.Run(groups*ceilDiv(p.n, p.perTask), &p.groupTask)
		}
	} else {
		team.Run(p.blocks(), &p.blockTask)
	}
	p.y.parts, p.x.parts, p.u, p.end.bias, p.v = nil, nil, nil, nil, nil
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
			p.product(v[t*p.block*p.pitchIn:], m[t*p.block*p.pitchOut+u*p.width:], p.pitchOut, p.u[p.panel(u, t):], u, n, 0, p.terms)
		}
	}
	for i := range n {
		p.output(w, m[i*p.pitchOut:], p.block*p.pitchOut, patch, from+i, 0, p.c)
	}
}

// winogradGroup is how many tiles one task transforms where V is shared.
const winogradGroup = 4

func (p *winogradPass[T]) runIn(group, worker int) {
	patch := parallel.Local[T](p.crew.team, worker, p.patch())
	for i := group * winogradGroup; i < min((group+1)*winogradGroup, p.n); i++ {
		p.input(&p.crew.workers[worker], p.v, patch, p.from+i, i)
	}
}

// runGroup computes a group of columns, for a range of the block's tiles, from V to pixels.
func (p *winogradPass[T]) runGroup(task, worker int) {
	ranges := ceilDiv(p.n, p.perTask)
	first, beyond := p.groups[task/ranges], p.groups[task/ranges+1]
	from := task % ranges * p.perTask
	n := min(p.perTask, p.n-from)
	cols := beyond - first
	pitch := alignUp16(cols)
	nm := p.size.planes() * n * pitch
	np := p.patch()
	local := parallel.Local[T](p.crew.team, worker, nm+alignUp16(np)+p.freshLocal())
	m, patch, fresh := local[:nm], local[nm:][:np], local[nm+alignUp16(np):]
	for u := first / p.width; u < ceilDiv(beyond, p.width); u++ {
		columns := m[u*p.width-first:]
		if p.u == nil {
			p.freshProduct(p.v[from*p.pitchIn:], columns, pitch, fresh, u, n, worker)
			continue
		}
		for t := range p.size.planes() {
			p.product(p.v[(t*p.block+from)*p.pitchIn:], columns[t*n*pitch:], pitch, p.u[p.panel(u, t):], u, n, 0, p.terms)
		}
	}
	for i := range n {
		p.output(&p.crew.workers[worker], m[i*pitch:], n*pitch, patch, p.from+from+i, first, beyond)
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

// output transforms a row of M, of some of the columns, to a tile's outputs.
func (p *winogradPass[T]) output(w *winogradWorker[T], m []T, plane int, patch []T, tile, first, beyond int) {
	n, row, col := p.place(tile)
	w.store(m, plane, &p.y, n, row, col, first, beyond, &p.end, patch)
}

// product computes rows of M, at a distance of pitch, in one plane and panel u of columns, or
// adds to them the terms from k0 on; v and m begin with that plane and those columns, b is
// the panel from term k0 on.
func (p *winogradPass[T]) product(v, m []T, pitch int, b []T, u, rows, k0, k1 int) {
	v = v[k0:]
	cols := min(p.width, p.c-u*p.width)
	if p.isa == generic {
		p.productGeneric(v, m, pitch, b, rows, k1-k0, k0 > 0)
		return
	}
	x := tile{
		b: &f32(b)[0], k: k1 - k0, cols: cols,
		strideC: 4 * pitch, rowA: 4 * p.pitchIn, stepA: 4, strideB: 4 * p.width,
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
		x.a, x.c = &f32(v)[i*p.pitchIn], &f32(m)[i*pitch]
		if p.half {
			gemmTileBF16(n, &x)
		} else {
			p.isa.gemmTile(n, &x)
		}
		i += n
	}
}

// productGeneric is the product in plain Go, where all columns are one panel.
func (p *winogradPass[T]) productGeneric(v, m []T, pitch int, b []T, rows, k int, add bool) {
	for i := range rows {
		row := m[i*pitch:][:p.c]
		if !add {
			clear(row)
		}
		for q, f := range v[i*p.pitchIn:][:k] {
			axpyGeneric(f, row, b[q*p.width:])
		}
	}
}
