package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// ConvAutoencoder squeezes pictures [H, W, Channels] of any size through 3x3 convolutions
// that halve height and width at every level, and unfolds them again:
//
//	level i of the encoder  Conv2D Filters[i], halved by Down
//	level i of the decoder  doubled by Up to Filters[i] channels
//	at the end              Conv2D Channels
//
// Padding is same. ReLU follows every convolution but the last, which has a sigmoid: values
// lie in 0..1. The defaults are the example "Convolutional autoencoder for image denoising"
// at keras.io/examples/vision/autoencoder (S. L. Valdarrama), of 28,353 parameters. The code
// is [H/2^n, W/2^n, Filters[n-1]] after n levels; a picture whose size 2^n does not divide
// is padded by reflection, and the result cropped.
//
// The layers are called encoder_1, encoder_2, ..., code, ..., decoder_2, decoder_1, pixels.
//
// Source: Masci et al. 2011, there with tied weights and trained layer by layer.
type ConvAutoencoder struct {
	// Channels of a picture; default 1.
	Channels int `json:"channels" meaning:"channels of a picture: 1 grey, 3 colour"`
	// Filters are the channels of the levels; default 32, 32.
	Filters []int `json:"filters" meaning:"channels of each level, from the picture to the code"`
	// Down is how a level is halved: "pool", a convolution and the maximum of every 2x2
	// pixels, which is the default, or "stride", a convolution of stride 2.
	Down string `json:"down" meaning:"how a level is halved: pool or stride"`
	// Up is how a level is doubled: "transposed", a transposed convolution of stride 2, which is
	// the default, or "upsampling", every pixel repeated 2x2 and a convolution.
	Up string `json:"up" meaning:"how a level is doubled: transposed or upsampling"`
}

func (a ConvAutoencoder) withDefaults() ConvAutoencoder {
	a.Channels = cmp.Or(a.Channels, 1)
	if a.Filters == nil {
		a.Filters = []int{32, 32}
	}
	a.Down, a.Up = cmp.Or(a.Down, "pool"), cmp.Or(a.Up, "transposed")
	return a
}

func (a ConvAutoencoder) check() error {
	if err := checkOneOf("down", a.Down, "pool", "stride"); err != nil {
		return err
	}
	if err := checkOneOf("up", a.Up, "transposed", "upsampling"); err != nil {
		return err
	}
	return checkLevels(a.Channels, a.Filters)
}

// Build returns the model, from a picture [H, W, Channels] of any size to one of the same.
func (a ConvAutoencoder) Build() (*nn.Model, error) {
	a = a.withDefaults()
	if err := a.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, a.Channels})
	h, crop := anySize(1<<len(a.Filters), picture)
	for i, n := range a.Filters {
		name, conv := fmt.Sprintf("encoder_%d", i+1), conv3x3(n, nn.ReLU)
		half := "code"
		if i < len(a.Filters)-1 {
			half = name + "_pool"
		}
		if a.Down == "pool" {
			h = nn.Named(half, nn.MaxPool2D{Kernel: square(2)}).Apply(nn.Named(name, conv).Apply(h))
			continue
		}
		if half != "code" {
			half = name
		}
		conv.Stride = square(2)
		h = nn.Named(half, conv).Apply(h)
	}
	for i := len(a.Filters) - 1; i >= 0; i-- {
		h = double(fmt.Sprintf("decoder_%d", i+1), a.Up == "transposed", a.Filters[i], h)
	}
	h = nn.Named("pixels", conv3x3(a.Channels, nn.Sigmoid)).Apply(h)
	return nn.NewModel(picture, crop(h))
}

// double doubles height and width, to n channels.
func double(name string, transposed bool, n int, x *nn.Node) *nn.Node {
	if transposed {
		return nn.Named(name, nn.Conv2DTranspose{Filters: n, Kernel: square(3), Stride: square(2), Padding: nn.Same, Activation: nn.ReLU}).Apply(x)
	}
	return nn.Named(name, conv3x3(n, nn.ReLU)).Apply(nn.Named(name+"_up", nn.UpSampling2D{}).Apply(x))
}
