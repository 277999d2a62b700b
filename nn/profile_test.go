package nn

import (
	"testing"
	"time"

	"github.com/hourglass-go/hourglass/tensor"
)

// napping is a layer that takes a while, for each sample and pass.
type napping struct{ Nap time.Duration }

func (l napping) Infer(in []Shape) (Signature, error) {
	return Signature{Outputs: []Shape{in[0]}, Params: []ParamSpec{{Name: "scale", Shape: Shape{1}, Init: Ones}}}, nil
}

func (l napping) Compile(batch int, in []Shape) Routine {
	return Routine{New32: func() Op[float32] { return &nappingOp{l.Nap} }, FLOPs: int64(100 * batch)}
}

type nappingOp struct{ nap time.Duration }

func (o *nappingOp) Forward(c *Call[float32]) {
	time.Sleep(time.Duration(c.Batch) * o.nap)
	copy(c.Out[0], c.In[0])
}

func (o *nappingOp) Backward(c *Call[float32]) {
	time.Sleep(2 * time.Duration(c.Batch) * o.nap)
	if c.DIn[0] != nil {
		copy(c.DIn[0], c.DOut[0])
	}
	c.DParam[0][0] = 1
}

func TestProfile(t *testing.T) {
	const nap = 200 * time.Microsecond
	x := Input("x", Shape{3})
	first := Named("first", napping{nap}).Apply(Apply(Reshape{Shape: Shape{1, 3}}, x))
	m, err := NewModel(x, Named("second", napping{3 * nap}).Apply(first))
	if err != nil {
		t.Fatal(err)
	}
	check := func(layers []LayerTime, err error, names []string, flops, backward []int64, naps [][2]time.Duration) {
		t.Helper()
		if err != nil || len(layers) < len(names) {
			t.Fatalf("%d layers, %v", len(layers), err)
		}
		for i, l := range layers[:len(names)] {
			if l.Name != names[i] || l.Type != "napping" || !l.Output.Equal(Shape{1, 3}) || l.FLOPs != flops[i] || l.BackwardFLOPs != backward[i] {
				t.Errorf("layer %d is %+v", i, l)
			}
			// A nap is never shorter than it was to be.
			if l.Forward < naps[i][0] || l.Backward < naps[i][1] {
				t.Errorf("%s takes %v and %v, want at least %v", l.Name, l.Forward, l.Backward, naps[i])
			}
		}
		if backward[0] == 0 && layers[0].Backward != 0 {
			t.Errorf("a prediction has a backward pass of %v", layers[0].Backward)
		}
	}
	names := []string{"first", "second"}
	layers, err := m.Profile(t.Context(), 3, tensor.New(2, 3))
	check(layers, err, names, []int64{200, 200}, []int64{0, 0}, [][2]time.Duration{{2 * nap}, {6 * nap}})

	// More samples than run at once: the parts are added up.
	layers, err = m.Profile(t.Context(), 1, tensor.New(predictBatch+1, 3))
	check(layers, err, names, []int64{100 * (predictBatch + 1), 100 * (predictBatch + 1)}, []int64{0, 0},
		[][2]time.Duration{{(predictBatch + 1) * nap}, {(predictBatch + 1) * 3 * nap}})

	in, total, err := WithLoss(m, MeanSquaredError{})
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := NewTrainer(in, total, TrainerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer trainer.Close()
	batch := []*tensor.Tensor{tensor.New(2, 3), tensor.New(2, 1, 3)}
	layers, err = trainer.Profile(3, 0, batch...)
	check(layers, err, names, []int64{200, 200}, []int64{200, 400}, [][2]time.Duration{{2 * nap, 4 * nap}, {6 * nap, 12 * nap}})
	if allocs := testing.AllocsPerRun(1, func() { trainer.Gradient(0, batch...) }); allocs > 0 {
		t.Errorf("a step after a profile allocates %v times", allocs)
	}

	if _, err := m.Profile(t.Context(), 0, tensor.New(2, 3)); err == nil {
		t.Error("a profile of no runs")
	}
	if _, err := m.Profile(t.Context(), 1, tensor.New(2, 4)); err == nil {
		t.Error("a profile of a wrong shape")
	}
	if layers, err := m.Profile(t.Context(), 1, tensor.New(0, 3)); err != nil || len(layers) > 0 {
		t.Errorf("nothing takes %v, %v", layers, err)
	}
}
