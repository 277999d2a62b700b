package recipes

import (
	"context"
	"fmt"
	"image"
	"maps"
	"slices"
	"strings"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/metrics"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/plot"
	"github.com/hourglass-go/hourglass/tensor"
	"github.com/hourglass-go/hourglass/train"
)

// save writes a drawing in the format that the path's ending names.
func save(img image.Image, path string) error { return imageio.FromImage(img).Save(path) }

// curvesOf draws loss and metrics over the epochs.
func curvesOf(h *train.History) (image.Image, error) {
	values := map[string][]float64{}
	for _, e := range h.Epochs {
		for name, v := range e.Metrics {
			values[name] = append(values[name], v)
		}
	}
	loss := plot.Chart{Title: "loss", XLabel: "epoch"}
	charts := []plot.Chart{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		series := plot.Series{Name: name, Y: values[name]}
		switch name {
		case "loss":
			series.Name = "training"
			loss.Series = slices.Insert(loss.Series, 0, series)
		case "val_loss":
			series.Name = "validation"
			loss.Series = append(loss.Series, series)
		default:
			charts = append(charts, plot.Chart{Title: strings.TrimPrefix(name, "val_"), XLabel: "epoch",
				Series: []plot.Series{{Name: "validation", Y: values[name]}}})
		}
	}
	return plot.Curves(append([]plot.Chart{loss}, charts...)...)
}

// sampleCount is how many pictures a grid shows side by side.
const sampleCount = 10

// chooseSamples returns the first picture of each class, or the first few where there
// are no classes.
func chooseSamples(m *dataset.Images) []int {
	var chosen []int
	if m.Labels != nil {
		seen := map[int32]int{}
		for i, label := range m.Labels {
			if _, ok := seen[label]; !ok {
				seen[label] = i
			}
		}
		for _, label := range slices.Sorted(maps.Keys(seen)) {
			chosen = append(chosen, seen[label])
		}
	} else {
		for i := range m.Len() {
			chosen = append(chosen, i)
		}
	}
	return chosen[:min(len(chosen), sampleCount)]
}

// triple is a few samples of a set as the grid shows them: [n, H, W, C] each.
type triple struct{ target, input, output *tensor.Tensor }

// see runs the model on some samples of a set.
func see(ctx context.Context, model *nn.Model, set dataset.Set, indices []int) (*triple, error) {
	in, out := set.Shapes()
	t := &triple{target: batchOf(len(indices), out), input: batchOf(len(indices), in)}
	for n, i := range indices {
		if err := set.Fill(0, i, t.input.Sample(n).Data, t.target.Sample(n).Data); err != nil {
			return nil, err
		}
	}
	var err error
	t.output, err = model.Predict(ctx, t.input)
	return t, err
}

func batchOf(n int, s tensor.Shape) *tensor.Tensor { return tensor.New(append([]int{n}, s...)...) }

func rowOf(t *tensor.Tensor) []*tensor.Tensor {
	row := make([]*tensor.Tensor, t.Shape[0])
	for i := range row {
		row[i] = t.Sample(i)
	}
	return row
}

// samples draws a few test pictures and what the model makes of them, with their mean
// PSNR beside the rows.
func (r *Recipe) samples(ctx context.Context, model *nn.Model, test dataset.Set, images *dataset.Images) (image.Image, error) {
	t, err := see(ctx, model, test, chooseSamples(images))
	if err != nil {
		return nil, err
	}
	if r.Task == Denoise {
		return plot.Grid([][]*tensor.Tensor{rowOf(t.target), rowOf(t.input), rowOf(t.output)},
			[]string{"clean", "noisy " + meanPSNR(t.input, t.target), "restored " + meanPSNR(t.output, t.target)}, plot.GridOptions{})
	}
	return plot.Grid([][]*tensor.Tensor{rowOf(t.target), rowOf(t.output)},
		[]string{"original", "reconstructed " + meanPSNR(t.output, t.target)}, plot.GridOptions{})
}

func meanPSNR(x, target *tensor.Tensor) string {
	sum := 0.0
	for i := range x.Shape[0] {
		sum += min(metrics.PSNR(x.Sample(i).Data, target.Sample(i).Data), metrics.ExactPSNR)
	}
	return fmt.Sprintf("%.1f dB", sum/float64(x.Shape[0]))
}
