package nn

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// convolution is what the layers that convolve have in common.
type convolution struct {
	sliding
	border               Border
	groups, filters      int
	activation           ActivationFunc
	noBias               bool
	kernelInit, biasInit Initializer
	adds                 bool // the last input is added before the activation
	algorithm            ConvAlgorithm
	bfloat16             bool
}

// ConvAlgorithm names a way to compute a convolution. None of them changes what it computes,
// but for rounding errors: see docs/decisions/0012-winograd.md.
type ConvAlgorithm string

const (
	// DirectConv is the definition: a matrix product over all taps.
	DirectConv ConvAlgorithm = "direct"
	// Winograd2 and Winograd4 compute 2x2 and 4x4 pixels at a time with 4/9 and 1/4 of the
	// multiplications (Lavin and Gray 2015). They are for kernels of 3x3 with stride 1;
	// other convolutions are computed as if nothing were pinned.
	Winograd2 ConvAlgorithm = "winograd2"
	Winograd4 ConvAlgorithm = "winograd4"
)

var convAlgorithms = map[ConvAlgorithm]kernels.ConvAlgorithm{
	"": kernels.ConvAuto, DirectConv: kernels.ConvDirect, Winograd2: kernels.ConvWinograd2, Winograd4: kernels.ConvWinograd4,
}

// infer is the shape rule: the kernel is [KH, KW, In/Groups, Out] of the convolution, which
// for a transposed one goes from its result to its input.
func (v *convolution) infer(in []Shape) (Signature, error) {
	if err := wantPicture(in, 1); err != nil {
		return Signature{}, err
	}
	ch := in[0][2]
	switch {
	case ch == Any:
		return Signature{}, fmt.Errorf("needs a known number of channels, got %v", in[0])
	case v.filters < 1:
		return Signature{}, fmt.Errorf("Filters is %d, want at least 1", v.filters)
	case v.groups < 1 || ch%v.groups != 0 || v.filters%v.groups != 0:
		return Signature{}, fmt.Errorf("Groups is %d, want a divisor of the input's %d channels and of the %d Filters", v.groups, ch, v.filters)
	}
	if err := v.activation.check(); err != nil {
		return Signature{}, err
	}
	if err := oneOf("Border", v.border, BorderZero, BorderEdge, BorderReflect, BorderSymmetric, BorderWrap); err != nil {
		return Signature{}, err
	}
	if _, ok := convAlgorithms[v.algorithm]; !ok {
		return Signature{}, fmt.Errorf("Algorithm is %q, want one of %q, or none", v.algorithm, slices.Sorted(maps.Keys(convAlgorithms)))
	}
	out, err := v.sliding.infer(in[0], v.filters)
	if err != nil {
		return Signature{}, err
	}
	from, to := ch, v.filters
	if v.transposed {
		from, to = to, from
	}
	sig := Signature{Outputs: []Shape{out}}
	sig.Params = append(sig.Params, v.kernelSpec("kernel", Shape{v.kernel[0], v.kernel[1], from / v.groups, to}))
	if !v.noBias {
		sig.Params = append(sig.Params, ParamSpec{Name: "bias", Shape: Shape{v.filters}, Init: v.biasInit})
	}
	return sig, nil
}

// kernelSpec declares a kernel. Its fans are the products of the last two axes with the
// taps, as in Keras and PyTorch; in a transposed convolution, too, what comes first counts
// as in.
func (v *convolution) kernelSpec(name string, s Shape) ParamSpec {
	taps := s[0] * s[1]
	return ParamSpec{Name: name, Shape: s, Init: v.kernelInit, FanIn: taps * s[2], FanOut: taps * s[3]}
}

// shape is the geometry for a batch of pictures, which may come in parts of some channels each.
func (v *convolution) shape(batch int, in []Shape) kernels.ConvShape {
	s := kernels.ConvShape{
		Batch: batch, Out: v.filters, Groups: v.groups,
		Border: borders[v.border], Transposed: v.transposed, Act: v.activation.act(), Adds: v.adds,
		Algorithm: convAlgorithms[v.algorithm], BFloat16: v.bfloat16,
	}
	if v.adds {
		in = in[:len(in)-1]
	}
	for _, part := range in {
		s.In += part[2]
		if len(in) > 1 {
			s.Parts = append(s.Parts, part[2])
		}
	}
	if v.transposed {
		s.In, s.Out = s.Out, s.In
	}
	s.H, s.W = v.windows(in[0])
	return s
}

// kernelLayout knows kernels whose last axis has the outputs, or in a transposed convolution
// the one before; there groups share that out among them, which is not a simple rule.
func (v *convolution) kernelLayout(in []Shape) (kernelLayout, bool) {
	s := v.shape(1, in)
	inner := 1
	if v.transposed {
		inner = s.Out
	}
	return kernelLayout{s.Weights(), v.filters, inner}, !v.transposed || v.groups == 1
}

