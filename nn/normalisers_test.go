package nn

import (
	"runtime"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/tensor"
)

// mixture is a small model of all layers that normalise, merge, gate or draw.
func mixture() (*Model, []*tensor.Tensor) {
	x, when := Input("x", Shape{9, 7, 6}), Input("t", Shape{})
	h := Apply(GaussianNoise{.1}, x)
	h = Apply(Dense{Units: 12, Activation: Swish}, Apply(LayerNorm{}, h))
	h = Apply(PReLU{}, Apply(GroupNorm{Groups: 3}, h))
	a := Apply(SpatialDropout{.2}, Apply(InstanceNorm{Moving: true}, h))
	b := Apply(Dense{Units: 12, Activation: GELU}, Apply(LayerNorm{Axes: []int{1, 2, 3}}, a))
	e := Apply(Dense{Units: 12, Activation: HardSigmoid}, Apply(Embedding{Units: 8}, when))
	table := Apply(Embedding{Units: 12, Entries: 5}, when)
	h = Apply(Concatenate{}, Apply(Multiply{}, a, e), Apply(Subtract{}, b, table), Apply(Add{}, a, b))
	h = Apply(Dense{Units: 6, Activation: GELUTanh}, h)
	m := must(NewModelOf([]*Node{x, when}, []*Node{Apply(Activation{HardSwish}, h)}))
	times := random(3, 16)
	for i := range times.Data {
		times.Data[i] = float32(i % 5)
	}
	return m, []*tensor.Tensor{random(1, 16, 9, 7, 6), times, random(2, 16, 9, 7, 6)}
}

func TestMixtureSameBitsForAnyWorkers(t *testing.T) {
	var want []float32
	for _, workers := range []int{1, 2, 5} {
		m, batch := mixture()
		in, total, err := WithLoss(m, MeanSquaredError{})
		if err != nil {
			t.Fatal(err)
		}
		tr := must(NewTrainer(in, total, TrainerOptions{Workers: workers}))
		must(tr.Gradient(0, batch...))
		got := slices.Concat(m.Store().Gradients(), m.Store().Values(State))
		tr.Close()
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d workers give other bits than one", workers)
		}
	}
}

func TestMixtureAllocatesNothing(t *testing.T) {
	m, batch := mixture()
	in, total, err := WithLoss(m, MeanSquaredError{})
	if err != nil {
		t.Fatal(err)
	}
	tr := must(NewTrainer(in, total, TrainerOptions{}))
	defer tr.Close()
	must(tr.Gradient(0, batch...))
	least := ^uint64(0)
	for range 3 { // other goroutines may allocate in between
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for i := range 20 {
			must(tr.Gradient(i, batch...))
		}
		runtime.ReadMemStats(&after)
		least = min(least, after.Mallocs-before.Mallocs)
	}
	if least > 2 { // reading the statistics may allocate
		t.Errorf("20 steps made %d allocations", least)
	}
}

// A model file's JSON brings every option back.
func TestMixtureAsJSON(t *testing.T) {
	m, batch := mixture()
	text := must(m.MarshalGraph())
	again := must(UnmarshalModel(text))
	if second := must(again.MarshalGraph()); string(second) != string(text) {
		t.Errorf("read back, the graph is %s, was %s", second, text)
	}
	m.Init(1)
	again.Init(1)
	a, b := must(m.Run(t.Context(), batch[:2]...)), must(again.Run(t.Context(), batch[:2]...))
	if !slices.Equal(a[0].Data, b[0].Data) {
		t.Error("read back, the model computes something else")
	}
}
