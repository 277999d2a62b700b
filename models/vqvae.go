package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// VQVAE is a vector-quantised variational autoencoder: its code is a small picture of vectors, each
// of which the decoder sees replaced by the nearest in a code book of Codes vectors. So a picture
// [H, W, Channels] of any size becomes H/2^Levels * W/2^Levels whole numbers.
//
//	encoder  for every level a 4x4 convolution of stride 2 and ReLU, to Width channels, but
//	         Width/2 at the first of several; 3x3 convolution to Width; Blocks residual blocks;
//	         "code", a 1x1 convolution to Size channels
//	quantizer "quantized", the nearest code; its third output are the codes' numbers
//	decoder  3x3 convolution to Width; Blocks residual blocks; for every level a 4x4 transposed
//	         convolution of stride 2, the channels as in the encoder, ReLU between and a sigmoid
//	         at the end
//	block    x + 1x1(ReLU(3x3(ReLU(x)))), with Residual channels in between; ReLU after the last
//
// Padding is same; values lie in 0..1. The defaults are those of the authors' example in Sonnet
// 2 (deepmind/sonnet, examples/vqvae_example.ipynb), for one channel. Where 2^Levels does not divide a
// picture's size, it is padded by reflection and the result cropped.
//
// Training pays for two penalties, both mean squared differences between the code and the vector that
// it was replaced by: "codebook" moves the vectors of the book, with weight 1, and "commitment"
// the code, with the weight Commitment. The gradient of the picture reaches the code straight through
// the quantizer, as if that did nothing.
//
// Source: van den Oord, Vinyals and Kavukcuoglu 2017.
type VQVAE struct {
	Channels   int     `json:"channels" meaning:"channels of a picture: 1 grey, 3 colour"`                               // default 1
	Levels     int     `json:"levels" meaning:"levels, each of which halves the size"`                                   // default 2
	Width      int     `json:"width" meaning:"channels of a level"`                                                      // default 128
	Blocks     int     `json:"blocks" meaning:"residual blocks on either side of the code"`                              // default 2
	Residual   int     `json:"residual" meaning:"channels inside a residual block"`                                      // default 32
	Size       int     `json:"size" meaning:"numbers in a vector of the code book"`                                      // default 64
	Codes      int     `json:"codes" meaning:"vectors in the code book"`                                                 // default 512
	Commitment float64 `json:"commitment" meaning:"weight of the distance of codes from their vectors in the objective"` // default 0.25
}

func (a VQVAE) withDefaults() VQVAE {
	a.Channels, a.Levels, a.Width = cmp.Or(a.Channels, 1), cmp.Or(a.Levels, 2), cmp.Or(a.Width, 128)
	a.Blocks, a.Residual = cmp.Or(a.Blocks, 2), cmp.Or(a.Residual, 32)
	a.Size, a.Codes, a.Commitment = cmp.Or(a.Size, 64), cmp.Or(a.Codes, 512), cmp.Or(a.Commitment, 0.25)
	return a
}

// The bounds of a quantised autoencoder's depth and code book.
const (
	maxBlocks = 256
	maxCodes  = 1 << 20
)

func (a VQVAE) check() error {
	return cmp.Or(
		checkRange("channels", a.Channels, 1, maxChannels),
		checkRange("levels", a.Levels, 1, maxDepth),
		checkRange("width", a.Width, 2, maxChannels),
		checkRange("blocks", a.Blocks, 1, maxBlocks),
		checkRange("residual", a.Residual, 1, maxChannels),
		checkRange("size", a.Size, 1, maxChannels),
		checkRange("codes", a.Codes, 1, maxCodes),
		checkWeight("commitment", a.Commitment),
	)
}

// filters are the channels of a level, the first of which is at the picture.
func (a VQVAE) filters(level int) int {
	if level == 0 && a.Levels > 1 {
		return a.Width / 2
	}
	return a.Width
}

// Build returns the model, from a picture [H, W, Channels] of any size to one of the same, with
// the penalties "codebook" and "commitment".
func (a VQVAE) Build() (*nn.Model, error) {
	a = a.withDefaults()
	if err := a.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, a.Channels})
	h, crop := anySize(1<<a.Levels, picture)
	for level := range a.Levels {
		conv := nn.Conv2D{Filters: a.filters(level), Kernel: square(4), Stride: square(2), Padding: nn.Same, Activation: nn.ReLU}
		h = nn.Named(fmt.Sprintf("encoder_%d", level+1), conv).Apply(h)
	}
	h = a.residual("encoder", nn.Named("encoder_conv", conv3x3(a.Width, nn.Linear)).Apply(h))
	code := conv("code", a.Size, 1, h)
	quantized := nn.Named("quantized", nn.VectorQuantizer{Codes: a.Codes}).ApplyAll(code)
	vector := quantized[min(1, len(quantized)-1)] // a mistake has one node alone

	h = a.residual("decoder", nn.Named("decoder_conv", conv3x3(a.Width, nn.Linear)).Apply(quantized[0]))
	for level := a.Levels - 1; level >= 0; level-- {
		up := nn.Conv2DTranspose{Kernel: square(4), Stride: square(2), Padding: nn.Same}
		name := "pixels"
		if up.Filters, up.Activation = a.Channels, nn.Sigmoid; level > 0 {
			name = fmt.Sprintf("decoder_%d", level+1)
			up.Filters, up.Activation = a.filters(level-1), nn.ReLU
		}
		h = nn.Named(name, up).Apply(h)
	}
	m, err := nn.NewModel(picture, crop(h))
	if err != nil {
		return nil, err
	}
	distance := func(name string, x, constant *nn.Node) *nn.Node {
		return nn.Named(name, nn.MeanSquaredError{}).Apply(x, nn.Named(name+"_target", nn.StopGradient{}).Apply(constant))
	}
	return m.WithPenalties(
		nn.Penalty{Name: "codebook", Weight: 1, Cost: distance("codebook", vector, code)},
		nn.Penalty{Name: "commitment", Weight: a.Commitment, Cost: distance("commitment", code, vector)},
	)
}

// residual is the blocks and a ReLU.
func (a VQVAE) residual(side string, x *nn.Node) *nn.Node {
	for i := range a.Blocks {
		name := fmt.Sprintf("%s_block_%d", side, i+1)
		h := nn.Named(name+"_relu", nn.Activation{Function: nn.ReLU}).Apply(x)
		h = nn.Named(name+"_conv", conv3x3(a.Residual, nn.ReLU)).Apply(h)
		x = nn.Named(name+"_add", nn.Add{}).Apply(x, conv(name+"_out", a.Width, 1, h))
	}
	return nn.Named(side+"_relu", nn.Activation{Function: nn.ReLU}).Apply(x)
}
