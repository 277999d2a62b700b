package kernels

import "github.com/hourglass-go/hourglass/internal/parallel"

// winogradRows is how many input channels one task transforms the kernel of.
const winogradRows = 16

// prepare makes U of w: for every panel of output channels and every plane a matrix
// [k, width]. Columns beyond the channels are 0. For the scattering pass the kernel is
// turned by 180 degrees, and the channels change places.
func (p *winogradPass[T]) prepare(team *parallel.Team, form, w []T) {
	p.crew.hire(team, p.isa, p.size)
	p.u, p.w = form, w
	team.Run(p.panels()*ceilDiv(p.k, winogradRows), &p.prepareTask)
	p.u, p.w = nil, nil
	p.crew.dismiss()
}

// runPrepare transforms the kernel of some input channels in one panel.
func (p *winogradPass[T]) runPrepare(task, worker int) {
	groups := ceilDiv(p.k, winogradRows)
	u, k0 := task/groups, task%groups*winogradRows
	k1 := min(k0+winogradRows, p.k)
	if p.half {
		p.preparePairs(worker, u, k0, k1)
		return
	}
	var turned []T
	if p.turned {
		turned = parallel.Local[T](p.crew.team, worker, p.turnedSize(winogradRows))
	}
	p.transformKernel(&p.crew.workers[worker], p.u[p.panel(u, 0)+k0*p.width:], p.k*p.width, turned, u, k0, k1)
}

// preparePairs is runPrepare to pairs of bfloat16, of rows 2i and 2i+1.
func (p *winogradPass[T]) preparePairs(worker, u, k0, k1 int) {
	plane := winogradRows * p.width
	single := parallel.Local[T](p.crew.team, worker, p.size.planes()*plane)
	p.transformKernel(&p.crew.workers[worker], single, plane, nil, u, k0, k1)
	for t := range p.size.planes() {
		for k := k0; k < k1; k += 2 {
			row := f32(single[t*plane+(k-k0)*p.width:])
			pairRows(pairsOf(f32(p.u[p.panel(u, t)+k/2*p.width:][:p.width])), row, row[p.width:])
		}
	}
}

// turnedSize is the elements of the kernel of some input channels and one panel.
func (p *winogradPlan) turnedSize(rows int) int { return 9 * rows * p.width }

// transformKernel makes rows [k0, k1) of the matrices of panel u at dst, a plane after the
// other. For a turned kernel it needs memory for those rows.
func (p *winogradPass[T]) transformKernel(w *winogradWorker[T], dst []T, plane int, turned []T, u, k0, k1 int) {
	j := u * p.width
	cols := min(p.width, p.c-j)
	rows := k1 - k0
	planes := square[T]{row: p.size.side() * plane, col: plane}
	if p.turned {
		p.turn(turned, k0, k1, j, cols)
	}
	for k := range rows {
		src := square[T]{row: 3 * p.k * p.c, col: p.k * p.c}
		if p.turned {
			src = square[T]{data: turned[k*p.width:], row: 3 * rows * p.width, col: rows * p.width}
		} else {
			src.data = p.w[(k0+k)*p.c+j:]
		}
		planes.data = dst[k*p.width:]
		w.transform(winogradKernel, planes, src, cols, nil, 0)
		for t := 0; t < p.size.planes() && cols < p.width; t++ {
			clear(planes.data[t*plane+cols:][:p.width-cols])
		}
	}
}

// turn sets dst[8-tap][k-k0][i] = w[tap][j+i][k]: the kernel, as matrices [c, k], turned and
// transposed.
func (p *winogradPass[T]) turn(dst []T, k0, k1, j, cols int) {
	rows := k1 - k0
	for tap := range 9 {
		src := p.w[tap*p.k*p.c+j*p.k+k0:]
		d := dst[(8-tap)*rows*p.width:]
		if p.isa != generic {
			transposePanel(vectorSets[p.isa], f32(d), f32(src), rows, cols, p.k, p.width)
			continue
		}
		for i := range cols {
			for k := range rows {
				d[k*p.width+i] = src[i*p.k+k]
			}
		}
	}
}

// winogradFreshRows is how many input channels' rows of a panel are transformed, and then
// multiplied, at a time where nobody keeps U: they stay in a worker's second-level cache.
const winogradFreshRows = 128

// freshScratch: see [freshPass]. A small kernel is prepared as a whole.
func (p *winogradPass[T]) freshScratch() int {
	if p.shared && !p.half {
		return p.scratch()
	}
	return p.form() + p.scratch()
}

// runFresh transforms the kernel as it goes: U is larger than the last-level cache where a
// kernel is large.
func (p *winogradPass[T]) runFresh(team *parallel.Team, out, in [][]T, w, bias, scratch []T) {
	if !p.shared || p.half {
		form, scratch := scratch[:p.form()], scratch[p.form():]
		p.prepare(team, form, w)
		p.run(team, out, in, form, bias, scratch)
		return
	}
	p.w = w
	p.run(team, out, in, nil, bias, scratch)
	p.w = nil
}

// freshLocal is what freshProduct wants of a worker, nothing where there is a form.
func (p *winogradPass[T]) freshLocal() int {
	if p.u != nil {
		return 0
	}
	rows := min(winogradFreshRows, p.k)
	return p.size.planes()*rows*p.width + p.turnedSize(rows)
}

// freshProduct computes rows of M, at a distance of pitch, in all planes and a panel of
// columns, from the kernel as it is.
func (p *winogradPass[T]) freshProduct(v, m []T, pitch int, local []T, u, n, worker int) {
	rows := min(winogradFreshRows, p.k)
	turned := local[p.size.planes()*rows*p.width:]
	for k0 := 0; k0 < p.k; k0 += rows {
		k1 := min(k0+rows, p.k)
		p.transformKernel(&p.crew.workers[worker], local, rows*p.width, turned, u, k0, k1)
		for t := range p.size.planes() {
			p.product(v[t*p.block*p.pitchIn:], m[t*n*pitch:], pitch, local[t*rows*p.width:], u, n, k0, k1)
		}
	}
}
