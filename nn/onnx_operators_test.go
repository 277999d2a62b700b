package nn

import (
	"fmt"
	"slices"
)

// onnxPassed is the number of node tests that pass at least.
const onnxPassed = 271

// onnxOperators says for each operator which layer computes a node test of it.
var onnxOperators = map[string]func(c *onnxCase) (onnxRun, error){
	"Add": onnxMerge(Add{}), "Sub": onnxMerge(Subtract{}), "Mul": onnxMerge(Multiply{}), "Concat": onnxConcat,
	"PRelu": onnxPRelu, "Dropout": onnxDropout,
	"BatchNormalization": onnxBatchNorm, "LayerNormalization": onnxLayerNorm, "GroupNormalization": onnxGroupNorm,
	"InstanceNormalization": onnxInstanceNorm,
	"Gemm":                  onnxGemm, "MatMul": onnxMatMul, "Flatten": onnxFlatten, "Reshape": onnxReshape,
	"MaxPool": onnxMaxPool, "MaxUnpool": onnxMaxUnpool, "AveragePool": onnxAveragePool,
	"GlobalAveragePool": onnxGlobal(GlobalAvgPool2D{KeepDims: true}), "GlobalMaxPool": onnxGlobal(GlobalMaxPool2D{KeepDims: true}),
	"Conv": onnxConv, "ConvTranspose": onnxConvTranspose,
	"SoftmaxCrossEntropyLoss": onnxCrossEntropy, "NegativeLogLikelihoodLoss": onnxLikelihood,
	"Pad": onnxPad, "Resize": onnxResize, "Upsample": onnxUpsample,
	"DepthToSpace": onnxDepthToSpace, "SpaceToDepth": onnxSpaceToDepth,
	"Softmax":   onnxSoftmax,
	"Relu":      onnxFunction(func(*onnxCase) ActivationFunc { return ReLU }),
	"Sigmoid":   onnxFunction(func(*onnxCase) ActivationFunc { return Sigmoid }),
	"Tanh":      onnxFunction(func(*onnxCase) ActivationFunc { return Tanh }),
	"Softplus":  onnxFunction(func(*onnxCase) ActivationFunc { return Softplus }),
	"HardSwish": onnxFunction(func(*onnxCase) ActivationFunc { return HardSwish }),
	"Elu":       onnxFunction(func(c *onnxCase) ActivationFunc { return ELU(c.number("alpha", 1)) }),
	"LeakyRelu": onnxFunction(func(c *onnxCase) ActivationFunc { return LeakyReLU(c.number("alpha", 0.01)) }),
	"Swish":     onnxFunction(func(c *onnxCase) ActivationFunc { return ScaledSwish(c.number("alpha", 1)) }),
	"HardSigmoid": onnxFunction(func(c *onnxCase) ActivationFunc {
		return HardSigmoidOf(c.number("alpha", 0.2), c.number("beta", 0.5))
	}),
	"Gelu": onnxFunction(func(c *onnxCase) ActivationFunc {
		if c.text("approximate", "none") == "tanh" {
			return GELUTanh
		}
		return GELU
	}),
}

func onnxFunction(f func(c *onnxCase) ActivationFunc) func(c *onnxCase) (onnxRun, error) {
	return func(c *onnxCase) (onnxRun, error) { return c.sample(Activation{f(c)}, nil, c.Inputs[0]) }
}

func onnxMerge(l Layer) func(c *onnxCase) (onnxRun, error) {
	return func(c *onnxCase) (onnxRun, error) { return c.sample(l, nil, c.Inputs...) }
}

func onnxConcat(c *onnxCase) (onnxRun, error) {
	axis := c.whole("axis", 0)
	if axis >= 0 {
		axis++ // beside the axis put before
	}
	return c.sample(Concatenate{Axis: axis}, nil, c.Inputs...)
}

func onnxPRelu(c *onnxCase) (onnxRun, error) {
	slope, rank := c.Inputs[1], len(c.Inputs[0].Shape)
	shape := append(slices.Repeat(Shape{1}, rank-len(slope.Shape)), slope.Shape...)
	l := PReLU{PerElement: shape.Equal(c.Inputs[0].Shape)}
	for i, d := range shape {
		if d == 1 && !l.PerElement {
			l.SharedAxes = append(l.SharedAxes, i+1)
		}
	}
	return c.sample(l, map[string]goldenTensor{"alpha": slope.reshaped(shape...)}, c.Inputs[0])
}

func onnxDropout(c *onnxCase) (onnxRun, error) {
	rate := c.number("ratio", 0.5)
	if r := c.input(1); r != nil {
		rate = r.Data[0]
	}
	training := c.input(2) != nil && c.Inputs[2].Data[0] != 0
	if training && rate > 0 {
		return onnxRun{}, notApplicable("random numbers of another generator")
	}
	// A mask, where there is one, is all true.
	run, err := c.sample(Dropout{rate}, nil, c.Inputs[0])
	run.training = training
	return run, err
}

func onnxBatchNorm(c *onnxCase) (onnxRun, error) {
	l := BatchNorm{Epsilon: c.number("epsilon", 1e-5), Momentum: c.number("momentum", 0.9)}
	run, err := c.pictures(l, map[string]goldenTensor{
		"gamma": c.Inputs[1].goldenTensor, "beta": c.Inputs[2].goldenTensor,
		"moving_mean": c.Inputs[3].goldenTensor, "moving_variance": c.Inputs[4].goldenTensor,
	})
	if run.training = c.whole("training_mode", 0) != 0; run.training {
		run.wantState = map[string]goldenTensor{"moving_mean": c.Outputs[1].goldenTensor, "moving_variance": c.Outputs[2].goldenTensor}
	}
	return run, err
}

