package models

import (
	"cmp"

	"github.com/hourglass-go/hourglass/nn"
)

// ESPCN enlarges pictures Scale times. It works at the small size throughout, and only its
// last layer lays channels out as pixels:
//
//	5x5 convolution to Width channels, tanh; 3x3 convolution to Width/2, tanh; 3x3 convolution
//	to Channels*Scale*Scale; pixel shuffle
//
// By default, for one channel and a scale of 3, it has 22,729 parameters. Pictures
// [H, W, Channels] of any size become [H*Scale, W*Scale, Channels].
//
// Source: Shi et al. 2016, Real-Time Single Image and Video Super-Resolution Using an Efficient
// Sub-Pixel Convolutional Neural Network.
type ESPCN struct {
	Channels int `json:"channels" meaning:"channels of a picture; the paper takes its luma alone"` // default 1
	Scale    int `json:"scale" meaning:"how many times pictures are enlarged"`                     // default 3
	Width    int `json:"width" meaning:"channels behind the first convolution"`                    // default 64
}

// maxScale bounds how many times a network enlarges.
const maxScale = 16

func (e ESPCN) withDefaults() ESPCN {
	e.Channels = cmp.Or(e.Channels, 1)
	e.Scale = cmp.Or(e.Scale, 3)
	e.Width = cmp.Or(e.Width, 64)
	return e
}

func (e ESPCN) check() error {
	return cmp.Or(
		checkRange("channels", e.Channels, 1, maxChannels/(maxScale*maxScale)),
		checkRange("scale", e.Scale, 1, maxScale),
		checkRange("width", e.Width, 2, maxChannels),
	)
}

// Build returns the model, from pictures [H, W, Channels] to [H*Scale, W*Scale, Channels].
func (e ESPCN) Build() (*nn.Model, error) {
	e = e.withDefaults()
	if err := e.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, e.Channels})
	x := convStyle{kernel: 5, activation: nn.Tanh}.apply("conv1", e.Width, picture)
	x = convStyle{kernel: 3, activation: nn.Tanh}.apply("conv2", e.Width/2, x)
	return nn.NewModel(picture, shuffle("conv3", e.Channels, e.Scale, x))
}

// shuffle enlarges by sub-pixel convolution: a 3x3 one, and pixel shuffle.
func shuffle(name string, filters, scale int, x *nn.Node) *nn.Node {
	x = conv(name, filters*scale*scale, 3, x)
	return nn.Named(name+"_shuffle", nn.DepthToSpace{Block: square(scale), Order: nn.CRD}).Apply(x)
}
