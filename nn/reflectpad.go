package nn

// ReflectPad puts the mirror image around pictures, mirrored at the centres of the border
// pixels: d c b | a b c d | c b a. Where a margin is wider than size-1 the reflection is
// reflected again; an axis of one pixel repeats it. Input: [H, W, C]; output:
// [Top+H+Bottom, Left+W+Right, C]. Gradient: the sum over each pixel's images.
type ReflectPad struct{ Margins }

// SymmetricPad is [ReflectPad] mirrored at the border, border pixels twice:
// c b a | a b c d | d c b.
type SymmetricPad struct{ Margins }

func init() {
	Register("reflect_pad", 1, ReflectPad{})
	Register("symmetric_pad", 1, SymmetricPad{})
}

// Infer adds the margins.
func (p ReflectPad) Infer(in []Shape) (Signature, error) { return p.inferPad(in) }

// Compile returns the arithmetic.
func (p ReflectPad) Compile(batch int, in []Shape) Routine {
	return p.compilePad(batch, in, BorderReflect, 0)
}

// Infer adds the margins.
func (p SymmetricPad) Infer(in []Shape) (Signature, error) { return p.inferPad(in) }

// Compile returns the arithmetic.
func (p SymmetricPad) Compile(batch int, in []Shape) Routine {
	return p.compilePad(batch, in, BorderSymmetric, 0)
}
