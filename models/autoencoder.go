package models

import (
	"cmp"
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
// Source: Hinton and Salakhutdinov 2006, there with sigmoids and trained layer by layer; sparse
// after Ng 2011 and Glorot et al. 2011, contractive after Rifai et al. 2011 (there with the
// decoder's weights tied to the encoder's).
type Autoencoder struct {
	// Picture is [H, W, C]; default 28x28x1.
	Picture nn.Shape `json:"picture" meaning:"height, width and channels of a picture"`
	// Hidden are the sizes of the layers between picture and code; default 128, 64.
	// Empty, not nil, means none.
	Hidden []int `json:"hidden" meaning:"sizes of the layers from the picture to the code, mirrored behind it"`
	// Code is the number of values in the code; default 32.
	Code int `json:"code" meaning:"numbers in the code, the narrowest layer"`
	// Sparsity is the weight of the penalty "sparsity", the sum of the code's absolute values: few
	// numbers of it are then in use for any one picture.
	Sparsity float64 `json:"sparsity" meaning:"weight of the sum of the code's absolute values in the objective"`
	// Contractive is the weight of the penalty "contraction", the squared norm of the code's
	// derivative by the picture: the code is then insensitive to most changes of the picture. The
	// code has a sigmoid in place of ReLU, and Hidden must be empty, not nil.
	Contractive float64 `json:"contractive" meaning:"weight of the squared norm of the code's derivative by the picture in the objective"`
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
	if err := checkPicture(a.Picture); err != nil {
		return err
	}
	for _, n := range append(slices.Clone(a.Hidden), a.Code) {
		if n < 1 || n > maxWidth {
			return fmt.Errorf("a layer of %d units, must be from 1 to %d", n, maxWidth)
		}
	}
	if a.Contractive != 0 && len(a.Hidden) > 0 {
		return fmt.Errorf("contractive is %v, which has a closed form for one layer alone: hidden must be []", a.Contractive)
	}
	return cmp.Or(checkWeight("sparsity", a.Sparsity), checkWeight("contractive", a.Contractive))
}

// Build returns the model, from a picture [H, W, C] to one of the same shape, with the
// penalties that have a weight.
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
	var penalties []nn.Penalty
	if a.Contractive > 0 {
		outs := nn.Named("code", nn.ContractiveDense{Units: a.Code}).ApplyAll(h)
		h = outs[0]
		penalties = append(penalties, nn.Penalty{Name: "contraction", Weight: a.Contractive, Cost: outs[len(outs)-1]})
	} else {
		h = dense("code", a.Code, nn.ReLU, h)
	}
	if a.Sparsity > 0 {
		penalties = append(penalties, nn.Penalty{Name: "sparsity", Weight: a.Sparsity, Cost: nn.Named("sparsity", nn.L1Norm{}).Apply(h)})
	}
	for i, units := range slices.Backward(a.Hidden) {
		h = dense(fmt.Sprintf("decoder_%d", len(a.Hidden)-i), units, nn.ReLU, h)
	}
	h = dense("pixels", a.Picture.Elems(), nn.Sigmoid, h)
	m, err := nn.NewModel(picture, nn.Apply(nn.Reshape{Shape: a.Picture}, h))
	if err != nil {
		return nil, err
	}
	return m.WithPenalties(penalties...)
}
