package models

import (
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// Normalise is how a network that begins with weights trained on ImageNet turns pictures of
// red, green and blue from 0 to 1 into those that the weights were trained on.
type Normalise string

// The normalisations.
const (
	NoNormalise Normalise = "none"
	// NormaliseBGR is that of the original VGG and of Keras: blue, green and red from 0 to 255,
	// less 103.939, 116.779 and 123.68.
	NormaliseBGR Normalise = "bgr-mean"
	// NormaliseRGB is torchvision's: less 0.485, 0.456 and 0.406, divided by 0.229, 0.224 and 0.225.
	NormaliseRGB Normalise = "rgb"
)

func (n Normalise) check(channels int) error {
	if err := checkOneOf("normalise", n, NoNormalise, NormaliseBGR, NormaliseRGB); err != nil {
		return err
	}
	if n != NoNormalise && channels != 3 {
		return fmt.Errorf("normalise is %s, which is for pictures of 3 channels, got %d", n, channels)
	}
	return nil
}

// apply adds the layer called normalise.
func (n Normalise) apply(picture *nn.Node) *nn.Node {
	var l nn.Rescale
	switch n {
	case NormaliseBGR:
		l = nn.Rescale{Scale: []float64{255, 255, 255}, Offset: []float64{-103.939, -116.779, -123.68}, Order: []int{2, 1, 0}}
	case NormaliseRGB:
		mean, deviation := []float64{0.485, 0.456, 0.406}, []float64{0.229, 0.224, 0.225}
		for c := range mean {
			l.Scale, l.Offset = append(l.Scale, 1/deviation[c]), append(l.Offset, -mean[c]/deviation[c])
		}
	default:
		return picture
	}
	return nn.Named("normalise", l).Apply(picture)
}
