package nn

// EdgePad repeats the border pixels around pictures: a a a | a b c d | d d d. Input:
// [H, W, C]; output: [Top+H+Bottom, Left+W+Right, C]. Gradient: the sum over each pixel's
// copies.
type EdgePad struct{ Margins }

// WrapPad continues pictures with their other end: b c d | a b c d | a b c; circular
// padding. Shapes and gradient are those of [EdgePad].
type WrapPad struct{ Margins }

func init() {
	Register("edge_pad", 1, EdgePad{})
	Register("wrap_pad", 1, WrapPad{})
}

// Infer adds the margins.
func (p EdgePad) Infer(in []Shape) (Signature, error) { return p.inferPad(in) }

// Compile returns the arithmetic.
func (p EdgePad) Compile(batch int, in []Shape) Routine {
	return p.compilePad(batch, in, BorderEdge, 0)
}

// Infer adds the margins.
func (p WrapPad) Infer(in []Shape) (Signature, error) { return p.inferPad(in) }

// Compile returns the arithmetic.
func (p WrapPad) Compile(batch int, in []Shape) Routine {
	return p.compilePad(batch, in, BorderWrap, 0)
}
