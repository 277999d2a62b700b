package models

import (
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// resnet is the convolutional part of a ResNet with batch normalisation, as torchvision has
// it: a 7x7 convolution of stride 2, 3x3 max-pooling of stride 2, and four stages of residual
// blocks. Its layers are called stem, layer1_1_conv1, ...: stage, block, convolution.
//
// Source: He et al. 2016, Deep Residual Learning for Image Recognition; a bottleneck strides in
// its 3x3 convolution (Gross and Wilber 2016).
type resnet struct {
	layers  int // 18, 34 or 50
	width   int // channels of the first stage, doubled by each further one
	strides [4]int
	// dilations are those of the stages' 3x3 convolutions; the first block of a stage keeps
	// the dilation of the stage before.
	dilations [4]int
}

// resnetBlocks is how many blocks each stage has, by the number of layers.
var resnetBlocks = map[int][]int{18: {2, 2, 2, 2}, 34: {3, 4, 6, 3}, 50: {3, 4, 6, 3}}

// checkResNet fails for a number of layers that no ResNet here has.
func checkResNet(layers int) error {
	if resnetBlocks[layers] == nil {
		return fmt.Errorf("layers is %d, must be 18, 34 or 50", layers)
	}
	return nil
}

// expansion is how many times wider than its 3x3 convolution a block's output is.
func (r resnet) expansion() int {
	if r.layers >= 50 {
		return 4
	}
	return 1
}

func (r resnet) style(kernel, stride, dilation int, f nn.ActivationFunc) convStyle {
	return convStyle{kernel: kernel, stride: stride, dilation: dilation, norm: BatchNorm, like: torch, activation: f}
}

// build returns the stem's value, at half the picture's size, and those of the four stages.
func (r resnet) build(x *nn.Node) []*nn.Node {
	x = r.style(7, 2, 1, nn.ReLU).apply("stem", r.width, x)
	values := []*nn.Node{x}
	x = nn.Named("stem_pool", nn.MaxPool2D{Kernel: square(3), Stride: square(2), Padding: nn.Explicit(1, 1, 1, 1)}).Apply(x)
	dilation := 1
	for stage, n := range resnetBlocks[r.layers] {
		for b := range n {
			stride := 1
			if b == 0 {
				stride = r.strides[stage]
			}
			x = r.block(fmt.Sprintf("layer%d_%d", stage+1, b+1), r.width<<stage, stride, dilation, b == 0, x)
			dilation = r.dilations[stage]
		}
		values = append(values, x)
	}
	return values
}

// block is a residual block: two 3x3 convolutions, or 1x1, 3x3 and 1x1 where it expands.
func (r resnet) block(name string, filters, stride, dilation int, first bool, x *nn.Node) *nn.Node {
	out := filters * r.expansion()
	var h *nn.Node
	if r.expansion() == 1 {
		h = r.style(3, stride, dilation, nn.ReLU).apply(name+"_conv1", filters, x)
		h = r.style(3, 1, dilation, nn.Linear).apply(name+"_conv2", filters, h)
	} else {
		h = r.style(1, 1, 1, nn.ReLU).apply(name+"_conv1", filters, x)
		h = r.style(3, stride, dilation, nn.ReLU).apply(name+"_conv2", filters, h)
		h = r.style(1, 1, 1, nn.Linear).apply(name+"_conv3", out, h)
	}
	if first && (stride > 1 || x.Shape()[2] != out) {
		x = r.style(1, stride, 1, nn.Linear).apply(name+"_shortcut", out, x)
	}
	return activated(name+"_act", nn.ReLU, plus(name+"_add", h, x))
}
