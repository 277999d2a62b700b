package nn

import "cmp"

// GradientDifference compares the contrast of neighbouring pixels (Mathieu et al. 2016), which
// keeps predicted pictures sharp. For each axis of a picture, the mean over all pairs of
// neighbours i, j along it and over channels of
//
//	| |t_i - t_j| - |p_i - p_j| |^Power
//
// and the sum of both axes' means. Inputs: prediction and target [H, W, C], and a mask if
// wanted, [H, W] or [H, W, 1]: a pair weighs the product of its pixels' weights, and the means
// are taken over the whole batch. Output: one number a sample. A picture one pixel high has no
// pairs along that axis; the mean then is 0.
//
// Gradient by p_i of a pair: -Power*|e|^(Power-1)*signOf(e)*signOf(p_i - p_j) over the number of
// pairs, with e = |t_i - t_j| - |p_i - p_j|; the negative by p_j.
type GradientDifference struct {
	Power float64 // 1 where it is 0
}

func init() { Register("gradient_difference", 1, GradientDifference{}) }

func (l GradientDifference) withDefaults() Layer {
	l.Power = cmp.Or(l.Power, 1)
	return l
}

// Infer returns one number a sample.
func (l GradientDifference) Infer(in []Shape) (Signature, error) {
	return inferNeighbours(l.Power, 2, in)
}

// Compile returns the arithmetic.
func (l GradientDifference) Compile(batch int, in []Shape) Routine {
	return compileNeighbours(l.withDefaults().(GradientDifference).Power, 2, batch, in)
}
