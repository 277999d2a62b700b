package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// VGG is a classifier: five blocks of 3x3 same convolutions with ReLU, each ending in 2x2
// max-pooling, and three dense layers, Hidden, Hidden and Classes, with a softmax. With 16
// layers with weights, the default, there are 138,357,544 parameters, 14,714,688 of them in
// the convolutions. Pictures [H, W, C] of one size become [Classes]. The layers are called
// as in Keras: block1_conv1, block1_conv2, block1_pool, ..., fc1, fc2, predictions.
//
// Source: Simonyan and Zisserman 2015, Very Deep Convolutional Networks, configurations A,
// B, D and E; with batch normalisation (Ioffe and Szegedy 2015) as in torchvision.
type VGG struct {
	// Picture is [H, W, C], sides at least 32; default 224x224x3.
	Picture nn.Shape `json:"picture" meaning:"height, width and channels of a picture"`
	Classes int      `json:"classes" meaning:"classes"`                                             // default 1000
	Width   int      `json:"width" meaning:"channels of the first block, doubled up to the fourth"` // default 64
	Hidden  int      `json:"hidden" meaning:"units of the first two dense layers, each"`            // default 4096
	Dropout float64  `json:"dropout" meaning:"share of the hidden units dropped in training; the paper has 0.5"`
	// NoTop leaves the dense layers out: pictures of any size become [H/32, W/32, 8*Width].
	NoTop bool `json:"no_top" meaning:"leaves out the dense layers; pictures may then have any size"`

	// Layers is the number of those with weights: 11, 13, 16 or 19; default 16.
	Layers    int  `json:"-"`
	BatchNorm bool `json:"-"` // normalises between convolution and ReLU
}

// vggConvolutions is how many convolutions each block has, by the number of layers.
var vggConvolutions = map[int][]int{
	11: {1, 1, 2, 2, 2},
	13: {2, 2, 2, 2, 2},
	16: {2, 2, 3, 3, 3},
	19: {2, 2, 4, 4, 4},
}

// vggStride is what the blocks' poolings divide the size by.
const vggStride = 1 << 5

func (v VGG) withDefaults() VGG {
	if v.Picture == nil {
		v.Picture = nn.Shape{224, 224, 3}
	}
	v.Classes = cmp.Or(v.Classes, 1000)
	v.Width = cmp.Or(v.Width, 64)
	v.Hidden = cmp.Or(v.Hidden, 4096)
	v.Layers = cmp.Or(v.Layers, 16)
	return v
}

func (v VGG) check() error {
	const most = 1 << 14 // a side of more makes too wide a first dense layer anyway
	if len(v.Picture) != 3 {
		return fmt.Errorf("picture is %v, must be height, width and channels", v.Picture)
	}
	if vggConvolutions[v.Layers] == nil {
		return fmt.Errorf("a VGG of %d layers, must be of 11, 13, 16 or 19", v.Layers)
	}
	if !v.NoTop {
		for axis, name := range []string{"height", "width"} {
			if err := checkRange("the picture's "+name, v.Picture[axis], vggStride, most); err != nil {
				return err
			}
		}
	}
	return cmp.Or(
		checkRange("the picture's number of channels", v.Picture[2], 1, maxChannels),
		checkRange("classes", v.Classes, 1, maxWidth),
		checkRange("width", v.Width, 1, maxChannels/8),
		checkRange("hidden", v.Hidden, 1, maxWidth),
		checkShare("dropout", v.Dropout),
	)
}

// Build returns the model, from pictures [H, W, C] to the probabilities of classes.
func (v VGG) Build() (*nn.Model, error) {
	v = v.withDefaults()
	if err := v.check(); err != nil {
		return nil, err
	}
	shape := v.Picture.Clone()
	if v.NoTop {
		shape[0], shape[1] = nn.Any, nn.Any
	}
	picture := nn.Input("picture", shape)
	stages := vggStages(vggConvolutions[v.Layers], v.Width, v.BatchNorm, false, picture)
	x := stages[len(stages)-1].pool
	if v.NoTop {
		return nn.NewModel(picture, x)
	}
	x = nn.Apply(nn.Flatten{}, x)
	for _, name := range []string{"fc1", "fc2"} {
		x = nn.Named(name, nn.Dense{Units: v.Hidden, Activation: nn.ReLU, KernelInit: nn.HeNormal}).Apply(x)
		x = dropout(name+"_dropout", v.Dropout, x)
	}
	return nn.NewModel(picture, nn.Named("predictions", nn.Dense{Units: v.Classes, Activation: nn.Softmax}).Apply(x))
}

// stage is what a block of an encoder makes: a value at its size, which a skip connection
// takes, and that at half the size.
type stage struct{ skip, pool *nn.Node }

// vggStages applies the convolutional part of a VGG. Where pooling rounds up, as Caffe's
// does, a last row or column that has no partner makes a pixel of its own.
func vggStages(convolutions []int, width int, batchNorm, roundUp bool, x *nn.Node) []stage {
	style := convStyle{kernel: 3, activation: nn.ReLU}
	if batchNorm {
		style.norm, style.like, style.biased = BatchNorm, torch, true
	}
	var stages []stage
	for i, n := range convolutions {
		block := fmt.Sprintf("block%d", i+1)
		for j := range n {
			x = style.apply(fmt.Sprintf("%s_conv%d", block, j+1), width<<min(i, 3), x)
		}
		pool := nn.Named(block+"_pool", nn.MaxPool2D{Kernel: square(2), Ceil: roundUp}).Apply(x)
		stages = append(stages, stage{x, pool})
		x = pool
	}
	return stages
}
