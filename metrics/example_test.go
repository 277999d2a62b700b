package metrics_test

import (
	"fmt"
	"strings"

	"github.com/hourglass-go/hourglass/metrics"
	"github.com/hourglass-go/hourglass/tensor"
)

// Two pictures of 2x2 pixels, scored in one batch.
func Example() {
	target := tensor.New(2, 2, 2, 1)
	pred := target.Clone()
	for i := range 4 {
		pred.Data[i] = .1 // all of the first picture is off by .1
	}
	pred.Data[4] = .2 // one pixel of the second, by .2

	m, err := metrics.ByName("psnr")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := m.Add(pred, target); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %.2f dB\n", m.Name(), m.Value())

	_, err = metrics.ByName("fid")
	fmt.Println(strings.HasPrefix(err.Error(), `there is no metric "fid"; there are `))
	// Output:
	// psnr 20.00 dB
	// true
}

// The same confusion matrix gives every measure of a segmentation of single pixels. A class
// that is nowhere does not lower a mean.
func ExampleConfusion() {
	const classes = 3
	m := metrics.NewConfusion(classes, 255)
	scores := []float32{.8, .2, 0, .6, .4, 0, .1, .9, 0, .3, .7, 0}
	if err := m.Add(scores, []float32{0, 1, 1, 255}, classes); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("class 1 seen as 0:", m.Count(1, 0), "of", m.Count(1, 0)+m.Count(1, 1))
	fmt.Println("IoU:", m.IoU(0), m.IoU(1), m.IoU(2), "mean:", m.MeanIoU())
	// Output:
	// class 1 seen as 0: 1 of 2
	// IoU: 0.5 0.5 NaN mean: 0.5
}