func (v *convolution) compile(batch int, in []Shape) Routine {
	r := v.routine(v.shape(batch, in), len(in))
	s := v.shape(1, in)
	if s.Border == kernels.BorderWrap { // what wraps round reads the other end of the picture
		return r
	}
	rows := windowRows{Window: s.H, border: s.Border, transposed: v.transposed}
	if v.adds {
		rows.adds = len(in) - 1
	}
	rows.part = func(rows kernels.Window) Routine {
		part := s.Settled() // computed by the algorithm that all of it would be
		part.H = rows
		return v.routine(part, len(in))
	}
	r.rows = rows
	return r
}

// routine is the arithmetic for a geometry and a number of inputs.
func (v *convolution) routine(s kernels.ConvShape, inputs int) Routine {
	rows := s.Batch * s.H.Out * s.W.Out
	if v.transposed {
		rows = s.Batch * s.H.In * s.W.In
	}
	sizes := s.Sizes()
	r := Routine{
		New32:           func() Op[float32] { return newConvOp[float32](s, rows, v.filters) },
		New64:           func() Op[float64] { return newWideConvOp(s, rows, v.filters) },
		Form:            Form{Name: sizes.FormName, Elems: sizes.Form},
		Scratch:         sizes.Forward,
		FreshScratch:    sizes.Fresh,
		BackwardScratch: max(sizes.Backward, kernels.EpilogueScratch(rows, v.filters)),
		KeepIn:          true,
		InputGradLast:   true,
		KeepOut:         v.activation != Linear,
		FLOPs:           s.FLOPs(),
	}
	if !v.noBias {
		r.FLOPs += int64(rows * v.filters)
	}
	if v.adds {
		r.FLOPs += int64(rows * v.filters)
		r.DropIn, r.GradInPlace = 1, []int{inputs - 1}
	}
	return r
}

// convOp is a convolution or a transposed one, with its bias, addend and activation.
type convOp[T tensor.Float] struct {
	conv     *kernels.Conv[T]
	epilogue *kernels.EpilogueGrad[T]
	adds     bool
	copier   copier[T]
}

// wideConvOp is a convolution in double precision, for checks of gradients: it may choose
// other algorithms, so it keeps scratch of its own and has no form.
type wideConvOp struct {
	convOp[float64]
	scratch []float64
}

func newWideConvOp(s kernels.ConvShape, rows, filters int) *wideConvOp {
	sizes := s.Sizes64()
	return &wideConvOp{
		convOp:  *newConvOp[float64](s, rows, filters),
		scratch: make([]float64, max(sizes.Fresh, sizes.Backward, kernels.EpilogueScratch(rows, filters))),
	}
}

// Prepare makes nothing.
func (o *wideConvOp) Prepare(*Team, []float64, [][]float64) {}

func (o *wideConvOp) Forward(c *Call[float64]) {
	c.Form, c.Scratch = nil, o.scratch
	o.convOp.Forward(c)
}

func (o *wideConvOp) Backward(c *Call[float64]) {
	c.Scratch = o.scratch
	o.convOp.Backward(c)
}

func newConvOp[T tensor.Float](s kernels.ConvShape, rows, filters int) *convOp[T] {
	return &convOp[T]{conv: kernels.NewConv[T](s), epilogue: kernels.NewEpilogueGrad[T](rows, filters, s.Act), adds: s.Adds}
}

// Prepare makes the form of the kernel that Forward reads.
func (o *convOp[T]) Prepare(team *Team, form []T, params [][]T) {
	o.conv.PrepareForward(team, form, params[0])
}

// divide takes the addend off the inputs, or their gradients.
func (o *convOp[T]) divide(in [][]T) (parts [][]T, addend []T) {
	if !o.adds {
		return in, nil
	}
	return in[:len(in)-1], in[len(in)-1]
}

func (o *convOp[T]) Forward(c *Call[T]) {
	var bias []T
	if len(c.Param) > 1 {
		bias = c.Param[1]
	}
	in, addend := o.divide(c.In)
	o.conv.ForwardAdd(c.Team, c.Out[0], in, addend, c.Param[0], c.Form, bias, c.Scratch)
}

func (o *convOp[T]) Backward(c *Call[T]) {
	var dBias []T
	if len(c.DParam) > 1 {
		dBias = c.DParam[1]
	}
	in, _ := o.divide(c.In)
	din, dAddend := o.divide(c.DIn)
	dz := c.DOut[0]
	o.epilogue.Run(c.Team, dBias, dz, c.Out[0], c.Scratch) // DOut is dz from here on
	if c.DParam[0] != nil {
		o.conv.KernelGrad(c.Team, c.DParam[0], in, dz, c.Scratch)
	}
	if slices.ContainsFunc(din, func(d []T) bool { return d != nil }) {
		o.conv.InputGrad(c.Team, din, dz, c.Param[0], c.Scratch)
	}
	if dAddend != nil && &dAddend[0] != &dz[0] {
		o.copier.run(c.Team, dAddend, dz)
	}
}
