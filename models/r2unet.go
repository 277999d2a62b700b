package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// R2UNet is a U-Net of recurrent residual units. A unit first makes its channels by a 1x1
// convolution, h; then two recurrent layers follow, each one convolution f (3x3, batch
// normalisation, ReLU) used Steps+1 times with the same weights:
//
//	y(0) = f(x), y(t) = f(x + y(t-1))
//
// and the unit is h + the second layer's y(Steps).
//
//	down i   a unit of Width*2^(i-1) channels; 2x2 max-pooling
//	bottom   a unit of Width*2^Depth channels
//	up i     every pixel repeated twice, 3x3 convolution, batch normalisation, ReLU to the
//	         channels of down i; [skip, enlarged]; a unit
//	head     1x1 convolution to Outputs channels, OutputActivation
//
// Pictures [H, W, Channels] of any size become [H, W, Outputs].
//
// Source: Alom et al. 2018, Recurrent Residual Convolutional Neural Network based on U-Net.
type R2UNet struct {
	Channels         int               `json:"channels" meaning:"channels of a picture"`                        // default 3
	Outputs          int               `json:"outputs" meaning:"channels of the output"`                        // default 1
	Width            int               `json:"width" meaning:"channels at full size, doubled by each level"`    // default 64
	Depth            int               `json:"depth" meaning:"levels, each of which halves the size"`           // default 4
	Steps            int               `json:"steps" meaning:"how often a recurrent layer sees its own output"` // default 2
	OutputActivation nn.ActivationFunc `json:"output_activation" meaning:"what the output goes through; linear gives logits"`
}

func (u R2UNet) withDefaults() R2UNet {
	u.Channels = cmp.Or(u.Channels, 3)
	u.Outputs = cmp.Or(u.Outputs, 1)
	u.Width = cmp.Or(u.Width, 64)
	u.Depth = cmp.Or(u.Depth, 4)
	u.Steps = cmp.Or(u.Steps, 2)
	return u
}

func (u R2UNet) check() error {
	const mostSteps = 16
	return cmp.Or(checkLevelled(u.Channels, u.Outputs, u.Width, u.Depth), checkRange("steps", u.Steps, 1, mostSteps))
}

// style is that of all convolutions but the 1x1 ones.
func (u R2UNet) style() convStyle {
	return convStyle{kernel: 3, norm: BatchNorm, like: torch, biased: true, activation: nn.ReLU}
}

// Build returns the model, from pictures [H, W, Channels] to [H, W, Outputs].
func (u R2UNet) Build() (*nn.Model, error) {
	u = u.withDefaults()
	if err := u.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, u.Channels})
	x, crop := anySize(1<<u.Depth, picture)
	var skips []*nn.Node
	for level := range u.Depth {
		where := fmt.Sprintf("down%d", level+1)
		x = u.unit(where, u.Width<<level, x)
		skips = append(skips, x)
		x = halve(where+"_pool", x)
	}
	x = u.unit("bottom", u.Width<<u.Depth, x)
	for level := u.Depth - 1; level >= 0; level-- {
		where, filters := fmt.Sprintf("up%d", level+1), u.Width<<level
		x = u.style().apply(where+"_enlarge", filters, nn.Named(where+"_size", nn.UpSampling2D{}).Apply(x))
		x = u.unit(where, filters, concat(where+"_merge", skips[level], x))
	}
	x = crop(conv("head", u.Outputs, 1, x))
	return nn.NewModel(picture, activated("output", u.OutputActivation, x))
}

// unit is a recurrent residual unit.
func (u R2UNet) unit(where string, filters int, x *nn.Node) *nn.Node {
	h := conv(where+"_in", filters, 1, x)
	y := h
	for layer := 1; layer <= 2; layer++ {
		name := fmt.Sprintf("%s_recurrent%d", where, layer)
		f := u.style().handle(name, filters)
		in := y
		y = f.apply(in)
		for t := range u.Steps {
			y = f.apply(plus(fmt.Sprintf("%s_step%d", name, t+1), in, y))
		}
	}
	return plus(where+"_add", h, y)
}
