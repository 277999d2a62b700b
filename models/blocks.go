package models

import (
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// maxChannels bounds the channels of a convolutional layer.
const maxChannels = 1 << 16

// checkRange fails unless the option is from least to most.
func checkRange(option string, value, least, most int) error {
	if value < least || value > most {
		return fmt.Errorf("%s is %d, must be from %d to %d", option, value, least, most)
	}
	return nil
}

func square(n int) [2]int { return [2]int{n, n} }

// convReLU is a same convolution, biased, and ReLU. With batchNorm the bias gives way to a
// batch normalisation before the ReLU, called name_bn, whose beta does the same.
func convReLU(name string, filters, kernel int, batchNorm bool, x *nn.Node) *nn.Node {
	c := nn.Conv2D{Filters: filters, Kernel: square(kernel), Padding: nn.Same, KernelInit: nn.HeNormal}
	if !batchNorm {
		c.Activation = nn.ReLU
		return nn.Named(name, c).Apply(x)
	}
	c.NoBias = true
	x = nn.Named(name+"_bn", nn.BatchNorm{}).Apply(nn.Named(name, c).Apply(x))
	return nn.Named(name+"_relu", nn.Activation{Function: nn.ReLU}).Apply(x)
}

// conv is a same convolution, biased, without activation.
func conv(name string, filters, kernel int, x *nn.Node) *nn.Node {
	return nn.Named(name, nn.Conv2D{Filters: filters, Kernel: square(kernel), Padding: nn.Same}).Apply(x)
}

// halve is 2x2 max-pooling.
func halve(name string, x *nn.Node) *nn.Node {
	return nn.Named(name, nn.MaxPool2D{Kernel: square(2)}).Apply(x)
}

// activated applies f, which may be linear.
func activated(f nn.ActivationFunc, x *nn.Node) *nn.Node {
	if f == nn.Linear {
		return x
	}
	return nn.Apply(nn.Activation{Function: f}, x)
}

// anySize lets a network whose strides divide sizes by multiple take pictures of any size:
// it returns the picture, its border reflected up to the next multiple, and what crops the
// network's output to the picture's size. Both cost nothing where the size is a multiple.
func anySize(multiple int, picture *nn.Node) (padded *nn.Node, crop func(*nn.Node) *nn.Node) {
	padded = nn.Apply(nn.PadToMultiple{Multiple: square(multiple)}, picture)
	return padded, func(x *nn.Node) *nn.Node { return nn.Apply(nn.CropToMatch{}, x, picture) }
}
