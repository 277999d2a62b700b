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

	team            *parallel.Team
	out, in         [][]T // operands of the pass
	packed, bias, w []T
}

// directJob is a part of the form that one tile of prepare makes.
type directJob struct{ panel, piece int32 }

// directWorker is what a worker needs for its block. Lists are of addresses.
type directWorker[T Float] struct {
	tile   directTile
	narrow [2 * narrowCols]float32 // see setNarrow
	bundle []directPanel
	column int // the chunk's first
	runs   []directRun
	starts []uintptr // for each part and list of a phase, where that begins
	taps   []directTap
	keys   []int // what the lines are of; the last is of padding

	// In the worker's scratch.
	lines   []uintptr // a line for each row of the input within the span and part, and padding
	lists   []uintptr // the lists, where rows are merged
	outs    []uintptr // for each pixel, of the part of the result that the panel belongs to
	inside  []uintptr // where padding is left out, those of outs that a partial sum is for
	places  []uintptr // outs or inside: where tiles write
	windows []T       // for each entry of lines or lists its terms, where they are not all in the picture
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
	terms := p.inChannels()
	for i := range p.phases {
		for _, piece := range p.phases[i].pieces {
			terms = max(terms, piece.terms)
		}
	}
	p.zeros = make([]T, terms)
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
	p.team, p.out, p.in, p.packed, p.bias = team, out, in, form, bias
	for len(p.workers) < team.Workers() {
		p.workers = append(p.workers, p.newWorker())
	}
	team.Run(ceilDiv(p.rows, p.perBlock)*p.chunks*(len(p.bundles)-1), p)
	p.team, p.out, p.in, p.packed, p.bias = nil, nil, nil, nil, nil
}

func (p *directPass[T]) newWorker() *directWorker[T] {
	pieces := 0
	for i := range p.phases {
		pieces = max(pieces, len(p.phases[i].pieces))
	}
	return &directWorker[T]{
		runs:   make([]directRun, p.merged),
		starts: make([]uintptr, p.shape.taps()*len(p.input.parts)),
		taps:   make([]directTap, pieces),
		keys:   make([]int, p.alongH.span*len(p.input.parts)+1),
	}
}

// line is the number of entries of a line.
func (p *directPlan) line() int { return len(p.classes) * p.entries }

// begin divides the worker's scratch.
func (p *directPass[T]) begin(w *directWorker[T], worker int) {
	lines, pixels, lists := len(w.keys)*p.line(), p.merged*p.chunk, 0
	if p.merged > 1 {
		lines, lists = 0, len(w.starts)*pixels
	}
	if p.trimmed {
		lists = pixels
	}
	addresses := lines + lists + 2*pixels
	// An element of float64 is as large as an address, or larger.
	windows := 0
	if p.together {
		windows = (lines + lists) * len(p.zeros)
	}
	scratch := parallel.Local[float64](p.team, worker, addresses+windows)
	all := unsafe.Slice((*uintptr)(unsafe.Pointer(unsafe.SliceData(scratch))), addresses)
	w.lines, all = all[:lines], all[lines:]
	w.lists, all = all[:lists], all[lists:]
	w.outs, w.inside = all[:pixels], all[pixels:]
	w.windows = unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(scratch[addresses:]))), windows)
	for i := range w.keys {
		w.keys[i] = -1
	}
}

// Do implements [parallel.Task].
func (p *directPass[T]) Do(tile, worker int) {
	if p.packing {
		p.pack(p.jobs[tile])
		return
	}
	w := p.workers[worker]
	p.begin(w, worker)
	block, chunk, bundle := p.block(tile)
	first := block * p.perBlock
	w.column = chunk * p.chunk
	w.bundle = p.panels[p.bundles[bundle]:p.bundles[bundle+1]]
	for sum := range p.sums(&w.bundle[0]) {
		for row := first; row < min(first+p.perBlock, p.rows); row++ {
			p.row(w, row, sum)
		}
	}
	w.lines, w.lists, w.outs, w.inside, w.places, w.windows = nil, nil, nil, nil, nil, nil
}

