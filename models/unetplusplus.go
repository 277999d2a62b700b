package models

import (
	"cmp"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// UNetPlusPlus is a nested U-Net: its skip connections are networks themselves. Node x(i,j)
// stands at level i, of size 1/2^i and Width*2^i channels, and is j steps away from the
// encoder, the column j = 0:
//
//	x(0,0) = units(picture)
//	x(i,0) = units(2x2 max-pooling of x(i-1,0))
//	x(i,j) = units([x(i,0), ..., x(i,j-1), x(i+1,j-1) enlarged by a 2x2 transposed convolution])
//
// for i + j at most Depth, where units are two 3x3 convolutions with ReLU. Each x(0,j), j > 0,
// can make the output, by a 1x1 convolution to Outputs channels; the default takes x(0,Depth),
// and has 9,042,177 parameters. With Average all Depth outputs are made and their mean is
// taken, the paper's accurate mode. Pictures [H, W, Channels] of any size become
// [H, W, Outputs]. Layers are called x01_conv1 for the first convolution of x(0,1), and so on.
//
// Source: Zhou et al. 2018, UNet++: A Nested U-Net Architecture for Medical Image Segmentation.
type UNetPlusPlus struct {
	Channels         int               `json:"channels" meaning:"channels of a picture"`                     // default 3
	Outputs          int               `json:"outputs" meaning:"channels of the output"`                     // default 1
	Width            int               `json:"width" meaning:"channels at full size, doubled by each level"` // default 32
	Depth            int               `json:"depth" meaning:"levels, each of which halves the size"`        // default 4
	Dropout          float64           `json:"dropout" meaning:"share dropped behind each convolution in training; the authors' program has 0.5"`
	Average          bool              `json:"average" meaning:"the mean of the outputs of all depths, each through its activation"`
	OutputActivation nn.ActivationFunc `json:"output_activation" meaning:"what the output goes through; linear gives logits"`
}

func (u UNetPlusPlus) withDefaults() UNetPlusPlus {
	u.Channels = cmp.Or(u.Channels, 3)
	u.Outputs = cmp.Or(u.Outputs, 1)
	u.Width = cmp.Or(u.Width, 32)
	u.Depth = cmp.Or(u.Depth, 4)
	return u
}

func (u UNetPlusPlus) check() error {
	return cmp.Or(checkLevelled(u.Channels, u.Outputs, u.Width, u.Depth), checkShare("dropout", u.Dropout))
}

// Build returns the model, from pictures [H, W, Channels] to [H, W, Outputs].
func (u UNetPlusPlus) Build() (*nn.Model, error) {
	u = u.withDefaults()
	if err := u.check(); err != nil {
		return nil, err
	}
	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, u.Channels})
	x, crop := anySize(1<<u.Depth, picture)
	rows := make([][]*nn.Node, u.Depth+1) // rows[i][j] is x(i,j)
	for i := range rows {
		if i > 0 {
			x = halve(fmt.Sprintf("x%d0_pool", i-1), rows[i-1][0])
		}
		rows[i] = append(rows[i], u.units(i, 0, x))
	}
	for j := 1; j <= u.Depth; j++ {
		for i := range u.Depth + 1 - j {
			where := fmt.Sprintf("x%d%d", i, j)
			enlarged := UpTranspose2.double(where+"_enlarge", u.Width<<i, pooled{}, rows[i+1][j-1])
			rows[i] = append(rows[i], u.units(i, j, concat(where+"_merge", append(rows[i][:j:j], enlarged)...)))
		}
	}
	var outputs []*nn.Node
	for j := 1; j <= u.Depth; j++ {
		if u.Average || j == u.Depth {
			head := conv(fmt.Sprintf("head%d", j), u.Outputs, 1, rows[0][j])
			outputs = append(outputs, activated(fmt.Sprintf("output%d", j), u.OutputActivation, head))
		}
	}
	if len(outputs) == 1 {
		return nn.NewModel(picture, crop(outputs[0]))
	}
	weights := make([]float64, len(outputs))
	for i := range weights {
		weights[i] = 1 / float64(len(outputs))
	}
	return nn.NewModel(picture, crop(nn.Named("average", nn.WeightedSum{Weights: weights}).Apply(outputs...)))
}

// units are the convolutions of x(i,j).
func (u UNetPlusPlus) units(i, j int, x *nn.Node) *nn.Node {
	style := convStyle{kernel: 3, activation: nn.ReLU}
	for k := 1; k <= 2; k++ {
		name := fmt.Sprintf("x%d%d_conv%d", i, j, k)
		x = dropout(name+"_dropout", u.Dropout, style.apply(name, u.Width<<i, x))
	}
	return x
}
