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
	j := u * p.width
	cols := min(p.width, p.c-j)
	plane := p.k * p.width
	dst := square[T]{row: p.size.side() * plane, col: plane}
	var turned []T
	if p.turned {
		turned = parallel.Local[T](p.crew.team, worker, 9*winogradRows*p.width)
		p.turn(turned, k0, k1, j, cols)
	}
	for k := k0; k < k1; k++ {
		src := square[T]{data: p.w[min(k*p.c+j, len(p.w)):], row: 3 * p.k * p.c, col: p.k * p.c}
		if p.turned {
			src = square[T]{data: turned[(k-k0)*p.width:], row: 3 * winogradRows * p.width, col: winogradRows * p.width}
		}
		dst.data = p.u[p.panel(u, 0)+k*p.width:]
		p.crew.workers[worker].transform(winogradKernel, dst, src, cols, nil, 0)
		for t := 0; t < p.size.planes() && cols < p.width; t++ {
			clear(dst.data[t*plane+cols:][:p.width-cols])
		}
	}
}

// turn sets dst[8-tap][k-k0][i] = w[tap][j+i][k]: the kernel, as matrices [c, k], turned and
// transposed.
func (p *winogradPass[T]) turn(dst []T, k0, k1, j, cols int) {
	for tap := range 9 {
		src := p.w[tap*p.k*p.c+j*p.k+k0:]
		d := dst[(8-tap)*winogradRows*p.width:]
		if p.isa != generic && p.width == 2*vectorSets[p.isa].lanes {
			transposePanel(vectorSets[p.isa], f32(d), f32(src), k1-k0, cols, p.k, p.width)
			continue
		}
		for i := range cols {
			for k := range k1 - k0 {
				d[k*p.width+i] = src[i*p.k+k]
			}
		}
	}
}
