package models

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hourglass-go/hourglass/nn"
)

// VGG is a classifier: five blocks of 3x3 same convolutions with ReLU, each ending in 2x2
// max-pooling, and three dense layers, 4096, 4096 and Classes, with a softmax. Its 16
// layers with weights, by default, have 138,357,544 parameters. Pictures [H, W, C] of one
// size become [Classes]. The layers are called block1_conv1, block1_conv2, block1_pool,
// ..., fc1, fc2, predictions.
//
// Source: Simonyan and Zisserman 2015, Very Deep Convolutional Networks, configuration D.
type VGG struct {
	// Picture is [H, W, C], sides at least 32; default 224x224x3.
	Picture nn.Shape `json:"picture" meaning:"height, width and channels of a picture"`
	Classes int      `json:"classes" meaning:"classes"` // default 1000
}

// vgg16 is how many convolutions each block has.
var vgg16 = []int{2, 2, 3, 3, 3}

// vggStride is what the blocks' poolings divide the size by.
const vggStride = 1 << 5

func (v VGG) withDefaults() VGG {
	if v.Picture == nil {
		v.Picture = nn.Shape{224, 224, 3}
	}
	v.Classes = cmp.Or(v.Classes, 1000)
	return v
}

func (v VGG) check() error {
	if len(v.Picture) != 3 || slices.Min(v.Picture) < 1 || min(v.Picture[0], v.Picture[1]) < vggStride {
		return fmt.Errorf("picture is %v, must be height, width and channels, all known, sides at least %d", v.Picture, vggStride)
	}
	return checkRange("classes", v.Classes, 1, maxWidth)
}

// Build returns the model, from pictures [H, W, C] to the probabilities of classes.
func (v VGG) Build() (*nn.Model, error) {
	v = v.withDefaults()
	if err := v.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", v.Picture)
	pools := vggBlocks(vgg16, picture)
	x := nn.Apply(nn.Flatten{}, pools[len(pools)-1])
	x = nn.Named("fc1", nn.Dense{Units: 4096, Activation: nn.ReLU, KernelInit: nn.HeNormal}).Apply(x)
	x = nn.Named("fc2", nn.Dense{Units: 4096, Activation: nn.ReLU, KernelInit: nn.HeNormal}).Apply(x)
	return nn.NewModel(picture, nn.Named("predictions", nn.Dense{Units: v.Classes, Activation: nn.Softmax}).Apply(x))
}

// vggBlocks applies the convolutional part of a VGG and returns what each block's pooling
// makes.
func vggBlocks(convolutions []int, x *nn.Node) []*nn.Node {
	var pools []*nn.Node
	for i, n := range convolutions {
		block := fmt.Sprintf("block%d", i+1)
		for j := range n {
			x = convReLU(fmt.Sprintf("%s_conv%d", block, j+1), 64<<min(i, 3), 3, false, x)
		}
		x = halve(block+"_pool", x)
		pools = append(pools, x)
	}
	return pools
}
