package kernels

import (
	"unsafe"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// directPass is a pass of a convolution by the direct algorithm.
type directPass[T Float] struct {
	directPlan
	act     Act
	zeros   []T // what padding points to
	jobs    []directJob
	packing bool
	workers []*directWorker[T]

	out, in         [][]T // operands of the pass
	packed, bias, w []T
}

// directJob is a part of the form that one tile of prepare makes.
type directJob struct{ panel, piece int32 }

// directWorker is what a worker needs for its block.
type directWorker[T Float] struct {
	tile    directTile[T]
	bundle  []directPanel
	column  int // the chunk's first
	padding []*T
	lines   []*T // a line for each row of the input within the span and part
	keys    []int
	lists   []*T  // of merged rows: for each part and tap the pixels' pointers
	starts  []**T // for each part and tap, its list
	outs    []*T  // a pointer for each pixel to the part of the result that the panel belongs to
	runs    []directRun
	taps    []directTap[T]
}

// directRun is a row of pixels of the result within a row of tiles.
type directRun struct{ picture, row, cols int }

func newDirectPass[T Float](s *ConvShape, gathers bool) *directPass[T] {
	p := &directPass[T]{directPlan: planDirect[T](s, gathers)}
	gather, scatter := s.acts()
	p.act = scatter
	if gathers {
		p.act = gather
	}
	p.zeros = make([]T, p.inChannels())
	for i := range p.panels {
		for k := range p.phases[p.panels[i].phase].pieces {
			p.jobs = append(p.jobs, directJob{int32(i), int32(k)})
		}
	}
	return p
}

func (p *directPass[T]) form() int    { return p.size }
func (p *directPass[T]) name() string { return p.formName() }
func (p *directPass[T]) scratch() int { return 0 }

func (p *directPass[T]) prepare(team *parallel.Team, form, w []T) {
	p.packed, p.w, p.packing = form, w, true
	team.Run(len(p.jobs), p)
	p.packed, p.w, p.packing = nil, nil, false
}

func (p *directPass[T]) run(team *parallel.Team, out, in [][]T, form, bias, _ []T) {
	p.out, p.in, p.packed, p.bias = out, in, form, bias
	for len(p.workers) < team.Workers() {
		p.workers = append(p.workers, p.newWorker())
	}
	team.Run(ceilDiv(p.rows, p.perBlock)*p.chunks*(len(p.bundles)-1), p)
	p.out, p.in, p.packed, p.bias = nil, nil, nil, nil
	for _, w := range p.workers {
		w.release()
	}
}

// release lets go of the operands.
func (w *directWorker[T]) release() {
	w.tile = directTile[T]{}
	clear(w.lines)
	clear(w.lists)
	clear(w.outs[:cap(w.outs)])
}

func (p *directPass[T]) newWorker() *directWorker[T] {
	taps, pixels := p.shape.taps()*len(p.input.parts), p.merged*p.chunk
	w := &directWorker[T]{
		padding: make([]*T, len(p.classes)*p.entries),
		lines:   make([]*T, p.alongH.span*len(p.input.parts)*len(p.classes)*p.entries),
		keys:    make([]int, p.alongH.span*len(p.input.parts)),
		starts:  make([]**T, taps),
		outs:    make([]*T, pixels),
		runs:    make([]directRun, p.merged),
	}
	for i := range w.padding {
		w.padding[i] = &p.zeros[0]
	}
	if p.merged > 1 {
		w.lists = make([]*T, taps*pixels)
	}
	pieces := 0
	for i := range p.phases {
		pieces = max(pieces, len(p.phases[i].pieces))
	}
	w.taps = make([]directTap[T], pieces)
	return w
}

// Do implements [parallel.Task].
func (p *directPass[T]) Do(tile, worker int) {
	if p.packing {
		p.pack(p.jobs[tile])
		return
	}
	w := p.workers[worker]
	blocks := ceilDiv(p.rows, p.perBlock)
	// Blocks of pixels run fastest, so that workers share a bundle.
	first, tile := tile%blocks*p.perBlock, tile/blocks
	chunk, bundle := tile%p.chunks, tile/p.chunks
	w.column = chunk * p.chunk
	w.bundle = p.panels[p.bundles[bundle]:p.bundles[bundle+1]]
	for i := range w.keys {
		w.keys[i] = -1
	}
	sums := len(p.phases[w.bundle[0].phase].blocks) - 1 // if there are several, all panels are of one phase
	for sum := range sums {
		for row := first; row < min(first+p.perBlock, p.rows); row++ {
			p.row(w, row, sum)
		}
	}
}

// row computes one partial sum of a row of tiles in all panels of the bundle.
func (p *directPass[T]) row(w *directWorker[T], row, sum int) {
	pixels, phase, part, from := 0, -1, -1, -1
	for i := range w.bundle {
		panel := &w.bundle[i]
		f := &p.phases[panel.phase]
		if panel.phase != phase {
			phase, part, from = panel.phase, -1, -1
			if pixels = p.enter(w, f, row); pixels > 0 {
				p.findLists(w, f, pixels)
			}
		}
		if pixels == 0 || p.out[panel.part] == nil {
			continue
		}
		if panel.from != from {
			from = panel.from
			p.setTaps(w, f, sum, from)
		}
		if panel.part != part {
			part = panel.part
			p.findOuts(w, f, part)
		}
		p.tiles(w, panel, f, sum, pixels)
	}
}

// enter lists the runs of a phase in a row of tiles and returns the number of pixels.
func (p *directPass[T]) enter(w *directWorker[T], f *directPhase, row int) int {
	rows := p.alongH.count()
	w.runs = w.runs[:0]
	cols := min(p.chunk, f.cols.count-w.column)
	if cols <= 0 {
		return 0
	}
	for r := row * p.merged; r < min((row+1)*p.merged, rows*p.batch); r++ {
		if i := r % rows; i < f.rows.count {
			w.runs = append(w.runs, directRun{r / rows, i, cols})
		}
	}
	return len(w.runs) * cols
}

// findLists sets starts: to places in the lines of the input where there is one run, else
// to lists that are put together from those.
func (p *directPass[T]) findLists(w *directWorker[T], f *directPhase, pixels int) {
	n := 0
	for part := range p.input.parts {
		for i := range f.rows.taps {
			if p.merged == 1 {
				run := &w.runs[0]
				line := p.line(w, run.picture, run.row*p.alongH.move+f.rows.taps[i].at, part)
				for _, t := range f.cols.taps {
					w.starts[n] = &line[t.place]
					n++
				}
				continue
			}
			for r := range w.runs {
				run := &w.runs[r]
				line := p.line(w, run.picture, run.row*p.alongH.move+f.rows.taps[i].at, part)
				for j, t := range f.cols.taps {
					copy(w.lists[(n+j)*pixels+r*run.cols:][:run.cols], line[t.place:])
				}
			}
			for range f.cols.taps {
				w.starts[n] = &w.lists[n*pixels]
				n++
			}
		}
	}
}

// line returns the pointers to one part of the input's pixels at a position along the
// columns, for the chunk.
func (p *directPass[T]) line(w *directWorker[T], picture, at, part int) []*T {
	from := int(p.alongH.source[at])
	if from < 0 {
		return w.padding
	}
	slot := at%p.alongH.span*len(p.input.parts) + part
	line := w.lines[slot*len(w.padding):][:len(w.padding)]
	key := picture*len(p.alongH.source) + at
	if w.keys[slot] == key {
		return line
	}
	w.keys[slot] = key
	pitch := p.input.parts[part]
	row := p.in[part][(picture*p.input.height+from)*p.input.width*pitch:]
	for i, class := range p.classes {
		source := p.alongW.source[w.column*p.alongW.move+class:]
		entries := line[i*p.entries:][:min(p.entries, ceilDiv(len(source), p.alongW.move))]
		for e := range entries {
			if at := source[e*p.alongW.move]; at < 0 {
				entries[e] = &p.zeros[0]
			} else {
				entries[e] = &row[int(at)*pitch]
			}
		}
	}
	return line
}

// setTaps lists the pieces of a partial sum for channels from from on.
func (p *directPass[T]) setTaps(w *directWorker[T], f *directPhase, sum, from int) {
	size := int(unsafe.Sizeof(T(0)))
	pieces := f.pieces[f.blocks[sum]:f.blocks[sum+1]]
	w.taps = w.taps[:len(pieces)]
	for i := range pieces {
		piece := &pieces[i]
		w.taps[i] = directTap[T]{
			list:   w.starts[(piece.part*len(f.rows.taps)+piece.row)*len(f.cols.taps)+piece.col],
			end:    (from + piece.first + piece.terms) * size,
			length: piece.terms * size,
		}
	}
}

// findOuts sets outs for one part of the result.
func (p *directPass[T]) findOuts(w *directWorker[T], f *directPhase, part int) {
	pitch, outs := p.output.parts[part], w.outs[:0]
	for r := range w.runs {
		run := &w.runs[r]
		at := (run.picture*p.output.height+f.rows.first+run.row*f.rows.step)*p.output.width + f.cols.first + w.column*f.cols.step
		x := p.out[part][at*pitch:]
		for i := range run.cols {
			outs = append(outs, &x[i*f.cols.step*pitch])
		}
	}
	w.outs = outs
}

// tiles computes one partial sum of a row of tiles in one panel.
func (p *directPass[T]) tiles(w *directWorker[T], panel *directPanel, f *directPhase, sum, pixels int) {
	t := &w.tile
	t.column, t.cols, t.add = panel.column*int(unsafe.Sizeof(T(0))), panel.cols, min(sum, 1)
	t.bias, t.b, t.taps, t.limit, t.act = nil, nil, nil, len(w.taps)*directTapBytes, 0
	if sum == 0 && p.bias != nil {
		t.bias = &p.bias[panel.channel]
	}
	last := sum == len(f.blocks)-2
	if last && p.isa != generic {
		t.act, t.alpha = p.act.inTile()
	}
	if len(w.taps) > 0 {
		t.taps, t.b = &w.taps[0], &p.packed[panel.form+f.pieces[f.blocks[sum]].at*p.tile.cols]
	}
	count := ceilDiv(pixels, p.tile.rows)
	rows, larger := pixels/count, pixels%count // near-equal tiles
	for first := 0; first < pixels; {
		n := rows
		if larger > 0 {
			n, larger = n+1, larger-1
		}
		t.first, t.outs = first*pointerBytes, &w.outs[first]
		if p.isa == generic {
			directGeneric(t, n)
		} else {
			p.isa.directTile(n, (*directTile32)(unsafe.Pointer(t)))
		}
		first += n
	}
	if last && t.act == 0 && p.act.Kind != Identity {
		for _, out := range w.outs[:pixels] {
			x := unsafe.Slice(out, panel.column+panel.cols)[panel.column:]
			Activate(p.act, x, x)
		}
	}
}
