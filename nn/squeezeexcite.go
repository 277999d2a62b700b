package nn

// SqueezeExcite scales the channels of a picture by what all of it says about them (Hu et
// al. 2018, "Squeeze-and-Excitation Networks", 3). It is no layer but a piece of a graph:
// [SqueezeExcite.Build] puts it together of layers. For an input x [H, W, C]:
//
//	z = mean of x over all pixels                    [1, 1, C]
//	s = gate(W2 · act(W1 · z + b1) + b2)             [1, 1, C], C/Ratio in between
//	y = x * s                                        [H, W, C]
type SqueezeExcite struct {
	Ratio      int            // of C to the channels in between, which are at least 1; 16 where it is 0
	Activation ActivationFunc // of the channels in between; ReLU where it is not set
	Gate       ActivationFunc // Sigmoid where it is not set; HardSigmoid in MobileNetV3
	NoBias     bool           // leaves out b1 and b2
}

// Build adds the piece to a graph and returns y. Its layers are called after name:
// NAME_squeeze, NAME_reduce, NAME_expand and NAME_scale. A mistake is kept in the node and
// reported by [NewModel].
func (s SqueezeExcite) Build(name string, x *Node) *Node {
	channels := 1
	if shape := x.Shape(); len(shape) > 0 {
		channels = max(shape[len(shape)-1], 1)
	}
	if s.Ratio == 0 {
		s.Ratio = 16
	}
	if s.Activation == Linear {
		s.Activation = ReLU
	}
	if s.Gate == Linear {
		s.Gate = Sigmoid
	}
	z := Named(name+"_squeeze", GlobalAvgPool2D{KeepDims: true}).Apply(x)
	between := channels / s.Ratio // negative where Ratio is, which Dense refuses
	if between == 0 {
		between = 1
	}
	z = Named(name+"_reduce", Dense{Units: between, Activation: s.Activation, NoBias: s.NoBias}).Apply(z)
	z = Named(name+"_expand", Dense{Units: channels, Activation: s.Gate, NoBias: s.NoBias}).Apply(z)
	return Named(name+"_scale", Multiply{}).Apply(x, z)
}
