package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// AttentionUNet is a U-Net whose skip connections pass a gate: the decoder's value of the
// level below, which has seen more of the picture, tells which of their pixels matter
// ([nn.AttentionGate]).
//
//	down i   Width*2^(i-1) channels: 3x3 convolution, batch normalisation, ReLU, twice; 2x2
//	         max-pooling
//	bottom   Width*2^Depth channels: the same without pooling
//	up i     gate(skip, value below); the value below enlarged by a 2x2 transposed convolution;
//	         [gated, enlarged]; convolutions as in down i
//	head     1x1 convolution to Outputs channels, OutputActivation
//
// Pictures [H, W, Channels] of any size become [H, W, Outputs]. How much each pixel counted
// is the value up1_attention_psi, up2_attention_psi, ..., at half the size of its level.
//
// Source: Oktay et al. 2018, Attention U-Net: Learning Where to Look for the Pancreas, there
// in three dimensions.
type AttentionUNet struct {
	Channels         int               `json:"channels" meaning:"channels of a picture"`                     // default 3
	Outputs          int               `json:"outputs" meaning:"channels of the output"`                     // default 1
	Width            int               `json:"width" meaning:"channels at full size, doubled by each level"` // default 32
	Depth            int               `json:"depth" meaning:"levels, each of which halves the size"`        // default 4
	OutputActivation nn.ActivationFunc `json:"output_activation" meaning:"what the output goes through; linear gives logits"`
}

func (u AttentionUNet) withDefaults() AttentionUNet {
	u.Channels = cmp.Or(u.Channels, 3)
	u.Outputs = cmp.Or(u.Outputs, 1)
	u.Width = cmp.Or(u.Width, 32)
	u.Depth = cmp.Or(u.Depth, 4)
	return u
}

func (u AttentionUNet) check() error {
	return checkLevelled(u.Channels, u.Outputs, u.Width, u.Depth)
}

// Build returns the model, from pictures [H, W, Channels] to [H, W, Outputs].
func (u AttentionUNet) Build() (*nn.Model, error) {
	u = u.withDefaults()
	if err := u.check(); err != nil {
		return nil, err
	}
	style := convStyle{kernel: 3, norm: BatchNorm, activation: nn.ReLU}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, u.Channels})
	x, crop := anySize(1<<u.Depth, picture)
	var skips []*nn.Node
	for level := range u.Depth {
		where := fmt.Sprintf("down%d", level+1)
		x = style.twice(where, u.Width<<level, x)
		skips = append(skips, x)
		x = halve(where+"_pool", x)
	}
	x = style.twice("bottom", u.Width<<u.Depth, x)
	for level := u.Depth - 1; level >= 0; level-- {
		where, filters := fmt.Sprintf("up%d", level+1), u.Width<<level
		gated, _ := nn.AttentionGate{}.Build(where+"_attention", skips[level], x)
		x = UpTranspose2.double(where+"_enlarge", filters, pooled{}, x)
		x = style.twice(where, filters, concat(where+"_merge", gated, x))
	}
	x = crop(conv("head", u.Outputs, 1, x))
	return nn.NewModel(picture, activated("output", u.OutputActivation, x))
}