// row computes one partial sum of a row of tiles in all panels of the bundle.
func (p *directPass[T]) row(w *directWorker[T], row, sum int) {
	pixels, phase, part, from, kind := 0, -1, -1, -1, directWide
	for i := range w.bundle {
		panel := &w.bundle[i]
		f := &p.phases[panel.phase]
		if panel.phase != phase {
			phase, part, from = panel.phase, -1, -1
			if pixels = p.enter(w, f, row); pixels > 0 && !p.trimmed {
				p.findLists(w, f, pixels)
			}
		}
		if pixels == 0 || p.out[panel.part] == nil {
			continue
		}
		if panel.part != part {
			part = panel.part
			p.findOuts(w, f, part)
			if w.places = w.outs[:pixels]; p.trimmed {
				p.trim(w, f, sum)
			}
		}
		if panel.from != from || panel.kind != kind {
			from, kind = panel.from, panel.kind
			p.setTaps(w, panel, f, sum)
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

// setTaps lists the pieces of a partial sum for a panel.
func (p *directPass[T]) setTaps(w *directWorker[T], panel *directPanel, f *directPhase, sum int) {
	size := int(unsafe.Sizeof(T(0)))
	pieces := f.pieces
	if panel.kind == directWide {
		pieces = pieces[f.blocks[sum]:f.blocks[sum+1]]
	}
	w.taps = w.taps[:len(pieces)]
	for i := range pieces {
		piece := &pieces[i]
		w.taps[i] = directTap{
			list:   w.starts[f.list(piece.part, piece.row, piece.col)],
			end:    (panel.from + piece.first + piece.terms) * size,
			length: piece.terms * size,
		}
	}
}

// tiles computes one partial sum of a row of tiles in one panel.
func (p *directPass[T]) tiles(w *directWorker[T], panel *directPanel, f *directPhase, sum, pixels int) {
	t := &w.tile
	*t = directTile{
		taps: addressOf(w.taps), limit: len(w.taps) * directTapBytes,
		column: panel.column * int(unsafe.Sizeof(T(0))), cols: panel.cols, add: min(sum, 1),
	}
	if p.trimmed {
		t.add = 1
		if sum == 0 {
			p.startOuts(w, panel, pixels)
		}
	} else if sum == 0 && p.bias != nil {
		t.bias = addressOf(p.bias[panel.channel:])
	}
	if len(w.taps) > 0 {
		at := 0
		if sum > 0 {
			at = f.pieces[f.blocks[sum]].at * p.tile.cols
		}
		t.b = addressOf(p.packed[panel.form+at:])
	}
	last := sum == p.sums(panel)-1
	if last && p.isa != generic && !p.trimmed {
		t.act, t.alpha = p.act.inTile()
	}
	switch {
	case panel.kind == directWide:
		p.wideTiles(w)
	case p.isa == generic:
		w.enterTile(0)
		directGenericDepth[T](t, pixels)
	default:
		if panel.kind == directNarrow {
			w.setNarrow(p.bias, panel, t.alpha)
		}
		p.wholeTiles(w, panel, pixels)
	}
	if last && t.act == 0 && p.act.Kind != Identity {
		p.activate(w, panel, f)
	}
}

// wideTiles divides the places into near-equal tiles.
func (p *directPass[T]) wideTiles(w *directWorker[T]) {
	t := &w.tile
	pixels := len(w.places)
	count := max(1, ceilDiv(pixels, p.tile.rows))
	rows, larger := pixels/count, pixels%count
	for first := 0; first < pixels; {
		n := rows
		if larger > 0 {
			n, larger = n+1, larger-1
		}
		w.enterTile(first)
		if p.isa == generic {
			directGeneric[T](t, n)
		} else {
			p.isa.directTile(n, t)
		}
		first += n
	}
}

// enterTile goes to the tile whose first row is that of a pixel.
func (w *directWorker[T]) enterTile(pixel int) {
	w.tile.first, w.tile.outs = pixel*addressBytes, addressOf(w.places[pixel:])
}

// wholeTiles divides pixels into tiles of one height. The last one begins so early that it
// has as many rows as the others, some of which are computed twice; where there are not so
// many pixels at all they are taken one by one.
func (p *directPass[T]) wholeTiles(w *directWorker[T], panel *directPanel, pixels int) {
	rows, whole, single := p.isa.directWhole(panel.kind, panel.cols)
	if pixels < rows {
		rows, whole = 1, single
	}
	for first := 0; first < pixels; first += rows {
		w.enterTile(min(first, pixels-rows))
		whole(&w.tile)
	}
}

// setNarrow makes what the narrow micro-kernels want instead of a bias.
func (w *directWorker[T]) setNarrow(bias []T, panel *directPanel, alpha float32) {
	for i := range narrowCols {
		w.narrow[i], w.narrow[narrowCols+i] = 0, alpha
		if bias != nil && i/panel.cols < narrowCols/panel.cols {
			w.narrow[i] = float32(bias[panel.channel+i%panel.cols])
		}
	}
	w.tile.bias = addressOf(w.narrow[:])
}

// activate applies the activation to the columns of a panel, to many pixels at once where
// they lie together.
func (p *directPass[T]) activate(w *directWorker[T], panel *directPanel, f *directPhase) {
	n := 0
	for i := range w.runs {
		run := &w.runs[i]
		outs := w.outs[n:][:run.cols]
		n += run.cols
		if f.cols.step == 1 && panel.cols == p.output.parts[panel.part] {
			x := at[T](outs[0], run.cols*panel.cols)
			Activate(p.act, x, x)
			continue
		}
		for _, out := range outs {
			x := at[T](out, panel.column+panel.cols)[panel.column:]
			Activate(p.act, x, x)
		}
	}
}
