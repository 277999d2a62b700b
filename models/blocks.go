package models

import (
	"fmt"
	"strings"

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

// checkShare fails unless the option is a share that leaves something.
func checkShare(option string, value float64) error {
	if !(value >= 0 && value < 1) {
		return fmt.Errorf("%s is %v, must be at least 0 and below 1", option, value)
	}
	return nil
}

// checkOneOf fails unless the option is one of the words.
func checkOneOf[T ~string](option string, got T, want ...T) error {
	var words []string
	for _, w := range want {
		if got == w {
			return nil
		}
		words = append(words, string(w))
	}
	last := len(words) - 1
	return fmt.Errorf("%s is %q, must be %s or %s", option, got, strings.Join(words[:last], ", "), words[last])
}

func square(n int) [2]int { return [2]int{n, n} }

// conv is a same convolution, biased, without activation.
func conv(name string, filters, kernel int, x *nn.Node) *nn.Node {
	return nn.Named(name, nn.Conv2D{Filters: filters, Kernel: square(kernel), Padding: nn.Same}).Apply(x)
}

// halve is 2x2 max-pooling.
func halve(name string, x *nn.Node) *nn.Node {
	return nn.Named(name, nn.MaxPool2D{Kernel: square(2)}).Apply(x)
}

// activated applies f, which may be linear.
func activated(name string, f nn.ActivationFunc, x *nn.Node) *nn.Node {
	if f == nn.Linear {
		return x
	}
	return nn.Named(name, nn.Activation{Function: f}).Apply(x)
}

// dropout drops a share of the values in training, which may be 0.
func dropout(name string, share float64, x *nn.Node) *nn.Node {
	if share == 0 {
		return x
	}
	return nn.Named(name, nn.Dropout{Rate: share}).Apply(x)
}

// concat joins channels.
func concat(name string, xs ...*nn.Node) *nn.Node {
	return nn.Named(name, nn.Concatenate{}).Apply(xs...)
}

// plus adds values.
func plus(name string, xs ...*nn.Node) *nn.Node { return nn.Named(name, nn.Add{}).Apply(xs...) }

// anySize lets a network whose strides divide sizes by multiple take pictures of any size:
// it returns the picture, its border reflected up to the next multiple, and what crops the
// network's output to the picture's size. Both cost nothing where the size is a multiple.
func anySize(multiple int, picture *nn.Node) (padded *nn.Node, crop func(*nn.Node) *nn.Node) {
	padded = nn.Apply(nn.PadToMultiple{Multiple: square(multiple)}, picture)
	return padded, func(x *nn.Node) *nn.Node { return nn.Apply(nn.CropToMatch{}, x, picture) }
}

// Norm is what normalises between a convolution and its activation.
type Norm string

// The normalisations.
const (
	NoNorm       Norm = "none"
	BatchNorm    Norm = "batch"
	GroupNorm    Norm = "group" // of 32 groups of channels, or as many of 16, 8, ... as divide them
	InstanceNorm Norm = "instance"
)

func (n Norm) check() error {
	return checkOneOf("norm", n, NoNorm, BatchNorm, GroupNorm, InstanceNorm)
}

// flavour is a library whose defaults a network's normalisation has.
type flavour int

const (
	keras flavour = iota // epsilon 1e-3, momentum .99
	torch                // epsilon 1e-5, momentum .9 in Keras's sense, unbiased variance
)

// convStyle is what the convolutions of a network have in common: same convolutions, unless
// valid, then norm, then activation.
type convStyle struct {
	kernel     int
	stride     int // 1 where it is not set
	dilation   int // 1 where it is not set
	valid      bool
	border     nn.Border // zeros where it is not set
	norm       Norm      // none where it is not set
	like       flavour
	biased     bool // keeps the bias where norm, whose shift does the same, follows
	activation nn.ActivationFunc
}

// apply adds a convolution called name, its normalisation name_norm and its activation
// name_act; without normalisation, the activation is the convolution's own.
func (s convStyle) apply(name string, filters int, x *nn.Node) *nn.Node {
	return s.handle(name, filters).apply(x)
}

// unit is a convolution with what follows; applied again, it shares its weights.
type unit struct{ layers []*nn.Handle }

func (u unit) apply(x *nn.Node) *nn.Node {
	for _, l := range u.layers {
		x = l.Apply(x)
	}
	return x
}

func (s convStyle) handle(name string, filters int) unit {
	c := nn.Conv2D{Filters: filters, Kernel: square(s.kernel), Padding: nn.Same, Border: s.border, KernelInit: nn.HeNormal}
	c.Stride, c.Dilation = square(max(s.stride, 1)), square(max(s.dilation, 1))
	if s.valid {
		c.Padding = nn.Valid
	}
	if s.like == torch && !s.valid { // pads alike on both sides, whatever the stride
		p := (s.kernel - 1) * c.Dilation[0] / 2
		c.Padding = nn.Explicit(p, p, p, p)
	}
	if !s.normalises() {
		c.Activation = s.activation
		return unit{[]*nn.Handle{nn.Named(name, c)}}
	}
	c.NoBias = !s.biased
	layers := []*nn.Handle{nn.Named(name, c), nn.Named(name+"_norm", s.normalisation(filters))}
	if s.activation != nn.Linear {
		layers = append(layers, nn.Named(name+"_act", nn.Activation{Function: s.activation}))
	}
	return unit{layers}
}

func (s convStyle) normalises() bool { return s.norm != "" && s.norm != NoNorm }

// twice is apply, twice: name_conv1 and name_conv2.
func (s convStyle) twice(name string, filters int, x *nn.Node) *nn.Node {
	return s.apply(name+"_conv2", filters, s.apply(name+"_conv1", filters, x))
}

// after adds normalisation and activation to a value that another layer, called name, made.
func (s convStyle) after(name string, x *nn.Node) *nn.Node {
	if s.normalises() {
		shape := x.Shape()
		x = nn.Named(name+"_norm", s.normalisation(shape[len(shape)-1])).Apply(x)
	}
	return activated(name+"_act", s.activation, x)
}

func (s convStyle) normalisation(channels int) nn.Layer {
	var epsilon float64 // the layer's own
	if s.like == torch {
		epsilon = 1e-5
	}
	switch s.norm {
	case GroupNorm:
		groups := 32
		for channels%groups != 0 {
			groups /= 2
		}
		return nn.GroupNorm{Groups: groups, Epsilon: epsilon}
	case InstanceNorm:
		return nn.InstanceNorm{Epsilon: epsilon}
	}
	if s.like == torch {
		return nn.BatchNorm{Momentum: 0.9, Epsilon: epsilon, Unbiased: true}
	}
	return nn.BatchNorm{}
}
