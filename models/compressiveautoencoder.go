package models

import (
	"cmp"

	"github.com/hourglass-go/hourglass/nn"
)

// CompressiveAutoencoder is a convolutional autoencoder that is trained to need few bits: its code
// is rounded to whole numbers, and training pays for what an entropy coder needs for them.
//
//	encoder  SpaceToDepth of blocks of 2^Levels x 2^Levels pixels; a linear 1x1 convolution to
//	         Code channels, plus three 3x3 convolutions, to Width, Width and Code channels
//	code     "code", whole numbers, with noise in their place in training; see nn.EntropyBottleneck
//	decoder  a linear 1x1 convolution to a block's numbers, plus three 3x3 convolutions, to Width,
//	         Width and a block's numbers; DepthToSpace
//
// Padding is same; leaky ReLU follows the first two of three convolutions. So the network begins as
// a linear transform of blocks, which loses nothing, and learns beside it what blocks have to do with
// each other. A picture [H, W, C] may have a fixed size, which gives every number of the code
// a distribution of its own; H and W -1 stand for any size, where the numbers of a channel share one.
// What 2^Levels does not divide is padded by reflection and the result cropped.
//
// Training pays for the penalty "bits", the number of bits of a picture's code, with the weight
// Rate. With the loss nn.MeanSquaredError, that decides between few bits and small errors.
//
// Source: Ballé, Laparra and Simoncelli 2017, there with strided convolutions and divisive
// normalisation; the name is that of Theis et al. 2017.
type CompressiveAutoencoder struct {
	// Picture is [H, W, C]; default 28x28x1.
	Picture nn.Shape `json:"picture" meaning:"height, width and channels of a picture; -1 for a free height and width"`
	Levels  int      `json:"levels" meaning:"how often the size is halved"` // default 2
	Width   int      `json:"width" meaning:"channels of the convolutions"`  // default 64
	Code    int      `json:"code" meaning:"channels of the code"`           // default 16
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
		checkRange("levels", a.Levels, 1, maxBlockLevels),
		checkRange("width", a.Width, 1, maxChannels),
		checkRange("code", a.Code, 1, maxChannels),
		checkWeight("rate", a.Rate),
	)
}

// maxBlockLevels bounds a block, whose pixels become channels.
const maxBlockLevels = 5

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
	block := 1 << a.Levels
	numbers := block * block * a.Picture[2]
	picture := nn.Input("picture", a.Picture)
	h, crop := anySize(block, picture)
	h = a.transform("encoder", a.Code, nn.Apply(nn.SpaceToDepth{Block: square(block)}, h))
	h = nn.Named("encoder_scale", nn.WeightedSum{Weights: []float64{codeScale}}).Apply(h)
	code := nn.Named("code", nn.EntropyBottleneck{PerChannel: !a.Picture.Known()}).ApplyAll(h)

	h = nn.Named("decoder_scale", nn.WeightedSum{Weights: []float64{1. / codeScale}}).Apply(code[0])
	h = nn.Named("pixels", nn.DepthToSpace{Block: square(block)}).Apply(a.transform("decoder", numbers, h))
	m, err := nn.NewModel(picture, crop(h))
	if err != nil {
		return nil, err
	}
	return m.WithPenalties(nn.Penalty{Name: "bits", Weight: a.Rate, Cost: code[len(code)-1]})
}

// transform is a linear map of each pixel's numbers to n, and what convolutions add to it: at first
// nothing.
func (a CompressiveAutoencoder) transform(side string, n int, x *nn.Node) *nn.Node {
	leaky := nn.LeakyReLU(0.2)
	linear := nn.Conv2D{Filters: n, Kernel: square(1), KernelInit: nn.Orthogonal}
	h := nn.Named(side+"_1", conv3x3(a.Width, leaky)).Apply(x)
	h = nn.Named(side+"_2", conv3x3(a.Width, leaky)).Apply(h)
	last := conv3x3(n, nn.Linear)
	last.KernelInit = nn.Zeros
	return nn.Named(side+"_add", nn.Add{}).Apply(nn.Named(side+"_linear", linear).Apply(x), nn.Named(side+"_3", last).Apply(h))
}
