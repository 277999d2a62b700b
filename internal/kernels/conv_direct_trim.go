package kernels

import "slices"

// On small pictures a good part of the products are with padding: of a 3x3 kernel on 4x4
// pixels 44 of 144, of a 7x7 one on 12x16 pixels a quarter. Where that pays, every tap is a
// partial sum of its own, and its tiles have only those pixels that it reads the picture for.

const (
	// trimmedTerms is what it costs to begin a partial sum and to add it, in terms of a tile's
	// row.
	trimmedTerms = 16
	// trimmedColumns is the least number of the result's channels: narrow panels, and those of
	// groups, have no partial sums.
	trimmedColumns = 2*narrowCols + 1
)

// merges says that tiles have pixels of several rows.
func (p *directPlan) merges() bool { return p.alongW.count() < 2*p.tile.rows }

// trims chooses whether to leave padding out.
func (p *directPlan) trims() bool {
	s := &p.shape
	if s.Groups > 1 || s.Border > BorderZero || p.together || !p.merges() || slices.Min(p.output.parts) < trimmedColumns {
		return false
	}
	terms := 0 // of all pieces of a tap
	for _, channels := range p.input.parts {
		terms += channels + ceilDiv(channels, directTerms)*trimmedTerms
	}
	return s.H.reads()*s.W.reads()*terms < p.alongH.pairs()*p.alongW.pairs()*p.inChannels()
}

// pairs counts the pairs of an output and a tap.
func (a *directAxis) pairs() int {
	n := 0
	for i := range a.phases {
		n += a.phases[i].count * len(a.phases[i].taps)
	}
	return n
}

// trim lists those pixels of a row of tiles that a piece reads the picture for, and their
// places in one part of the result.
func (p *directPass[T]) trim(w *directWorker[T], f *directPhase, sum int) {
	inside := w.inside[:0]
	if sum < len(f.pieces) { // a phase may have none
		piece := &f.pieces[sum]
		list, zeros := w.lists[:len(w.places)], addressOf(p.zeros)
		p.findList(w, list, 0, piece.part, f.rows.taps[piece.row].at, &f.cols.taps[piece.col])
		for i, from := range list {
			if from != zeros {
				list[len(inside)] = from
				inside = append(inside, w.places[i])
			}
		}
		w.starts[f.list(piece.part, piece.row, piece.col)] = addressOf(list)
	}
	w.places = inside
}

// startOuts sets the columns of a panel to the bias.
func (p *directPass[T]) startOuts(w *directWorker[T], panel *directPanel, pixels int) {
	var bias []T
	if p.bias != nil {
		bias = p.bias[panel.channel:][:panel.cols]
	}
	for _, out := range w.outs[:pixels] {
		startRow(at[T](out, panel.column+panel.cols)[panel.column:], bias)
	}
}
