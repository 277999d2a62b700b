package kernels

import "github.com/hourglass-go/hourglass/internal/parallel"

// winogradOuter is the [convOuter] that is the adjoint of the gathering pass by its kernel:
// V, of the inputs, and dM, of the outputs' gradients, are multiplied a block of tiles after
// the other, and dU is the sum. Where dU is small, tiles are divided into groups, each with
// a sum of its own and one worker at a time, which keeps a block in its cache. Otherwise V
// and dM of a block are everybody's, and a plane of the one dU is one worker's at a time;
// where there is but one block, dU is made and transformed a slice of its rows after the other.
type winogradOuter[T Float] struct {
	winogradPlan
	groups, perGroup int // perGroup: tiles
	slice            int // register tiles' rows of dU that are there at a time
	crew             winogradCrew[T]
	x, dy            canvas[T]
	dw               []T
	v, m, u          []T // V and dM, where they are shared, and dU of every group
	from, n          int // the tiles of the shared block
	first, beyond    int // the register tiles' rows of the slice

	groupTask, transformTask, productTask, tapsTask workerRegion
}

const (
	// winogradOuterLocal is the largest dU, in elements, that groups have of their own, and
	// winogradOuterGroups the number of groups.
	winogradOuterLocal  = 160 << 10
	winogradOuterGroups = 8
	// winogradOuterTiles is the number of terms that a shared block's products should have at
	// least: every block reads and writes dU.
	winogradOuterTiles = 192
	// winogradOuterSlice is about how many elements a slice of dU has.
	winogradOuterSlice = 2 << 20
	// winogradOuterRows is how many register tiles' rows of dU one task computes.
	winogradOuterRows = 8
)

func newWinogradOuter[T Float](s *ConvShape, size winogradSize) *winogradOuter[T] {
	exact := *s
	exact.BFloat16 = false
	p := &winogradOuter[T]{winogradPlan: newWinogradPlan[T](&exact, size, false), groups: 1}
	p.slice, p.beyond = p.rowTiles(), p.rowTiles()
	perTile := p.size.planes() * (p.pitchIn + p.pitchOut)
	p.shared = p.size.planes()*p.planeU() > winogradOuterLocal
	most := max(winogradShared/perTile, winogradOuterTiles)
	if !p.shared {
		most = max(winogradLocal/perTile, p.tileRows)
		p.groups = max(1, min(winogradOuterGroups, p.tiles/most))
	}
	p.perGroup = ceilDiv(p.tiles, p.groups)
	p.block = ceilDiv(p.perGroup, max(ceilDiv(p.perGroup, most), 1))
	if p.shared && p.block >= p.tiles {
		task := winogradOuterRows * p.tileRows * p.size.planes() * p.c
		p.slice = min(p.slice, max(winogradOuterSlice/task, 1)*winogradOuterRows)
	}
	p.x = canvas[T]{channels: p.in, h: p.inH, w: p.inW, border: s.Border}
	p.dy = canvas[T]{channels: p.out, h: p.outH, w: p.outW, parts: make([][]T, 1)}
	p.groupTask, p.transformTask, p.productTask, p.tapsTask = p.runGroup, p.runTransform, p.runProduct, p.runTaps
	return p
}

// planeU is the elements of a plane of a slice of dU, which start on different sets of a cache.
func (p *winogradOuter[T]) planeU() int {
	return alignUp16(min(p.slice*ceilDiv(p.k, p.rowTiles()), p.k)*p.c) + 16
}

func (p *winogradOuter[T]) groupU() int { return p.size.planes() * p.planeU() }

func (p *winogradOuter[T]) scratch() int {
	u := p.groups * p.groupU()
	if !p.shared {
		return u
	}
	v, m := p.sizes()
	return u + v + m
}

func (p *winogradOuter[T]) run(team *parallel.Team, dw []T, x [][]T, y, scratch []T) {
	if p.tiles == 0 {
		clear(dw[:9*p.k*p.c])
		return
	}
	p.crew.hire(team, p.isa, p.size)
	p.dw, p.x.parts, p.dy.parts[0], p.u = dw, x, y, scratch[:p.groups*p.groupU()]
	if p.shared {
		v, m := p.sizes()
		p.v, p.m = scratch[len(p.u):][:v], scratch[len(p.u)+v:][:m]
		p.runShared(team)
	} else {
		team.Run(p.groups, &p.groupTask)
		team.Run(p.k, &p.tapsTask)
	}
	p.dw, p.x.parts, p.dy.parts[0], p.v, p.m, p.u = nil, nil, nil, nil, nil, nil
	p.crew.dismiss()
}

// runShared sums over all tiles, for a slice of dU after the other.
func (p *winogradOuter[T]) runShared(team *parallel.Team) {
	for p.first = 0; p.first < p.rowTiles(); p.first = p.beyond {
		p.beyond = min(p.first+p.slice, p.rowTiles())
		for p.from = 0; p.from < p.tiles; p.from += p.block {
			p.n = min(p.block, p.tiles-p.from)
			if p.first == 0 {
				team.Run(ceilDiv(p.n, winogradGroup), &p.transformTask)
			}
			team.Run(p.size.planes()*p.rowGroups(), &p.productTask)
		}
		team.Run(p.start(p.beyond)-p.start(p.first), &p.tapsTask)
	}
	p.first = 0
}

