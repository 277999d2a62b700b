package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// EDSR enlarges pictures Scale times by a chain of residual blocks without normalisation:
//
//	head     3x3 convolution to Width channels
//	body     Blocks times: 3x3 convolution, ReLU, 3x3 convolution, times BlockScale, added to
//	         the block's input; a last 3x3 convolution, added to the head
//	tail     sub-pixel convolution, for a scale of 4 twice by 2; 3x3 convolution to Channels
//
// By default it is the paper's baseline for a scale of 2, with 1,369,859 parameters; for 4 it
// has 1,517,571. The large model has 32 blocks of 256 channels and a BlockScale of 0.1.
// Pictures [H, W, Channels] of any size become [H*Scale, W*Scale, Channels].
//
// Source: Lim et al. 2017, Enhanced Deep Residual Networks for Single Image Super-Resolution.
// There the mean of the training pictures is subtracted before, and added behind, the network.
type EDSR struct {
	Channels   int     `json:"channels" meaning:"channels of a picture"`                                        // default 3
	Scale      int     `json:"scale" meaning:"how many times pictures are enlarged"`                            // default 2
	Blocks     int     `json:"blocks" meaning:"residual blocks"`                                                // default 16
	Width      int     `json:"width" meaning:"channels throughout"`                                             // default 64
	BlockScale float64 `json:"block_scale" meaning:"what a block's output is multiplied by before it is added"` // default 1
}

func (e EDSR) withDefaults() EDSR {
	e.Channels = cmp.Or(e.Channels, 3)
	e.Scale = cmp.Or(e.Scale, 2)
	e.Blocks = cmp.Or(e.Blocks, 16)
	e.Width = cmp.Or(e.Width, 64)
	e.BlockScale = cmp.Or(e.BlockScale, 1)
	return e
}

func (e EDSR) check() error {
	if !(e.BlockScale > 0 && e.BlockScale <= 1) {
		return fmt.Errorf("block_scale is %v, must be above 0 and at most 1", e.BlockScale)
	}
	return cmp.Or(
		checkRange("channels", e.Channels, 1, maxChannels),
		checkRange("scale", e.Scale, 1, maxScale),
		checkRange("blocks", e.Blocks, 1, maxChain),
		checkRange("width", e.Width, 1, maxChannels/(maxScale*maxScale)),
	)
}

// Build returns the model, from pictures [H, W, Channels] to [H*Scale, W*Scale, Channels].
func (e EDSR) Build() (*nn.Model, error) {
	e = e.withDefaults()
	if err := e.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, e.Channels})
	head := conv("head", e.Width, 3, picture)
	x := head
	for i := 1; i <= e.Blocks; i++ {
		x = e.block(fmt.Sprintf("block%d", i), x)
	}
	x = plus("body_add", head, conv("body", e.Width, 3, x))
	steps := []int{e.Scale}
	if e.Scale == 4 {
		steps = []int{2, 2}
	}
	for i, s := range steps {
		x = shuffle(fmt.Sprintf("enlarge%d", i+1), e.Width, s, x)
	}
	return nn.NewModel(picture, conv("tail", e.Channels, 3, x))
}

// block is a residual block.
func (e EDSR) block(name string, x *nn.Node) *nn.Node {
	h := convStyle{kernel: 3, activation: nn.ReLU}.apply(name+"_conv1", e.Width, x)
	h = conv(name+"_conv2", e.Width, 3, h)
	if e.BlockScale != 1 {
		return nn.Named(name+"_add", nn.WeightedSum{Weights: []float64{1, e.BlockScale}}).Apply(x, h)
	}
	return plus(name+"_add", x, h)
}
