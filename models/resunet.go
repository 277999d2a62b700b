package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// ResUNet is a U-Net of residual units, with full pre-activation: batch normalisation, ReLU
// and 3x3 convolution, twice, added to a 1x1 convolution of the unit's input.
//
//	down i   a unit of Width*2^(i-1) channels, whose first convolution, but for the first
//	         level, has stride 2; the first unit begins with a convolution
//	bottom   such a unit of Width*2^Depth channels
//	up i     enlarged twice, every pixel repeated; [enlarged, what down i made]; a unit
//	head     1x1 convolution to Outputs channels, OutputActivation
//
// Pictures [H, W, Channels] of any size become [H, W, Outputs].
//
// Source: Zhang, Liu and Wang 2018, Road Extraction by Deep Residual U-Net.
type ResUNet struct {
	Channels         int               `json:"channels" meaning:"channels of a picture"`                     // default 3
	Outputs          int               `json:"outputs" meaning:"channels of the output"`                     // default 1
	Width            int               `json:"width" meaning:"channels at full size, doubled by each level"` // default 64
	Depth            int               `json:"depth" meaning:"levels, each of which halves the size"`        // default 3
	OutputActivation nn.ActivationFunc `json:"output_activation" meaning:"what the output goes through; linear gives logits"`
}

func (u ResUNet) withDefaults() ResUNet {
	u.Channels = cmp.Or(u.Channels, 3)
	u.Outputs = cmp.Or(u.Outputs, 1)
	u.Width = cmp.Or(u.Width, 64)
	u.Depth = cmp.Or(u.Depth, 3)
	return u
}

func (u ResUNet) check() error { return checkLevelled(u.Channels, u.Outputs, u.Width, u.Depth) }

// checkLevelled checks the options that U-Nets have in common.
func checkLevelled(channels, outputs, width, depth int) error {
	return cmp.Or(
		checkRange("channels", channels, 1, maxChannels),
		checkRange("outputs", outputs, 1, maxChannels),
		checkRange("depth", depth, 1, maxDepth),
		checkRange("width", width, 1, maxChannels>>min(max(depth, 1), maxDepth)),
	)
}

// Build returns the model, from pictures [H, W, Channels] to [H, W, Outputs].
func (u ResUNet) Build() (*nn.Model, error) {
	u = u.withDefaults()
	if err := u.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, u.Channels})
	x, crop := anySize(1<<u.Depth, picture)
	var skips []*nn.Node
	for level := range u.Depth {
		x = u.unit(fmt.Sprintf("down%d", level+1), level, min(level+1, 2), x)
		skips = append(skips, x)
	}
	x = u.unit("bottom", u.Depth, 2, x)
	for level := u.Depth - 1; level >= 0; level-- {
		where := fmt.Sprintf("up%d", level+1)
		x = nn.Named(where+"_enlarge", nn.UpSampling2D{}).Apply(x)
		x = u.unit(where, level, 1, concat(where+"_merge", x, skips[level]))
	}
	x = crop(conv("head", u.Outputs, 1, x))
	return nn.NewModel(picture, activated("output", u.OutputActivation, x))
}

// unit is a residual unit.
func (u ResUNet) unit(where string, level, stride int, x *nn.Node) *nn.Node {
	filters := u.Width << level
	convolution := func(name string, kernel, stride int, x *nn.Node) *nn.Node {
		return nn.Named(name, nn.Conv2D{
			Filters: filters, Kernel: square(kernel), Stride: square(stride), Padding: nn.Same, KernelInit: nn.HeNormal,
		}).Apply(x)
	}
	before := convStyle{norm: BatchNorm, activation: nn.ReLU}
	h := x
	if where != "down1" {
		h = before.after(where+"_before1", h)
	}
	h = convolution(where+"_conv1", 3, stride, h)
	h = convolution(where+"_conv2", 3, 1, before.after(where+"_before2", h))
	return plus(where+"_add", h, convolution(where+"_shortcut", 1, stride, x))
}
