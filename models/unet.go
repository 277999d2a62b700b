package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// UNet is the U-Net with same convolutions, so that the output has the picture's size:
//
//	down i   Width*2^(i-1) channels: convolution and activation, twice; 2x2 max-pooling
//	bottom   Width*2^Depth channels: the same without pooling
//	up i     enlarged twice, to the channels of down i; merged with what down i had before
//	         its pooling, the skip connection; convolution and activation, twice
//	head     1x1 convolution to Outputs channels, OutputActivation
//
// By default, with 3x3 convolutions, ReLU, 2x2 transposed convolutions and concatenation
// [skip, enlarged], it has 7,760,097 parameters. Pictures [H, W, Channels] of any size become
// [H, W, Outputs]. The layers are called down1_conv1, down1_conv2, down1_pool, ...,
// bottom_conv1, bottom_conv2, ..., up1_enlarge, up1_merge, up1_conv1, up1_conv2, head.
//
// Source: Ronneberger et al. 2015, there with valid convolutions ([UNetPaper]). Enlarging by
// resizing: Odena et al. 2016; by pixel shuffle: Shi et al. 2016; by unpooling:
// Badrinarayanan et al. 2017. Squeeze and excitation: Hu et al. 2018. Residual: Zhang et al. 2017.
type UNet struct {
	Channels int `json:"channels" meaning:"channels of a picture"`                     // default 3
	Outputs  int `json:"outputs" meaning:"channels of the output"`                     // default 1
	Width    int `json:"width" meaning:"channels at full size, doubled by each level"` // default 32
	Depth    int `json:"depth" meaning:"levels, each of which halves the size"`        // default 4
	Kernel   int `json:"kernel" meaning:"height and width of the convolutions"`        // default 3
	// Norm is what normalises behind each convolution of the levels; default none.
	Norm       Norm              `json:"norm" meaning:"none, batch, group or instance: what normalises behind a convolution"`
	Biases     bool              `json:"biases" meaning:"keeps the biases of convolutions that are normalised"`
	Activation nn.ActivationFunc `json:"activation" meaning:"what follows each convolution of the levels"`      // default ReLU
	Dropout    float64           `json:"dropout" meaning:"share of each level's values dropped in training"`    // behind both convolutions
	Bottom     float64           `json:"bottom_dropout" meaning:"the same for the bottom and the level before"` // as the paper's
	Border     nn.Border         `json:"border" meaning:"zero, reflect or edge: what lies around a picture"`    // default zero
	Squeeze    bool              `json:"squeeze_excite" meaning:"weighs the channels of each level by what all of the picture says"`
	Up         Up                `json:"up" meaning:"transpose2, transpose4, nearest, bilinear, shuffle or unpool: what enlarges"` // default transpose2
	UpActive   bool              `json:"up_activation" meaning:"normalisation and activation follow the enlargement too"`
	Merge      Merge             `json:"merge" meaning:"concat or add: how a skip connection is joined"` // default concat
	// Odd is what becomes of a side that 2^Depth does not divide: the picture is reflected at
	// its border up to the next multiple, and the output cropped; or each level resizes what
	// it enlarged to the size of its skip connection. Default reflect.
	Odd Odd `json:"odd" meaning:"reflect or resize: how a picture of an odd size is met"`
	// Residual adds the picture to the output: for restoration.
	Residual         bool              `json:"residual" meaning:"the output is added to the picture"`
	OutputActivation nn.ActivationFunc `json:"output_activation" meaning:"what the output goes through; linear gives logits"`
}

// maxDepth bounds the levels of a network that halves its pictures.
const maxDepth = 10

// Merge is how a skip connection is joined.
type Merge string

// The merges.
const (
	MergeConcat Merge = "concat"
	MergeAdd    Merge = "add"
)

// Odd is what becomes of a picture of a size that a network's stride does not divide.
type Odd string

// The ways to meet an odd size.
const (
	OddReflect Odd = "reflect"
	OddResize  Odd = "resize"
)

