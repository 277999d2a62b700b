package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// DnCNN is a chain of 3x3 same convolutions at full size: Depth-1 of Width channels, each
// with ReLU, and one back to the picture's channels. With Residual the chain's output,
// the noise, is subtracted from the picture; BatchNorm normalises in all layers but the
// first and the last. The paper has both; without them, the default, there are 555,137
// parameters. Pictures [H, W, Channels] of any size keep their shape. The layers are called
// conv1, conv2, ...
//
// Source: Zhang et al. 2017, Beyond a Gaussian Denoiser.
type DnCNN struct {
	Channels  int  `json:"channels" meaning:"channels of a picture"`                 // default 1
	Depth     int  `json:"depth" meaning:"convolutions, the first and the last too"` // default 17
	Width     int  `json:"width" meaning:"channels between them"`                    // default 64
	Residual  bool `json:"residual" meaning:"what the network makes is the noise, and is subtracted"`
	BatchNorm bool `json:"batch_norm" meaning:"normalises between convolution and its ReLU, but in the first"`
}

// maxChain bounds the layers of a network of equal ones.
const maxChain = 1000

func (d DnCNN) withDefaults() DnCNN {
	d.Channels = cmp.Or(d.Channels, 1)
	d.Depth = cmp.Or(d.Depth, 17)
	d.Width = cmp.Or(d.Width, 64)
	return d
}

func (d DnCNN) check() error {
	return cmp.Or(
		checkRange("channels", d.Channels, 1, maxChannels),
		checkRange("depth", d.Depth, 2, maxChain),
		checkRange("width", d.Width, 1, maxChannels),
	)
}

// Build returns the model, from pictures [H, W, Channels] to the same shape.
func (d DnCNN) Build() (*nn.Model, error) {
	d = d.withDefaults()
	if err := d.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, d.Channels})
	style := convStyle{kernel: 3, activation: nn.ReLU}
	x := style.apply("conv1", d.Width, picture)
	if d.BatchNorm {
		style.norm = BatchNorm
	}
	for i := 2; i < d.Depth; i++ {
		x = style.apply(fmt.Sprintf("conv%d", i), d.Width, x)
	}
	x = conv(fmt.Sprintf("conv%d", d.Depth), d.Channels, 3, x)
	if d.Residual {
		x = nn.Apply(nn.Subtract{}, picture, x)
	}
	return nn.NewModel(picture, x)
}
