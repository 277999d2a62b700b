package kernels

import (
	"fmt"
	"slices"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// ConvShape is the geometry of a convolution from pictures x [Batch, H.In, W.In, In] to
// y [Batch, H.Out, W.Out, Out] by a kernel w [H.Kernel, W.Kernel, In/Groups, Out],
//
//	y[n,p,q,o] = sum over i, j, c of x[n, H.At(p,i), W.At(q,j), c] * w[i,j,c,o]
//
// where c runs over the In/Groups channels of the group of o. Channels are divided into
// Groups of consecutive ones; with Groups = In every channel is on its own, depthwise.
type ConvShape struct {
	Batch           int
	H, W            Window
	In, Out, Groups int
	Border          Border // what lies beyond x; nothing where it is not set
	// Parts divides the channels of x among arrays of so many each, a concatenation that
	// nobody has carried out; nil for one array. It goes with one group.
	Parts []int
	// Transposed turns the layer round: it takes y and makes x, by the adjoint of the
	// convolution.
	Transposed bool
	// Act is the activation of the layer's result; where Adds is set, of the sum of it and of
	// another picture, which ForwardAdd takes.
	Act  Act
	Adds bool
	// BFloat16 lets the layer's forward pass round inputs and kernel to bfloat16, where
	// there are products of it and that is faster; sums are float32.
	BFloat16 bool
	// Algorithm is used by every pass that it can compute; the others, and all where it is
	// ConvAuto, choose by the shape.
	Algorithm ConvAlgorithm
}

// check panics where the shape is impossible.
func (s *ConvShape) check() {
	if s.Batch < 0 || s.In < 1 || s.Out < 1 || s.Groups < 1 || s.In%s.Groups != 0 || s.Out%s.Groups != 0 {
		panic(fmt.Sprintf("kernels: Conv: impossible shape %+v", *s))
	}
	if s.Parts != nil {
		sum := 0
		for _, n := range s.Parts {
			sum += n
		}
		if sum != s.In || s.Groups > 1 || slices.Min(s.Parts) < 1 {
			panic(fmt.Sprintf("kernels: Conv: parts %v of %d channels in %d groups", s.Parts, s.In, s.Groups))
		}
	}
}

// parts are the channels of each array of x.
func (s *ConvShape) parts() []int {
	if s.Parts == nil {
		return []int{s.In}
	}
	return s.Parts
}

func (s *ConvShape) pixelsIn() int  { return s.Batch * s.H.In * s.W.In }
func (s *ConvShape) pixelsOut() int { return s.Batch * s.H.Out * s.W.Out }
func (s *ConvShape) taps() int      { return s.H.Kernel * s.W.Kernel }

// groupIn and groupOut are a group's channels.
func (s *ConvShape) groupIn() int  { return s.In / s.Groups }
func (s *ConvShape) groupOut() int { return s.Out / s.Groups }

// Weights is the number of elements of the kernel.
func (s *ConvShape) Weights() int { return s.taps() * s.groupIn() * s.Out }

// FLOPs counts the layer's forward pass without a bias, an addition and a multiplication
// one each, padding included.
func (s *ConvShape) FLOPs() int64 {
	return 2 * int64(s.pixelsOut()) * int64(s.taps()*s.groupIn()) * int64(s.Out)
}

// ConvAlgorithm names how a pass of a convolution is computed.
type ConvAlgorithm uint8

const (
	ConvAuto   ConvAlgorithm = iota // chosen by the shape
	ConvLoop                        // plain loops over any geometry
	ConvPatch                       // patches of x gathered into rows of a matrix product
	ConvDirect                      // a matrix product that reads x where it lies

	ConvWinograd2 // F(2x2,3x3), for kernels of 3x3 and stride 1
	ConvWinograd4 // F(4x4,3x3)
)

var convAlgorithmNames = [...]string{"auto", "loop", "patch", "direct", "winograd2", "winograd4"}

func (a ConvAlgorithm) String() string { return convAlgorithmNames[a] }

// winograd is the size of the algorithm's tiles, 0 for any other.
func (a ConvAlgorithm) winograd() winogradSize {
	switch a {
	case ConvWinograd2:
		return 2
	case ConvWinograd4:
		return 4
	}
	return 0
}

// acts are the activations after gathering and after scattering: one of the two is the
// layer's.
func (s *ConvShape) acts() (gather, scatter Act) {
	if s.Transposed {
		return Act{}, s.Act
	}
	return s.Act, Act{}
}

// convPass is a linear map of pictures by one algorithm, with bias and activation: either
// the gathering one, y = act(conv(x, w) + bias), or its adjoint, the scattering one,
// x = act(adjoint of conv(y, w) + bias). The larger picture x may come in parts. A part of
// the result that is nil is not wanted.
type convPass[T Float] interface {
	// form is the number of elements of what prepare makes of the kernel for run: packed or
	// transformed weights. 0 says that run takes the kernel as it is.
	form() int
	// name is that of the form: of the same kernel, forms of one name are the same.
	name() string
	prepare(team *parallel.Team, form, w []T)
	// scratch is the number of elements of temporary memory that run wants.
	scratch() int
	run(team *parallel.Team, out, in [][]T, form, bias, scratch []T)
}

// freshPass is a convPass with a better way than to prepare the whole kernel first, where
// nobody keeps its form: runFresh is given the kernel itself, and scratch of its own size.
type freshPass[T Float] interface {
	freshScratch() int
	runFresh(team *parallel.Team, out, in [][]T, w, bias, scratch []T)
}

// freshScratch is what a pass wants where the kernel's form is missing.
func freshScratch[T Float](p convPass[T]) int {
	if f, ok := p.(freshPass[T]); ok {
		return f.freshScratch()
	}
	return p.form() + p.scratch()
}

// runFresh runs a pass on the kernel itself.
func runFresh[T Float](team *parallel.Team, p convPass[T], out, in [][]T, w, bias, scratch []T) {
	if f, ok := p.(freshPass[T]); ok {
		f.runFresh(team, out, in, w, bias, scratch)
		return
	}
	n := p.form()
	if n == 0 {
		p.run(team, out, in, w, bias, scratch)
		return
	}
	p.prepare(team, scratch[:n], w)
	p.run(team, out, in, scratch[:n], bias, scratch[n:])
}

// convOuter computes dw, the gradient of sum(conv(x, w)*y) by w, by one algorithm.
type convOuter[T Float] interface {
	scratch() int
	run(team *parallel.Team, dw []T, x [][]T, y, scratch []T)
}

// Conv is a convolution layer, or a transposed one, with its gradients. One goroutine uses
// it at a time; it allocates in NewConv and at the first run of a pass. Results must not
// overlap anything else. Pictures are given as lists, of one array unless the shape has
// Parts and x is meant.
//
// A pass reads the kernel in a form of its own, of packed or transformed weights. Who keeps
// it from run to run makes it once with PrepareForward; where the argument form is nil, the
// pass makes it in the scratch, which has to be larger then; see [ConvSizes].
type Conv[T Float] struct {
	shape           ConvShape
	gather, scatter convPass[T]
	outer           convOuter[T]
	one             [1][]T

	// For a shape that Adds: the passes leave the activation to a last one.
	act      Act
	out, add []T
	sum      *Each
}

// NewConv prepares a layer. It panics where channels or groups are impossible.
func NewConv[T Float](s ConvShape) *Conv[T] {
	s.check()
	c := &Conv[T]{shape: s, act: s.Act}
	if s.Adds {
		c.shape.Act = Act{}
		c.sum = NewEach(func(lo, hi int) {
			out := c.out[lo:hi]
			Add(out, out, c.add[lo:hi])
			if c.act.Kind != Identity {
				Activate(c.act, out, out)
			}
		})
	}
	return c
}

// gathering, scattering and outerProduct make a pass when it is first asked for: what only
// predicts has no need of the others.
func (c *Conv[T]) gathering() convPass[T] {
	if c.gather == nil {
		s := &c.shape
		switch a := s.choose(isFloat32[T]()); a {
		case ConvWinograd2, ConvWinograd4:
			c.gather = newWinogradPass[T](s, a.winograd(), false)
		case ConvLoop:
			c.gather = joinParts(s, convLoopGather[T]{newConvLoop[T](*s)}, true)
		case ConvPatch:
			c.gather = joinParts(s, convGemmGather[T]{newConvGemm[T](*s)}, true)
		default:
			c.gather = newDirectPass[T](s, true)
		}
	}
	return c.gather
}

func (c *Conv[T]) scattering() convPass[T] {
	if c.scatter == nil {
		c.scatter = newScatterPass[T](&c.shape)
	}
	return c.scatter
}

func newScatterPass[T Float](s *ConvShape) convPass[T] {
	a := s.choose(isFloat32[T]())
	switch {
	case a == ConvLoop:
		return joinParts(s, convLoopScatter[T]{newConvLoop[T](*s)}, false)
	case a == ConvPatch || s.Border > BorderZero && s.Transposed:
		return joinParts(s, convGemmScatter[T]{newConvGemm[T](*s)}, false)
	case s.Border > BorderZero:
		return newFoldedPass[T](s)
	case a.winograd() > 0:
		return newWinogradPass[T](s, a.winograd(), true)
	}
	return newDirectPass[T](s, false)
}

func (c *Conv[T]) outerProduct() convOuter[T] {
	if c.outer == nil {
		s := &c.shape
		switch a := s.chooseOuter(isFloat32[T]()); a {
		case ConvWinograd2, ConvWinograd4:
			c.outer = newWinogradOuter[T](s, a.winograd())
		case ConvLoop:
			c.outer = joinOuter(s, convLoopOuter[T]{newConvLoop[T](*s)})
		default:
			c.outer = newOuterDirect[T](*s)
		}
	}
	return c.outer
}

// forward is the layer's pass, backward that of its input's gradient.
func (c *Conv[T]) forward() convPass[T] {
	if c.shape.Transposed {
		return c.scattering()
	}
	return c.gathering()
}

func (c *Conv[T]) backward() convPass[T] {
	if c.shape.Transposed {
		return c.gathering()
	}
	return c.scattering()
}

// ConvSizes are numbers of elements that a [Conv] wants.
type ConvSizes struct {
	Form     int // the kernel's form for Forward, 0 where that takes the kernel as it is
	Forward  int // scratch of Forward, given the form
	Fresh    int // scratch of Forward that makes the form
	Backward int // scratch of either gradient
	// FormName tells forms of one kernel apart that shapes of several sizes want.
	FormName string
}

// Sizes are what a [Conv] of the shape wants in single precision.
func (s *ConvShape) Sizes() ConvSizes { return sizesOf[float32](s) }

// Sizes64 are what it wants in double precision.
func (s *ConvShape) Sizes64() ConvSizes { return sizesOf[float64](s) }

func sizesOf[T Float](s *ConvShape) ConvSizes {
	c := NewConv[T](*s)
	return ConvSizes{
		Form: c.forward().form(), Forward: c.forward().scratch(), FormName: c.forward().name(),
		Fresh: freshScratch(c.forward()), Backward: max(freshScratch(c.backward()), c.outerProduct().scratch()),
	}
}

// PrepareForward makes the kernel's form for Forward.
func (c *Conv[T]) PrepareForward(team *parallel.Team, form, w []T) {
	need("Conv", "form", len(form), c.forward().form())
	need("Conv", "kernel", len(w), c.shape.Weights())
	c.forward().prepare(team, form, w)
}

// Forward computes out from in: act(conv(in, w) + bias), or the adjoint where the layer is
// transposed. bias, one number for each channel of out, may be nil. Where form is not, it
// is what PrepareForward made of w.
func (c *Conv[T]) Forward(team *parallel.Team, out []T, in [][]T, w, form, bias, scratch []T) {
	c.ForwardAdd(team, out, in, nil, w, form, bias, scratch)
}

// ForwardAdd is Forward for a shape that Adds: act(conv(in, w) + bias + add), add being of
// the shape of out.
func (c *Conv[T]) ForwardAdd(team *parallel.Team, out []T, in [][]T, add, w, form, bias, scratch []T) {
	s := &c.shape
	c.one[0] = out
	if s.Transposed {
		c.need(c.one[:], in[0], w, bias, s.In)
	} else {
		c.need(in, out, w, bias, s.Out)
	}
	c.pass(team, c.forward(), c.one[:], in, w, form, bias, scratch)
	if s.Adds {
		n := s.pixelsOut() * s.Out
		if s.Transposed {
			n = s.pixelsIn() * s.In
		}
		need("Conv", "add", len(add), n)
		c.out, c.add = out, add
		c.sum.Run(team, n)
		c.out, c.add = nil, nil
	}
}

// InputGrad computes din, the gradient by the layer's input, from dz, that by its result
// before the activation. Parts of din that are nil are left out.
func (c *Conv[T]) InputGrad(team *parallel.Team, din [][]T, dz, w, scratch []T) {
	c.one[0] = dz
	if c.shape.Transposed {
		c.need(c.one[:], din[0], w, nil, 0)
	} else {
		c.need(din, dz, w, nil, 0)
	}
	c.pass(team, c.backward(), din, c.one[:], w, nil, nil, scratch)
}

// pass makes the form where it is missing, and runs.
func (c *Conv[T]) pass(team *parallel.Team, p convPass[T], out, in [][]T, w, form, bias, scratch []T) {
	defer func() { c.one[0] = nil }()
	switch {
	case p.form() == 0:
		need("Conv", "scratch", len(scratch), p.scratch())
		p.run(team, out, in, w, bias, scratch)
	case form == nil:
		need("Conv", "scratch", len(scratch), freshScratch(p))
		runFresh(team, p, out, in, w, bias, scratch)
	default:
		need("Conv", "scratch", len(scratch), p.scratch())
		p.run(team, out, in, form, bias, scratch)
	}
}

// KernelGrad computes dw, the gradient by the kernel, from the layer's input and dz.
func (c *Conv[T]) KernelGrad(team *parallel.Team, dw []T, in [][]T, dz, scratch []T) {
	x, y := in, dz
	if c.shape.Transposed {
		c.one[0] = dz
		x, y = c.one[:], in[0]
	}
	c.need(x, y, dw, nil, 0)
	need("Conv", "scratch", len(scratch), c.outerProduct().scratch())
	c.outerProduct().run(team, dw, x, y, scratch)
	c.one[0] = nil
}

// need panics where an operand is too short.
func (c *Conv[T]) need(x [][]T, y, w, bias []T, channels int) {
	s := &c.shape
	parts := s.parts()
	if len(x) != len(parts) {
		panic(fmt.Sprintf("kernels: Conv: a picture in %d parts, wants %d", len(x), len(parts)))
	}
	for i, part := range x {
		if part != nil {
			need("Conv", "the larger picture", len(part), s.pixelsIn()*parts[i])
		}
	}
	need("Conv", "the smaller picture", len(y), s.pixelsOut()*s.Out)
	need("Conv", "kernel", len(w), s.Weights())
	if bias != nil {
		need("Conv", "bias", len(bias), channels)
	}
}

// region makes a function of the tile's number a task for a team.
type region func(tile int)

// Do implements [parallel.Task].
func (f *region) Do(tile, _ int) { (*f)(tile) }
