package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// ResNetUNet is a U-Net whose way down is a ResNet:
//
//	down     the ResNet's first convolution, at half size, and its stages 1 to 3: the skip
//	         connections
//	bottom   stage 4, at 1/32
//	up 5..2  2x2 transposed convolution of stride 2 to half as many channels as the skip
//	         connection has, at least Width; [skip, enlarged]; 3x3 convolution, batch normalisation,
//	         ReLU, twice
//	up 1     the same to Width/2 channels, with no skip connection
//	head     1x1 convolution to Outputs channels, OutputActivation
//
// Pictures [H, W, Channels] of any size become [H, W, Outputs].
//
// Source: He et al. 2016 for the ResNet; the U-Net around it after Iglovikov and Shvets 2018.
type ResNetUNet struct {
	Channels int `json:"channels" meaning:"channels of a picture"` // default 3
	Outputs  int `json:"outputs" meaning:"channels of the output"` // default 1
	// Layers names the ResNet: 18, 34 or 50; default 34.
	Layers           int               `json:"layers" meaning:"18, 34 or 50: which ResNet"`
	Width            int               `json:"width" meaning:"channels of the first stage, doubled by each further one"` // default 64
	OutputActivation nn.ActivationFunc `json:"output_activation" meaning:"what the output goes through; linear gives logits"`
}

func (u ResNetUNet) withDefaults() ResNetUNet {
	u.Channels = cmp.Or(u.Channels, 3)
	u.Outputs = cmp.Or(u.Outputs, 1)
	u.Layers = cmp.Or(u.Layers, 34)
	u.Width = cmp.Or(u.Width, 64)
	return u
}

func (u ResNetUNet) check() error {
	return cmp.Or(checkResNet(u.Layers), checkLevelled(u.Channels, u.Outputs, u.Width, 5), checkRange("width", u.Width, 2, maxChannels))
}

// Build returns the model, from pictures [H, W, Channels] to [H, W, Outputs].
func (u ResNetUNet) Build() (*nn.Model, error) {
	u = u.withDefaults()
	if err := u.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, u.Channels})
	x, crop := anySize(1<<5, picture)
	r := resnet{layers: u.Layers, width: u.Width, strides: [4]int{1, 2, 2, 2}, dilations: [4]int{1, 1, 1, 1}}
	skips := r.build(x)
	x = skips[4]
	style := convStyle{kernel: 3, norm: BatchNorm, like: torch, activation: nn.ReLU}
	for level := 4; level >= 0; level-- {
		where, filters := fmt.Sprintf("up%d", level+1), u.Width/2
		if level > 0 {
			filters = max(skips[level-1].Shape()[2]/2, u.Width)
		}
		x = UpTranspose2.double(where+"_enlarge", filters, pooled{}, x)
		if level > 0 {
			x = concat(where+"_merge", skips[level-1], x)
		}
		x = style.twice(where, filters, x)
	}
	x = crop(conv("head", u.Outputs, 1, x))
	return nn.NewModel(picture, activated("output", u.OutputActivation, x))
}
