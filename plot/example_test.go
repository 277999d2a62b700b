package plot_test

import (
	"fmt"
	"strings"

	"github.com/hourglass-go/hourglass/plot"
	"github.com/hourglass-go/hourglass/tensor"
)

// A report with a grid of pictures and the curves of a run.
func Example() {
	clean, noisy := tensor.New(28, 28, 1), tensor.New(28, 28, 1)
	grid, err := plot.Grid([][]*tensor.Tensor{{clean}, {noisy}}, []string{"clean", "noisy"}, plot.GridOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	curves, err := plot.Curves(plot.Chart{
		Title: "Loss", XLabel: "epoch", YLabel: "binary cross-entropy", LogY: true,
		Series: []plot.Series{
			{Name: "training", Y: []float64{.21, .15, .12}},
			{Name: "validation", Y: []float64{.20, .16, .14}},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	report := plot.Report{
		Title: "Denoising digits",
		Facts: []plot.Fact{{Value: "18.9 dB", Label: "PSNR, restored"}},
		Sections: []plot.Section{{
			Heading: "Training",
			Figures: []plot.Figure{{Image: grid, Caption: "Test digits."}, {Image: curves, Caption: "Three epochs."}},
		}},
	}
	var page strings.Builder
	if err := report.WriteHTML(&page); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.Count(page.String(), "data:image/png;base64,"), "pictures in one file")
	// Output: 2 pictures in one file
}
