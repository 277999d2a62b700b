package kernels

import "github.com/hourglass-go/hourglass/internal/parallel"

// convGemm computes convolutions as matrix products (im2col, Chellapilla et al. 2006). The
// inputs that one pixel of y depends on, a patch, make a row of a matrix:
//
//	y = patches · w      patches = y · wᵀ, summed into x
//
// The patches of a band of pixels are in memory at a time. A kernel of 1x1 needs none:
// there x is the matrix. Groups are done one after the other; their channels are taken out
// into matrices of their own and put back.
type convGemm[T Float] struct {
	convGemmPlan
	windowTables
	forward, backward [2]*Gemm[T] // for a whole band, and for the last

	x, y, bias    []T // operands of the pass
	patches, part []T // of the band: [pixels, k] and, of y, [pixels, n]
	kernel        []T // of the group: [k, n]
	group         int
	p0, p1        int // pixels of the band
	row0          int // first row of x that the band reads

	fillTask, addTask, takeTask, putTask, startTask, activateTask region
}

// convGemmPlan is how a shape is divided.
type convGemmPlan struct {
	shape        ConvShape
	k, n         int  // a patch's length and the output channels, of a group
	pixels, band int  // pixels of y, and of a band
	direct       bool // x is the matrix of patches
}

const (
	// patchesMax is about the number of elements in a band of patches: 4 MiB of float32.
	patchesMax = 1 << 20
	// bandMin is the number of pixels that a band has at least, so that a product does
	// not spend its time reading the kernel.
	bandMin = 128
	// tilePixels is the number of pixels whose patches one tile gathers.
	tilePixels = 32
)

func planConvGemm(s *ConvShape) convGemmPlan {
	p := convGemmPlan{shape: *s, k: s.taps() * s.groupIn(), n: s.groupOut(), pixels: s.pixelsOut()}
	unit := func(w Window) bool { return w.Kernel == 1 && w.Stride == 1 && w.Before == 0 && w.In == w.Out }
	p.direct = s.Groups == 1 && unit(s.H) && unit(s.W)
	most := max(patchesMax/p.k, bandMin)
	if p.direct {
		most = p.pixels
	}
	bands := ceilDiv(p.pixels, max(most, 1))
	p.band = ceilDiv(p.pixels, max(bands, 1))
	return p
}

// scratch is for the patches of a band and, where there are groups, the band's part of y
// and the group's part of the kernel.
func (p *convGemmPlan) scratch() int {
	switch {
	case p.direct:
		return 0
	case p.shape.Groups == 1:
		return p.band * p.k
	}
	return p.band*(p.k+p.n) + p.k*p.n
}

func newConvGemm[T Float](s ConvShape) *convGemm[T] {
	c := &convGemm[T]{convGemmPlan: planConvGemm(&s), windowTables: newWindowTables(s.H, s.W, s.Border)}
	c.fillTask, c.addTask, c.takeTask, c.putTask = c.fill, c.add, c.take, c.put
	c.startTask, c.activateTask = c.start, c.activate
	return c
}

// forwardProduct is that of the band's patches and the kernel.
func (c *convGemm[T]) forwardProduct() *Gemm[T] {
	act, _ := c.shape.acts()
	return c.product(&c.forward, GemmShape{M: c.p1 - c.p0, N: c.n, K: c.k, Act: act})
}

// backwardProduct is that of the band of y and the transposed kernel.
func (c *convGemm[T]) backwardProduct() *Gemm[T] {
	s := GemmShape{M: c.p1 - c.p0, N: c.k, K: c.n, TransB: true}
	if c.direct { // otherwise sums are complete after the last band only
		_, s.Act = c.shape.acts()
	}
	return c.product(&c.backward, s)
}

// product is the one of a pair for the current band. It is made when it is first used:
// what only predicts has no need of the memory of the others.
func (c *convGemm[T]) product(pair *[2]*Gemm[T], s GemmShape) *Gemm[T] {
	i := 0
	if c.p1-c.p0 < c.band {
		i = 1
	}
	if pair[i] == nil {
		pair[i] = NewGemm[T](s)
	}
	return pair[i]
}

// bind takes a pass's operands and divides the scratch.
func (c *convGemm[T]) bind(x, y, bias, scratch []T) {
	c.x, c.y, c.bias = x, y, bias
	if c.direct {
		return
	}
	need("Conv", "scratch", len(scratch), c.convGemmPlan.scratch())
	c.patches, scratch = scratch[:c.band*c.k], scratch[c.band*c.k:]
	if c.shape.Groups > 1 {
		c.part, c.kernel = scratch[:c.band*c.n], scratch[c.band*c.n:][:c.k*c.n]
	}
}

