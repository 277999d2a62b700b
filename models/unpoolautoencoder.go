package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// UnpoolAutoencoder is a convolutional autoencoder whose decoder undoes the pooling of its
// encoder, as SegNet's does: at every level a value goes back to the very pixel where the
// maximum was found, and zeros are elsewhere.
//
//	level i of the encoder  Conv2D Filters[i], MaxPool2D with its mask
//	level i of the decoder  MaxUnpool2D by that mask, Conv2D Filters[i-1] (Filters[0] at the picture)
//	at the end              Conv2D Channels
//
// Convolutions are 3x3, padding is same; ReLU follows every one but the last, which has a
// sigmoid: values lie in 0..1. The defaults make 28,353 parameters, those of [ConvAutoencoder].
// The code alone does not determine the picture: the masks, which tell for every maximum which of
// four pixels it was, go around it. A picture whose size 2^n does not divide, after n
// levels, is padded by reflection, and the result cropped.
//
// The layers are called encoder_1, encoder_1_pool, encoder_2, ..., code, ..., decoder_1, pixels.
//
// Source: Badrinarayanan, Kendall and Cipolla 2017, there with VGG-16's convolutions and batch
// normalisation; unpooling by stored positions is of Zeiler and Fergus 2014.
type UnpoolAutoencoder struct {
	// Channels of a picture; default 1.
	Channels int `json:"channels" meaning:"channels of a picture: 1 grey, 3 colour"`
	// Filters are the channels of the levels; default 32, 32.
	Filters []int `json:"filters" meaning:"channels of each level, from the picture to the code"`
}

func (a UnpoolAutoencoder) withDefaults() UnpoolAutoencoder {
	a.Channels = cmp.Or(a.Channels, 1)
	if a.Filters == nil {
		a.Filters = []int{32, 32}
	}
	return a
}

// Build returns the model, from a picture [H, W, Channels] of any size to one of the same.
func (a UnpoolAutoencoder) Build() (*nn.Model, error) {
	a = a.withDefaults()
	if err := checkLevels(a.Channels, a.Filters); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, a.Channels})
	h, crop := anySize(1<<len(a.Filters), picture)
	var masks []*nn.Node
	for i, n := range a.Filters {
		name := fmt.Sprintf("encoder_%d", i+1)
		pool := name + "_pool"
		if i == len(a.Filters)-1 {
			pool = "code"
		}
		h = nn.Named(name, conv3x3(n, nn.ReLU)).Apply(h)
		pooled := nn.Named(pool, nn.MaxPool2D{Kernel: square(2), Mask: true}).ApplyAll(h)
		h = pooled[0]
		masks = append(masks, pooled[len(pooled)-1]) // a mistake has one node alone
	}
	for i := len(a.Filters) - 1; i >= 0; i-- {
		name := fmt.Sprintf("decoder_%d", i+1)
		h = nn.Named(name+"_unpool", nn.MaxUnpool2D{Kernel: square(2)}).Apply(h, masks[i])
		h = nn.Named(name, conv3x3(a.Filters[max(i-1, 0)], nn.ReLU)).Apply(h)
	}
	h = nn.Named("pixels", conv3x3(a.Channels, nn.Sigmoid)).Apply(h)
	return nn.NewModel(picture, crop(h))
}
