package kernels

// convTables say what each output of a convolution reads.
type convTables struct {
	height, width Window
	rows, cols    []int32 // tap i of output row p reads row rows[p*H.Kernel+i], none where that is -1
	readers       readers // of rows
}

func newConvTables(s *ConvShape) convTables {
	t := convTables{height: s.H, width: s.W, rows: s.H.sources(s.Border), cols: s.W.sources(s.Border)}
	t.readers = invert(t.rows, s.H.In)
	return t
}

// reads is a range of rows of the batch's inputs that holds all that pixels [p0, p1) of
// its outputs read.
func (t *convTables) reads(p0, p1 int) (first, beyond int) {
	h := &t.height
	r0, r1 := p0/t.width.Out, (p1-1)/t.width.Out // rows of the outputs, the last included
	n0, n1 := r0/h.Out, r1/h.Out
	if n0 != n1 {
		return n0 * h.In, (n1 + 1) * h.In
	}
	first, beyond = h.In, 0
	for _, i := range t.rows[r0%h.Out*h.Kernel : (r1%h.Out+1)*h.Kernel] {
		if i >= 0 {
			first, beyond = min(first, int(i)), max(beyond, int(i)+1)
		}
	}
	return n0*h.In + first, n0*h.In + max(first, beyond)
}
