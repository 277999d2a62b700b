package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// FCN labels every pixel. It is a [VGG] with 16 layers, from whose blocks 1x1 convolutions
// make scores of Classes channels, coarse ones from late blocks and fine ones from early
// blocks. Transposed convolutions, which start as bilinear interpolation, enlarge the coarse
// ones, to which the finer ones are added, until all are enlarged to the picture's size by
// Stride at once:
//
//	FCN-32s  score_fr -> 32x: upscore32
//	FCN-16s  score_fr -> 2x: upscore2, + score_pool4 = fuse_pool4 -> 16x: upscore16
//	FCN-8s   fuse_pool4 -> 2x: upscore_pool4, + score_pool3 = fuse_pool3 -> 8x: upscore8
//
// A kernel is twice its factor wide. In the paper's form score_fr is made from fc7: the dense
// layers of the VGG as convolutions, fc6 of 7x7 and fc7 of 1x1, with ReLU and Dropout. In the
// light form it is made from block5_pool, and there may be ReLU after upscore2 and
// upscore_pool4. FCN-8s of the paper's form has 134,489,822 parameters by default, every
// convolution and transposed convolution with a bias. Pictures [H, W, Channels] of any size
// become [H, W, Classes], logits unless Activation is set.
//
// The paper trains in stages, FCN-32s first, whose weights FCN-16s begins with, and so on:
// equal layers have equal names, and all scores begin at zero (with ReLU, all but the coarsest). At once, FCN-8s
// wants the pooled values scaled down: PoolScale.
//
// Source: Long et al. 2015, Fully Convolutional Networks for Semantic Segmentation, and
// Shelhamer et al. 2017 for training at once.
type FCN struct {
	Channels int  `json:"channels" meaning:"channels of a picture"`                  // default 3
	Classes  int  `json:"classes" meaning:"classes, the background one of them too"` // default 21
	Form     Form `json:"form" meaning:"paper, or light: without fc6 and fc7"`       // default paper
	// Normalise is for weights that were trained on ImageNet; default none.
	Normalise Normalise `json:"normalise" meaning:"none, bgr-mean (Keras) or rgb (torchvision): what pretrained weights want of pictures"`
	// Padding is "same" throughout, or "pad100" as in the original: 100 pixels around the
	// picture, unpadded fc6 and transposed convolutions, pooling that rounds up, and crops
	// where scores meet. Default same.
	Padding   string  `json:"padding" meaning:"same, or pad100: the original's wide border, cropped where scores meet"`
	Dropout   float64 `json:"dropout" meaning:"share of fc6 and fc7 dropped in training; the paper has 0.5"`
	PoolScale bool    `json:"pool_scale" meaning:"block4_pool times 0.01 and block3_pool times 0.0001 before their scores, to train at once"`
	// ReLU, in the light form, follows all transposed convolutions but the last.
	ReLU       bool              `json:"relu" meaning:"in the light form, ReLU after all transposed convolutions but the last"`
	Activation nn.ActivationFunc `json:"activation" meaning:"what the output goes through; linear gives logits"`
	Width      int               `json:"width" meaning:"channels of the first block, doubled up to the fourth"` // default 64
	Hidden     int               `json:"hidden" meaning:"channels of fc6 and fc7"`                              // default 4096

	// Stride is that of the last enlargement: 32, 16 or 8; default 8.
	Stride int `json:"-"`
}

// Form is how an FCN scores.
type Form string

// The forms.
const (
	PaperForm Form = "paper"
	LightForm Form = "light"
)

func (f FCN) withDefaults() FCN {
	f.Channels = cmp.Or(f.Channels, 3)
	f.Classes = cmp.Or(f.Classes, 21)
	f.Form = cmp.Or(f.Form, PaperForm)
	f.Normalise = cmp.Or(f.Normalise, NoNormalise)
	f.Padding = cmp.Or(f.Padding, "same")
	f.Width = cmp.Or(f.Width, 64)
	f.Hidden = cmp.Or(f.Hidden, 4096)
	f.Stride = cmp.Or(f.Stride, 8)
	return f
}

func (f FCN) check() error {
	if f.Stride != 32 && f.Stride != 16 && f.Stride != 8 {
		return fmt.Errorf("stride is %d, must be 32, 16 or 8", f.Stride)
	}
	if f.Form == LightForm && f.Padding == "pad100" {
		return fmt.Errorf("padding is pad100, must be same: only the paper's form, with its fc6, has use for the border")
	}
	return cmp.Or(
		checkOneOf("form", f.Form, PaperForm, LightForm),
		f.Normalise.check(f.Channels),
		checkOneOf("padding", f.Padding, "same", "pad100"),
		checkRange("channels", f.Channels, 1, maxChannels),
		checkRange("classes", f.Classes, 1, maxChannels),
		checkRange("width", f.Width, 1, maxChannels/8),
		checkRange("hidden", f.Hidden, 1, maxChannels),
		checkShare("dropout", f.Dropout),
	)
}

