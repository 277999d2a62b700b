package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// VGGUNet is a U-Net whose way down is a [VGG], so that it can begin with weights that
// were trained on ImageNet:
//
//	down     blocks 1 to 4 of the VGG, each before its pooling: the skip connections
//	bottom   block 5, without its pooling
//	up i     2x2 transposed convolution of stride 2 to the channels of block i; [skip, enlarged];
//	         3x3 convolution and ReLU, twice
//	head     1x1 convolution to Outputs channels, OutputActivation
//
// The layers of the way down are called as in the VGG: block1_conv1, ... Pictures
// [H, W, Channels] of any size become [H, W, Outputs].
//
// Source: Iglovikov and Shvets 2018, TernausNet: U-Net with VGG11 Encoder Pre-Trained on ImageNet,
// which pools once more and has narrower blocks on its way up.
type VGGUNet struct {
	Channels int `json:"channels" meaning:"channels of a picture"` // default 3
	Outputs  int `json:"outputs" meaning:"channels of the output"` // default 1
	// Layers names the VGG: 11, 13, 16 or 19; default 16.
	Layers           int               `json:"layers" meaning:"11, 13, 16 or 19: which VGG"`
	Normalise        Normalise         `json:"normalise" meaning:"none, bgr-mean (Keras) or rgb (torchvision): what pretrained weights want of pictures"` // default none
	BatchNorm        bool              `json:"batch_norm" meaning:"normalises between convolution and ReLU"`
	Width            int               `json:"width" meaning:"channels of the first block, doubled up to the fourth"` // default 64
	OutputActivation nn.ActivationFunc `json:"output_activation" meaning:"what the output goes through; linear gives logits"`
}

func (u VGGUNet) withDefaults() VGGUNet {
	u.Channels = cmp.Or(u.Channels, 3)
	u.Outputs = cmp.Or(u.Outputs, 1)
	u.Layers = cmp.Or(u.Layers, 16)
	u.Normalise = cmp.Or(u.Normalise, NoNormalise)
	u.Width = cmp.Or(u.Width, 64)
	return u
}

func (u VGGUNet) check() error {
	if vggConvolutions[u.Layers] == nil {
		return fmt.Errorf("layers is %d, must be 11, 13, 16 or 19", u.Layers)
	}
	return cmp.Or(checkLevelled(u.Channels, u.Outputs, u.Width, 4), u.Normalise.check(u.Channels))
}

// Build returns the model, from pictures [H, W, Channels] to [H, W, Outputs].
func (u VGGUNet) Build() (*nn.Model, error) {
	u = u.withDefaults()
	if err := u.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, u.Channels})
	x, crop := anySize(1<<4, u.Normalise.apply(picture))
	stages := vggStages(vggConvolutions[u.Layers], u.Width, u.BatchNorm, false, x)
	x = stages[4].skip
	style := convStyle{kernel: 3, activation: nn.ReLU}
	if u.BatchNorm {
		style.norm, style.like, style.biased = BatchNorm, torch, true
	}
	for level := 3; level >= 0; level-- {
		where, filters := fmt.Sprintf("up%d", level+1), u.Width<<level
		x = UpTranspose2.double(where+"_enlarge", filters, pooled{}, x)
		x = style.twice(where, filters, concat(where+"_merge", stages[level].skip, x))
	}
	x = crop(conv("head", u.Outputs, 1, x))
	return nn.NewModel(picture, activated("output", u.OutputActivation, x))
}
