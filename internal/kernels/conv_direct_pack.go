package kernels

// pack makes one piece of one panel of the form: element (p, j) is what term p is multiplied
// with in column j.
func (p *directPass[T]) pack(job directJob) {
	s, panel := &p.shape, &p.panels[job.panel]
	f := &p.phases[panel.phase]
	piece := &f.pieces[job.piece]
	if panel.kind == directNarrow {
		p.packNarrow(panel, f, piece)
		return
	}
	width := p.tile.cols
	dst := p.packed[panel.form+piece.at*width:][:piece.terms*width]
	if panel.cols < width {
		clear(dst)
	}
	channels := piece.terms / piece.taps
	for i := range piece.taps {
		tap := f.rows.taps[piece.row].tap*s.W.Kernel + f.cols.taps[piece.col+i].tap
		p.packTap(dst[i*channels*width:][:channels*width], tap, panel.from+piece.channel, channels, panel)
	}
}

// packTap is pack for the terms of one tap: channels from first on.
func (p *directPass[T]) packTap(dst []T, tap, first, channels int, panel *directPanel) {
	s, width := &p.shape, p.tile.cols
	in, out := p.inGroup(), p.outGroup()
	if panel.kind == directDepth {
		copy(dst[:panel.cols], p.w[tap*s.Out+panel.channel:])
		return
	}
	if first/in != (first+channels-1)/in || panel.channel/out != (panel.channel+panel.cols-1)/out || first/in != panel.channel/out {
		p.packGroups(dst, tap, first, panel)
		return
	}
	w := p.w[tap*s.groupIn()*s.Out:]
	if p.gathers {
		packColumns(p.isa, dst, w[first%in*s.Out+panel.channel:], channels, panel.cols, s.Out, width)
	} else {
		packRows(p.isa, dst, w[panel.channel%out*s.Out+first:], channels, panel.cols, s.Out, width)
	}
}

// packNarrow is pack for a narrow panel.
func (p *directPass[T]) packNarrow(panel *directPanel, f *directPhase, piece *directPiece) {
	lanes, channels := p.tile.cols/2, piece.terms/piece.taps
	dst := p.packed[panel.form+piece.vectors*panel.cols*lanes:][:ceilDiv(piece.terms, lanes)*panel.cols*lanes]
	clear(dst)
	for i := range piece.terms {
		tap := f.rows.taps[piece.row].tap*p.shape.W.Kernel + f.cols.taps[piece.col+i/channels].tap
		for j := range panel.cols {
			dst[(i/lanes*panel.cols+j)*lanes+i%lanes] = p.weight(tap, piece.channel+i%channels, panel.channel+j)
		}
	}
}

// weight is that of a channel of the input in one of the result, which are of one group.
func (p *directPass[T]) weight(tap, in, out int) T {
	s := &p.shape
	if !p.gathers {
		in, out = out, in
	}
	return p.w[(tap*s.groupIn()+in%s.groupIn())*s.Out+out]
}

// packGroups is pack for terms and columns of several groups; what does not belong together
// becomes 0.
func (p *directPass[T]) packGroups(dst []T, tap, first int, panel *directPanel) {
	clear(dst)
	for i := 0; i < len(dst)/p.tile.cols; i++ {
		for j := range panel.cols {
			if in, out := first+i, panel.channel+j; in/p.inGroup() == out/p.outGroup() {
				dst[i*p.tile.cols+j] = p.weight(tap, in, out)
			}
		}
	}
}

// packColumns computes dst[p*width+j] = src[p*stride+j] for p < k and j < cols.
func packColumns[T Float](i isa, dst, src []T, k, cols, stride, width int) {
	if v := vectorSets[i]; v != nil && cols == 2*v.lanes && width == cols {
		v.copyPanel(&f32(dst)[0], &f32(src)[0], k, 4*stride)
		return
	}
	for p := range k {
		copy(dst[p*width:][:cols], src[p*stride:])
	}
}

// packRows computes dst[p*width+j] = src[j*stride+p] for p < k and j < cols.
func packRows[T Float](i isa, dst, src []T, k, cols, stride, width int) {
	if v := vectorSets[i]; v != nil {
		transposePanel(v, f32(dst), f32(src), k, cols, stride, width)
		return
	}
	for j := range cols {
		for p, v := range src[j*stride:][:k] {
			dst[p*width+j] = v
		}
	}
}
