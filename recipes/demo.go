package recipes

import (
	"context"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/hourglass-go/hourglass/internal/atomicfile"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/plot"
	"github.com/hourglass-go/hourglass/train"
)

// The files of the demo's folder, beside the model and the curves.
const (
	reportFile = "report.html"
	digitsFile = "digits.png"
)

// Demo trains the recipe "demo" on the embedded digits, scores it on test digits that it
// has never seen, and writes report.html (self-contained), digits.png (clean, noisy and
// restored), curves.png and model.safetensors. Of o, Dir, Workers, Version and the
// callbacks count. Whatever an earlier demo left in the folder is replaced; a cancelled
// one leaves nothing.
func Demo(ctx context.Context, r *Recipe, o TrainOptions) (*Outcome, error) {
	p, err := r.parts()
	if err != nil {
		return nil, err
	}
	made, err := claimFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	done := false
	defer func() {
		if made && !done {
			os.Remove(o.Dir) // only if it is still empty
		}
	}()
	begin := time.Now()
	run, test, d, err := r.prepare(ctx, p, TrainOptions{
		Workers: o.Workers, Version: o.Version, Tell: o.Tell, OnStep: o.OnStep, OnEpoch: o.OnEpoch,
	})
	if err != nil {
		return nil, err
	}
	history, err := run.Fit(ctx)
	if err != nil {
		return nil, err
	}
	o.tell("trained in %.1f s; now %d test digits that the network has never seen", time.Since(begin).Seconds(), test.Len())
	scores, err := train.Evaluate(ctx, p.model, test, evaluationBatch, r.Metrics...)
	if err != nil {
		return nil, err
	}
	curves, err := curvesOf(history)
	if err != nil {
		return nil, err
	}
	grid, err := r.samples(ctx, p.model, test, d.test.Images)
	if err != nil {
		return nil, err
	}
	report, err := r.report(p.model, history, scores, grid, curves, time.Since(begin))
	if err != nil {
		return nil, err
	}
	out := &Outcome{Recipe: r.Name, Epochs: len(history.Epochs), SecondsPerEpoch: medianSeconds(history), Model: filepath.Join(o.Dir, train.ModelFile), Metrics: scores}
	meta := run.Meta
	meta.Trained.Epochs = len(history.Epochs)
	for _, name := range r.Metrics {
		meta.Scores = append(meta.Scores, modelfile.Score{Metric: name, Value: scores[name], Data: r.Data.Name, Split: "test", Samples: test.Len()})
	}
	for _, f := range []struct {
		name string
		save func(path string) error
	}{
		{train.ModelFile, func(path string) error { return modelfile.Save(path, p.model, meta) }},
		{digitsFile, func(path string) error { return save(grid, path) }},
		{curvesFile, func(path string) error { return save(curves, path) }},
		{reportFile, func(path string) error {
			return atomicfile.Write(path, func(w io.Writer) error { return report.WriteHTML(w) })
		}},
	} {
		path := filepath.Join(o.Dir, f.name)
		if err := f.save(path); err != nil {
			return nil, err
		}
		done = true
		out.Files = append(out.Files, path)
	}
	return out, nil
}

// report is the page that the demo ends in.
func (r *Recipe) report(m *nn.Model, h *train.History, scores map[string]float64, grid, curves image.Image, took time.Duration) (*plot.Report, error) {
	summary, err := m.Summary()
	if err != nil {
		return nil, err
	}
	resolved, err := r.YAML()
	if err != nil {
		return nil, err
	}
	layers := plot.Table{Head: []string{"layer", "type", "output", "parameters"}}
	for _, l := range summary.Layers {
		layers.Rows = append(layers.Rows, []string{l.Name, l.Type, l.Output.String(), fmt.Sprint(l.Parameters)})
	}
	before, after := scores[psnrInput], scores["psnr"]
	return &plot.Report{
		Title: "A network that cleans digits",
		Lead: fmt.Sprintf("In %.0f seconds, a network of %d numbers was trained on this machine to remove noise from hand-written digits. "+
			"Below are digits that it had never seen.", took.Seconds(), summary.Parameters),
		Facts: []plot.Fact{
			{Value: fmt.Sprintf("%.1f dB", before), Label: "PSNR of the noisy digits"},
			{Value: fmt.Sprintf("%.1f dB", after), Label: "PSNR of the restored digits"},
			{Value: fmt.Sprintf("+%.1f dB", after-before), Label: "gained"},
			{Value: fmt.Sprintf("%.1f s", took.Seconds()), Label: fmt.Sprintf("for all %d epochs", len(h.Epochs))},
		},
		Sections: []plot.Section{
			{
				Heading: "Clean, noisy, restored",
				Paragraphs: []string{"The top row shows test digits of MNIST as they were written. The network saw only the middle row: " +
					"the same digits under Gaussian noise whose standard deviation is drawn between 0.3 and 0.6 for each, where black is 0 and white is 1. " +
					"The bottom row is what it made of them."},
				Figures: []plot.Figure{{Image: grid, Caption: "One test digit of each class.", Alt: "Three rows of ten digits: clean, noisy, restored."}},
			},
			{
				Heading:    "How it learned",
				Paragraphs: []string{"Loss is the mean binary cross-entropy of a pixel. It does not reach zero: grey pixels keep an entropy of their own."},
				Figures:    []plot.Figure{{Image: curves, Caption: "Training loss over the epochs."}},
			},
			{
				Heading: "The network",
				Paragraphs: []string{"784 pixels are squeezed into a code of 32 numbers and unfolded again: an hourglass. " +
					"What does not fit through the waist is lost, and noise fits least."},
				Tables: []plot.Table{layers},
			},
			{
				Heading: "Go on",
				Paragraphs: []string{"Clean a picture of your own digit, train on all 60,000 digits, or begin with the recipe below " +
					"and change it:"},
				Code: "hourglass denoise my-digit.png -o clean.png --model model.safetensors\n" +
					"hourglass data get mnist\nhourglass train mnist-denoise -o runs/denoise\n\n" + string(resolved),
			},
		},
		Footer: "Made by hourglass demo. The digits are from MNIST by LeCun, Cortes and Burges, CC BY-SA 3.0.",
	}, nil
}
