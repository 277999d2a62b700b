package models

import (
	"fmt"
	"strings"

	"github.com/hourglass-go/hourglass/nn"
)

// What the convolutional autoencoders share.

// conv3x3 is a convolution to n channels that keeps the size.
func conv3x3(n int, f nn.ActivationFunc) nn.Conv2D {
	return nn.Conv2D{Filters: n, Kernel: square(3), Padding: nn.Same, Activation: f}
}

func checkOneOf(name, got string, want ...string) error {
	for _, w := range want {
		if got == w {
			return nil
		}
	}
	return fmt.Errorf("%s is %q, must be %s", name, got, strings.Join(want, " or "))
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
