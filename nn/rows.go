package nn

import "github.com/hourglass-go/hourglass/internal/kernels"

// rowwise is implemented by a layer with one output that can make some rows of it from some
// rows of its inputs.
type rowwise interface {
	Layer
	// rowMap says which rows those are. It is not ok where the layer wants whole pictures.
	rowMap(in []Shape) (m rowMap, ok bool)
	// compileRows compiles the layer for parts of one picture: rows is a part of the map's
	// window.
	compileRows(in []Shape, rows kernels.Window) Routine
}

// rowMap is how the rows of an output hang together with those of the inputs: by a window, or
// its adjoint.
type rowMap struct {
	kernels.Window
	border     kernels.Border
	transposed bool
	aligned    int // so many of the last inputs are read at the output's own rows
}

// height is the rows of the output.
func (m *rowMap) height() int {
	if m.transposed {
		return m.In
	}
	return m.Out
}

// reads is the rows that rows out are made of, of input j of so many.
func (m *rowMap) reads(out kernels.Range, j, inputs int) kernels.Range {
	switch {
	case j >= inputs-m.aligned:
		return out
	case m.transposed:
		return m.Stamps(out)
	}
	return m.Reads(out, m.border)
}

// part is the window of rows out.
func (m *rowMap) part(out kernels.Range) kernels.Window {
	if m.transposed {
		return m.Part(out, m.Stamps(out))
	}
	return m.Part(m.Reads(out, m.border), out)
}

// roundUp is the end of a part of the output where parts are to look alike: the adjoint of a
// window with a stride begins each with the same phase.
func (m *rowMap) roundUp(end int) int {
	if m.transposed {
		end = (end + m.Stride - 1) / m.Stride * m.Stride
	}
	return min(end, m.height())
}
