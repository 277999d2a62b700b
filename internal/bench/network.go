package bench

import (
	"context"

	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/optim"
	"github.com/hourglass-go/hourglass/tensor"
)

// network is one that is measured.
type network struct {
	architecture interface{ Build() (*nn.Model, error) }
	precision    nn.Precision // of predictions; float32 where it is not set
	recompute    bool         // in training
}

// noise is a tensor of numbers from 0 to 1.
func noise(seed uint64, shape ...int) *tensor.Tensor {
	t, key := tensor.New(shape...), rng.New(seed)
	for i := range t.Data {
		t.Data[i] = float32(key.Float64(uint64(i)))
	}
	return t
}

// infer is the prediction of a batch of n pictures, h x w.
func (c network) infer(n, h, w int) func(context.Context, int) (*work, error) {
	return func(ctx context.Context, _ int) (*work, error) {
		m, err := c.architecture.Build()
		if err != nil {
			return nil, err
		}
		if c.precision != "" {
			if m, err = m.WithPrecision(c.precision); err != nil {
				return nil, err
			}
		}
		return predicting(ctx, m, n, nn.Shape{h, w, m.Inputs()[0].Shape()[2]})
	}
}

// predicting is the prediction of a batch of n samples of a shape.
func predicting(ctx context.Context, m *nn.Model, n int, shape nn.Shape) (*work, error) {
	summary, err := m.Summary(shape)
	if err != nil {
		return nil, err
	}
	x := noise(1, append([]int{n}, shape...)...)
	return &work{
		flops: float64(n) * float64(summary.FLOPs),
		time: wall(func() error {
			_, err := m.Predict(ctx, x)
			return err
		}),
		layers: func(runs int) ([]nn.LayerTime, error) { return m.Profile(ctx, runs, x) },
		end:    func() {},
	}, nil
}

// train is a training step on a batch of n pictures, h x w, with binary cross-entropy from
// logits and Adam.
func (c network) train(n, h, w int) func(context.Context, int) (*work, error) {
	return func(_ context.Context, workers int) (*work, error) {
		m, err := c.architecture.Build()
		if err != nil {
			return nil, err
		}
		shape := nn.Shape{h, w, m.Inputs()[0].Shape()[2]}
		summary, err := m.Summary(shape)
		if err != nil {
			return nil, err
		}
		inputs, total, err := nn.WithLoss(m, nn.BinaryCrossEntropy{Logits: true})
		if err != nil {
			return nil, err
		}
		trainer, err := nn.NewTrainer(inputs, total, nn.TrainerOptions{Workers: workers, Recompute: c.recompute})
		if err != nil {
			return nil, err
		}
		out := summary.Layers[len(summary.Layers)-1].Output
		x, target := noise(1, append([]int{n}, shape...)...), noise(2, append([]int{n}, out...)...)
		optimizer := &optim.Adam{}
		params, gradients := m.Store().Trainable(), m.Store().Gradients()
		optimizer.Init(len(params))
		step := 0
		once := func() error {
			_, err := trainer.Gradient(step, x, target)
			step++
			optimizer.Step(trainer.Team(), params, gradients, optimizer.BaseRate())
			return err
		}
		return &work{
			flops:  float64(n) * trainingFLOPs(summary),
			time:   wall(once),
			layers: func(runs int) ([]nn.LayerTime, error) { return trainer.Profile(runs, step, x, target) },
			end:    trainer.Close,
		}, nil
	}
}

// trainingFLOPs counts a training step on one sample. Backward, a product by the weights
// and one by the inputs, counts twice the forward pass, but for the gradient of the
// pictures, which nobody asks for.
func trainingFLOPs(s nn.Summary) float64 {
	flops := 3 * float64(s.FLOPs)
	for _, l := range s.Layers {
		if l.Parameters > 0 {
			return flops - float64(l.FLOPs)
		}
	}
	return flops
}