func (c *convGemm[T]) release() {
	c.x, c.y, c.bias, c.patches, c.part, c.kernel = nil, nil, nil, nil, nil, nil
}

// enter goes to the band that begins at pixel p0.
func (c *convGemm[T]) enter(p0 int) { c.p0, c.p1 = p0, min(p0+c.band, c.pixels) }

func (c *convGemm[T]) gather(team *parallel.Team, y, x, w, bias, scratch []T) {
	c.bind(x, y, bias, scratch)
	if c.direct {
		c.enter(0)
		if c.pixels > 0 {
			c.forwardProduct().Run(team, y, x, w, bias)
		}
		c.release()
		return
	}
	for c.group = range c.shape.Groups {
		kernel := c.groupKernel(w)
		if bias != nil {
			bias = c.bias[c.group*c.n:][:c.n]
		}
		for p0 := 0; p0 < c.pixels; p0 += c.band {
			c.enter(p0)
			product := c.forwardProduct()
			c.fillBand(team)
			if c.shape.Groups == 1 {
				product.Run(team, y[p0*c.n:], c.patches, kernel, bias)
				continue
			}
			product.Run(team, c.part, c.patches, kernel, bias)
			team.Run(c.tiles(), &c.putTask)
		}
	}
	c.release()
}

func (c *convGemm[T]) scatter(team *parallel.Team, x, y, w, bias, scratch []T) {
	c.bind(x, y, bias, scratch)
	if c.direct {
		c.enter(0)
		if c.pixels > 0 {
			c.backwardProduct().Run(team, x, y, w, bias)
		}
		c.release()
		return
	}
	rows := c.shape.Batch * c.shape.H.In
	team.Run(rows, &c.startTask)
	for c.group = range c.shape.Groups {
		kernel := c.groupKernel(w)
		for p0 := 0; p0 < c.pixels; p0 += c.band {
			c.enter(p0)
			product := c.backwardProduct()
			product.Run(team, c.patches, c.bandOfY(team), kernel, nil)
			var beyond int
			c.row0, beyond = c.reads(c.p0, c.p1)
			team.Run(beyond-c.row0, &c.addTask)
		}
	}
	if _, act := c.shape.acts(); act.Kind != Identity {
		team.Run(rows, &c.activateTask)
	}
	c.release()
}

// groupKernel is the group's part of the kernel as a matrix [k, n].
func (c *convGemm[T]) groupKernel(w []T) []T {
	if c.shape.Groups == 1 {
		return w
	}
	for r := range c.k {
		copy(c.kernel[r*c.n:][:c.n], w[r*c.shape.Out+c.group*c.n:])
	}
	return c.kernel
}

// tiles is the number of tiles of pixels in the band.
func (c *convGemm[T]) tiles() int { return ceilDiv(c.p1-c.p0, tilePixels) }

// tile is a tile's range of pixels.
func (c *convGemm[T]) tile(tile int) (lo, hi int) {
	lo = c.p0 + tile*tilePixels
	return lo, min(lo+tilePixels, c.p1)
}

func (c *convGemm[T]) fillBand(team *parallel.Team) { team.Run(c.tiles(), &c.fillTask) }

// bandOfY is the band's pixels of y, of the group's channels.
func (c *convGemm[T]) bandOfY(team *parallel.Team) []T {
	if c.shape.Groups == 1 {
		return c.y[c.p0*c.n:]
	}
	team.Run(c.tiles(), &c.takeTask)
	return c.part
}

// take copies the group's channels of a tile's pixels of y to part; put copies them back.
func (c *convGemm[T]) take(tile int) {
	lo, hi := c.tile(tile)
	for p := lo; p < hi; p++ {
		copy(c.part[(p-c.p0)*c.n:][:c.n], c.y[p*c.shape.Out+c.group*c.n:])
	}
}

func (c *convGemm[T]) put(tile int) {
	lo, hi := c.tile(tile)
	for p := lo; p < hi; p++ {
		copy(c.y[p*c.shape.Out+c.group*c.n:][:c.n], c.part[(p-c.p0)*c.n:])
	}
}

