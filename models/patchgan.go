package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// PatchGAN tells, patch by patch, pictures that a network made from real ones: a chain of 4x4
// convolutions, padded by a pixel, with LeakyReLU of slope 0.2 behind all but the last. Layers
// of them have stride 2, to Width, 2*Width, 4*Width, at most 8*Width channels, then two have
// stride 1, to twice as many again, at most 8*Width, and to 1. Norm normalises in all but the
// first and the last. With three layers of stride 2, the default, each logit sees 70x70
// pixels. Pictures [H, W, Channels], sides from 24 on with the default layers, become logits
// [H', W', 1]; a conditional discriminator's channels are those of input and output together.
//
// Source: Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks.
type PatchGAN struct {
	Channels int  `json:"channels" meaning:"channels of what is judged: input and output together, where both are known"` // default 6
	Width    int  `json:"width" meaning:"channels behind the first convolution"`                                          // default 64
	Layers   int  `json:"layers" meaning:"convolutions of stride 2: 3 judge patches of 70x70 pixels"`                     // default 3
	Norm     Norm `json:"norm" meaning:"none, batch, group or instance: what normalises behind a convolution"`            // default batch
}

func (p PatchGAN) withDefaults() PatchGAN {
	p.Channels = cmp.Or(p.Channels, 6)
	p.Width = cmp.Or(p.Width, 64)
	p.Layers = cmp.Or(p.Layers, 3)
	p.Norm = cmp.Or(p.Norm, BatchNorm)
	return p
}

func (p PatchGAN) check() error {
	return cmp.Or(
		checkRange("channels", p.Channels, 1, maxChannels),
		checkRange("width", p.Width, 1, maxChannels/8),
		checkRange("layers", p.Layers, 1, maxDepth),
		p.Norm.check(),
	)
}

// Build returns the model, from pictures [H, W, Channels] to logits [H', W', 1].
func (p PatchGAN) Build() (*nn.Model, error) {
	p = p.withDefaults()
	if err := p.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, p.Channels})
	style := convStyle{kernel: 4, stride: 2, like: torch, activation: nn.LeakyReLU(0.2)}
	x := style.apply("conv1", p.Width, picture)
	style.norm = p.Norm
	for i := 1; i <= p.Layers; i++ {
		if i == p.Layers {
			style.stride = 1
		}
		x = style.apply(fmt.Sprintf("conv%d", i+1), p.Width<<min(i, 3), x)
	}
	return nn.NewModel(picture, convStyle{kernel: 4, like: torch}.apply(fmt.Sprintf("conv%d", p.Layers+2), 1, x))
}
