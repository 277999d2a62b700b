package nn

import "fmt"

// InstanceNorm normalises every channel of each sample over all places, and scales and
// shifts it (Ulyanov et al. 2016):
//
//	y = gamma * (x-mean)/sqrt(variance+Epsilon) + beta
//
// It is [GroupNorm] with a group for each channel. Input and output: [..., C]; gamma and beta
// are [C]. Training and prediction do not differ unless Moving is set.
type InstanceNorm struct {
	Epsilon float64 // 1e-3 where it is 0; PyTorch and ONNX have 1e-5
	// NoScale and NoCenter leave out gamma and beta, as PyTorch does unless told otherwise.
	NoScale, NoCenter bool
	// Moving keeps the states moving_mean and moving_variance, each [C], and uses them
	// outside training: PyTorch's track_running_stats. A training step moves them towards
	// the mean over the batch of the samples' means and unbiased variances.
	Moving   bool
	Momentum float64 // moving = Momentum*moving + (1-Momentum)*step's; 0.9 where it is 0

	epilogue ActivationFunc // merged into it by the compiler
}

func init() { Register("instance_norm", 1, InstanceNorm{}) }

func (l InstanceNorm) withDefaults() Layer {
	if l.Epsilon == 0 {
		l.Epsilon = 1e-3
	}
	if l.Momentum == 0 {
		l.Momentum = 0.9
	}
	return l
}

// Infer returns the input's shape.
func (l InstanceNorm) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	l = l.withDefaults().(InstanceNorm)
	ch, err := normChannels(in[0])
	if err != nil {
		return Signature{}, err
	}
	if err := checkEpsilon(l.Epsilon); err != nil {
		return Signature{}, err
	}
	if !(l.Momentum >= 0 && l.Momentum < 1) {
		return Signature{}, fmt.Errorf("Momentum is %v, want 0 <= Momentum < 1", l.Momentum)
	}
	params := affineParams(Shape{ch}, l.NoScale, l.NoCenter)
	if l.Moving {
		params = append(params, movingParams(Shape{ch})...)
	}
	return Signature{Outputs: []Shape{in[0].Clone()}, Params: params}, nil
}

// Compile returns the arithmetic.
func (l InstanceNorm) Compile(batch int, in []Shape) Routine {
	l = l.withDefaults().(InstanceNorm)
	ch := in[0][len(in[0])-1]
	return channelNorm{
		parts: batch, rows: in[0].Elems() / ch, channels: ch, groups: ch,
		epsilon: l.Epsilon, noScale: l.NoScale, noCenter: l.NoCenter,
		moving: l.Moving, momentum: l.Momentum, unbiased: true,
		act: l.epilogue.act(),
	}.routine()
}

// Epilogue is the activation that the compiler has merged.
func (l InstanceNorm) Epilogue() ActivationFunc { return l.epilogue }

// WithEpilogue is the same layer ending in an activation.
func (l InstanceNorm) WithEpilogue(f ActivationFunc) Layer {
	l.epilogue = f
	return l
}
