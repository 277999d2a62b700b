package nn

import "github.com/hourglass-go/hourglass/internal/kernels"

// rowwise is how a routine with one output makes some rows of it from some rows of its inputs.
type rowwise interface {
	// height is the rows of the output.
	height() int
	// reads is the rows of input j that rows out of the output are made of; nothing where the
	// input is not read.
	reads(out kernels.Range, j int) kernels.Range
	// alike reports whether what makes rows a makes rows b too, given those that they read.
	alike(a, b kernels.Range) bool
	// roundUp is the end of a part of the output where parts are to look alike.
	roundUp(end int) int
	// compile returns the arithmetic that makes rows out of one picture.
	compile(out kernels.Range) Routine
}

// ownRows is a rowwise routine each of whose rows comes of the same one of every input.
type ownRows struct {
	rows int
	part func(rows int) Routine
}

// ownRowsOf is that of pictures of one height; nil of anything else.
func ownRowsOf(in []Shape, part func(in []Shape) Routine) rowwise {
	for _, s := range in {
		if len(s) != 3 || s[0] != in[0][0] {
			return nil
		}
	}
	return ownRows{in[0][0], func(rows int) Routine {
		cut := make([]Shape, len(in))
		for i, s := range in {
			cut[i] = Shape{rows, s[1], s[2]}
		}
		return part(cut)
	}}
}

func (r ownRows) height() int                                  { return r.rows }
func (r ownRows) reads(out kernels.Range, _ int) kernels.Range { return out }
func (r ownRows) alike(a, b kernels.Range) bool                { return a.Len() == b.Len() }
func (r ownRows) roundUp(end int) int                          { return min(end, r.rows) }
func (r ownRows) compile(out kernels.Range) Routine            { return r.part(out.Len()) }

// axisRows is a rowwise routine by a linear map along the height; it reads its first input.
type axisRows struct {
	*kernels.Axis
	part func(rows *kernels.Axis) Routine
}

func (r axisRows) height() int { return r.Out }

func (r axisRows) reads(out kernels.Range, j int) kernels.Range {
	if j > 0 {
		return kernels.Range{}
	}
	return r.Reads(out)
}

func (r axisRows) alike(a, b kernels.Range) bool     { return r.Part(a).Equal(r.Part(b)) }
func (r axisRows) roundUp(end int) int               { return min(end, r.Out) }
func (r axisRows) compile(out kernels.Range) Routine { return r.part(r.Part(out)) }

// windowRows is a rowwise routine by a window that slides along the height, or its adjoint.
type windowRows struct {
	kernels.Window
	border     kernels.Border
	transposed bool
	adds       int // the input that is read at the output's own rows; 0 for none
	part       func(rows kernels.Window) Routine
}

func (r windowRows) height() int {
	if r.transposed {
		return r.In
	}
	return r.Out
}

func (r windowRows) reads(out kernels.Range, j int) kernels.Range {
	switch {
	case j > 0 && j == r.adds:
		return out
	case r.transposed:
		return r.Stamps(out)
	}
	return r.Reads(out, r.border)
}

// window is that of rows out.
func (r windowRows) window(out kernels.Range) kernels.Window {
	if r.transposed {
		return r.Part(out, r.Stamps(out))
	}
	return r.Part(r.Reads(out, r.border), out)
}

func (r windowRows) alike(a, b kernels.Range) bool     { return r.window(a) == r.window(b) }
func (r windowRows) compile(out kernels.Range) Routine { return r.part(r.window(out)) }

// roundUp has parts of the adjoint of a window with a stride begin with the same phase each.
func (r windowRows) roundUp(end int) int {
	if r.transposed {
		end = (end + r.Stride - 1) / r.Stride * r.Stride
	}
	return min(end, r.height())
}
