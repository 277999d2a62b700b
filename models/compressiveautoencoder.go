package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// CompressiveAutoencoder is a convolutional autoencoder that is trained to need few bits: its code
// is rounded to whole numbers, and training pays for what an entropy coder needs for them.
//
//	encoder  for every level a 5x5 convolution of stride 2 to Width channels and leaky ReLU;
//	         a linear 3x3 convolution to Code channels, times 16
//	code     "code", whole numbers, with noise in their place in training; see nn.EntropyBottleneck
//	decoder  divided by 16, a 3x3 convolution to Width channels and leaky ReLU; for every level a 5x5 transposed
//	         convolution of stride 2, leaky ReLU between, and a linear one at the end
//
// Padding is same. A picture [H, W, C] may have a fixed size, which gives every number of the code
// a distribution of its own; H and W -1 stand for any size, where the numbers of a channel share one.
// What 2^Levels does not divide is padded by reflection and the result cropped.
//
// Training pays for the penalty "bits", the number of bits of a picture's code, with the weight
// Rate. With the loss nn.MeanSquaredError, that decides between few bits and small errors.
//
// Source: Ballé, Laparra and Simoncelli 2017, there with divisive normalisation for activation; the name
// is that of Theis et al. 2017.
type CompressiveAutoencoder struct {
	// Picture is [H, W, C]; default 28x28x1.
	Picture nn.Shape `json:"picture" meaning:"height, width and channels of a picture; -1 for a free height and width"`
	Levels  int      `json:"levels" meaning:"levels, each of which halves the size"` // default 2
	Width   int      `json:"width" meaning:"channels of a level"`                    // default 64
	Code    int      `json:"code" meaning:"channels of the code"`                    // default 16
	// Rate is the weight of a bit in the objective; default 1e-5.
	Rate float64 `json:"rate" meaning:"weight of a bit in the objective"`
}

func (a CompressiveAutoencoder) withDefaults() CompressiveAutoencoder {
	if a.Picture == nil {
		a.Picture = nn.Shape{28, 28, 1}
	}
	a.Levels, a.Width, a.Code, a.Rate = cmp.Or(a.Levels, 2), cmp.Or(a.Width, 64), cmp.Or(a.Code, 16), cmp.Or(a.Rate, 1e-5)
	return a
}

func (a CompressiveAutoencoder) check() error {
	if p := a.Picture; len(p) != 3 || p[0] != nn.Any || p[1] != nn.Any {
		if err := checkPicture(p); err != nil {
			return err
		}
	}
	return cmp.Or(
		checkRange("channels", a.Picture[2], 1, maxChannels),
		checkRange("levels", a.Levels, 1, maxDepth),
		checkRange("width", a.Width, 1, maxChannels),
		checkRange("code", a.Code, 1, maxChannels),
		checkWeight("rate", a.Rate),
	)
}

// codeScale makes the noise small beside the code when training begins, so that the network learns
// what is worth its bits from the side of many.
const codeScale = 16

// Build returns the model, from a picture [H, W, C] to one of the same shape, with the penalty
// "bits".
func (a CompressiveAutoencoder) Build() (*nn.Model, error) {
	a = a.withDefaults()
	if err := a.check(); err != nil {
		return nil, err
	}
	leaky := nn.LeakyReLU(0.2)
	picture := nn.Input("picture", a.Picture)
	h, crop := anySize(1<<a.Levels, picture)
	for level := range a.Levels {
		conv := nn.Conv2D{Filters: a.Width, Kernel: square(5), Stride: square(2), Padding: nn.Same, Activation: leaky}
		h = nn.Named(fmt.Sprintf("encoder_%d", level+1), conv).Apply(h)
	}
	h = nn.Named("encoder_scale", nn.WeightedSum{Weights: []float64{codeScale}}).Apply(conv("encoder_code", a.Code, 3, h))
	code := nn.Named("code", nn.EntropyBottleneck{PerChannel: !a.Picture.Known()}).ApplyAll(h)

	h = nn.Named("decoder_scale", nn.WeightedSum{Weights: []float64{1. / codeScale}}).Apply(code[0])
	h = nn.Named("decoder_code", conv3x3(a.Width, leaky)).Apply(h)
	for level := a.Levels - 1; level >= 0; level-- {
		up := nn.Conv2DTranspose{Filters: a.Width, Kernel: square(5), Stride: square(2), Padding: nn.Same, Activation: leaky}
		name := fmt.Sprintf("decoder_%d", level+1)
		if level == 0 {
			name, up.Filters, up.Activation = "pixels", a.Picture[2], nn.Linear
		}
		h = nn.Named(name, up).Apply(h)
	}
	m, err := nn.NewModel(picture, crop(h))
	if err != nil {
		return nil, err
	}
	return m.WithPenalties(nn.Penalty{Name: "bits", Weight: a.Rate, Cost: code[len(code)-1]})
}
