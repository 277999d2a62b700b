package kernels

import (
	"fmt"
	"slices"
)

// Direct convolution after the indirect convolution algorithm of Dukhan 2019: a matrix
// product whose rows are pixels of the result, and whose terms are read where they lie,
// through lists of pointers, one for each pixel and tap. Neither are patches copied together
// nor does a stride, a dilation or a border cost anything; padding is a pointer to zeros, or,
// where there is much of it, left out (conv_direct_trim.go).
//
// Both directions are of this form. The gathering pass has one phase: all its pixels have
// the same taps. The scattering one, the adjoint, is divided into a phase for each remainder
// of the position by the stride: within one, the taps are the same again, and neighbouring
// pixels of the phase read neighbouring pixels of the input.
//
// The kernel is packed into panels, each of the register tile's width and of one phase.

// directSide is a picture of a pass: its size, and the channels of the arrays that it
// consists of.
type directSide struct {
	height, width int
	parts         []int
}

// directKind is the kind of a panel, and of the micro-kernel that it is for.
type directKind uint8

const (
	// directWide: a row of the tile's width for each term.
	directWide directKind = iota
	// directNarrow is for few columns: for each vector of a tap's terms, the last one filled
	// up with zeros, a vector for each column. There are no partial sums.
	directNarrow
	// directDepth is for depthwise convolutions: a row of the tile's width for each tap, each
	// element for a channel of its own. There are no partial sums.
	directDepth
)

// directPanel is a panel of the kernel: the columns of one phase that a register tile has.
type directPanel struct {
	kind         directKind
	phase        int
	part, column int // where its columns lie in the result
	channel      int // the first, within the result
	cols         int
	from         int // channel of the input at which the pieces begin, where there are groups
	form         int // where it begins in the form
}

const (
	// directTerms bounds a partial sum, so that the part of a panel that belongs to it stays
	// in a second-level cache while the pixels of a block pass, and so that a call of the
	// micro-kernel, which cannot be interrupted, stays below 20 microseconds.
	directTerms = 1024
	// directPanelBytes is how much of several panels a block keeps in that cache, and
	// directRowBytes how much of the input.
	directPanelBytes = 256 << 10
	directRowBytes   = 256 << 10
	// A worker claims a block at a time. There are to be directBlocks, so that workers end
	// together, none with less than directFlops.
	directBlocks = 128
	directFlops  = 1 << 18
	// directFew is the number of channels below which the taps of a row are taken together.
	directFew = 8
)

// directReaches are the register tiles: rows and columns, of which a tile may have fewer.
var directReaches = [...]reach{generic: {8, 4}, avx2: {6, 16}, avx512: {12, 32}}

// directPlan is how a pass is divided. It depends on the shape and the variant alone.
type directPlan struct {
	shape   ConvShape
	gathers bool
	isa     isa
	tile    reach

	input, output  directSide
	batch          int
	alongH, alongW directAxis
	phases         []directPhase
	panels         []directPanel
	size           int // elements of the form

	// Pixels of a phase are taken in rows of tiles: of a chunk of columns, or of several rows
	// of the picture where these are short. rows is their number over the batch in all.
	chunk, chunks int
	merged        int
	rows          int
	// A block is one of bundles, a range of panels, by one chunk, by perBlock rows of tiles.
	bundles  []int
	perBlock int

	// A line has the addresses of what a row of the input holds for each class, which is either
	// for positions that are congruent modulo the move, or, where the taps of a row are taken
	// together because each has few channels, for all taps of a phase.
	entries  int // of a class in a line
	classes  []directClass
	together bool

	trimmed bool // see trims
}

// directClass says where entry i of its list lies, for position at + i*move: at which pixel
// of the row begin as many as there are taps. It may be nowhere, or the pixels not be
// neighbours, as at borders.
type directClass struct {
	at, taps int
	source   []int32
}

const (
	directNowhere = -1
	directApart   = -2
)

func planDirect[T Float](s *ConvShape, gathers bool) directPlan {
	p := directPlan{shape: *s, gathers: gathers, batch: s.Batch}
	if isFloat32[T]() {
		p.isa = active
	}
	p.tile = directReaches[p.isa]
	x, y := directSide{s.H.In, s.W.In, s.parts()}, directSide{s.H.Out, s.W.Out, []int{s.Out}}
	if gathers {
		p.input, p.output = x, y
		p.alongH, p.alongW = gatherAxis(s.H, s.Border), gatherAxis(s.W, s.Border)
	} else {
		p.input, p.output = y, x
		p.alongH, p.alongW = scatterAxis(s.H), scatterAxis(s.W)
	}
	if s.H.still() && s.W.still() { // rows are as good as one, but the tables grow with it
		width := p.output.width * joinedRows(p.batch*p.output.height, p.output.width)
		rows := p.batch * p.output.height * p.output.width / width
		still := func(n int) directAxis {
			return gatherAxis(Window{In: n, Out: n, Kernel: 1, Stride: 1, Dilation: 1}, BorderExclude)
		}
		p.input.height, p.output.height, p.input.width, p.output.width = rows, rows, width, width
		p.batch, p.alongH, p.alongW = 1, still(rows), still(width)
	}
	if slices.ContainsFunc(p.input.parts, func(channels int) bool { return collides(4 * p.alongW.move * channels) }) {
		p.tile.rows = min(p.tile.rows, cacheWays)
	}
	p.together = s.Groups == 1 && slices.Max(p.input.parts) < directFew
	for i := range p.alongW.phases {
		p.together = p.together && p.alongW.phases[i].together()
	}
	p.trimmed = p.trims()
	p.addPhases()
	p.addPanels()
	p.divide()
	p.layLines()
	return p
}

