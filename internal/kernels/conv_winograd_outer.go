package kernels

import "github.com/hourglass-go/hourglass/internal/parallel"

// winogradOuter is the [convOuter] that is the adjoint of the gathering pass by its kernel.
// V, of the inputs, and dM, of the outputs' gradients, of a block of tiles are everybody's;
// each plane of dU is summed by one worker at a time, over one block after the other.
type winogradOuter[T Float] struct {
	winogradPlan
	crew    winogradCrew[T]
	x, dy   canvas[T]
	dw      []T
	v, m, u []T // V, dM and dU
	from, n int // the tiles of the block

	transformTask, productTask, tapsTask workerRegion
}

// winogradOuterTiles is the number of terms that a block's products should have at least:
// every block reads and writes dU.
const winogradOuterTiles = 192

func newWinogradOuter[T Float](s *ConvShape, size winogradSize) *winogradOuter[T] {
	p := &winogradOuter[T]{winogradPlan: newWinogradPlan[T](s, size, false)}
	perTile := p.size.planes() * (p.pitchIn + p.pitchOut)
	blocks := ceilDiv(p.tiles, max(winogradShared/perTile, winogradOuterTiles))
	p.block = ceilDiv(p.tiles, max(blocks, 1))
	p.x = canvas[T]{channels: p.in, h: p.inH, w: p.inW}
	p.dy = canvas[T]{channels: p.out, h: p.outH, w: p.outW, parts: make([][]T, 1)}
	p.transformTask, p.productTask, p.tapsTask = p.runTransform, p.runProduct, p.runTaps
	return p
}

// planeU is the elements of a plane of dU, which start on different sets of a cache.
func (p *winogradOuter[T]) planeU() int { return alignUp16(p.k*p.c) + 16 }

func (p *winogradOuter[T]) scratch() int {
	v, m := p.sizes()
	return v + m + p.size.planes()*p.planeU()
}

func (p *winogradOuter[T]) run(team *parallel.Team, dw []T, x [][]T, y, scratch []T) {
	p.crew.hire(team, p.isa, p.size)
	p.dw, p.x.parts, p.dy.parts[0] = dw, x, y
	v, m := p.sizes()
	p.v, p.m, p.u = scratch[:v], scratch[v:v+m], scratch[v+m:]
	if p.tiles == 0 {
		clear(dw[:9*p.k*p.c])
	}
	for p.from = 0; p.from < p.tiles; p.from += p.block {
		p.n = min(p.block, p.tiles-p.from)
		team.Run(ceilDiv(p.n, winogradGroup), &p.transformTask)
		team.Run(p.size.planes()*p.rowGroups(), &p.productTask)
	}
	if p.tiles > 0 {
		team.Run(p.k, &p.tapsTask)
	}
	p.dw, p.x.parts, p.dy.parts[0], p.v, p.m, p.u = nil, nil, nil, nil, nil, nil
	p.crew.dismiss()
}

// runTransform makes the rows of V and of dM of some tiles.
func (p *winogradOuter[T]) runTransform(group, worker int) {
	patch := parallel.Local[T](p.crew.team, worker, p.patch())
	w := &p.crew.workers[worker]
	for i := group * winogradGroup; i < min((group+1)*winogradGroup, p.n); i++ {
		n, row, col := p.place(p.from + i)
		w.load(winogradInput, p.v[i*p.pitchIn:], p.block*p.pitchIn, &p.x, n, row-p.top, col-p.left, patch)
		w.load(winogradPixels, p.m[i*p.pitchOut:], p.block*p.pitchOut, &p.dy, n, row, col, patch)
	}
}

// winogradOuterRows is how many register tiles' rows of dU one task computes.
const winogradOuterRows = 8

func (p *winogradOuter[T]) rowTiles() int  { return ceilDiv(p.k, p.tileRows) }
func (p *winogradOuter[T]) rowGroups() int { return ceilDiv(p.rowTiles(), winogradOuterRows) }

// runProduct adds a block's share to some rows of a plane: dU += Vt dM.
func (p *winogradOuter[T]) runProduct(task, _ int) {
	t, group := task/p.rowGroups(), task%p.rowGroups()
	v, m, u := p.v[t*p.block*p.pitchIn:], p.m[t*p.block*p.pitchOut:], p.u[t*p.planeU():]
	first, beyond := group*winogradOuterRows, min((group+1)*winogradOuterRows, p.rowTiles())
	size, larger := p.k/p.rowTiles(), p.k%p.rowTiles()
	start := func(r int) int { return r*size + min(r, larger) }
	if p.isa == generic {
		p.productGeneric(v, m, u, start(first), start(beyond))
		return
	}
	x := tile{k: p.n, strideC: 4 * p.c, rowA: 4, stepA: 4 * p.pitchIn, strideB: 4 * p.pitchOut}
	if p.from > 0 {
		x.add = 1
	}
	for j := 0; j < p.c; j += p.width {
		x.cols, x.b = min(p.width, p.c-j), &f32(m)[j]
		for r := first; r < beyond; r++ {
			k := start(r)
			x.a, x.c = &f32(v)[k], &f32(u)[k*p.c+j]
			p.isa.gemmTile(start(r+1)-k, &x)
		}
	}
}

func (p *winogradOuter[T]) productGeneric(v, m, u []T, lo, hi int) {
	for k := lo; k < hi; k++ {
		row := u[k*p.c:][:p.c]
		if p.from == 0 {
			clear(row)
		}
		for i := range p.n {
			axpyGeneric(v[i*p.pitchIn+k], row, m[i*p.pitchOut:])
		}
	}
}

// runTaps transforms the sums of an input channel to its taps.
func (p *winogradOuter[T]) runTaps(k, worker int) {
	src := square[T]{data: p.u[k*p.c:], row: p.size.side() * p.planeU(), col: p.planeU()}
	dst := square[T]{data: p.dw[k*p.c:], row: 3 * p.k * p.c, col: p.k * p.c}
	p.crew.workers[worker].transform(winogradTaps, dst, src, p.c, nil, 0)
}
