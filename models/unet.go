package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// UNet is the U-Net with same convolutions, so that the output has the picture's size:
//
//	down i   Width*2^(i-1) channels: 3x3 convolution and ReLU, twice; 2x2 max-pooling
//	bottom   Width*2^Depth channels: 3x3 convolution and ReLU, twice
//	up i     2x2 transposed convolution of stride 2 to the channels of down i, [skip, up]
//	         concatenated, 3x3 convolution and ReLU, twice
//	head     1x1 convolution to Outputs channels, Activation
//
// By default it has 7,760,097 parameters. Pictures [H, W, Channels] of any size become
// [H, W, Outputs]: where 2^Depth does not divide a side, the picture is reflected at its
// border up to the next multiple, and the output cropped. The layers are called
// down1_conv1, down1_conv2, down1_pool, ..., bottom_conv1, bottom_conv2, ..., up1_transpose,
// up1_concat, up1_conv1, up1_conv2, head.
//
// Source: Ronneberger et al. 2015, there with valid convolutions and 64 channels at the top.
type UNet struct {
	Channels  int  `json:"channels" meaning:"channels of a picture"`                         // default 3
	Outputs   int  `json:"outputs" meaning:"channels of the output"`                         // default 1
	Width     int  `json:"width" meaning:"channels at full size, doubled by each level"`     // default 32
	Depth     int  `json:"depth" meaning:"levels, each of which halves the size"`            // default 4
	BatchNorm bool `json:"batch_norm" meaning:"normalises between convolution and its ReLU"` // in place of biases
	// Activation follows the head; linear where it is not set.
	Activation nn.ActivationFunc `json:"activation" meaning:"what the output goes through; linear gives logits"`
}

// maxDepth bounds the levels of a network that halves its pictures.
const maxDepth = 10

func (u UNet) withDefaults() UNet {
	u.Channels = cmp.Or(u.Channels, 3)
	u.Outputs = cmp.Or(u.Outputs, 1)
	u.Width = cmp.Or(u.Width, 32)
	u.Depth = cmp.Or(u.Depth, 4)
	return u
}

func (u UNet) check() error {
	return cmp.Or(
		checkRange("channels", u.Channels, 1, maxChannels),
		checkRange("outputs", u.Outputs, 1, maxChannels),
		checkRange("depth", u.Depth, 1, maxDepth),
		checkRange("width", u.Width, 1, maxChannels>>min(max(u.Depth, 1), maxDepth)),
	)
}

// Build returns the model, from pictures [H, W, Channels] to [H, W, Outputs].
func (u UNet) Build() (*nn.Model, error) {
	u = u.withDefaults()
	if err := u.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, u.Channels})
	x, crop := anySize(1<<u.Depth, picture)
	double := func(where string, filters int, x *nn.Node) *nn.Node {
		x = convReLU(where+"_conv1", filters, 3, u.BatchNorm, x)
		return convReLU(where+"_conv2", filters, 3, u.BatchNorm, x)
	}
	var skips []*nn.Node
	for level := range u.Depth {
		where := fmt.Sprintf("down%d", level+1)
		x = double(where, u.Width<<level, x)
		skips = append(skips, x)
		x = halve(where+"_pool", x)
	}
	x = double("bottom", u.Width<<u.Depth, x)
	for level := u.Depth - 1; level >= 0; level-- {
		where, filters := fmt.Sprintf("up%d", level+1), u.Width<<level
		x = nn.Named(where+"_transpose", nn.Conv2DTranspose{Filters: filters, Kernel: square(2), Stride: square(2)}).Apply(x)
		x = nn.Named(where+"_concat", nn.Concatenate{}).Apply(skips[level], x)
		x = double(where, filters, x)
	}
	x = crop(conv("head", u.Outputs, 1, x))
	return nn.NewModel(picture, activated(u.Activation, x))
}