// directJoined is the number of pixels up to which rows are joined.
const directJoined = 1 << 14

// joinedRows is the largest divisor of the number of rows that makes rows of at most
// directJoined pixels out of those of the width, at least 1.
func joinedRows(rows, width int) int {
	for n := min(rows, directJoined/max(width, 1)); n > 1; n-- {
		if rows%n == 0 {
			return n
		}
	}
	return 1
}

// depthwise says that every channel is on its own.
func (p *directPlan) depthwise() bool {
	return p.shape.Groups > 1 && p.inGroup() == 1 && p.outGroup() == 1
}

// sharing is the number of groups that share a panel: narrow ones do one as wide as a vector, in
// which what does not belong together is 0.
func (p *directPlan) sharing() int {
	if p.depthwise() {
		return 1
	}
	return min(max(1, p.tile.cols/2/p.outGroup()), p.shape.Groups)
}

// inGroup and outGroup are a group's channels of the pass's input and result.
func (p *directPlan) inGroup() int {
	if p.gathers {
		return p.shape.groupIn()
	}
	return p.shape.groupOut()
}

func (p *directPlan) outGroup() int {
	if p.gathers {
		return p.shape.groupOut()
	}
	return p.shape.groupIn()
}

// addPanels divides the columns of every phase.
func (p *directPlan) addPanels() {
	units := 1 // whose columns do not share panels with others
	if p.shape.Groups > 1 && !p.depthwise() {
		units = ceilDiv(p.shape.Groups, p.sharing())
	}
	span := p.sharing() * p.inGroup()
	for phase := range p.phases {
		first := 0
		for part, channels := range p.output.parts {
			kind, step := p.kind(&p.phases[phase], channels)
			width := channels
			if units > 1 {
				width = p.sharing() * p.outGroup()
			}
			for unit := range units {
				end := min((unit+1)*width, channels)
				for column := unit * width; column < end; column += step {
					panel := directPanel{
						kind: kind, phase: phase, part: part, column: column, channel: first + column,
						cols: min(step, end-column), from: min(unit*span, p.inChannels()-span), form: p.size,
					}
					if kind == directDepth {
						panel.from = column
					}
					p.panels = append(p.panels, panel)
					p.size += p.elements(&panel)
				}
			}
			first += channels
		}
	}
}

// kind chooses the panels for so many channels of the result, and how many columns they have
// at most.
func (p *directPlan) kind(f *directPhase, channels int) (kind directKind, cols int) {
	if p.depthwise() {
		return directDepth, p.tile.cols
	}
	panels := ceilDiv(channels, narrowCols)
	// A narrow tile multiplies a vector with each column, and reads it; a wide one multiplies
	// a vector of columns with each term.
	if p.isa != generic && p.shape.Groups == 1 && panels <= 2 && f.vectors*(channels+panels) < f.terms {
		return directNarrow, narrowCols
	}
	return directWide, p.tile.cols
}

// narrowCols is the number of columns that a narrow panel has at most.
const narrowCols = 4

// elements is the size of a panel in the form.
func (p *directPlan) elements(panel *directPanel) int {
	f := &p.phases[panel.phase]
	if panel.kind == directNarrow {
		return f.vectors * panel.cols * p.tile.cols / 2
	}
	return f.terms * p.tile.cols
}

// sums is the number of partial sums that a panel's columns are computed by.
func (p *directPlan) sums(panel *directPanel) int {
	if panel.kind == directWide {
		return len(p.phases[panel.phase].blocks) - 1
	}
	return 1
}

// inChannels is the number of channels of the pass's input.
func (p *directPlan) inChannels() int {
	n := 0
	for _, c := range p.input.parts {
		n += c
	}
	return n
}

// addPhases makes the phases.
func (p *directPlan) addPhases() {
	parts := p.input.parts
	if p.shape.Groups > 1 {
		parts = []int{p.sharing() * p.inGroup()}
	}
	for i := range p.alongH.phases {
		for j := range p.alongW.phases {
			f := newDirectPhase(&p.alongH.phases[i], &p.alongW.phases[j], parts, p.together, p.trimmed)
			for k := range f.pieces {
				f.pieces[k].vectors = f.vectors
				f.vectors += ceilDiv(f.pieces[k].terms, p.tile.cols/2)
			}
			p.phases = append(p.phases, f)
		}
	}
}

