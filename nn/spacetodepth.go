package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// SpaceToDepth puts each block of BH x BW pixels into the channels of one pixel, losing
// nothing. It is the inverse of [DepthToSpace] with the same order. Input: [H, W, C], H a
// multiple of BH and W of BW; output: [H/BH, W/BW, BH*BW*C]. Gradient: [DepthToSpace].
type SpaceToDepth struct {
	Block [2]int     // BH and BW, at least 1
	Order DepthOrder // DCR where it is not set; CRD is PyTorch's PixelUnshuffle
}

func init() { Register("space_to_depth", 1, SpaceToDepth{}) }

func (s SpaceToDepth) withDefaults() Layer {
	s.Order = orDefault(s.Order, DCR)
	return s
}

// Infer divides height and width and multiplies the channels.
func (s SpaceToDepth) Infer(in []Shape) (Signature, error) {
	s = s.withDefaults().(SpaceToDepth)
	if err := checkBlocks(in, s.Block, s.Order); err != nil {
		return Signature{}, err
	}
	out := in[0].Clone()
	for axis, b := range s.Block {
		if out[axis] == Any {
			continue
		}
		if out[axis]%b != 0 {
			return Signature{}, fmt.Errorf("cannot divide %s %d into blocks of %d", [2]string{"height", "width"}[axis], out[axis], b)
		}
		out[axis] /= b
	}
	if out[2] != Any {
		out[2] *= s.Block[0] * s.Block[1]
	}
	return Signature{Outputs: []Shape{out}}, nil
}

// Compile returns the arithmetic.
func (s SpaceToDepth) Compile(batch int, in []Shape) Routine {
	b := kernels.Blocks{H: in[0][0] / s.Block[0], W: in[0][1] / s.Block[1], BH: s.Block[0], BW: s.Block[1],
		C: in[0][2], ChannelFirst: s.Order == CRD}
	return Routine{
		New32: func() Op[float32] {
			return newBlocksOp(b, kernels.SpaceToDepth[float32], kernels.DepthToSpace[float32])
		},
		New64: func() Op[float64] {
			return newBlocksOp(b, kernels.SpaceToDepth[float64], kernels.DepthToSpace[float64])
		},
	}
}
