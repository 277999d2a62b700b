package nn

import (
	"errors"
	"fmt"
)

// GroupNorm normalises groups of neighbouring channels of each sample, over all places,
// and scales and shifts each channel (Wu and He 2018):
//
//	y = gamma * (x-mean)/sqrt(variance+Epsilon) + beta
//
// Mean and variance (of the population) are one number for each sample and group; gamma
// and beta are [C]. Input and output: [..., C]. Training and prediction do not differ.
// Gradients are those of [LayerNorm] with means over a group, and sums over the batch and
// all places.
type GroupNorm struct {
	Groups  int     // a divisor of C; 32 where it is 0
	Epsilon float64 // 1e-3 where it is 0, as in Keras; PyTorch and ONNX have 1e-5
	// NoScale and NoCenter leave out gamma and beta.
	NoScale, NoCenter bool

	epilogue ActivationFunc // merged into it by the compiler
}

func init() { Register("group_norm", 1, GroupNorm{}) }

func (l GroupNorm) withDefaults() Layer {
	if l.Groups == 0 {
		l.Groups = 32
	}
	if l.Epsilon == 0 {
		l.Epsilon = 1e-3
	}
	return l
}

// Infer returns the input's shape.
func (l GroupNorm) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	l = l.withDefaults().(GroupNorm)
	ch, err := normChannels(in[0])
	if err != nil {
		return Signature{}, err
	}
	if l.Groups < 1 || ch%l.Groups != 0 {
		return Signature{}, fmt.Errorf("Groups is %d, which does not divide the %d channels of %v", l.Groups, ch, in[0])
	}
	if err := checkEpsilon(l.Epsilon); err != nil {
		return Signature{}, err
	}
	return Signature{Outputs: []Shape{in[0].Clone()}, Params: affineParams(Shape{ch}, l.NoScale, l.NoCenter)}, nil
}

// normChannels is the size of the last axis, which must be known.
func normChannels(in Shape) (int, error) {
	if len(in) == 0 {
		return 0, errors.New("takes an input with at least one axis beside the batch's")
	}
	ch := in[len(in)-1]
	if ch == Any {
		return 0, fmt.Errorf("needs a last axis of known size, got %v", in)
	}
	return ch, nil
}

// Compile returns the arithmetic.
func (l GroupNorm) Compile(batch int, in []Shape) Routine {
	l = l.withDefaults().(GroupNorm)
	ch := in[0][len(in[0])-1]
	return channelNorm{
		parts: batch, rows: in[0].Elems() / ch, channels: ch, groups: l.Groups,
		epsilon: l.Epsilon, noScale: l.NoScale, noCenter: l.NoCenter,
		act: l.epilogue.act(),
	}.routine()
}

// Epilogue is the activation that the compiler has merged.
func (l GroupNorm) Epilogue() ActivationFunc { return l.epilogue }

// WithEpilogue is the same layer ending in an activation.
func (l GroupNorm) WithEpilogue(f ActivationFunc) Layer {
	l.epilogue = f
	return l
}
