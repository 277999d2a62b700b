package nn

import "fmt"

// BatchNorm normalises every channel, the last axis, to the mean beta and the standard
// deviation gamma (Ioffe and Szegedy 2015). Input and output: [..., C]; its parameters are
// gamma, beta and the state moving_mean, moving_variance, each [C].
//
// In training, over the n = N*H*W values of a channel in the batch:
//
//	mean = sum(x)/n, variance = sum((x-mean)²)/n
//	y = gamma * (x-mean)/sqrt(variance+Epsilon) + beta
//	moving = Momentum*moving + (1-Momentum)*batch's
//
// Otherwise, and in training where gamma and beta are frozen (as in Keras), the moving
// values are used and stay. Gradients in training, with xh the normalised x:
//
//	dbeta = sum(dy), dgamma = sum(dy*xh)
//	dx = gamma/sqrt(variance+Epsilon) * (dy - dbeta/n - xh*dgamma/n)
type BatchNorm struct {
	Momentum float64 // of the moving statistics; 0.99 where it is 0
	Epsilon  float64 // 1e-3 where it is 0
	// NoScale and NoCenter leave out gamma and beta.
	NoScale, NoCenter bool
	// Unbiased makes the moving variance follow sum((x-mean)²)/(n-1), as PyTorch does; its
	// momentum is 1-Momentum. What normalises a training batch is the same either way.
	Unbiased bool

	epilogue ActivationFunc // merged into it by the compiler
}

func init() { Register("batch_norm", 1, BatchNorm{}) }

func (b BatchNorm) withDefaults() Layer {
	if b.Momentum == 0 {
		b.Momentum = 0.99
	}
	if b.Epsilon == 0 {
		b.Epsilon = 1e-3
	}
	return b
}

// Infer returns the input's shape.
func (b BatchNorm) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	ch, err := normChannels(in[0])
	if err != nil {
		return Signature{}, err
	}
	if !(b.Momentum >= 0 && b.Momentum < 1) || !(b.Epsilon >= 0) {
		return Signature{}, fmt.Errorf("Momentum is %v and Epsilon %v, want 0 <= Momentum < 1 and Epsilon >= 0", b.Momentum, b.Epsilon)
	}
	params := append(affineParams(Shape{ch}, b.NoScale, b.NoCenter), movingParams(Shape{ch})...)
	return Signature{Outputs: []Shape{in[0].Clone()}, Params: params}, nil
}

// Compile returns the arithmetic.
func (b BatchNorm) Compile(batch int, in []Shape) Routine {
	b = b.withDefaults().(BatchNorm)
	ch := in[0][len(in[0])-1]
	return channelNorm{
		parts: 1, rows: batch * in[0].Elems() / ch, channels: ch, groups: ch,
		epsilon: b.Epsilon, noScale: b.NoScale, noCenter: b.NoCenter,
		moving: true, momentum: b.Momentum, unbiased: b.Unbiased,
		act: b.epilogue.act(),
	}.routine()
}

// Epilogue is the activation that the compiler has merged.
func (b BatchNorm) Epilogue() ActivationFunc { return b.epilogue }

// WithEpilogue is the same layer ending in an activation.
func (b BatchNorm) WithEpilogue(f ActivationFunc) Layer {
	b.epilogue = f
	return b
}