// fill gathers the patches of a tile's pixels.
func (c *convGemm[T]) fill(tile int) {
	s := &c.shape
	line := s.W.Kernel * s.groupIn()
	lo, hi := c.tile(tile)
	for p := lo; p < hi; p++ {
		row, q := p/s.W.Out, p%s.W.Out
		n, row := row/s.H.Out, row%s.H.Out
		patch := c.patches[(p-c.p0)*c.k:][:c.k]
		for _, from := range c.rows[row*s.H.Kernel:][:s.H.Kernel] {
			if from < 0 {
				clear(patch[:line])
			} else {
				c.fillLine(patch[:line], c.x[(n*s.H.In+int(from))*s.W.In*s.In:], q)
			}
			patch = patch[line:]
		}
	}
}

// fillLine gathers what one row of taps reads from a row of x. Neighbouring pixels are
// copied in one go where all channels are.
func (c *convGemm[T]) fillLine(line, x []T, q int) {
	s := &c.shape
	in, first := s.groupIn(), c.group*s.groupIn()
	cols := c.cols[q*s.W.Kernel:][:s.W.Kernel]
	for j := 0; j < len(cols); {
		run := c.run(cols[j:])
		if at := int(cols[j]); at < 0 {
			clear(line[j*in:][:run*in])
		} else {
			copy(line[j*in:][:run*in], x[at*s.In+first:])
		}
		j += run
	}
}

// run is how many of the taps, the first of which counts, lie side by side in memory.
func (c *convGemm[T]) run(cols []int32) int {
	n := 1
	if c.shape.Groups == 1 && cols[0] >= 0 {
		for n < len(cols) && cols[n] == cols[n-1]+1 {
			n++
		}
	}
	return n
}

// add sums the band's patches into a row of x, in a fixed order: that of the pixels of y,
// then of the taps.
func (c *convGemm[T]) add(tile int) {
	s := &c.shape
	row := c.row0 + tile
	x := c.x[row*s.W.In*s.In:][:s.W.In*s.In]
	in, first := s.groupIn(), c.group*s.groupIn()
	for _, e := range c.readers.of(row % s.H.In) {
		p, i := int(e)/s.H.Kernel, int(e)%s.H.Kernel
		start := (row/s.H.In*s.H.Out + p) * s.W.Out // the first pixel of that row of y
		for q := max(0, c.p0-start); q < min(s.W.Out, c.p1-start); q++ {
			line := c.patches[(start+q-c.p0)*c.k+i*s.W.Kernel*in:]
			cols := c.cols[q*s.W.Kernel:][:s.W.Kernel]
			for j := 0; j < len(cols); {
				run := c.run(cols[j:])
				if at := int(cols[j]); at >= 0 {
					dst := x[at*s.In+first:][:run*in]
					Add(dst, dst, line[j*in:])
				}
				j += run
			}
		}
	}
}

// start sets a row of x to the bias, activate applies the activation to it.
func (c *convGemm[T]) start(row int) { startRow(c.rowOfX(row), c.bias) }

func (c *convGemm[T]) activate(row int) {
	_, act := c.shape.acts()
	x := c.rowOfX(row)
	Activate(act, x, x)
}

func (c *convGemm[T]) rowOfX(row int) []T {
	n := c.shape.W.In * c.shape.In
	return c.x[row*n:][:n]
}

// startRow sets a row of pixels to the bias, or to 0 where there is none.
func startRow[T Float](row, bias []T) {
	if bias == nil {
		clear(row)
		return
	}
	for ; len(row) > 0; row = row[len(bias):] {
		copy(row, bias)
	}
}

// The passes of a [convGemm], each as an algorithm of its own.
type convGemmGather[T Float] struct{ *convGemm[T] }

func (p convGemmGather[T]) form() int                        { return 0 }
func (p convGemmGather[T]) name() string                     { return "" }
func (p convGemmGather[T]) prepare(*parallel.Team, []T, []T) {}
func (p convGemmGather[T]) scratch() int                     { return p.convGemmPlan.scratch() }
func (p convGemmGather[T]) run(team *parallel.Team, out, in [][]T, w, bias, scratch []T) {
	p.gather(team, out[0], in[0], w, bias, scratch)
}

type convGemmScatter[T Float] struct{ *convGemm[T] }

func (p convGemmScatter[T]) form() int                        { return 0 }
func (p convGemmScatter[T]) name() string                     { return "" }
func (p convGemmScatter[T]) prepare(*parallel.Team, []T, []T) {}
func (p convGemmScatter[T]) scratch() int                     { return p.convGemmPlan.scratch() }
func (p convGemmScatter[T]) run(team *parallel.Team, out, in [][]T, w, bias, scratch []T) {
	p.scatter(team, out[0], in[0], w, bias, scratch)
}
