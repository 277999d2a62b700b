package nn

// UpSampling2D enlarges pictures by whole factors, as Keras does: by ResizeNearest every
// pixel is repeated, by the other methods it is [Resize] with half-pixel coordinates.
// Input: [H, W, C]; output: [H*Factor[0], W*Factor[1], C]. Gradient: the transpose; for
// nearest, the sum over a pixel's copies.
type UpSampling2D struct {
	Factor [2]int       // of height and width; {2, 2} where it is not set
	Method ResizeMethod // ResizeNearest where it is not set
}

func init() { Register("up_sampling_2d", 1, UpSampling2D{}) }

func (u UpSampling2D) withDefaults() Layer {
	if u.Factor == [2]int{} {
		u.Factor = [2]int{2, 2}
	}
	u.Method = orDefault(u.Method, ResizeNearest)
	return u
}

// Infer multiplies height and width.
func (u UpSampling2D) Infer(in []Shape) (Signature, error) {
	if err := wantPicture(in, 1); err != nil {
		return Signature{}, err
	}
	u = u.withDefaults().(UpSampling2D)
	if err := checkSides("Factor", u.Factor); err != nil {
		return Signature{}, err
	}
	if err := u.Method.check(); err != nil {
		return Signature{}, err
	}
	out := in[0].Clone()
	for axis, f := range u.Factor {
		if out[axis] != Any {
			out[axis] *= f
		}
	}
	return Signature{Outputs: []Shape{out}}, nil
}

// Compile is that of the Resize to this size.
func (u UpSampling2D) Compile(batch int, in []Shape) Routine {
	u = u.withDefaults().(UpSampling2D)
	size := [2]int{in[0][0] * u.Factor[0], in[0][1] * u.Factor[1]}
	return Resize{Size: size, Method: u.Method}.Compile(batch, in)
}
