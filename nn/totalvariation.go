package nn

import "cmp"

// TotalVariation is the anisotropic total variation of a picture (Rudin et al. 1992): for each
// axis, the mean over all pairs of neighbours i, j along it and over channels of
//
//	|x_i - x_j|^Power
//
// and the sum of both axes' means. Power 2 asks for smoothness instead. Inputs: a picture
// [H, W, C], and a mask if wanted, [H, W] or [H, W, 1]: a pair weighs the product of its pixels'
// weights, and the means are taken over the whole batch. Output: one number a sample. A
// picture one pixel high has no pairs along that axis; the mean then is 0.
//
// Gradient by x_i of a pair: Power*|x_i - x_j|^(Power-1)*signOf(x_i - x_j) over the number of
// pairs; the negative by x_j.
type TotalVariation struct {
	Power float64 // 1 where it is 0
}

func init() { Register("total_variation", 1, TotalVariation{}) }

func (l TotalVariation) withDefaults() Layer {
	l.Power = cmp.Or(l.Power, 1)
	return l
}

// Infer returns one number a sample.
func (l TotalVariation) Infer(in []Shape) (Signature, error) {
	return inferNeighbours(l.Power, 1, in)
}

// Compile returns the arithmetic.
func (l TotalVariation) Compile(batch int, in []Shape) Routine {
	return compileNeighbours(l.withDefaults().(TotalVariation).Power, 1, batch, in)
}
