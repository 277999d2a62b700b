package models

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hourglass-go/hourglass/nn"
)

// VAE is a convolutional variational autoencoder. Its encoder says of a picture [H, W, C] not what
// its code is but how it is distributed: normally, with a mean and a variance for each of
// Latent numbers. A code drawn from that distribution is decoded:
//
//	encoder  for every level Conv2D Filters[i] of stride 2; Flatten; Dense Hidden;
//	         mean, log_variance: Dense Latent each, linear
//	code     Sampling of the two: drawn in training, else the mean
//	decoder  Dense, Reshape to the encoder's last picture; for every level backwards
//	         Conv2DTranspose Filters[i] of stride 2; Conv2DTranspose C, of stride 1
//
// Convolutions are 3x3 with same padding; ReLU follows every layer but mean and log_variance,
// which are linear, and the last, which has a sigmoid: a pixel is taken for the probability of
// white. The defaults are the example "Variational AutoEncoder" at
// keras.io/examples/generative/vae (F. Chollet), of 69,076 + 65,089 parameters.
//
// Training pays for the penalty "kl" with the weight Beta: the divergence of the code from the
// standard normal distribution, in nats. With the loss nn.BinaryCrossEntropy{Sum: true} and
// Beta 1 the objective is the evidence lower bound, its sign turned. A larger Beta makes the
// code's numbers more independent of each other, and pictures less sharp (Higgins et al. 2017).
//
// Source: Kingma and Welling 2014, there with dense layers.
type VAE struct {
	// Picture is [H, W, C]; default 28x28x1.
	Picture nn.Shape `json:"picture" meaning:"height, width and channels of a picture"`
	// Filters are the channels of the levels; default 32, 64.
	Filters []int `json:"filters" meaning:"channels of each level, from the picture to the code"`
	// Hidden is the size of the dense layer before the code; default 16.
	Hidden int `json:"hidden" meaning:"units of the dense layer before the code"`
	// Latent is the number of values in the code; default 2.
	Latent int `json:"latent" meaning:"numbers in the code"`
	// Beta is the weight of the divergence in the objective; default 1.
	Beta float64 `json:"beta" meaning:"weight of the code's divergence from a standard normal one"`
}

func (a VAE) withDefaults() VAE {
	if a.Picture == nil {
		a.Picture = nn.Shape{28, 28, 1}
	}
	if a.Filters == nil {
		a.Filters = []int{32, 64}
	}
	a.Hidden, a.Latent, a.Beta = cmp.Or(a.Hidden, 16), cmp.Or(a.Latent, 2), cmp.Or(a.Beta, 1)
	return a
}

func (a VAE) check() error {
	if err := checkPicture(a.Picture); err != nil {
		return err
	}
	return cmp.Or(
		checkLevels(a.Picture[2], a.Filters),
		checkRange("hidden", a.Hidden, 1, maxWidth),
		checkRange("latent", a.Latent, 1, maxWidth),
		checkWeight("beta", a.Beta),
	)
}

// Build returns the model, from a picture [H, W, C] to one of the same shape, with the penalty
// "kl".
func (a VAE) Build() (*nn.Model, error) {
	a = a.withDefaults()
	if err := a.check(); err != nil {
		return nil, err
	}
	dense := func(name string, units int, f nn.ActivationFunc, x *nn.Node) *nn.Node {
		return nn.Named(name, nn.Dense{Units: units, Activation: f}).Apply(x)
	}
	picture := nn.Input("picture", a.Picture)
	h, crop := anySize(1<<len(a.Filters), picture)
	for i, n := range a.Filters {
		conv := conv3x3(n, nn.ReLU)
		conv.Stride = square(2)
		h = nn.Named(fmt.Sprintf("encoder_%d", i+1), conv).Apply(h)
	}
	small := h.Shape()
	h = dense("encoder_dense", a.Hidden, nn.ReLU, nn.Apply(nn.Flatten{}, h))
	mean, logVariance := dense("mean", a.Latent, nn.Linear, h), dense("log_variance", a.Latent, nn.Linear, h)
	h = nn.Named("code", nn.Sampling{}).Apply(mean, logVariance)

	h = nn.Apply(nn.Reshape{Shape: small}, dense("decoder_dense", small.Elems(), nn.ReLU, h))
	for i, n := range slices.Backward(a.Filters) {
		h = double(fmt.Sprintf("decoder_%d", i+1), true, n, h)
	}
	last := nn.Conv2DTranspose{Filters: a.Picture[2], Kernel: square(3), Padding: nn.Same, Activation: nn.Sigmoid}
	m, err := nn.NewModel(picture, crop(nn.Named("pixels", last).Apply(h)))
	if err != nil {
		return nil, err
	}
	return m.WithPenalties(nn.Penalty{Name: "kl", Weight: a.Beta, Cost: nn.Named("kl", nn.KLNormal{}).Apply(mean, logVariance)})
}
