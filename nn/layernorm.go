package nn

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// LayerNorm normalises along axes of each sample, the last one unless told otherwise, and
// scales and shifts what comes out (Ba et al. 2016):
//
//	y = gamma * (x-mean)/sqrt(variance+Epsilon) + beta
//
// Mean and variance (of the population) are over the normalised axes, one for each place
// along the others; gamma and beta have the normalised axes' shape. Input and output: any
// shape of at least one axis. Training and prediction do not differ.
//
// Gradients, with xh the normalised x and means over the normalised axes:
//
//	dbeta = sum(dy), dgamma = sum(dy*xh), over the batch and the other axes
//	dx = (gamma*dy - mean(gamma*dy) - xh*mean(gamma*dy*xh)) / sqrt(variance+Epsilon)
type LayerNorm struct {
	// Axes count the batch's as 0, as in Keras; negative ones count from the end. ONNX's axis
	// and PyTorch's normalized_shape are all axes from one on: {1, 2, 3} for whole pictures.
	Axes    []int
	Epsilon float64 // 1e-3 where it is 0, as in Keras; PyTorch and ONNX have 1e-5
	// NoScale and NoCenter leave out gamma and beta.
	NoScale, NoCenter bool
}

func init() { Register("layer_norm", 1, LayerNorm{}) }

func (l LayerNorm) withDefaults() Layer {
	if len(l.Axes) == 0 {
		l.Axes = []int{-1}
	}
	if l.Epsilon == 0 {
		l.Epsilon = 1e-3
	}
	return l
}

// Infer returns the input's shape.
func (l LayerNorm) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	l = l.withDefaults().(LayerNorm)
	if err := checkEpsilon(l.Epsilon); err != nil {
		return Signature{}, err
	}
	normal, err := l.normalised(len(in[0]))
	if err != nil {
		return Signature{}, err
	}
	var affine Shape
	for i, d := range in[0] {
		if normal[i] {
			affine = append(affine, d)
		}
	}
	if slices.Contains(affine, Any) {
		return Signature{}, fmt.Errorf("normalises axes %v of %v, which must be of known size: gamma and beta have that shape", l.Axes, in[0])
	}
	return Signature{Outputs: []Shape{in[0].Clone()}, Params: affineParams(affine, l.NoScale, l.NoCenter)}, nil
}

// normalised tells for each axis of a sample whether it is one of Axes.
func (l LayerNorm) normalised(rank int) ([]bool, error) {
	if rank == 0 {
		return nil, errors.New("takes an input with at least one axis beside the batch's")
	}
	normal := make([]bool, rank)
	for _, a := range l.Axes {
		at, err := sampleAxis(a, rank)
		if err != nil {
			return nil, err
		}
		normal[at] = true
	}
	// kept, normalised, kept, normalised: that is what one pass can follow.
	runs := 0
	for i, n := range normal {
		if n && (i == 0 || !normal[i-1]) {
			runs++
		}
	}
	if runs > 2 {
		return nil, fmt.Errorf("Axes %v are in %d separate runs, want at most 2", l.Axes, runs)
	}
	return normal, nil
}

// Compile returns the arithmetic.
func (l LayerNorm) Compile(batch int, in []Shape) Routine {
	l = l.withDefaults().(LayerNorm)
	normal, _ := l.normalised(len(in[0]))
	// The product of the sizes of each run of axes: kept, normalised, kept, normalised.
	runs, at := [4]int{1, 1, 1, 1}, 0
	for i, d := range in[0] {
		if normal[i] != (at%2 == 1) {
			at++
		}
		runs[at] *= d
	}
	shape := kernels.NormShape{Positions: runs[1], Groups: runs[2], Width: runs[3]}
	if at == 1 { // nothing lies between the elements
		shape = kernels.NormShape{Positions: 1, Groups: 1, Width: runs[1]}
	}
	return norm{shape: shape, parts: batch * runs[0], epsilon: l.Epsilon, noScale: l.NoScale, noCenter: l.NoCenter}.routine()
}
