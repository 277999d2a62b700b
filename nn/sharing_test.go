package nn

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/tensor"
)

// TestCallersShape: a caller that reuses its tensor under another shape gets a plan for
// that shape.
func TestCallersShape(t *testing.T) {
	x := Input("x", Shape{Any, Any, 1})
	m := must(NewModel(x, Apply(MaxPool2D{Kernel: [2]int{2, 2}}, x)))
	in := random(1, 1, 4, 4, 1)
	predict(t, m, in)
	in.Shape[1], in.Shape[2] = 2, 8
	want := predict(t, must(NewModel(x, Apply(MaxPool2D{Kernel: [2]int{2, 2}}, x))), in)
	if got := predict(t, m, in); !got.Shape.Equal(want.Shape) || !slices.Equal(got.Data, want.Data) {
		t.Errorf("%v %v, want %v %v", got.Shape, got.Data, want.Shape, want.Data)
	}
}

// TestGradientsOfOthers: a step leaves no gradient of another trainer's behind, even if
// the store grew after the trainer was made.
func TestGradientsOfOthers(t *testing.T) {
	x := Input("x", Shape{3})
	code := Apply(Dense{Units: 3}, x)
	trainerOf := func(m *Model) *Trainer {
		in, total, err := WithLoss(m, MeanSquaredError{})
		if err != nil {
			t.Fatal(err)
		}
		return must(NewTrainer(in, total, TrainerOptions{Workers: 1}))
	}
	first := trainerOf(must(NewModel(x, code)))
	defer first.Close()
	m := must(NewModel(x, Named("head", Dense{Units: 3}).Apply(code)))
	second := trainerOf(m)
	defer second.Close()
	a := random(1, 4, 3)
	must(first.Gradient(0, a, a))
	must(second.Gradient(0, a, a))
	must(first.Gradient(1, a, a))
	for _, p := range m.Params() {
		if !strings.HasPrefix(p.Name, "head/") {
			continue
		}
		for _, g := range m.Store().Gradient(p) {
			if g != 0 {
				t.Fatalf("%s has the gradient %v of another objective", p.Name, g)
			}
		}
	}
}

// TestRandomLayerTwice: two uses of one dropout draw apart.
func TestRandomLayerTwice(t *testing.T) {
	x := Input("x", Shape{500})
	d := Named("drop", Dropout{.5})
	h := Apply(Dense{Units: 500}, x)
	y := Apply(WeightedSum{[]float64{1, -1}}, d.Apply(h), d.Apply(h))
	in, total, err := WithLoss(must(NewModel(x, y)), MeanSquaredError{})
	if err != nil {
		t.Fatal(err)
	}
	tr := must(NewTrainer(in, total, TrainerOptions{Workers: 1}))
	defer tr.Close()
	if loss := must(tr.Gradient(0, random(1, 2, 500), tensor.New(2, 500))); loss == 0 {
		t.Error("both uses drew the same mask")
	}
}

// TestHeadsAreNamedApart: layers added over a trained model's node get names, and so
// weights, of their own.
func TestHeadsAreNamedApart(t *testing.T) {
	x := Input("x", Shape{3})
	code := Named("code", Dense{Units: 3}).Apply(x)
	a := must(NewModel(x, Apply(Dense{Units: 3}, code)))
	b := must(NewModel(x, Apply(Dense{Units: 3}, code)))
	if a.Store() != b.Store() {
		t.Fatal("the heads do not share the encoder's store")
	}
	if slices.Equal(predict(t, a, random(1, 1, 3)).Data, predict(t, b, random(1, 1, 3)).Data) {
		t.Error("both heads started alike")
	}
	if _, err := NewModelOf([]*Node{x}, []*Node{a.Outputs()[0], b.Outputs()[0]}); err != nil {
		t.Error(err)
	}
}

// TestInnerInput: a model that begins at an inner node whose layer it uses again is
// stored and read.
func TestInnerInput(t *testing.T) {
	x := Input("x", Shape{3})
	d := Named("d", Dense{Units: 3})
	h := d.Apply(x)
	m := must(NewModel(h, d.Apply(h)))
	n, err := UnmarshalModel(must(m.MarshalGraph()))
	if err != nil {
		t.Fatal(err)
	}
	a := random(1, 2, 3)
	if !slices.Equal(predict(t, m, a).Data, predict(t, n, a).Data) {
		t.Error("read back, it computes something else")
	}
	if _, err := NewModelOf([]*Node{x, x}, []*Node{h}); err == nil {
		t.Error("one node was taken for two inputs")
	}
}

// TestMonstrousSizes: sizes that no memory holds are refused when the graph is built.
func TestMonstrousSizes(t *testing.T) {
	x := Input("x", Shape{784})
	for name, n := range map[string]*Node{
		"units":        Apply(Dense{Units: 1 << 58}, x),
		"filters":      Apply(Conv2D{Filters: 1 << 58, Kernel: [2]int{3, 3}}, Input("p", Shape{Any, Any, 3})),
		"wrapping":     Apply(Reshape{Shape{16, 1152921504606847025}}, x),
		"input":        Apply(Flatten{}, Input("i", Shape{1 << 40, 8, 1})),
		"flatten":      Apply(Flatten{}, Input("f", Shape{1 << 31, 1 << 31, 1})),
		"global limit": Apply(UpSampling2D{Factor: [2]int{1 << 20, 1 << 20}}, Input("u", Shape{4, 4, 1})),
	} {
		if n.Err() == nil {
			t.Errorf("%s: passed", name)
		}
	}
}

// TestManyBatchShapes: a trainer that meets ever larger pictures keeps one arena.
func TestManyBatchShapes(t *testing.T) {
	x := Input("x", Shape{Any, Any, 1})
	m := must(NewModel(x, Apply(Conv2D{Filters: 1, Kernel: [2]int{3, 3}, Padding: Same}, x)))
	in, total, err := WithLoss(m, MeanSquaredError{})
	if err != nil {
		t.Fatal(err)
	}
	tr := must(NewTrainer(in, total, TrainerOptions{Workers: 1}))
	defer tr.Close()
	for n := 64; n < 96; n++ {
		a := random(1, 2, n, n, 1)
		must(tr.Gradient(n, a, a))
	}
	for n := 64; n < 96; n++ {
		a := random(1, 2, n, n, 1)
		must(tr.Gradient(n, a, a))
	}
	if len(tr.ready) > trainerSessions {
		t.Errorf("%d sessions are kept", len(tr.ready))
	}
	for _, e := range tr.ready {
		if e.s.plan.arena > len(tr.arena) {
			t.Error("a session outlived its arena")
		}
	}
}

// TestPredictLetsGo: an idle session does not keep the caller's pictures alive.
func TestPredictLetsGo(t *testing.T) {
	m, _, _ := autoencoder()
	gone := make(chan struct{})
	func() {
		x := random(1, 1, 4, 5, 1)
		runtime.AddCleanup(&x.Data[0], func(struct{}) { close(gone) }, struct{}{})
		if _, err := m.Predict(context.Background(), x); err != nil {
			t.Fatal(err)
		}
	}()
	for range 20 {
		runtime.GC()
		select {
		case <-gone:
			return
		default:
			runtime.Gosched()
		}
	}
	t.Error("the batch is still held")
}
