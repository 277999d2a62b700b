package models

import (
	"cmp"

	"github.com/hourglass-go/hourglass/nn"
)

// UNetBook is the U-Net of the book's notebook, for restoration: a [UNet] of four levels from
// 32 channels, whose 4x4 convolutions are each followed by batch normalisation and LeakyReLU of
// slope 0.3; dropout of 0.2 closes each level. A 4x4 transposed convolution of stride 2,
// normalised and activated too, enlarges; what it makes is resized to the skip connection,
// and concatenated. By default it has 15,354,179 parameters, moving statistics included.
// Pictures [H, W, Channels] of any size become [H, W, Channels].
type UNetBook struct {
	Channels int `json:"channels" meaning:"channels of a picture, and of the output"`  // default 3
	Width    int `json:"width" meaning:"channels at full size, doubled by each level"` // default 32
	Depth    int `json:"depth" meaning:"levels, each of which halves the size"`        // default 4
	// Residual adds the picture to the output.
	Residual         bool              `json:"residual" meaning:"the output is added to the picture"`
	OutputActivation nn.ActivationFunc `json:"output_activation" meaning:"what the output goes through"`
}

func (u UNetBook) withDefaults() UNetBook {
	u.Channels = cmp.Or(u.Channels, 3)
	u.Width = cmp.Or(u.Width, 32)
	u.Depth = cmp.Or(u.Depth, 4)
	return u
}

// Build returns the model, from pictures [H, W, Channels] to the same shape.
func (u UNetBook) Build() (*nn.Model, error) {
	u = u.withDefaults()
	return UNet{
		Channels: u.Channels, Outputs: u.Channels, Width: u.Width, Depth: u.Depth, Kernel: 4,
		Norm: BatchNorm, Biases: true, Activation: nn.LeakyReLU(0.3), Dropout: 0.2,
		Up: UpTranspose4, UpActive: true, Odd: OddResize,
		Residual: u.Residual, OutputActivation: u.OutputActivation,
	}.Build()
}
