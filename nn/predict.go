package nn

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

const (
	// predictBatch and predictBytes bound how many samples run at once: more would
	// take memory and win nothing.
	predictBatch = 128
	predictBytes = 256 << 20
)

// Predict runs a model of one input and one output on a batch x [N, ...] and returns
// [N, ...]. Any N, 0 too, will do; samples do not influence each other. It is safe for
// concurrent use. It fails where the shape does not fit or ctx is cancelled.
func (m *Model) Predict(ctx context.Context, x *tensor.Tensor) (*tensor.Tensor, error) {
	if len(m.inputs) != 1 || len(m.outputs) != 1 {
		return nil, fmt.Errorf("nn: Predict is for models of one input and one output, this one has %d and %d: use Run", len(m.inputs), len(m.outputs))
	}
	out, err := m.Run(ctx, x)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// Run is [Model.Predict] for any number of inputs and outputs, all of one batch size.
func (m *Model) Run(ctx context.Context, in ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	r, err := m.newBatchRun(in)
	if err != nil {
		return nil, err
	}
	team := parallel.Start(runtime.GOMAXPROCS(0))
	defer team.Close()
	return r.outs, r.do(ctx, team, nil)
}

// Draws says what a run draws: sample n of its batch draws by Seed and First+n, so that what
// it gets does not depend on how a set is divided into batches.
type Draws struct{ Seed, First uint64 }

// Sample is [Model.Run] with layers that stand for a distribution, such as [Sampling], drawing
// from it: the outputs are a sample of what the model describes, not its mean.
func (m *Model) Sample(ctx context.Context, d Draws, in ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	r, err := m.newBatchRun(in)
	if err != nil {
		return nil, err
	}
	r.draws = &d
	team := parallel.Start(runtime.GOMAXPROCS(0))
	defer team.Close()
	return r.outs, r.do(ctx, team, nil)
}

// Stochastic reports whether the model has a layer by which [Model.Sample] differs from
// [Model.Run].
func (m *Model) Stochastic() bool {
	return slices.ContainsFunc(m.apps, func(a *application) bool {
		_, ok := a.handle.layer.(Stochastic)
		return ok
	})
}

// batchRun is a batch on its way through a model.
type batchRun struct {
	model    *Model
	graph    *graph
	n        int
	shapes   []Shape // of the inputs' samples
	in, outs []*tensor.Tensor
	draws    *Draws // nil for none
}

// newBatchRun checks the batch and makes room for the outputs.
func (m *Model) newBatchRun(in []*tensor.Tensor) (*batchRun, error) {
	n, shapes, err := batchShapes(in)
	if err != nil {
		return nil, err
	}
	g, err := lower(m, shapes)
	if err != nil {
		return nil, err
	}
	r := &batchRun{model: m, graph: g, n: n, shapes: shapes, in: in}
	for _, v := range g.outputs {
		r.outs = append(r.outs, tensor.New(append([]int{n}, g.shapes[v]...)...))
	}
	return r, nil
}

// do computes the outputs, as many samples at once as memory allows. The watch, if there
// is one, takes the time of every step.
func (r *batchRun) do(ctx context.Context, team *parallel.Team, watch *stopwatch) error {
	m, most := r.model, predictBatch
	begin := runState{seed: rng.New(0), team: team}
	if r.draws != nil {
		begin = runState{draw: true, seed: rng.New(r.draws.Seed, rng.Hash("sample")), first: r.draws.First, team: team}
	}
	for lo := 0; lo < r.n; {
		if err := ctx.Err(); err != nil {
			return err
		}
		a, s := m.sessions.take(m, r.graph, r.shapes, min(most, r.n-lo))
		most = s.plan.batch
		s.useForms(team, m.store.resolve().form)
		watch.use(s.plan)
		s.watch = watch
		state := begin
		state.check = func(int) bool { return ctx.Err() != nil } // one sample may take minutes
		s.runChunk(r.in, r.outs, lo, &state)
		s.watch = nil
		lo += s.plan.batch
		m.sessions.put(a)
	}
	return ctx.Err()
}

// runChunk computes samples lo.. of the batch.
func (s *session[T]) runChunk(in, outs []*tensor.Of[T], lo int, r *runState) {
	part := func(batch []*tensor.Of[T]) [][]T {
		parts := make([][]T, len(batch))
		for i, t := range batch {
			size := len(t.Data) / t.Shape[0]
			parts[i] = t.Data[lo*size:][:s.plan.batch*size]
		}
		return parts
	}
	results := part(outs)
	s.bind(part(in))
	s.bindOutputs(results)
	r.first += uint64(lo)
	s.forward(r)
	for i, v := range s.plan.graph.outputs {
		if !s.plan.binds[i] {
			copy(results[i], s.values[v])
		}
	}
	// Let go of the caller's memory.
	s.bind(make([][]T, len(in)))
	s.bindOutputs(make([][]T, len(outs)))
}

// batchShapes splits the batch size off the shapes of a run's inputs.
func batchShapes(in []*tensor.Tensor) (n int, shapes []Shape, err error) {
	for i, t := range in {
		if t == nil || len(t.Shape) == 0 {
			return 0, nil, fmt.Errorf("nn: input %d has no batch axis", i)
		}
		if i > 0 && t.Shape[0] != n {
			return 0, nil, fmt.Errorf("nn: input %d has %d samples, input 0 has %d", i, t.Shape[0], n)
		}
		if t.Shape.Elems() != len(t.Data) {
			return 0, nil, fmt.Errorf("nn: input %d of shape %v holds %d numbers", i, t.Shape, len(t.Data))
		}
		n = t.Shape[0]
		shapes = append(shapes, t.Shape[1:].Clone())
	}
	return n, shapes, nil
}

// weights are the store's live vectors.
func (s *Store) weights() *weights[float32] {
	s.allocate()
	return &weights[float32]{values: s.values, gradients: s.gradients}
}
