package kernels

// directPhase is a phase along both axes, with the terms of its sums in order.
type directPhase struct {
	rows, cols *directSteps
	pieces     []directPiece
	blocks     []int // pieces[blocks[i]:blocks[i+1]] is a partial sum: of at most directTerms terms, or of a piece
	terms      int
	vectors    int // of terms, where no two taps share one
	lists      int // taps of a row that have a list of their own
}

// directPiece is a run of channels of one part at one tap, or all channels of the part at
// several neighbouring taps of a row.
type directPiece struct {
	part, row, col int // the (first) tap: rows.taps[row] and cols.taps[col]
	taps           int
	first, terms   int // channels within the part, terms in all
	channel        int // the first, within the input
	at, vectors    int // terms, and vectors of them, before it
}

func newDirectPhase(rows, cols *directSteps, parts []int, together, apart bool) directPhase {
	f := directPhase{rows: rows, cols: cols, blocks: []int{0}, lists: len(cols.taps)}
	if together {
		f.lists = min(f.lists, 1)
	}
	all := 0
	for _, channels := range parts {
		all += len(rows.taps) * len(cols.taps) * channels
	}
	block, limit := 0, ceilDiv(all, max(1, ceilDiv(all, directTerms))) // near-equal blocks
	if apart {
		limit = 1
	}
	add := func(piece directPiece) {
		if block >= limit {
			f.blocks, block = append(f.blocks, len(f.pieces)), 0
		}
		piece.at = f.terms
		f.pieces = append(f.pieces, piece)
		f.terms += piece.terms
		block += piece.terms
	}
	channel := 0
	for part, channels := range parts {
		for i := range rows.taps {
			if n := len(cols.taps); together && n > 0 {
				add(directPiece{part: part, row: i, taps: n, terms: n * channels, channel: channel})
				continue
			}
			for j := range cols.taps {
				for first := 0; first < channels; first += directTerms {
					add(directPiece{part: part, row: i, col: j, taps: 1, first: first, terms: min(directTerms, channels-first), channel: channel + first})
				}
			}
		}
		channel += channels
	}
	f.blocks = append(f.blocks, len(f.pieces))
	return f
}

// partial is the number of terms in the longest partial sum.
func (f *directPhase) partial() int {
	most := 0
	for b := range len(f.blocks) - 1 {
		n := 0
		for _, piece := range f.pieces[f.blocks[b]:f.blocks[b+1]] {
			n += piece.terms
		}
		most = max(most, n)
	}
	return most
}
