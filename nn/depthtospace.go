package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// DepthOrder says how the channels of a pixel count the samples (i, j, c) of a block of
// BH x BW pixels with C channels. The names are ONNX's.
type DepthOrder string

// The orders.
const (
	DCR DepthOrder = "DCR" // (i*BW+j)*C + c, depth-column-row: TensorFlow's
	CRD DepthOrder = "CRD" // c*BH*BW + i*BW + j, column-row-depth: PyTorch's PixelShuffle
)

// DepthToSpace lays the channels of each pixel out as a block of pixels: sub-pixel
// convolution is a convolution before it (Shi et al. 2016). Input: [H, W, BH*BW*C];
// output: [H*BH, W*BW, C] with
//
//	y[h*BH+i, w*BW+j, c] = x[h, w, channel of (i, j, c) by Order]
//
// Gradient: [SpaceToDepth].
type DepthToSpace struct {
	Block [2]int     // BH and BW, at least 1
	Order DepthOrder // DCR where it is not set
}

func init() { Register("depth_to_space", 1, DepthToSpace{}) }

func (d DepthToSpace) withDefaults() Layer {
	d.Order = orDefault(d.Order, DCR)
	return d
}

// Infer multiplies height and width and divides the channels.
func (d DepthToSpace) Infer(in []Shape) (Signature, error) {
	d = d.withDefaults().(DepthToSpace)
	if err := checkBlocks(in, d.Block, d.Order); err != nil {
		return Signature{}, err
	}
	out := in[0].Clone()
	for axis, b := range d.Block {
		if out[axis] != Any {
			out[axis] *= b
		}
	}
	if size := d.Block[0] * d.Block[1]; out[2] != Any {
		if out[2]%size != 0 {
			return Signature{}, fmt.Errorf("cannot make blocks of %dx%d of %d channels, which %d does not divide",
				d.Block[0], d.Block[1], out[2], size)
		}
		out[2] /= size
	}
	return Signature{Outputs: []Shape{out}}, nil
}

// Compile returns the arithmetic.
func (d DepthToSpace) Compile(batch int, in []Shape) Routine {
	b := kernels.Blocks{H: in[0][0], W: in[0][1], BH: d.Block[0], BW: d.Block[1],
		C: in[0][2] / (d.Block[0] * d.Block[1]), ChannelFirst: d.Order == CRD}
	return Routine{
		New32: func() Op[float32] {
			return newBlocksOp(b, kernels.DepthToSpace[float32], kernels.SpaceToDepth[float32])
		},
		New64: func() Op[float64] {
			return newBlocksOp(b, kernels.DepthToSpace[float64], kernels.SpaceToDepth[float64])
		},
	}
}

// checkBlocks checks what both directions have in common.
func checkBlocks(in []Shape, block [2]int, order DepthOrder) error {
	if err := wantPicture(in, 1); err != nil {
		return err
	}
	if err := checkSides("Block", block); err != nil {
		return err
	}
	return oneOf("Order", order, DCR, CRD)
}

// blocksOp moves samples by one kernel forward and by its inverse backward.
type blocksOp[T tensor.Float] struct {
	blocks            kernels.Blocks
	call              *Call[T]
	forward, backward tiles // a tile is a row of blocks
}

type blocksKernel[T tensor.Float] func(b kernels.Blocks, dst, src []T, y int)

func newBlocksOp[T tensor.Float](b kernels.Blocks, forward, backward blocksKernel[T]) *blocksOp[T] {
	o := &blocksOp[T]{blocks: b}
	o.forward = func(tile int) {
		n, c := tile/b.H, o.call
		forward(b, sampleOf(c.Out[0], n, c.Batch), sampleOf(c.In[0], n, c.Batch), tile%b.H)
	}
	o.backward = func(tile int) {
		n, c := tile/b.H, o.call
		backward(b, sampleOf(c.DIn[0], n, c.Batch), sampleOf(c.DOut[0], n, c.Batch), tile%b.H)
	}
	return o
}

func (o *blocksOp[T]) Forward(c *Call[T]) {
	o.call = c
	c.Team.Run(c.Batch*o.blocks.H, &o.forward)
}

func (o *blocksOp[T]) Backward(c *Call[T]) {
	if c.DIn[0] != nil {
		o.call = c
		c.Team.Run(c.Batch*o.blocks.H, &o.backward)
	}
}
