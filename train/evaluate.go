package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
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
// those of epoch 0: the set should have fixed ones. The names of [Costs] score the model by
// what its training pays for. The result depends on the model, the set and, in the last
// bits, on the batch size. The samples of a [dataset.Sized] set go through the model one by one.
// Targets are of the output's shape or, of metrics of segmentation, labels [H, W, 1].
func Evaluate(ctx context.Context, m *nn.Model, set dataset.Set, batch int, names ...string) (map[string]float64, error) {
	if err := fits(m, set); err != nil {
		return nil, err
	}
	e, err := newEvaluation(m, nil, set, batch, names)
	if err != nil {
		return nil, err
	}
	return e.run(ctx)
}

// ELBO is the name of the evidence lower bound of a variational autoencoder, its sign turned,
// in nats: binary cross-entropy summed over the picture and the penalty "kl" with the weight 1
// (Kingma and Welling 2014). One code is drawn a picture, always the same.
const ELBO = "elbo"

// Costs lists the names by which a model can be scored beside the metrics of pictures: its
// penalties, each without its weight, and ELBO where one of them is "kl". Lower is better.
// Like the loss of a model that draws, they are an expectation over what it draws, of which one
// sample is taken for each picture, always the same.
func Costs(m *nn.Model) []string {
	var names []string
	for _, p := range m.Penalties() {
		names = append(names, p.Name)
		if p.Name == "kl" {
			names = append(names, ELBO)
		}
	}
	return names
}

// evaluation scores a set again and again.
type evaluation struct {
	loader *dataset.Loader // nil for wholes
	wholes dataset.Sized   // samples of several sizes
	scores []score
	// model takes an input, and the target where withTarget says so, and gives a prediction, followed
	// by one number a sample for each of the costs. Of a model that draws, drawn gives the costs,
	// since a prediction is not to depend on what is drawn.
	model, drawn *nn.Model
	withTarget   bool
	costs        []string
}

// score is a metric in use.
type score struct {
	key     string
	metric  metrics.Metric
	ofInput bool
}

// objective is a node that training makes small, with the inputs of a batch.
type objective struct {
	inputs []*nn.Node
	total  *nn.Node
}

// newEvaluation scores by names, and by the objective, as "loss", if it is not nil.
func newEvaluation(m *nn.Model, o *objective, set dataset.Set, batch int, names []string) (*evaluation, error) {
	e := &evaluation{}
	if sized, ok := set.(dataset.Sized); ok && o == nil {
		e.wholes = sized
	} else {
		var err error
		if e.loader, err = dataset.NewLoader(set, batch, dataset.LoaderOptions{}); err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
	}
	known := Costs(m)
	for _, name := range names {
		if slices.Contains(known, name) {
			e.costs = append(e.costs, name)
			continue
		}
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
	if err := e.build(m, o); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return e, nil
}

// build makes the models out of m.
func (e *evaluation) build(m *nn.Model, o *objective) error {
	ins, outs := m.Inputs(), m.Outputs()
	var target *nn.Node
	switch {
	case o != nil:
		target = o.inputs[1]
	case slices.Contains(e.costs, ELBO):
		target = nn.Input(outs[0].Name()+"_target", outs[0].Shape())
	}
	nodes := make([]*nn.Node, len(e.costs))
	for i, name := range e.costs {
		nodes[i] = costNode(m, name, target)
	}
	if o != nil {
		e.costs, nodes = append([]string{"loss"}, e.costs...), append([]*nn.Node{o.total}, nodes...)
	}
	withCosts := ins
	if e.withTarget = target != nil; e.withTarget {
		withCosts = append(ins, target)
	}
	var err error
	if len(nodes) > 0 && m.Stochastic() {
		if e.drawn, err = nn.NewModelOf(withCosts, nodes); err == nil {
			e.model, err = nn.NewModelOf(ins, outs)
		}
		return err
	}
	e.model, err = nn.NewModelOf(withCosts, append(outs, nodes...))
	return err
}

// costNode is what one of Costs is computed by.
func costNode(m *nn.Model, name string, target *nn.Node) *nn.Node {
	for _, p := range m.Penalties() {
		switch {
		case p.Name == name:
			return p.Cost
		case name == ELBO && p.Name == "kl":
			bce := nn.Apply(nn.BinaryCrossEntropy{Sum: true}, m.Outputs()[0], target)
			return nn.Apply(nn.WeightedSum{Weights: []float64{1, 1}}, bce, p.Cost)
		}
	}
	return nil
}

// run makes one pass over the set. Its keys are the names, and "loss" for an objective.
func (e *evaluation) run(ctx context.Context) (map[string]float64, error) {
	for _, s := range e.scores {
		s.metric.Reset()
	}
	batches, count := e.batches(ctx)
	defer batches.Stop()
	totals := make([]float64, len(e.costs))
	for {
		b, err := batches.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = e.batch(ctx, b, totals)
		}
		if err != nil {
			return nil, fmt.Errorf("train: evaluating: %w", err)
		}
	}
	values := map[string]float64{}
	for i, name := range e.costs {
		values[name] = totals[i] / float64(count)
	}
	for _, s := range e.scores {
		values[s.key] = s.metric.Value()
	}
	return values, nil
}

