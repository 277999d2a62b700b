package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// DenseUNet is a U-Net of dense blocks, FC-DenseNet, also called Tiramisu. A layer is batch
// normalisation, ReLU, a 3x3 convolution to Growth channels and dropout; in a block each
// layer sees the block's input and all that the layers before it made.
//
//	first    3x3 convolution to First channels
//	down i   a block of Layers[i-1] layers, concatenated with its input: the skip connection;
//	         transition: batch normalisation, ReLU, 1x1 convolution, dropout, 2x2 max-pooling
//	bottom   a block of Bottom layers
//	up i     what the last block's layers made, without its input, enlarged by a 3x3 transposed
//	         convolution of stride 2; [enlarged, skip]; a block of Layers[i-1] layers
//	head     1x1 convolution of the last block and its input to Outputs channels
//
// By default it is FC-DenseNet56. Of its siblings, FC-DenseNet67 has five levels of 5 layers
// and 5 at the bottom with a growth of 16, FC-DenseNet103 layers [4, 5, 7, 10, 12] and 15 at the
// bottom with a growth of 16. Pictures [H, W, Channels] of any size become [H, W, Outputs].
//
// Source: Jégou et al. 2017, The One Hundred Layers Tiramisu.
type DenseUNet struct {
	Channels         int               `json:"channels" meaning:"channels of a picture"`                  // default 3
	Outputs          int               `json:"outputs" meaning:"channels of the output"`                  // default 1
	First            int               `json:"first" meaning:"channels that the first convolution makes"` // default 48
	Growth           int               `json:"growth" meaning:"channels that each layer adds"`            // default 12
	Layers           []int             `json:"layers" meaning:"layers of the blocks from full size down"` // default 4, 4, 4, 4, 4
	Bottom           int               `json:"bottom" meaning:"layers of the block at the bottom"`        // default 4
	Dropout          float64           `json:"dropout" meaning:"share dropped in training; the paper has 0.2"`
	OutputActivation nn.ActivationFunc `json:"output_activation" meaning:"what the output goes through; linear gives logits"`
}

func (u DenseUNet) withDefaults() DenseUNet {
	u.Channels = cmp.Or(u.Channels, 3)
	u.Outputs = cmp.Or(u.Outputs, 1)
	u.First = cmp.Or(u.First, 48)
	u.Growth = cmp.Or(u.Growth, 12)
	u.Bottom = cmp.Or(u.Bottom, 4)
	if u.Layers == nil {
		u.Layers = []int{4, 4, 4, 4, 4}
	}
	return u
}

func (u DenseUNet) check() error {
	const mostLayers = 100
	if err := checkRange("the number of levels in layers", len(u.Layers), 1, maxDepth); err != nil {
		return err
	}
	for _, n := range u.Layers {
		if err := checkRange("the number of layers of a block", n, 1, mostLayers); err != nil {
			return err
		}
	}
	return cmp.Or(
		checkRange("channels", u.Channels, 1, maxChannels),
		checkRange("outputs", u.Outputs, 1, maxChannels),
		checkRange("first", u.First, 1, maxChannels),
		checkRange("growth", u.Growth, 1, maxChannels/mostLayers),
		checkRange("bottom", u.Bottom, 1, mostLayers),
		checkShare("dropout", u.Dropout),
	)
}

// Build returns the model, from pictures [H, W, Channels] to [H, W, Outputs].
func (u DenseUNet) Build() (*nn.Model, error) {
	u = u.withDefaults()
	if err := u.check(); err != nil {
		return nil, err
	}
	depth := len(u.Layers)
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, u.Channels})
	x, crop := anySize(1<<depth, picture)
	x = conv("first", u.First, 3, x)
	var skips []*nn.Node
	for i, n := range u.Layers {
		where := fmt.Sprintf("down%d", i+1)
		x = concat(where+"_concat", x, u.block(where, n, x))
		skips = append(skips, x)
		x = u.layer(where+"_transition", x.Shape()[2], 1, x)
		x = halve(where+"_pool", x)
	}
	made := u.block("bottom", u.Bottom, x)
	for i := depth - 1; i >= 0; i-- {
		where := fmt.Sprintf("up%d", i+1)
		x = nn.Named(where+"_enlarge", nn.Conv2DTranspose{
			Filters: made.Shape()[2], Kernel: square(3), Stride: square(2), Padding: nn.Same, KernelInit: nn.HeUniform,
		}).Apply(made)
		x = concat(where+"_merge", x, skips[i])
		made = u.block(where, u.Layers[i], x)
	}
	x = crop(conv("head", u.Outputs, 1, concat("last_concat", x, made)))
	return nn.NewModel(picture, activated("output", u.OutputActivation, x))
}

// block returns what the n layers of a block made, without its input.
func (u DenseUNet) block(where string, n int, x *nn.Node) *nn.Node {
	var made []*nn.Node
	for i := range n {
		name := fmt.Sprintf("%s_layer%d", where, i+1)
		new := u.layer(name, u.Growth, 3, x)
		made = append(made, new)
		if i < n-1 {
			x = concat(name+"_concat", x, new)
		}
	}
	if n == 1 {
		return made[0]
	}
	return concat(where+"_made", made...)
}

// layer is batch normalisation, ReLU, a convolution and dropout.
func (u DenseUNet) layer(name string, filters, kernel int, x *nn.Node) *nn.Node {
	x = convStyle{norm: BatchNorm, activation: nn.ReLU}.after(name, x)
	x = nn.Named(name, nn.Conv2D{Filters: filters, Kernel: square(kernel), Padding: nn.Same, KernelInit: nn.HeUniform}).Apply(x)
	return dropout(name+"_dropout", u.Dropout, x)
}
