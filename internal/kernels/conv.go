package kernels

import (
	"fmt"

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
	// Transposed turns the layer round: it takes y and makes x, by the adjoint of the
	// convolution.
	Transposed bool
	// Act is the activation of the layer's result.
	Act Act
}

// check panics where the shape is impossible.
func (s *ConvShape) check() {
	if s.Batch < 0 || s.In < 1 || s.Out < 1 || s.Groups < 1 || s.In%s.Groups != 0 || s.Out%s.Groups != 0 {
		panic(fmt.Sprintf("kernels: Conv: impossible shape %+v", *s))
	}
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

// Scratch is the number of elements of temporary memory that a pass of [Conv] wants.
func (s *ConvShape) Scratch() int {
	if s.algorithm() == convByGemm {
		p := planConvGemm(s)
		return p.scratch()
	}
	return 0
}

// convAlgorithm names how a convolution is computed.
type convAlgorithm uint8

const (
	convByLoop convAlgorithm = iota // plain loops
	convByGemm                      // patches of x gathered into rows of a matrix product
)

// narrowGroup is the number of output channels below which a group is not worth a matrix
// product of its own.
const narrowGroup = 8

// algorithm chooses, by the shape alone.
func (s *ConvShape) algorithm() convAlgorithm {
	if s.Groups > 1 && (s.groupIn() == 1 || s.groupOut() < narrowGroup) {
		return convByLoop
	}
	return convByGemm
}

// acts are the activations after gathering and after scattering: one of the two is the
// layer's.
func (s *ConvShape) acts() (gather, scatter Act) {
	if s.Transposed {
		return Act{}, s.Act
	}
	return s.Act, Act{}
}

// convPasses are the three products of a convolution. Each sets its first operand; bias
// may be nil, and act is one of [ConvShape.acts].
type convPasses[T Float] interface {
	// gather computes y = act(conv(x, w) + bias).
	gather(team *parallel.Team, y, x, w, bias, scratch []T)
	// scatter computes x = act(adjoint of conv(y, w) + bias).
	scatter(team *parallel.Team, x, y, w, bias, scratch []T)
	// outer computes dw, the gradient of sum(conv(x, w)*y) by w.
	outer(team *parallel.Team, dw, x, y, scratch []T)
}

// Conv is a convolution layer, or a transposed one, with its gradients. One goroutine uses
// it at a time; it allocates in NewConv and at the first run of a pass. Scratch arguments hold [ConvShape.Scratch]
// elements of any content. Results must not overlap anything else.
type Conv[T Float] struct {
	shape  ConvShape
	passes convPasses[T]
}

// NewConv prepares a layer. It panics where channels or groups are impossible.
func NewConv[T Float](s ConvShape) *Conv[T] {
	s.check()
	c := &Conv[T]{shape: s}
	if s.algorithm() == convByGemm {
		c.passes = newConvGemm[T](s)
	} else {
		c.passes = newConvLoop[T](s)
	}
	return c
}

// Forward computes out from in: act(conv(in, w) + bias), or the adjoint where the layer is
// transposed. bias, one number for each channel of out, may be nil.
func (c *Conv[T]) Forward(team *parallel.Team, out, in, w, bias, scratch []T) {
	if c.shape.Transposed {
		c.need(out, in, w, bias, c.shape.In)
		c.passes.scatter(team, out, in, w, bias, scratch)
		return
	}
	c.need(in, out, w, bias, c.shape.Out)
	c.passes.gather(team, out, in, w, bias, scratch)
}

// InputGrad computes din, the gradient by the layer's input, from dz, that by its result
// before the activation.
func (c *Conv[T]) InputGrad(team *parallel.Team, din, dz, w, scratch []T) {
	if c.shape.Transposed {
		c.need(dz, din, w, nil, 0)
		c.passes.gather(team, din, dz, w, nil, scratch)
		return
	}
	c.need(din, dz, w, nil, 0)
	c.passes.scatter(team, din, dz, w, nil, scratch)
}

// KernelGrad computes dw, the gradient by the kernel, from the layer's input and dz.
func (c *Conv[T]) KernelGrad(team *parallel.Team, dw, in, dz, scratch []T) {
	x, y := in, dz
	if c.shape.Transposed {
		x, y = dz, in
	}
	c.need(x, y, dw, nil, 0)
	c.passes.outer(team, dw, x, y, scratch)
}

// need panics where an operand is too short.
func (c *Conv[T]) need(x, y, w, bias []T, channels int) {
	s := &c.shape
	need("Conv", "the larger picture", len(x), s.pixelsIn()*s.In)
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
