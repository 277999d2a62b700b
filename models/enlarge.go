package models

import (
	"github.com/hourglass-go/hourglass/nn"
)

// maxKernel bounds the sides of a kernel.
const maxKernel = 31

// Up is how a decoder enlarges its values twice.
type Up string

// The ways up.
const (
	UpTranspose2 Up = "transpose2" // transposed convolution 2x2, stride 2
	UpTranspose4 Up = "transpose4" // transposed convolution 4x4, stride 2, same
	UpNearest    Up = "nearest"    // every pixel four times, then a 3x3 convolution
	UpBilinear   Up = "bilinear"   // interpolation, then a 3x3 convolution
	UpShuffle    Up = "shuffle"    // a 3x3 convolution to four times the channels, laid out as pixels
	UpUnpool     Up = "unpool"     // a 3x3 convolution, then every value where the maximum was
)

func (u Up) check() error {
	return checkOneOf("up", u, UpTranspose2, UpTranspose4, UpNearest, UpBilinear, UpShuffle, UpUnpool)
}

// pooled is a value, what 2x2 max-pooling makes of it, and, for unpooling, the places of
// the maxima.
type pooled struct{ in, out, mask *nn.Node }

// halve pools x.
func (u Up) halve(name string, x *nn.Node) pooled {
	both := nn.Named(name, nn.MaxPool2D{Kernel: square(2), Mask: u == UpUnpool}).ApplyAll(x)
	p := pooled{in: x, out: both[0]}
	if len(both) > 1 {
		p.mask = both[1]
	}
	return p
}

// double makes filters channels of twice the size of x; unpooling goes back to where p was
// pooled.
func (u Up) double(name string, filters int, p pooled, x *nn.Node) *nn.Node {
	switch u {
	case UpTranspose2:
		return nn.Named(name, nn.Conv2DTranspose{Filters: filters, Kernel: square(2), Stride: square(2)}).Apply(x)
	case UpTranspose4:
		return nn.Named(name, nn.Conv2DTranspose{Filters: filters, Kernel: square(4), Stride: square(2), Padding: nn.Same}).Apply(x)
	case UpShuffle:
		x = conv(name+"_conv", 4*filters, 3, x)
		return nn.Named(name, nn.DepthToSpace{Block: square(2), Order: nn.CRD}).Apply(x)
	case UpUnpool:
		x = conv(name+"_conv", filters, 3, x)
		return nn.Named(name, nn.MaxUnpool2D{Kernel: square(2)}).Apply(x, p.mask, p.in)
	}
	method := nn.ResizeNearest
	if u == UpBilinear {
		method = nn.ResizeBilinear
	}
	return conv(name, filters, 3, nn.Named(name+"_size", nn.UpSampling2D{Method: method}).Apply(x))
}
