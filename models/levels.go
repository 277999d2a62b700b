package models

import (
	"fmt"
	"math"
	"slices"

	"github.com/hourglass-go/hourglass/nn"
)

// What the convolutional autoencoders share.

// conv3x3 is a convolution to n channels that keeps the size.
func conv3x3(n int, f nn.ActivationFunc) nn.Conv2D {
	return nn.Conv2D{Filters: n, Kernel: square(3), Padding: nn.Same, Activation: f}
}

// checkWeight checks the weight of a penalty.
func checkWeight(name string, w float64) error {
	if !(w >= 0) || math.IsInf(w, 1) {
		return fmt.Errorf("%s is %v, must be a number of at least 0", name, w)
	}
	return nil
}

// checkPicture checks the shape of pictures of a fixed size.
func checkPicture(s nn.Shape) error {
	if len(s) != 3 || slices.Min(s) < 1 {
		return fmt.Errorf("picture is %v, must be height, width and channels, all known and at least 1", s)
	}
	size := 1
	for _, n := range s {
		if size *= min(n, maxWidth+1); size > maxWidth {
			return fmt.Errorf("picture is %v, must have at most %d values: every one is an input of a dense layer", s, maxWidth)
		}
	}
	return nil
}

// checkLevels checks a picture's channels and those of the levels.
func checkLevels(channels int, filters []int) error {
	if err := checkRange("channels", channels, 1, maxChannels); err != nil {
		return err
	}
	if len(filters) < 1 || len(filters) > maxDepth {
		return fmt.Errorf("filters has %d levels, must have from 1 to %d", len(filters), maxDepth)
	}
	for _, n := range filters {
		if n < 1 || n > maxChannels {
			return fmt.Errorf("a level of %d filters, must be from 1 to %d", n, maxChannels)
		}
	}
	return nil
}