// The mean and the standard deviation, further outputs, are not compared.
func onnxLayerNorm(c *onnxCase) (onnxRun, error) {
	l, rank := LayerNorm{Epsilon: c.number("epsilon", 1e-5)}, len(c.Inputs[0].Shape)
	first := c.whole("axis", -1)
	if first < 0 {
		first += rank
	}
	for a := first; a < rank; a++ {
		l.Axes = append(l.Axes, a+1)
	}
	return c.sample(l, map[string]goldenTensor{"gamma": c.Inputs[1].goldenTensor, "beta": c.Inputs[2].goldenTensor}, c.Inputs[0])
}

func onnxGroupNorm(c *onnxCase) (onnxRun, error) {
	l := GroupNorm{Epsilon: c.number("epsilon", 1e-5), Groups: c.whole("num_groups", 0)}
	return c.pictures(l, map[string]goldenTensor{"gamma": c.Inputs[1].goldenTensor, "beta": c.Inputs[2].goldenTensor})
}

func onnxInstanceNorm(c *onnxCase) (onnxRun, error) {
	l := InstanceNorm{Epsilon: c.number("epsilon", 1e-5)}
	return c.pictures(l, map[string]goldenTensor{"gamma": c.Inputs[1].goldenTensor, "beta": c.Inputs[2].goldenTensor})
}

// onnxSoftmax moves the axis to the end.
func onnxSoftmax(c *onnxCase) (onnxRun, error) {
	rank := len(c.Inputs[0].Shape)
	axis := c.whole("axis", -1)
	if axis < 0 {
		axis += rank
	}
	var axes []int
	for a := range rank {
		if a != axis {
			axes = append(axes, a)
		}
	}
	axes = append(axes, axis)
	run, err := c.sample(Activation{Softmax}, nil, &onnxTensor{c.Inputs[0].permuted(axes...)})
	run.want = []goldenTensor{c.Outputs[0].permuted(axes...)}
	return run, err
}

// onnxGemm folds alpha and beta into the parameters, as an importer does.
func onnxGemm(c *onnxCase) (onnxRun, error) {
	if c.whole("transA", 0) != 0 {
		return onnxRun{}, notApplicable("the batch is the last axis")
	}
	kernel := c.Inputs[1].goldenTensor
	if c.whole("transB", 0) != 0 {
		kernel = kernel.permuted(1, 0)
	}
	kernel.Data = scaled(kernel.Data, c.number("alpha", 1))
	units := kernel.Shape[1]
	run := onnxRun{goldenRun: goldenRun{
		layer: Dense{Units: units, NoBias: true}, inputs: []goldenTensor{c.Inputs[0].goldenTensor},
		params: map[string]goldenTensor{"kernel": kernel},
	}, want: []goldenTensor{c.Outputs[0].goldenTensor}}
	bias := c.input(2)
	switch {
	case bias == nil:
	case len(bias.Shape) == 2 && bias.Shape[0] > 1: // another bias for each sample
		run.inputs = append(run.inputs, bias.goldenTensor)
		run.then = func(h *Node, in []*Node) *Node { return Apply(Add{}, h, in[1]) }
	default:
		v := scaled(bias.Data, c.number("beta", 1))
		if len(v) == 1 {
			v = slices.Repeat(v, units)
		}
		run.layer = Dense{Units: units}
		run.params["bias"] = goldenTensor{Shape: Shape{units}, Data: v}
	}
	return run, nil
}

func scaled(x []float64, by float64) []float64 {
	y := slices.Clone(x)
	for i := range y {
		y[i] *= by
	}
	return y
}

// onnxMatMul takes the second factor for a kernel.
func onnxMatMul(c *onnxCase) (onnxRun, error) {
	b := c.Inputs[1].goldenTensor
	if len(b.Shape) > 2 {
		return onnxRun{}, notApplicable("a product of two values of the graph, not with a kernel")
	}
	if len(b.Shape) == 1 {
		b = b.reshaped(b.Shape[0], 1)
	}
	return c.sample(Dense{Units: b.Shape[1], NoBias: true}, map[string]goldenTensor{"kernel": b}, c.Inputs[0])
}

// onnxFlatten is a Reshape where the axis is not the batch's.
func onnxFlatten(c *onnxCase) (onnxRun, error) {
	s := c.Inputs[0].Shape
	axis := c.whole("axis", 1)
	if axis < 0 {
		axis += len(s)
	}
	if axis == 1 {
		return onnxRun{
			goldenRun: goldenRun{layer: Flatten{}, inputs: []goldenTensor{c.Inputs[0].goldenTensor}},
			want:      []goldenTensor{c.Outputs[0].goldenTensor},
		}, nil
	}
	return c.sample(Reshape{Shape{s[:axis].Elems(), s[axis:].Elems()}}, nil, c.Inputs[0])
}

// onnxReshape works out 0 (the input's size) and -1 (what is left), as an importer does.
func onnxReshape(c *onnxCase) (onnxRun, error) {
	in := c.Inputs[0].Shape
	var to Shape
	free := -1
	for i, d := range c.Inputs[1].Data {
		switch {
		case d == 0 && c.whole("allowzero", 0) == 0:
			to = append(to, in[i])
		case d < 0:
			free = i
			to = append(to, 1)
		default:
			to = append(to, int(d))
		}
	}
	if free >= 0 {
		to[free] = in.Elems() / to.Elems()
	}
	if !to.Equal(c.Outputs[0].Shape) {
		return onnxRun{}, fmt.Errorf("shape %v, want %v", to, c.Outputs[0].Shape)
	}
	return c.sample(Reshape{to}, nil, c.Inputs[0])
}