// divide chooses rows of tiles, bundles and blocks.
func (p *directPlan) divide() {
	cols, rows := p.alongW.count(), p.alongH.count()*p.batch
	taps, several := 1, false
	for i := range p.phases {
		taps = max(taps, len(p.phases[i].rows.taps))
	}
	channels := min(p.inChannels(), directTerms)
	p.chunk = max(4*p.tile.rows, directRowBytes/(4*p.alongW.move*taps*channels))
	p.chunks = ceilDiv(cols, p.chunk)
	p.chunk, p.merged = ceilDiv(cols, max(p.chunks, 1)), 1
	if p.merges() {
		p.merged = max(1, min(4*p.tile.rows/max(cols, 1), rows))
	}
	p.rows = ceilDiv(rows, p.merged)

	// Operations in a row of tiles, for each element of the form.
	unit := 2 * float64(p.merged*p.chunk)
	all := unit * float64(p.rows*p.chunks) * float64(p.size)
	want := max(all/directBlocks, directFlops)
	size, work := 0, 0.0
	for i := range p.panels {
		panel, elements := &p.panels[i], p.elements(&p.panels[i])
		bytes, flops := 4*elements, unit*float64(elements)
		if p.sums(panel) > 1 {
			several, bytes = true, 4*p.phases[panel.phase].partial()*p.tile.cols
		}
		// Panels of a bundle have the same partial sums.
		apart := i > 0 && several && (panel.phase != p.panels[i-1].phase || panel.kind != p.panels[i-1].kind)
		if i == 0 || size+bytes > directPanelBytes || work+flops > want || apart {
			p.bundles, size, work = append(p.bundles, i), 0, 0
		}
		size, work = size+bytes, work+flops
	}
	p.bundles = append(p.bundles, len(p.panels))
	p.perBlock = 1
	if most := all / float64(p.rows*p.chunks*(len(p.bundles)-1)); most > 0 { // of a bundle in a row of tiles
		p.perBlock = max(1, int(want/most))
	}
	if several { // all rows of a block pass before the next partial sums
		p.perBlock = min(p.perBlock, max(1, 2*directRowBytes/(4*p.merged*p.chunk*channels)))
	}
}

// block divides the number of a block. Neighbouring numbers share what is larger, the pixels
// or the panels: it passes through a cache once, and where it is the pixels a worker finds
// those that it made itself in the layer before.
func (p *directPlan) block(n int) (rows, chunk, bundle int) {
	blocks, bundles := ceilDiv(p.rows, p.perBlock), len(p.bundles)-1
	if p.size > p.batch*p.input.height*p.input.width*p.inChannels() {
		return n % blocks, n / blocks % p.chunks, n / blocks / p.chunks
	}
	n, bundle = n/bundles, n%bundles
	return n / p.chunks, n % p.chunks, bundle
}

// layLines chooses the classes.
func (p *directPlan) layLines() {
	a := &p.alongW
	class := func(at, taps int) int {
		i := slices.IndexFunc(p.classes, func(c directClass) bool { return c.at == at && c.taps == taps })
		if i < 0 {
			i = len(p.classes)
			p.classes = append(p.classes, newDirectClass(a, at, taps))
		}
		return i
	}
	shift := 0
	for i := range a.phases {
		taps := a.phases[i].taps
		for k := range taps {
			if t := &taps[k]; p.together {
				t.class = class(taps[0].at, len(taps))
			} else {
				t.class, t.shift = class(t.at%a.move, 1), t.at/a.move
				shift = max(shift, t.shift)
			}
		}
	}
	p.entries = p.chunk + shift
}

func newDirectClass(a *directAxis, at, taps int) directClass {
	c := directClass{at: at, taps: taps}
	for ; at+taps <= len(a.source); at += a.move {
		window := a.source[at:][:taps]
		from := window[0]
		for j, s := range window {
			if s < 0 && taps == 1 {
				from = directNowhere
			} else if s < 0 || s != window[0]+int32(j) {
				from = directApart
			}
		}
		c.source = append(c.source, from)
	}
	return c
}

// formName tells what the form of a kernel depends on: the variant's panels, the order of
// the terms, and the phases.
func (p *directPlan) formName() string {
	name := fmt.Sprintf("direct %s, parts %v", p.isa, p.shape.parts())
	if p.gathers {
		return name
	}
	for _, a := range []*directAxis{&p.alongH, &p.alongW} {
		name += ", phases"
		for _, s := range a.phases {
			name += " "
			for _, t := range s.taps {
				name += fmt.Sprintf("%d,", t.tap)
			}
		}
	}
	return name
}
