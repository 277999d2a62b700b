package metrics_test

import (
	"fmt"

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
	fmt.Println(err)
	// Output:
	// psnr 20.00 dB
	// there is no metric "fid"; there are bce, mae, mse, psnr, ssim
}