// source hands out batches, and io.EOF after the last.
type source interface {
	Next() (*dataset.Batch, error)
	Stop()
}

// batches are those of one pass, with the number of their samples.
func (e *evaluation) batches(ctx context.Context) (source, int) {
	if e.wholes != nil {
		return &oneByOne{ctx: ctx, set: e.wholes}, e.wholes.Len()
	}
	return e.loader.Epoch(ctx, 0, 0), e.loader.Len()
}

// oneByOne makes a batch of every sample.
type oneByOne struct {
	ctx  context.Context
	set  dataset.Sized
	next int
}

func (o *oneByOne) Stop() {}

func (o *oneByOne) Next() (*dataset.Batch, error) {
	if err := o.ctx.Err(); err != nil {
		return nil, err
	}
	if o.next >= o.set.Len() {
		return nil, io.EOF
	}
	i := o.next
	o.next++
	in, out := o.set.SampleShapes(i)
	b := &dataset.Batch{Number: i, Index: []int32{int32(i)}, Input: tensor.New(append([]int{1}, in...)...), Target: tensor.New(append([]int{1}, out...)...)}
	return b, o.set.Fill(0, i, b.Input.Data, b.Target.Data)
}

// batch scores a batch and adds its costs to the totals.
func (e *evaluation) batch(ctx context.Context, b *dataset.Batch, totals []float64) error {
	in := []*tensor.Tensor{b.Input}
	withCosts := in
	if e.withTarget {
		withCosts = []*tensor.Tensor{b.Input, b.Target}
	}
	var out, costs []*tensor.Tensor
	var err error
	if e.drawn == nil {
		if out, err = e.model.Run(ctx, withCosts...); err == nil {
			out, costs = out[:1], out[1:]
		}
	} else if out, err = e.model.Run(ctx, in...); err == nil {
		costs, err = e.drawn.Sample(ctx, nn.Draws{First: uint64(b.Index[0])}, withCosts...)
	}
	if err != nil {
		return err
	}
	for i, c := range costs {
		for _, v := range c.Data {
			totals[i] += float64(v)
		}
	}
	for _, s := range e.scores {
		judged := out[0]
		if s.ofInput {
			judged = b.Input
		}
		if err := s.metric.Add(judged, b.Target); err != nil {
			return err
		}
	}
	return nil
}

// memory is the number of bytes that the models take for one picture, beside the weights.
func (e *evaluation) memory(input, target nn.Shape) (int64, error) {
	sizes := []nn.Shape{input}
	withCosts := sizes
	if e.withTarget {
		withCosts = []nn.Shape{input, target}
	}
	if e.drawn == nil {
		sizes = withCosts
	}
	s, err := e.model.Summary(sizes...)
	if err != nil || e.drawn == nil {
		return s.ArenaBytes, err
	}
	d, err := e.drawn.Summary(withCosts...)
	return s.ArenaBytes + d.ArenaBytes, err
}