func (u UNet) withDefaults() UNet {
	u.Channels = cmp.Or(u.Channels, 3)
	u.Outputs = cmp.Or(u.Outputs, 1)
	u.Width = cmp.Or(u.Width, 32)
	u.Depth = cmp.Or(u.Depth, 4)
	u.Kernel = cmp.Or(u.Kernel, 3)
	u.Norm = cmp.Or(u.Norm, NoNorm)
	u.Activation = cmp.Or(u.Activation, nn.ReLU)
	u.Border = cmp.Or(u.Border, nn.BorderZero)
	u.Up = cmp.Or(u.Up, UpTranspose2)
	u.Merge = cmp.Or(u.Merge, MergeConcat)
	u.Odd = cmp.Or(u.Odd, OddReflect)
	return u
}

func (u UNet) check() error {
	if u.Residual && u.Outputs != u.Channels {
		return fmt.Errorf("residual needs as many outputs as channels, got %d and %d", u.Outputs, u.Channels)
	}
	return cmp.Or(
		checkRange("channels", u.Channels, 1, maxChannels),
		checkRange("outputs", u.Outputs, 1, maxChannels),
		checkRange("depth", u.Depth, 1, maxDepth),
		checkRange("width", u.Width, 1, maxChannels>>min(max(u.Depth, 1), maxDepth)),
		checkRange("kernel", u.Kernel, 1, maxKernel),
		u.Norm.check(),
		checkOneOf("border", u.Border, nn.BorderZero, nn.BorderReflect, nn.BorderEdge),
		u.Up.check(),
		checkOneOf("merge", u.Merge, MergeConcat, MergeAdd),
		checkOneOf("odd", u.Odd, OddReflect, OddResize),
		checkShare("dropout", u.Dropout),
		checkShare("bottom_dropout", u.Bottom),
	)
}

// Build returns the model, from pictures [H, W, Channels] to [H, W, Outputs].
func (u UNet) Build() (*nn.Model, error) {
	u = u.withDefaults()
	if err := u.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, u.Channels})
	x, crop := picture, func(x *nn.Node) *nn.Node { return x }
	if u.Odd == OddReflect {
		x, crop = anySize(1<<u.Depth, picture)
	}
	skips := make([]pooled, u.Depth)
	for level := range u.Depth {
		where := fmt.Sprintf("down%d", level+1)
		x = u.level(where, level, x)
		skips[level] = u.Up.halve(where+"_pool", x)
		x = skips[level].out
	}
	x = u.level("bottom", u.Depth, x)
	for level := u.Depth - 1; level >= 0; level-- {
		where := fmt.Sprintf("up%d", level+1)
		skip := skips[level]
		x = u.Up.double(where+"_enlarge", u.Width<<level, skip, x)
		if u.UpActive {
			x = u.style().after(where+"_enlarge", x)
		}
		if u.Odd == OddResize {
			x = nn.Named(where+"_resize", nn.Resize{}).Apply(x, skip.in)
		}
		if u.Merge == MergeAdd {
			x = plus(where+"_merge", skip.in, x)
		} else {
			x = concat(where+"_merge", skip.in, x)
		}
		x = u.level(where, level, x)
	}
	x = crop(conv("head", u.Outputs, 1, x))
	if u.Residual {
		x = plus("residual", picture, x)
	}
	return nn.NewModel(picture, activated("output", u.OutputActivation, x))
}

func (u UNet) style() convStyle {
	return convStyle{kernel: u.Kernel, border: u.Border, norm: u.Norm, biased: u.Biases, activation: u.Activation}
}

// level is the convolutions of a level, with what follows them.
func (u UNet) level(where string, level int, x *nn.Node) *nn.Node {
	x = u.style().twice(where, u.Width<<level, x)
	if u.Squeeze {
		x = nn.SqueezeExcite{}.Build(where+"_squeeze", x)
	}
	x = dropout(where+"_dropout", u.Dropout, x)
	if where == "bottom" || where == fmt.Sprintf("down%d", u.Depth) {
		x = dropout(where+"_bottom_dropout", u.Bottom, x)
	}
	return x
}
