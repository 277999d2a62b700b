package kernels

import "cmp"

// outerPlan says how the gradient of a shape by its kernel is divided, by the shape alone.
//
// The pixels of y are divided into chunks whose x and y stay in a second-level cache, the
// chunks into groups. A group's chunks are summed one after the other into a dw of its own,
// and the groups' dw in order. What has many pixels and few channels has many groups; else
// the work is divided by tiles of dw: by panels of channels of y, then by channels of x.
//
// Few channels of y and many of x change roles: with a stride of 1, dw is also the gradient
// of the convolution from y to x by the kernel turned round. Few channels of x are copied,
// chunk by chunk, to where pixels have their borders beside them; then the taps of a row of
// the kernel lie side by side and are as good as channels. Pixels whose border is not zeros
// are copied so too.
type outerPlan struct {
	shape  ConvShape // turned round where turned
	turned bool
	padded bool // x is copied with its borders
	merged bool // the taps of a row are one, of tapRows channels
	isa    isa
	tile   reach

	arrays        []int // the channels of each array of x, and of y
	columns       []int
	tapRows       int
	rows          []outerRows
	panels        []outerPanel
	height, width []interval // for each tap the pixels of y that read inside x

	parts  [3]int // into how many pictures, rows and columns are divided
	chunks int
	groups int
	tasks  int // of a group
	splits int // parts of a panel's row tiles, each a task
	local  int // elements of a worker's memory
}

// outerRows are the rows of a register tile: channels of x.
type outerRows struct {
	array, pitch, first int // x[array] has pitch channels; the tile begins with number first
	rows                int
	at                  int // row in the part of dw that belongs to a tap
}

// outerPanel are the columns of a register tile: channels of y.
type outerPanel struct {
	array, pitch, first int
	cols                int
	at                  int // column of dw
	lo, hi              int // the row tiles that it goes with: those of its group of channels
}

// interval is the whole numbers from lo to hi-1.
type interval struct{ lo, hi int }

func (a interval) and(b interval) interval { return interval{max(a.lo, b.lo), min(a.hi, b.hi)} }
func (a interval) len() int                { return max(a.hi-a.lo, 0) }

// outerChunk is a box of pixels of y. Their arrays, and those of x, are described as in
// [outerWalk].
type outerChunk struct {
	n, p, q                    interval
	b, pitchB, lineB, pictureB int // the first pixel, and distances
}

const (
	// outerElems is about how many elements of x and y a chunk has: as many as leave room
	// for its part of dw in a small second-level cache.
	outerElems = 48 << 10
	// outerLeast and outerMost bound the number of pixels of a chunk: by what makes up for
	// reading and writing dw, and by the time of a call into assembly.
	outerLeast, outerMost = 256, 1024
	// outerTasks is the number of tasks that there are to be, unless they had less than
	// outerFlops each.
	outerTasks = 32
	outerFlops = 1 << 22
	// outerSums is the number of elements that the groups' sums may take.
	outerSums = 1 << 20
	// fewChannels is the number of channels of x below which taps are merged.
	fewChannels = 8
)

func planOuter(s *ConvShape, i isa) outerPlan {
	p := outerPlan{shape: *s, isa: i, tile: outerReaches[i], arrays: s.parts(), height: s.H.inside(), width: s.W.inside()}
	p.columns = []int{s.Out}
	if p.turns() {
		p.turn()
	}
	s = &p.shape
	p.merged = s.In < fewChannels && s.Groups == 1 && s.W.Kernel > 1 && s.W.Dilation == 1
	p.padded = p.merged || s.Border > BorderZero
	p.planTiles()
	p.planChunks()
	p.planTasks()
	return p
}

// inside lists for each tap the outputs whose tap lies in the input.
func (w Window) inside() []interval {
	list := make([]interval, w.Kernel)
	for k := range list {
		// 0 <= o*Stride + first < In
		first := w.At(0, k)
		list[k] = interval{max(0, -floorDiv(first, w.Stride)), min(w.Out, floorDiv(w.In-1-first, w.Stride)+1)}
	}
	return list
}

// turns says whether it is worth while to exchange x and y: a vector of channels of y is
// multiplied with each channel of x.
func (p *outerPlan) turns() bool {
	s := &p.shape
	if s.Groups > 1 || s.Border > BorderZero || s.H.Stride > 1 || s.W.Stride > 1 {
		return false
	}
	lanes := p.tile.cols / 2
	straight, turned := s.In*ceilDiv(s.Out, lanes), 0
	for _, n := range p.arrays {
		turned += s.Out * ceilDiv(n, lanes)
	}
	return 5*turned < 4*straight
}

// turn makes the plan one for the convolution from y to x.
func (p *outerPlan) turn() {
	s := &p.shape
	p.turned = true
	p.arrays, p.columns = p.columns, p.arrays
	s.In, s.Out, s.Parts = s.Out, s.In, nil
	for _, w := range []*Window{&s.H, &s.W} {
		w.In, w.Out = w.Out, w.In
		w.Before = (w.Kernel-1)*w.Dilation - w.Before
	}
	p.height, p.width = s.H.inside(), s.W.inside()
}

