package nn

import (
	"slices"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// A prediction runs a chain of steps on large pictures band by band: each step makes some
// rows, the next reads them while they are in a cache, and what nobody outside the chain
// reads never lies in memory as a whole. The rows that the next band needs once more are put
// by, so nothing is computed twice.

var (
	// chainLeast is the size of a value, of one sample, from which on it is to pass in bands: two
	// such are more than last-level caches of 32 MiB hold.
	chainLeast = 16 << 20
	// bandBytes is how large the largest band of a chain should be: two, and what passes by,
	// stay in such a cache. Tests set both lower.
	bandBytes = 4 << 20
)

const (
	// bandTile is what the height of bands is a multiple of, the tile of Winograd's algorithm,
	// and bandRows their least height: of fewer rows, the kernels pass by too often.
	bandTile = 4
	bandRows = 16
)

// bandChain is steps first to beyond-1, each of which reads what one of them made before.
type bandChain struct {
	first, beyond int
	maps          []rowMap // of each step
	height        int      // of the bands of the last step's output
	routines      [][]Routine
	windows       map[int]*valueWindow // the values that only the chain reads
	bands         []band
}

// band is what makes one band, in order.
type band []piece

// piece is a step's part in a band.
type piece struct {
	step, op   int // op is -1 where no rows are wanted of the step
	in         []segment
	out        segment
	load, save segmentMoves
}

// segment is elements from to to-1 of a value, a stride further for each sample.
type segment struct{ from, to, stride int }

// segmentMoves are the rows that come from a value's halo, or go there.
type segmentMoves []segmentMove

type segmentMove struct{ value, from, to int }

// valueWindow is the rows of a value that the chain has at a time.
type valueWindow struct {
	made, reader int             // steps: the one that makes it and the last that reads it
	have         []kernels.Range // in each band
	elems        int
	kept, halo   int // elements kept from band to band, and their buffer
}

// begins and ends are the moments from and up to which a value is in use where step i makes it,
// or reads it: a chain uses what lies outside it from the first band to the last.
func (p *plan) begins(i, v int) int {
	if c := p.chainOf[i]; c != nil && c.windows[v] == nil {
		return c.first
	}
	return i
}

func (p *plan) ends(i, v int) int {
	if c := p.chainOf[i]; c != nil && c.windows[v] == nil {
		return c.beyond - 1
	}
	return i
}

// findChains finds the chains of a prediction, from the first step on the longest ones.
func (p *plan) findChains() {
	p.chainOf = make([]*bandChain, len(p.graph.steps))
	if p.training {
		return
	}
	readers := p.readers()
	for first := 0; first < len(p.graph.steps); first++ {
		c := p.longestChain(first, readers)
		if c == nil {
			continue
		}
		p.chains = append(p.chains, c)
		for i := c.first; i < c.beyond; i++ {
			p.chainOf[i] = c
			r := &p.routines[i]
			r.Scratch, r.Saved, r.Form = 0, 0, c.routines[i-c.first][0].Form
			for _, part := range c.routines[i-c.first] {
				r.Scratch, r.Saved = max(r.Scratch, part.Scratch), max(r.Saved, part.Saved)
			}
		}
		first = c.beyond - 1
	}
}

// longestChain is the longest chain that begins with the step, nil for none.
func (p *plan) longestChain(first int, readers [][]int) *bandChain {
	c := &bandChain{first: first, beyond: first}
	var ends []int // of what may be chains
	for c.beyond < len(p.graph.steps) && p.extend(c) {
		if c.beyond > first+1 && p.closed(c, readers) && len(c.windows) > 0 {
			ends = append(ends, c.beyond)
		}
		if p.sampleBytes(p.graph.steps[c.beyond-1].out[0]) < chainLeast {
			break // what follows has no need of bands
		}
	}
	for _, beyond := range slices.Backward(ends) {
		c.beyond, c.maps = beyond, c.maps[:beyond-first]
		if p.setHeight(c) && p.closed(c, readers) && p.schedule(c) {
			return c
		}
	}
	return nil
}

func (p *plan) sampleBytes(v int) int { return 4 * p.graph.shapes[v].Elems() }

// extend takes the next step into the chain where that goes in rows, and where bands stay
// high enough and small enough.
func (p *plan) extend(c *bandChain) bool {
	s := &p.graph.steps[c.beyond]
	l, ok := s.layer.(rowwise)
	if !ok || len(s.out) != 1 {
		return false
	}
	m, ok := l.rowMap(p.graph.shapesOf(s.in))
	if !ok {
		return false
	}
	c.maps = append(c.maps, m)
	c.beyond++
	return p.setHeight(c)
}

// setHeight chooses the height of bands of the last output: such that the largest band of any
// is of bandBytes, and those of convolutions have bandRows at least. It fails where both
// cannot be of steps of several sizes.
func (p *plan) setHeight(c *bandChain) bool {
	h := c.maps[len(c.maps)-1].height()
	least, most, row := h, 0, 1
	for k, m := range c.maps {
		s := &p.graph.steps[c.first+k]
		row = max(row, (p.sampleBytes(s.out[0])+h-1)/h)
		if len(s.params) == 0 {
			continue
		}
		if most == 0 {
			least = m.height()
		}
		least, most = min(least, m.height()), max(most, m.height())
	}
	unit := (bandTile*h + least - 1) / least
	lowest := bandRows / bandTile * unit
	c.height = max(bandBytes/row/unit*unit, lowest)
	return c.height*row <= bandBytes || most < 2*least
}

// closed reports whether what the chain makes, but for the last, is read by it, and finds
// the values that nobody else reads.
func (p *plan) closed(c *bandChain, readers [][]int) bool {
	c.windows = map[int]*valueWindow{}
	for i := c.first; i < c.beyond-1; i++ {
		v := p.graph.steps[i].out[0]
		inside, outside := -1, slices.Contains(p.graph.outputs, v)
		for _, r := range readers[v] {
			if r < c.beyond {
				inside = max(inside, r)
			} else {
				outside = true
			}
		}
		if inside < 0 {
			return false
		}
		if !outside {
			c.windows[v] = &valueWindow{made: i, reader: inside, halo: -1}
		}
	}
	return true
}

// schedule divides the work into bands. It fails where there is but one, or where bands of a
// step want its parameters in several forms.
func (p *plan) schedule(c *bandChain) bool {
	h := c.maps[len(c.maps)-1].height()
	count := (h + c.height - 1) / c.height
	if count < 2 {
		return false
	}
	work := make([][]kernels.Range, count) // by band and step
	done := map[int]int{}
	for k := range work {
		work[k] = p.bandRows(c, min((k+1)*c.height, h), k == count-1, done)
	}
	p.sizeWindows(c, work)
	c.bands = nil
	known := make([]map[kernels.Window]int, c.beyond-c.first)
	c.routines = make([][]Routine, c.beyond-c.first)
	for k, rows := range work {
		var b band
		for j, out := range rows {
			b = append(b, p.newPiece(c, known, k, j, out))
		}
		c.bands = append(c.bands, b)
	}
	for _, parts := range c.routines {
		for _, part := range parts {
			if part.Form != parts[0].Form {
				return false
			}
		}
	}
	return true
}

// bandRows finds the rows that each step makes in a band that ends the last output's at end,
// given how many rows of each value are done.
func (p *plan) bandRows(c *bandChain, end int, last bool, done map[int]int) []kernels.Range {
	rows := make([]kernels.Range, c.beyond-c.first)
	wanted := map[int]int{p.graph.steps[c.beyond-1].out[0]: end}
	for i := c.beyond - 1; i >= c.first; i-- {
		s, m := &p.graph.steps[i], &c.maps[i-c.first]
		v := s.out[0]
		to := m.roundUp(wanted[v])
		if last && c.windows[v] == nil {
			to = m.height()
		}
		out := kernels.Range{From: done[v], To: max(to, done[v])}
		rows[i-c.first], done[v] = out, out.To
		if out.Len() == 0 {
			continue
		}
		for j, u := range s.in {
			wanted[u] = max(wanted[u], m.reads(out, j, len(s.in)).To)
		}
	}
	return rows
}

// sizeWindows finds the rows of each window in each band: from the first that is read then or
// later to the last that is made.
func (p *plan) sizeWindows(c *bandChain, work [][]kernels.Range) {
	for v, w := range c.windows {
		pitch := p.graph.shapes[v].Elems() / p.graph.shapes[v][0]
		w.have = make([]kernels.Range, len(work))
		from := work[len(work)-1][w.made-c.first].To
		for k, rows := range slices.Backward(work) {
			for j, out := range rows {
				s := &p.graph.steps[c.first+j]
				for in, u := range s.in {
					if u == v && out.Len() > 0 {
						from = min(from, c.maps[j].reads(out, in, len(s.in)).From)
					}
				}
			}
			made := rows[w.made-c.first]
			w.have[k] = kernels.Range{From: min(from, made.To), To: made.To}
			w.elems = max(w.elems, w.have[k].Len()*pitch)
			if k+1 < len(work) {
				w.kept = max(w.kept, (made.To-w.have[k+1].From)*pitch)
			}
		}
	}
}

// newPiece is step j's part in band k.
func (p *plan) newPiece(c *bandChain, known []map[kernels.Window]int, k, j int, out kernels.Range) piece {
	i := c.first + j
	s, m := &p.graph.steps[i], &c.maps[j]
	piece := piece{step: i, op: -1}
	if out.Len() > 0 {
		window := m.part(out)
		if known[j] == nil {
			known[j] = map[kernels.Window]int{}
		}
		op, ok := known[j][window]
		if !ok {
			op = len(c.routines[j])
			known[j][window] = op
			c.routines[j] = append(c.routines[j], s.layer.(rowwise).compileRows(p.graph.shapesOf(s.in), window))
		}
		piece.op, piece.out = op, p.segmentOf(c, s.out[0], k, out)
		for in, u := range s.in {
			piece.in = append(piece.in, p.segmentOf(c, u, k, m.reads(out, in, len(s.in))))
		}
	}
	for v, w := range c.windows {
		pitch := p.graph.shapes[v].Elems() / p.graph.shapes[v][0]
		if w.made == i && k > 0 {
			if kept := w.have[k-1].To - w.have[k].From; kept > 0 {
				piece.load = append(piece.load, segmentMove{v, 0, kept * pitch})
			}
		}
		if w.reader == i && k+1 < len(w.have) {
			if have, from := w.have[k], w.have[k+1].From; have.To > from {
				piece.save = append(piece.save, segmentMove{v, (from - have.From) * pitch, have.Len() * pitch})
			}
		}
	}
	return piece
}

// segmentOf is where rows of a value lie in band k.
func (p *plan) segmentOf(c *bandChain, v, k int, rows kernels.Range) segment {
	size := p.graph.shapes[v].Elems()
	pitch := size / p.graph.shapes[v][0]
	if w := c.windows[v]; w != nil {
		from := w.have[k].From
		return segment{(rows.From - from) * pitch, (rows.To - from) * pitch, 0}
	}
	return segment{rows.From * pitch, rows.To * pitch, size}
}

// planHalos places what chains keep from band to band.
func (p *plan) planHalos() {
	for _, c := range p.chains {
		for i := c.first; i < c.beyond; i++ {
			if w := c.windows[p.graph.steps[i].out[0]]; w != nil && w.kept > 0 {
				w.halo = p.buffers.add(lasting(w.kept, c.first, c.beyond-1))
			}
		}
	}
}

// runChain runs a chain, sample by sample, band by band, and reports whether a check behind a
// band has stopped the run.
func (s *session[T]) runChain(c *bandChain, check func(step int) bool) (stopped bool) {
	for n := range s.plan.batch {
		for _, b := range c.bands {
			for i := range b {
				s.runPiece(&b[i], n)
			}
			if check != nil && check(c.beyond-1) {
				return true
			}
		}
	}
	return false
}

func (s *session[T]) runPiece(p *piece, n int) {
	for _, m := range p.load {
		copy(s.values[m.value][m.from:m.to], s.halos[m.value])
	}
	if p.op >= 0 {
		step, c := &s.plan.graph.steps[p.step], &s.calls[p.step]
		c.Batch = 1
		for j, v := range step.in {
			c.In[j] = segmentIn(s.values[v], &p.in[j], n)
		}
		c.Out[0] = segmentIn(s.values[step.out[0]], &p.out, n)
		s.bandOps[p.step][p.op].Forward(c)
	}
	for _, m := range p.save {
		copy(s.halos[m.value], s.values[m.value][m.from:m.to])
	}
	s.watch.lap(p.step, forwardPass)
}

// segmentIn is the segment of a value's memory, for sample n.
func segmentIn[T tensor.Float](x []T, g *segment, n int) []T {
	return x[n*g.stride+g.from : n*g.stride+g.to]
}
