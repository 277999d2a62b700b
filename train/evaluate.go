package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/metrics"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

// inputSuffix behind a metric's name means that of the input, not of the prediction.
const inputSuffix = "_input"

// Evaluate predicts every sample of a set, in batches, and scores the predictions by
// metrics (see [metrics.ByName]). A name with "_input" behind it scores the inputs in
// their place: "psnr_input" is what a restored picture started from. Corruptions are
// those of epoch 0: the set should have fixed ones. The result depends on the model, the
// set and, in the last bits, on the batch size.
func Evaluate(ctx context.Context, m *nn.Model, set dataset.Set, batch int, names ...string) (map[string]float64, error) {
	if err := fits(m, set); err != nil {
		return nil, err
	}
	e, err := newEvaluation(m, set, batch, names)
	if err != nil {
		return nil, err
	}
	return e.run(ctx)
}

// evaluation scores a set again and again.
type evaluation struct {
	// model takes an input and gives a prediction; with loss, it takes the target too
	// and gives the loss of every sample as well.
	model  *nn.Model
	loss   bool
	loader *dataset.Loader
	scores []score
}

// score is a metric in use.
type score struct {
	key     string
	metric  metrics.Metric
	ofInput bool
}

func newEvaluation(m *nn.Model, set dataset.Set, batch int, names []string) (*evaluation, error) {
	loader, err := dataset.NewLoader(set, batch, dataset.LoaderOptions{})
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	e := &evaluation{model: m, loader: loader}
	for _, name := range names {
		protocol, ofInput := strings.CutSuffix(name, inputSuffix)
		metric, err := metrics.ByName(protocol)
		if err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
		if input, target := set.Shapes(); ofInput && !input.Equal(target) {
			return nil, fmt.Errorf("train: metric %s compares inputs of shape %v with targets of shape %v", name, input, target)
		}
		e.scores = append(e.scores, score{name, metric, ofInput})
	}
	return e, nil
}

// run makes one pass over the set. Its keys are the metrics' names, and "loss".
func (e *evaluation) run(ctx context.Context) (map[string]float64, error) {
	for _, s := range e.scores {
		s.metric.Reset()
	}
	batches := e.loader.Epoch(ctx, 0, 0)
	defer batches.Stop()
	total := 0.0
	for {
		b, err := batches.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("train: evaluating: %w", err)
		}
		sum, err := e.batch(ctx, b)
		if err != nil {
			return nil, fmt.Errorf("train: evaluating: %w", err)
		}
		total += sum
	}
	values := map[string]float64{}
	if e.loss {
		values["loss"] = total / float64(e.loader.Len())
	}
	for _, s := range e.scores {
		values[s.key] = s.metric.Value()
	}
	return values, nil
}

// batch scores a batch and returns the sum of its losses.
func (e *evaluation) batch(ctx context.Context, b *dataset.Batch) (sum float64, err error) {
	in := []*tensor.Tensor{b.Input, b.Target}
	if !e.loss {
		in = in[:1]
	}
	out, err := e.model.Run(ctx, in...)
	if err != nil {
		return 0, err
	}
	for _, s := range e.scores {
		judged := out[0]
		if s.ofInput {
			judged = b.Input
		}
		if err := s.metric.Add(judged, b.Target); err != nil {
			return 0, err
		}
	}
	if e.loss {
		for _, l := range out[1].Data {
			sum += float64(l)
		}
	}
	return sum, nil
}
