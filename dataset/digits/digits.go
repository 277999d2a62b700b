// Package digits embeds a part of MNIST: 10,000 hand-written digits to train on and
// 2,000 to test with, 28x28 pixels, grey, light on dark. Whoever imports it carries
// 2 MB of data; nothing needs to be downloaded.
//
// The digits are the first 1,000 of each class of the training files of MNIST and the
// first 200 of each class of its test files, in the order of the files. MNIST is by Yann
// LeCun, Corinna Cortes and Christopher J. C. Burges, under CC BY-SA 3.0; see LICENSE
// beside the files.
package digits

import (
	"embed"
	"fmt"
	"strconv"

	"github.com/hourglass-go/hourglass/dataset"
)

//go:generate go run ./internal/makedigits $HOURGLASS_DATA/mnist

//go:embed *-ubyte.gz
var files embed.FS

// How many digits of each of the ten classes are embedded.
const (
	TrainPerClass = 1000
	TestPerClass  = 200
)

// Load returns the embedded digits, unpacked anew at each call: 9.4 MB.
func Load() (train, test *dataset.Images, err error) {
	train, test, err = dataset.ReadMNIST(files)
	if err != nil {
		return nil, nil, fmt.Errorf("embedded digits: %w", err)
	}
	names := make([]string, 10)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	train.ClassNames, test.ClassNames = names, names
	return train, test, nil
}

// Choose is the rule by which the digits were chosen: it returns, ascending, the indices
// of the first perClass pictures of each class.
func Choose(labels []int32, perClass int) []int32 {
	var chosen []int32
	seen := map[int32]int{}
	for i, label := range labels {
		if seen[label] < perClass {
			seen[label]++
			chosen = append(chosen, int32(i))
		}
	}
	return chosen
}
