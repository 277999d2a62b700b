package models

import (
	"fmt"
	"slices"

	"github.com/hourglass-go/hourglass/nn"
)

// Autoencoder squeezes a picture [H, W, C] through ever smaller dense layers into a code
// of a few numbers, and unfolds that in mirrored layers to the same picture:
//
//	Flatten, Dense Hidden[0], ..., Dense Code, ..., Dense Hidden[0], Dense H*W*C, Reshape
//
// ReLU follows every layer but the last, which has a sigmoid: values lie in 0..1. By
// default it is the book's 784-128-64-32-64-128-784 of 222,384 parameters. The layers are
// called encoder_1, encoder_2, ..., code, decoder_1, ..., pixels.
//
// Source: Hinton and Salakhutdinov 2006, there with sigmoids and trained layer by layer.
type Autoencoder struct {
	// Picture is [H, W, C]; default 28x28x1.
	Picture nn.Shape `json:"picture" meaning:"height, width and channels of a picture"`
	// Hidden are the sizes of the layers between picture and code; default 128, 64.
	// Empty, not nil, means none.
	Hidden []int `json:"hidden" meaning:"sizes of the layers from the picture to the code, mirrored behind it"`
	// Code is the number of values in the code; default 32.
	Code int `json:"code" meaning:"numbers in the code, the narrowest layer"`
}

// maxWidth bounds a dense layer, so that a slip of the keyboard is an error and not an
// attempt to get terabytes.
const maxWidth = 1 << 20

func (a Autoencoder) withDefaults() Autoencoder {
	if a.Picture == nil {
		a.Picture = nn.Shape{28, 28, 1}
	}
	if a.Hidden == nil {
		a.Hidden = []int{128, 64}
	}
	if a.Code == 0 {
		a.Code = 32
	}
	return a
}

func (a Autoencoder) check() error {
	if len(a.Picture) != 3 || slices.Min(a.Picture) < 1 {
		return fmt.Errorf("picture is %v, must be height, width and channels, all known and at least 1", a.Picture)
	}
	size := 1
	for _, n := range a.Picture {
		if size *= min(n, maxWidth+1); size > maxWidth {
			return fmt.Errorf("picture is %v, must have at most %d values: every one is an input of a dense layer", a.Picture, maxWidth)
		}
	}
	for _, n := range append(slices.Clone(a.Hidden), a.Code) {
		if n < 1 || n > maxWidth {
			return fmt.Errorf("a layer of %d units, must be from 1 to %d", n, maxWidth)
		}
	}
	return nil
}

// Build returns the model, from a picture [H, W, C] to one of the same shape.
func (a Autoencoder) Build() (*nn.Model, error) {
	a = a.withDefaults()
	if err := a.check(); err != nil {
		return nil, err
	}
	dense := func(name string, units int, f nn.ActivationFunc, x *nn.Node) *nn.Node {
		return nn.Named(name, nn.Dense{Units: units, Activation: f}).Apply(x)
	}
	picture := nn.Input("picture", a.Picture)
	h := nn.Apply(nn.Flatten{}, picture)
	for i, units := range a.Hidden {
		h = dense(fmt.Sprintf("encoder_%d", i+1), units, nn.ReLU, h)
	}
	h = dense("code", a.Code, nn.ReLU, h)
	for i, units := range slices.Backward(a.Hidden) {
		h = dense(fmt.Sprintf("decoder_%d", len(a.Hidden)-i), units, nn.ReLU, h)
	}
	h = dense("pixels", a.Picture.Elems(), nn.Sigmoid, h)
	return nn.NewModel(picture, nn.Apply(nn.Reshape{Shape: a.Picture}, h))
}
