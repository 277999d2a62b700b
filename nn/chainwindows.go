package nn

import (
	"math"
	"slices"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// rowWindow is the memory of a value that passes through a chain, of which it has those rows
// that are made and still to be read. Where few of them are left whenever new ones are made, its
// memory is in use from then until they are read, and the rest is put by in between, in a halo;
// all windows of a row of convolutions share memory that stays in a cache. Otherwise it is a
// ring: a row's place is its number modulo the ring's height, and what runs over the end, where
// there is room for it, is copied to the beginning or from there.
type rowWindow struct {
	pitch      int // elements of a row
	made, read []access
	rest       []int // by what is made: how many rows there are from before
	height     int   // rows of its memory
	ring       int   // rows after which it begins again, 0 for none
	halo       int   // rows that are put by
	at, haloAt int   // offsets in the chain's memory
}

// access is rows made or read by a job.
type access struct {
	job  int
	rows kernels.Range
}

// findWindows finds the values that nobody outside the chain reads.
func (p *plan) findWindows(c *rowChain) {
	c.windows = map[int]*rowWindow{}
	for i := c.first; i < c.beyond; i++ {
		if v := p.graph.steps[i].out[0]; !slices.Contains(p.graph.outputs, v) {
			c.windows[v] = &rowWindow{pitch: p.graph.shapes[v].Elems() / p.graph.shapes[v][0]}
		}
	}
	for i, s := range p.graph.steps {
		if i < c.first || i >= c.beyond {
			for _, v := range s.in {
				delete(c.windows, v)
			}
		}
	}
}

// placeWindows finds out when which rows of each window are in use, and where it lies.
func (p *plan) placeWindows(c *rowChain, jobs []rowJob) {
	for t, job := range jobs {
		s := &p.graph.steps[job.step]
		if w := c.windows[s.out[0]]; w != nil {
			w.made = append(w.made, access{t, job.out})
		}
		for j, v := range s.in {
			if w := c.windows[v]; w != nil && job.in[j].Len() > 0 {
				w.read = append(w.read, access{t, job.in[j]})
			}
		}
	}
	var b buffers
	var placed []*rowWindow
	for i := c.first; i < c.beyond; i++ {
		if w := c.windows[p.graph.steps[i].out[0]]; w != nil {
			w.measure()
			b.add(buffer{elems: w.height * w.pitch, spans: w.spans()})
			b.add(lasting(w.halo*w.pitch, w.made[0].job, len(jobs)-1))
			placed = append(placed, w)
		}
	}
	c.elems = b.place(len(jobs))
	for i, w := range placed {
		w.at, w.haloAt = b[2*i].offset, b[2*i+1].offset
	}
}

// measure finds how many rows the window has at a time, and whether it is a ring.
func (w *rowWindow) measure() {
	w.rest = make([]int, len(w.made))
	least, r := math.MaxInt, len(w.read)
	most, added := 0, 0
	for k, made := range slices.Backward(w.made) {
		for ; r > 0 && w.read[r-1].job > made.job; r-- {
			least = min(least, w.read[r-1].rows.From)
		}
		from := min(least, made.rows.From)
		w.rest[k] = made.rows.From - from
		most, added, w.halo = max(most, made.rows.To-from), max(added, made.rows.Len()), max(w.halo, w.rest[k])
	}
	w.height = most
	if 2*w.halo <= added {
		return
	}
	w.halo, w.ring = 0, most
	for _, a := range slices.Concat(w.made, w.read) {
		w.height = max(w.height, a.rows.From%w.ring+a.rows.Len())
	}
}

// lastUse is the last job that reads what was made the k-th time before more is made.
func (w *rowWindow) lastUse(k int) int {
	last := w.made[k].job
	for _, a := range w.read {
		if k+1 == len(w.made) || a.job < w.made[k+1].job {
			last = max(last, a.job)
		}
	}
	return last
}

// spans are when the window's memory is in use.
func (w *rowWindow) spans() []span {
	last := len(w.made) - 1
	if w.ring > 0 {
		return []span{{w.made[0].job, w.lastUse(last)}}
	}
	var spans []span
	for k, made := range w.made {
		spans = append(spans, span{made.job, w.lastUse(k)})
	}
	return spans
}

// makePieces says where the rows that jobs make and read lie, and what has to be moved when.
func (p *plan) makePieces(c *rowChain, jobs []rowJob) {
	for t, job := range jobs {
		s, piece := &p.graph.steps[job.step], &c.pieces[t]
		for j, v := range s.in {
			w := c.windows[v]
			piece.in = append(piece.in, p.segmentOf(w, v, t, job.in[j]))
			if w != nil && job.in[j].Len() > 0 {
				piece.before = append(piece.before, w.runOver(job.in[j], true)...)
			}
		}
		w, v := c.windows[s.out[0]], s.out[0]
		piece.out = p.segmentOf(w, v, t, job.out)
		if w != nil {
			piece.after = append(piece.after, w.runOver(job.out, false)...)
		}
	}
	for _, w := range c.windows {
		for k := 1; w.halo > 0 && k < len(w.made); k++ {
			before, rows := w.lastUse(k-1), w.rest[k]
			if rows == 0 {
				continue
			}
			from := w.made[k-1].rows.Len() + w.rest[k-1] - rows
			put, take := &c.pieces[before], &c.pieces[w.made[k].job]
			put.after = append(put.after, move{dst: w.haloAt, src: w.at + from*w.pitch, elems: rows * w.pitch})
			take.before = append(take.before, move{dst: w.at, src: w.haloAt, elems: rows * w.pitch})
		}
	}
}

// segmentOf is where rows of a value lie at the time of a job.
func (p *plan) segmentOf(w *rowWindow, v, job int, rows kernels.Range) segment {
	switch {
	case rows.Len() == 0:
		return segment{}
	case w == nil:
		size := p.graph.shapes[v].Elems()
		pitch := size / p.graph.shapes[v][0]
		return segment{from: rows.From * pitch, to: rows.To * pitch, stride: size}
	}
	from := w.at + w.row(rows.From, job)*w.pitch
	return segment{from: from, to: from + rows.Len()*w.pitch, within: true}
}

// row is where a row of the value lies in the window at the time of a job.
func (w *rowWindow) row(row, job int) int {
	if w.ring > 0 {
		return row % w.ring
	}
	k, found := slices.BinarySearchFunc(w.made, job, func(a access, job int) int { return a.job - job })
	if !found {
		k--
	}
	return row - (w.made[k].rows.From - w.rest[k])
}

// runOver is the move of those rows that lie beyond the end of a ring: from its beginning, for
// who reads them, or to it.
func (w *rowWindow) runOver(rows kernels.Range, reads bool) []move {
	if w.ring == 0 {
		return nil
	}
	over := rows.From%w.ring + rows.Len() - w.ring
	if over <= 0 {
		return nil
	}
	m := move{dst: w.at, src: w.at + w.ring*w.pitch, elems: over * w.pitch}
	if reads {
		m.dst, m.src = m.src, m.dst
	}
	return []move{m}
}