// Build returns the model, from pictures [H, W, Channels] to [H, W, Classes].
func (f FCN) Build() (*nn.Model, error) {
	f = f.withDefaults()
	if err := f.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, f.Channels})
	x, crop := f.border(f.Normalise.apply(picture))
	blocks := f.blocks(x)
	x = f.score("score_fr", 1, f.top(blocks[4]))
	if f.Stride <= 16 {
		x = f.enlarge("upscore2", 2, x)
		x = f.fuse("fuse_pool4", x, f.score("score_pool4", 0.01, blocks[3]), 5)
	}
	if f.Stride == 8 {
		x = f.enlarge("upscore_pool4", 2, x)
		x = f.fuse("fuse_pool3", x, f.score("score_pool3", 0.0001, blocks[2]), 9)
	}
	x = crop(f.enlarge(fmt.Sprintf("upscore%d", f.Stride), f.Stride, x))
	return nn.NewModel(picture, activated("activation", f.Activation, x))
}

// wide reports whether the original's border is used.
func (f FCN) wide() bool { return f.Padding == "pad100" }

// border widens the picture, and returns what takes the picture's place out of the scores.
func (f FCN) border(picture *nn.Node) (x *nn.Node, crop func(*nn.Node) *nn.Node) {
	if !f.wide() {
		return anySize(vggStride, picture)
	}
	// The first convolution pads by 100 in all; Caffe's deconvolutions, whose first pixel
	// lies half a stride before the score's, leave these offsets.
	offset := map[int]int{32: 19, 16: 27, 8: 31}[f.Stride]
	x = nn.Apply(nn.ZeroPad{Margins: nn.Margins{Top: 99, Bottom: 99, Left: 99, Right: 99}}, picture)
	return x, func(y *nn.Node) *nn.Node {
		return nn.Apply(nn.CropToMatch{Anchor: nn.AnchorStart, Offset: square(offset)}, y, picture)
	}
}

// blocks are the pooled values of the VGG's blocks.
func (f FCN) blocks(x *nn.Node) (pools []*nn.Node) {
	for _, s := range vggStages(vggConvolutions[16], f.Width, false, f.wide(), x) {
		pools = append(pools, s.pool)
	}
	return pools
}

// top is what the coarsest scores are made from.
func (f FCN) top(x *nn.Node) *nn.Node {
	if f.Form == LightForm {
		return x
	}
	x = convStyle{kernel: 7, valid: f.wide(), activation: nn.ReLU}.apply("fc6", f.Hidden, x)
	x = dropout("fc6_dropout", f.Dropout, x)
	x = convStyle{kernel: 1, activation: nn.ReLU}.apply("fc7", f.Hidden, x)
	return dropout("fc7_dropout", f.Dropout, x)
}

// score is a 1x1 convolution to Classes channels, behind the scaling of training at once. It
// starts at zero, as random weights make scores of hundreds of what VGG pools. With ReLU the
// coarsest starts at random: behind one, nothing would ever move a zero.
func (f FCN) score(name string, scale float64, x *nn.Node) *nn.Node {
	if f.PoolScale && scale != 1 {
		x = nn.Named(name+"_scale", nn.WeightedSum{Weights: []float64{scale}}).Apply(x)
	}
	c := nn.Conv2D{Filters: f.Classes, Kernel: square(1)}
	if coarsest := scale == 1; !coarsest || !f.relu() {
		c.KernelInit = nn.Zeros
	}
	return nn.Named(name, c).Apply(x)
}

// relu reports whether enlarged scores go through ReLU before others are added.
func (f FCN) relu() bool { return f.Form == LightForm && f.ReLU }

func (f FCN) enlarge(name string, times int, x *nn.Node) *nn.Node {
	t := nn.Conv2DTranspose{
		Filters: f.Classes, Kernel: square(2 * times), Stride: square(times), Padding: nn.Same, KernelInit: nn.Bilinear,
	}
	if f.wide() {
		t.Padding = nn.Valid
	}
	if f.relu() && times == 2 {
		t.Activation = nn.ReLU
	}
	return nn.Named(name, t).Apply(x)
}

// fuse adds finer scores, whose place in the original's wide border begins at offset.
func (f FCN) fuse(name string, x, finer *nn.Node, offset int) *nn.Node {
	if f.wide() {
		finer = nn.Named(name+"_crop", nn.CropToMatch{Anchor: nn.AnchorStart, Offset: square(offset)}).Apply(finer, x)
	}
	return plus(name, x, finer)
}
