package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// DeepLab labels pixels with dilated convolutions: DeepLabv3 on a ResNet of which the last
// two stages dilate in place of striding, so that its values stay at 1/8 of the picture's
// size. An atrous spatial pyramid looks at them at several distances at once:
//
//	1x1 convolution; 3x3 ones with the dilations Rates; the mean over the picture through a
//	1x1 convolution, spread out again: each to 256 channels; [all of them]; 1x1 convolution to
//	256, Dropout
//
// A 3x3 convolution to 256 and a 1x1 one to Classes channels follow; the scores are enlarged
// bilinearly to the picture's size. Batch normalisation and ReLU follow each convolution but
// the last. Pictures [H, W, Channels] of any size become logits [H, W, Classes].
//
// Source: Chen et al. 2017, Rethinking Atrous Convolution for Semantic Image Segmentation, as
// torchvision builds it.
type DeepLab struct {
	Channels int `json:"channels" meaning:"channels of a picture"`                  // default 3
	Classes  int `json:"classes" meaning:"classes, the background one of them too"` // default 21
	// Layers names the ResNet: 50, the paper's, or 18 or 34, whose blocks dilate likewise.
	Layers  int     `json:"layers" meaning:"18, 34 or 50: which ResNet"`                                              // default 50
	Width   int     `json:"width" meaning:"channels of the ResNet's first stage; the pyramid has four times as many"` // default 64
	Rates   []int   `json:"rates" meaning:"dilations of the pyramid's 3x3 convolutions"`                              // default 12, 24, 36
	Dropout float64 `json:"dropout" meaning:"share of the pyramid's values dropped in training; the paper's program has 0.5"`
}

func (d DeepLab) withDefaults() DeepLab {
	d.Channels = cmp.Or(d.Channels, 3)
	d.Classes = cmp.Or(d.Classes, 21)
	d.Layers = cmp.Or(d.Layers, 50)
	d.Width = cmp.Or(d.Width, 64)
	if d.Rates == nil {
		d.Rates = []int{12, 24, 36}
	}
	return d
}

func (d DeepLab) check() error {
	const mostRate = 1 << 10
	for _, r := range d.Rates {
		if err := checkRange("a rate", r, 1, mostRate); err != nil {
			return err
		}
	}
	return cmp.Or(
		checkResNet(d.Layers),
		checkRange("channels", d.Channels, 1, maxChannels),
		checkRange("classes", d.Classes, 1, maxChannels),
		checkRange("width", d.Width, 1, maxChannels>>5),
		checkRange("the number of rates", len(d.Rates), 1, 16),
		checkShare("dropout", d.Dropout),
	)
}

// Build returns the model, from pictures [H, W, Channels] to logits [H, W, Classes].
func (d DeepLab) Build() (*nn.Model, error) {
	d = d.withDefaults()
	if err := d.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, d.Channels})
	r := resnet{layers: d.Layers, width: d.Width, strides: [4]int{1, 2, 1, 1}, dilations: [4]int{1, 1, 2, 4}}
	x := d.pyramid(r.build(picture)[4])
	x = d.style(3, 1).apply("classifier", 4*d.Width, x)
	x = conv("score", d.Classes, 1, x)
	return nn.NewModel(picture, nn.Named("enlarge", nn.Resize{Method: nn.ResizeBilinear}).Apply(x, picture))
}

func (d DeepLab) style(kernel, dilation int) convStyle {
	return convStyle{kernel: kernel, dilation: dilation, norm: BatchNorm, like: torch, activation: nn.ReLU}
}

// pyramid is the atrous spatial pyramid.
func (d DeepLab) pyramid(x *nn.Node) *nn.Node {
	filters := 4 * d.Width
	branches := []*nn.Node{d.style(1, 1).apply("pyramid_1x1", filters, x)}
	for _, rate := range d.Rates {
		branches = append(branches, d.style(3, rate).apply(fmt.Sprintf("pyramid_rate%d", rate), filters, x))
	}
	mean := nn.Named("pyramid_mean", nn.GlobalAvgPool2D{KeepDims: true}).Apply(x)
	mean = d.style(1, 1).apply("pyramid_mean_conv", filters, mean)
	branches = append(branches, nn.Named("pyramid_mean_spread", nn.Resize{Method: nn.ResizeNearest}).Apply(mean, x))
	x = d.style(1, 1).apply("pyramid_project", filters, concat("pyramid_concat", branches...))
	return dropout("pyramid_dropout", d.Dropout, x)
}
