package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// UNetPaper is the U-Net as its paper has it, with valid convolutions: a picture of 572x572
// pixels gives labels for the 388x388 in its middle, 92 less at each side. With the paper's
// four levels:
//
//	down i   Width*2^(i-1) channels: 3x3 valid convolution and ReLU, twice; 2x2 max-pooling
//	bottom   Width*16 channels: 3x3 valid convolution and ReLU, twice
//	up i     2x2 transposed convolution of stride 2 to the channels of down i; behind the middle
//	         of the skip connection, cropped to its size; 3x3 valid convolution and ReLU, twice
//	head     1x1 convolution to Outputs channels: logits
//
// By default it has 31,030,658 parameters. Pictures [H, W, Channels] of any size become
// [H, W, Outputs]: as in the paper, what is missing at the border is the picture mirrored
// there. With NoPad the picture is taken as it is, and the output is smaller.
//
// Source: Ronneberger et al. 2015, U-Net, figure 1; Dropout "at the end of the contracting
// path" follows the last level and the bottom.
type UNetPaper struct {
	Channels int     `json:"channels" meaning:"channels of a picture"`                     // default 1
	Outputs  int     `json:"outputs" meaning:"classes, the background one of them too"`    // default 2
	Width    int     `json:"width" meaning:"channels at full size, doubled by each level"` // default 64
	Dropout  float64 `json:"dropout" meaning:"share dropped at the end of the contracting path in training"`
	NoPad    bool    `json:"no_pad" meaning:"takes the picture without a mirrored border; the output is smaller, 388x388 of 572x572"`
}

const (
	paperDepth = 4
	// paperMargin is what the valid convolutions take at each side: two pixels of the level's
	// size at each level down and up, and at the bottom, 2*(1+2+4+8) + 2*16 + 2*(8+4+2+1).
	paperMargin = 92
	// paperRest is what a size leaves, divided by 16, that all poolings divide: 572 is 16*35+12.
	paperRest = 12
)

func (u UNetPaper) withDefaults() UNetPaper {
	u.Channels = cmp.Or(u.Channels, 1)
	u.Outputs = cmp.Or(u.Outputs, 2)
	u.Width = cmp.Or(u.Width, 64)
	return u
}

func (u UNetPaper) check() error {
	return cmp.Or(
		checkRange("channels", u.Channels, 1, maxChannels),
		checkRange("outputs", u.Outputs, 1, maxChannels),
		checkRange("width", u.Width, 1, maxChannels>>paperDepth),
		checkShare("dropout", u.Dropout),
	)
}

// Build returns the model, from pictures [H, W, Channels] to logits [H, W, Outputs].
func (u UNetPaper) Build() (*nn.Model, error) {
	u = u.withDefaults()
	if err := u.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, u.Channels})
	x := picture
	if !u.NoPad {
		const more = paperMargin
		x = nn.Apply(nn.ReflectPad{Margins: nn.Margins{Top: more, Bottom: more, Left: more, Right: more}}, x)
		x = nn.Apply(nn.PadToMultiple{Multiple: square(1 << paperDepth), Rest: square(paperRest)}, x)
	}
	style := convStyle{kernel: 3, valid: true, activation: nn.ReLU}
	var skips []*nn.Node
	for level := range paperDepth {
		where := fmt.Sprintf("down%d", level+1)
		x = style.twice(where, u.Width<<level, x)
		if level == paperDepth-1 {
			x = dropout(where+"_dropout", u.Dropout, x)
		}
		skips = append(skips, x)
		x = halve(where+"_pool", x)
	}
	x = style.twice("bottom", u.Width<<paperDepth, x)
	x = dropout("bottom_dropout", u.Dropout, x)
	for level := paperDepth - 1; level >= 0; level-- {
		where, filters := fmt.Sprintf("up%d", level+1), u.Width<<level
		x = UpTranspose2.double(where+"_enlarge", filters, pooled{}, x)
		skip := nn.Named(where+"_crop", nn.CropToMatch{}).Apply(skips[level], x)
		x = style.twice(where, filters, concat(where+"_merge", skip, x))
	}
	x = conv("head", u.Outputs, 1, x)
	if !u.NoPad {
		x = nn.Apply(nn.CropToMatch{}, x, picture)
	}
	return nn.NewModel(picture, x)
}
