package kernels

import "unsafe"

// findLists sets starts: to places in the lines of the input, or, where rows are merged, to
// lists of their own.
func (p *directPass[T]) findLists(w *directWorker[T], f *directPhase, pixels int) {
	cols := f.cols.taps[:f.lists]
	for part := range p.input.parts {
		for i := range f.rows.taps {
			lists := w.starts[f.list(part, i, 0):][:len(cols)]
			if p.merged == 1 {
				run := &w.runs[0]
				line := p.findLine(w, run.picture, run.row*p.alongH.move+f.rows.taps[i].at, part)
				for j := range cols {
					lists[j] = addressOf(line[cols[j].class*p.entries+cols[j].shift:])
				}
				continue
			}
			for j := range cols {
				first := f.list(part, i, j) * pixels
				list := w.lists[first:][:pixels]
				p.findList(w, list, first, part, f.rows.taps[i].at, &cols[j])
				lists[j] = addressOf(list)
			}
		}
	}
}

// list numbers the lists of a phase: that of a tap and a part.
func (f *directPhase) list(part, row, col int) int {
	return (part*len(f.rows.taps)+row)*f.lists + col
}

// findList makes the list, from number first of all entries on, of what a tap reads of one
// part, where rows are merged.
func (p *directPass[T]) findList(w *directWorker[T], list []uintptr, first, part, row int, col *directReach) {
	n := 0
	for r := range w.runs {
		run := &w.runs[r]
		line := p.rowOf(run.picture, run.row*p.alongH.move+row, part)
		p.fill(w, list[n:][:run.cols], first+n, line, &p.classes[col.class], w.column+col.shift, part)
		n += run.cols
	}
}

// rowOf is a part of the input's row at a position, nil for padding.
func (p *directPass[T]) rowOf(picture, at, part int) []T {
	from := int(p.alongH.source[at])
	if from < 0 {
		return nil
	}
	width := p.input.width * p.input.parts[part]
	return p.in[part][(picture*p.input.height+from)*width:][:width]
}

// findLine returns the addresses of one part of the input's pixels at a position along the
// columns, for the chunk.
func (p *directPass[T]) findLine(w *directWorker[T], picture, at, part int) []uintptr {
	row := p.rowOf(picture, at, part)
	slot, key := at%p.alongH.span*len(p.input.parts)+part, picture*len(p.alongH.source)+at
	if row == nil {
		slot, key = len(w.keys)-1, 0
	}
	first := slot * p.line()
	line := w.lines[first:][:p.line()]
	if w.keys[slot] != key {
		w.keys[slot] = key
		for i := range p.classes {
			p.fill(w, line[i*p.entries:][:p.entries], first+i*p.entries, row, &p.classes[i], w.column, part)
		}
	}
	return line
}

// fill sets entries of the lines or lists, from number at on, to the addresses of what a
// class has in a row from entry first on; all to zeros where there is no row.
func (p *directPass[T]) fill(w *directWorker[T], entries []uintptr, at int, row []T, class *directClass, first, part int) {
	start, zeros := addressOf(row), addressOf(p.zeros)
	if row == nil {
		for i := range entries {
			entries[i] = zeros
		}
		return
	}
	channels := p.input.parts[part]
	size := uintptr(channels) * unsafe.Sizeof(T(0))
	source := class.source[first:]
	n := min(len(entries), len(source)) // the last chunk may have fewer columns
	for i, s := range source[:n] {
		switch {
		case s >= 0:
			entries[i] = start + uintptr(s)*size
		case s == directNowhere:
			entries[i] = zeros
		default:
			window := w.windows[(at+i)*len(p.zeros):][:class.taps*channels]
			p.copyWindow(window, row, class.at+(first+i)*p.alongW.move, channels)
			entries[i] = addressOf(window)
		}
	}
}

// copyWindow copies the channels of neighbouring positions together.
func (p *directPass[T]) copyWindow(dst, row []T, position, channels int) {
	for _, s := range p.alongW.source[position:][:len(dst)/channels] {
		if s < 0 {
			clear(dst[:channels])
		} else {
			copy(dst[:channels], row[int(s)*channels:])
		}
		dst = dst[channels:]
	}
}

// findOuts sets outs for one part of the result.
func (p *directPass[T]) findOuts(w *directWorker[T], f *directPhase, part int) {
	width := p.output.width * p.output.parts[part]
	step := uintptr(f.cols.step*p.output.parts[part]) * unsafe.Sizeof(T(0))
	n := 0
	for r := range w.runs {
		run := &w.runs[r]
		row := p.out[part][(run.picture*p.output.height+f.rows.first+run.row*f.rows.step)*width:][:width]
		at := addressOf(row[(f.cols.first+w.column*f.cols.step)*p.output.parts[part]:])
		outs := w.outs[n:][:run.cols]
		for i := range outs {
			outs[i] = at
			at += step
		}
		n += run.cols
	}
}