// planTiles divides dw.
func (p *outerPlan) planTiles() {
	s := &p.shape
	p.tapRows = s.groupIn()
	arrays, pitch := p.arrays, 0
	if p.padded {
		arrays, pitch = []int{s.In}, s.In
	}
	if p.merged {
		p.tapRows *= s.W.Kernel
		arrays = []int{p.tapRows}
	}
	for g := range s.Groups {
		lo := len(p.rows)
		at := 0
		for k, n := range arrays {
			if s.Groups > 1 {
				n = s.groupIn()
			}
			tiles := ceilDiv(n, p.tile.rows)
			for t := range tiles {
				c, next := t*n/tiles, (t+1)*n/tiles
				p.rows = append(p.rows, outerRows{array: k, pitch: cmp.Or(pitch, arrays[k]), first: g*s.groupIn() + c, rows: next - c, at: at + c})
			}
			at += n
		}
		at = g * s.groupOut()
		for k, n := range p.columns {
			if s.Groups > 1 {
				n = s.groupOut()
			}
			for c := 0; c < n; c += p.tile.cols {
				p.panels = append(p.panels, outerPanel{array: k, pitch: p.columns[k], first: g*s.groupOut() + c, cols: min(p.tile.cols, n-c),
					at: at + c, lo: lo, hi: len(p.rows)})
			}
			at += n
		}
	}
}

// planChunks divides the pixels of y: into pictures, or their rows, or parts of those.
func (p *outerPlan) planChunks() {
	s := &p.shape
	if p.padded {
		for i := range p.height {
			p.height[i] = interval{0, s.H.Out}
		}
		for j := range p.width {
			p.width[j] = interval{0, s.W.Out}
		}
		if p.merged {
			p.width = p.width[:1]
		}
	}
	size := [3]int{s.Batch, s.H.Out, s.W.Out}
	most := max(outerElems/(s.In*s.H.Stride*s.W.Stride+p.tile.cols), outerLeast)
	most = min(most, outerMost)
	var per [3]int
	for axis := 2; axis >= 0; axis-- {
		p.parts[axis] = ceilDiv(size[axis], most)
		per[axis] = ceilDiv(size[axis], max(p.parts[axis], 1))
		most = max(most/max(size[axis], 1), 1)
	}
	p.chunks = p.parts[0] * p.parts[1] * p.parts[2]
	p.local = per[0] * per[1] * per[2] * p.tile.cols
	if p.padded {
		p.local += per[0] * padSide(&s.H, per[1]) * padSide(&s.W, per[2]) * s.In
	}
}

// padSide is how much of an axis of x, borders included, so many neighbouring outputs read.
func padSide(w *Window, outputs int) int {
	return (outputs-1)*w.Stride + (w.Kernel-1)*w.Dilation + 1
}

// chunk is the chunk of that number.
func (p *outerPlan) chunk(k int) outerChunk {
	part := func(axis, k, n int) interval {
		return interval{k * n / p.parts[axis], (k + 1) * n / p.parts[axis]}
	}
	s := &p.shape
	return outerChunk{
		n: part(0, k/(p.parts[1]*p.parts[2]), s.Batch),
		p: part(1, k/p.parts[2]%p.parts[1], s.H.Out),
		q: part(2, k%p.parts[2], s.W.Out),
	}
}

// planTasks chooses the groups, and the tasks of each.
func (p *outerPlan) planTasks() {
	want := int(min(max(p.shape.FLOPs()/outerFlops, 1), outerTasks))
	p.groups = min(want, p.chunks, max(outerSums/p.shape.Weights(), 1))
	p.tasks, p.splits = 1, 1
	if p.groups > 0 {
		p.tasks = ceilDiv(want, p.groups)
	}
	if n := len(p.panels); p.tasks > n {
		p.splits = min(ceilDiv(p.tasks, n), p.panels[0].hi-p.panels[0].lo)
		p.tasks = n * p.splits
	}
}

// task is what a task of a group computes: some panels, each with one of the parts, split of
// splits, of its row tiles.
func (p *outerPlan) task(n int) (panels []outerPanel, split int) {
	if p.splits > 1 {
		return p.panels[n/p.splits:][:1], n % p.splits
	}
	return p.panels[n*len(p.panels)/p.tasks : (n+1)*len(p.panels)/p.tasks], 0
}

// packs says whether the pixels of a panel are copied: where others lie between them.
func (p *outerPlan) packs(b *outerPanel) bool { return b.pitch > p.tile.cols }

// walk sets w to how a row tile and the panel of a chunk go through the pixels whose tap reads
// inside x.
func (p *outerPlan) walk(w *outerWalk, c *outerChunk, a *outerRows, i, j int) {
	h, v := &p.shape.H, &p.shape.W
	rows, cols := c.p.and(p.height[i]), c.q.and(p.width[j])
	w.pixels, w.lines, w.pictures = cols.len(), rows.len(), c.n.len()
	if w.pixels == 0 || w.lines == 0 {
		w.pixels, w.lines = 0, 0
		return
	}
	row, col, side, sides := c.n.lo*h.In+h.At(rows.lo, i), v.At(cols.lo, j), v.In, h.In
	if p.padded {
		row, col = i*h.Dilation+(rows.lo-c.p.lo)*h.Stride, j*v.Dilation+(cols.lo-c.q.lo)*v.Stride
		side, sides = padSide(v, c.q.len()), padSide(h, c.p.len())
	}
	w.a = (row*side+col)*a.pitch + a.first
	w.stepA, w.lineA, w.pictureA = v.Stride*a.pitch, h.Stride*side*a.pitch, sides*side*a.pitch
	w.b = c.b + (rows.lo-c.p.lo)*c.lineB + (cols.lo-c.q.lo)*c.pitchB
	w.stepB, w.lineB, w.pictureB = c.pitchB, c.lineB, c.pictureB
	w.join()
}
