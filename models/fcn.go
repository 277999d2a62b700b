package models

import (
	"cmp"

	"github.com/hourglass-go/hourglass/nn"
)

// FCN is FCN-8s, which labels every pixel: the convolutional part of [VGG] with 16 layers;
// its dense layers as convolutions, fc6 of 7x7 to 4096 channels and fc7 of 1x1, each with
// ReLU; and 1x1 scores of Classes channels, enlarged by transposed convolutions that start
// bilinear:
//
//	score_fr     of fc7, enlarged 2 times, kernel 4x4: upscore2
//	score_pool4  of block4_pool, + upscore2 = fuse_pool4, enlarged 2 times: upscore_pool4
//	score_pool3  of block3_pool, + upscore_pool4 = fuse_pool3, enlarged 8 times, 16x16: upscore8
//
// All convolutions are biased and same; the result are logits. By default there are
// 134,489,822 parameters. Pictures [H, W, Channels] of any size become [H, W, Classes]:
// where 32 does not divide a side, the picture is reflected at its border up to the next
// multiple, and the scores are cropped.
//
// Source: Long et al. 2015, Fully Convolutional Networks, there with 100 pixels of padding
// in the first layer in place of same, and scores cropped where they meet.
type FCN struct {
	Channels int `json:"channels" meaning:"channels of a picture"`                  // default 3
	Classes  int `json:"classes" meaning:"classes, the background one of them too"` // default 21
}

func (f FCN) withDefaults() FCN {
	f.Channels = cmp.Or(f.Channels, 3)
	f.Classes = cmp.Or(f.Classes, 21)
	return f
}

func (f FCN) check() error {
	return cmp.Or(
		checkRange("channels", f.Channels, 1, maxChannels),
		checkRange("classes", f.Classes, 1, maxChannels),
	)
}

// Build returns the model, from pictures [H, W, Channels] to logits [H, W, Classes].
func (f FCN) Build() (*nn.Model, error) {
	f = f.withDefaults()
	if err := f.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, f.Channels})
	x, crop := anySize(vggStride, picture)
	pools := vggBlocks(vgg16, x)
	x = convReLU("fc6", 4096, 7, false, pools[4])
	x = convReLU("fc7", 4096, 1, false, x)
	enlarge := func(name string, times int, x *nn.Node) *nn.Node {
		return nn.Named(name, nn.Conv2DTranspose{
			Filters: f.Classes, Kernel: square(2 * times), Stride: square(times), Padding: nn.Same, KernelInit: nn.Bilinear,
		}).Apply(x)
	}
	x = enlarge("upscore2", 2, conv("score_fr", f.Classes, 1, x))
	x = nn.Named("fuse_pool4", nn.Add{}).Apply(x, conv("score_pool4", f.Classes, 1, pools[3]))
	x = enlarge("upscore_pool4", 2, x)
	x = nn.Named("fuse_pool3", nn.Add{}).Apply(x, conv("score_pool3", f.Classes, 1, pools[2]))
	return nn.NewModel(picture, crop(enlarge("upscore8", 8, x)))
}