// runGroup sums over a group of tiles.
func (p *winogradOuter[T]) runGroup(group, worker int) {
	nv, nm := p.sizes()
	local := parallel.Local[T](p.crew.team, worker, nv+nm+p.patch())
	v, m, patch := local[:nv], local[nv:nv+nm], local[nv+nm:]
	u := p.u[group*p.groupU():][:p.groupU()]
	first, beyond := group*p.perGroup, min((group+1)*p.perGroup, p.tiles)
	if first >= beyond {
		clear(u)
	}
	for from := first; from < beyond; from += p.block {
		n := min(p.block, beyond-from)
		for i := range n {
			p.transform(&p.crew.workers[worker], v, m, patch, from+i, i)
		}
		for t := range p.size.planes() {
			p.product(v, m, u, t, 0, p.rowTiles(), n, from > first)
		}
	}
}

// transform makes row i of V and of dM of a tile.
func (p *winogradOuter[T]) transform(w *winogradWorker[T], v, m, patch []T, tile, i int) {
	n, row, col := p.place(tile)
	w.load(winogradInput, v[i*p.pitchIn:], p.block*p.pitchIn, &p.x, n, row-p.top, col-p.left, patch)
	w.load(winogradPixels, m[i*p.pitchOut:], p.block*p.pitchOut, &p.dy, n, row, col, patch)
}

// runTransform makes the rows of some tiles of the shared block.
func (p *winogradOuter[T]) runTransform(group, worker int) {
	patch := parallel.Local[T](p.crew.team, worker, p.patch())
	for i := group * winogradGroup; i < min((group+1)*winogradGroup, p.n); i++ {
		p.transform(&p.crew.workers[worker], p.v, p.m, patch, p.from+i, i)
	}
}

func (p *winogradOuter[T]) rowTiles() int { return ceilDiv(p.k, p.tileRows) }

// start is the first row of dU in a register tile.
func (p *winogradOuter[T]) start(tile int) int {
	tiles := p.rowTiles()
	return p.k/tiles*tile + min(tile, p.k%tiles)
}

func (p *winogradOuter[T]) rowGroups() int { return ceilDiv(p.beyond-p.first, winogradOuterRows) }

// runProduct adds the shared block's share to some rows of a plane.
func (p *winogradOuter[T]) runProduct(task, _ int) {
	t, group := task/p.rowGroups(), task%p.rowGroups()
	first := p.first + group*winogradOuterRows
	beyond := min(first+winogradOuterRows, p.beyond)
	p.product(p.v, p.m, p.u, t, first, beyond, p.n, p.from > 0)
}

// product computes register tiles' rows [first, beyond) of a plane, dU = Vt dM over n tiles,
// or adds to them; u begins with the slice's.
func (p *winogradOuter[T]) product(v, m, u []T, t, first, beyond, n int, add bool) {
	v, m, u = v[t*p.block*p.pitchIn:], m[t*p.block*p.pitchOut:], u[t*p.planeU():]
	if p.isa == generic {
		p.productGeneric(v, m, u, p.start(first), p.start(beyond), n, add)
		return
	}
	x := tile{k: n, strideC: 4 * p.c, rowA: 4, stepA: 4 * p.pitchIn, strideB: 4 * p.pitchOut}
	if add {
		x.add = 1
	}
	for j := 0; j < p.c; j += p.width {
		x.cols, x.b = min(p.width, p.c-j), &f32(m)[j]
		for r := first; r < beyond; r++ {
			k := p.start(r)
			x.a, x.c = &f32(v)[k], &f32(u)[(k-p.start(p.first))*p.c+j]
			p.isa.gemmTile(p.start(r+1)-k, &x)
		}
	}
}

func (p *winogradOuter[T]) productGeneric(v, m, u []T, lo, hi, n int, add bool) {
	for k := lo; k < hi; k++ {
		row := u[(k-p.start(p.first))*p.c:][:p.c]
		if !add {
			clear(row)
		}
		for i := range n {
			axpyGeneric(v[i*p.pitchIn+k], row, m[i*p.pitchOut:])
		}
	}
}

// runTaps adds the groups' sums of an input channel, a row of the slice, and transforms them to
// its taps.
func (p *winogradOuter[T]) runTaps(row, worker int) {
	k := p.start(p.first) + row
	for t := range p.size.planes() {
		sum := p.u[t*p.planeU()+row*p.c:][:p.c]
		for g := 1; g < p.groups; g++ {
			Add(sum, sum, p.u[g*p.groupU()+t*p.planeU()+row*p.c:])
		}
	}
	src := square[T]{data: p.u[row*p.c:], row: p.size.side() * p.planeU(), col: p.planeU()}
	dst := square[T]{data: p.dw[k*p.c:], row: 3 * p.k * p.c, col: p.k * p.c}
	p.crew.workers[worker].transform(winogradTaps, dst, src, p.c, nil, 0)
}
