package nn

import (
	"context"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// random returns a tensor of uniform numbers in [0, 1).
func random(seed uint64, shape ...int) *tensor.Tensor {
	t := tensor.New(shape...)
	k := rng.New(seed)
	for i := range t.Data {
		t.Data[i] = k.Float32(uint64(i))
	}
	return t
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// autoencoder is a small dense one on pictures of 4x5.
func autoencoder() (m *Model, image, code *Node) {
	image = Input("image", Shape{4, 5, 1})
	h := Apply(Flatten{}, image)
	h = Apply(Dense{Units: 13, Activation: ReLU}, h)
	code = Named("code", Dense{Units: 3, Activation: ReLU}).Apply(h)
	h = Apply(Dense{Units: 13, Activation: ReLU}, code)
	h = Apply(Dense{Units: 20, Activation: Sigmoid}, h)
	return must(NewModel(image, Apply(Reshape{Shape{4, 5, 1}}, h))), image, code
}

func predict(t *testing.T, m *Model, x *tensor.Tensor) *tensor.Tensor {
	t.Helper()
	y, err := m.Predict(context.Background(), x)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

func TestCutModelsShareWeights(t *testing.T) {
	m, image, code := autoencoder()
	m.Init(3)
	encoder := must(NewModel(image, code))
	decoder := must(NewModel(code, m.Outputs()[0]))
	x := random(1, 7, 4, 5, 1)
	want := predict(t, m, x)
	got := predict(t, decoder, predict(t, encoder, x))
	if !slices.Equal(got.Data, want.Data) {
		t.Error("decoder(encoder(x)) differs from model(x)")
	}
	m.Init(4)
	if slices.Equal(predict(t, decoder, predict(t, encoder, x)).Data, want.Data) {
		t.Error("the parts kept old weights")
	}
}

func TestStoresJoin(t *testing.T) {
	a, _, _ := autoencoder()
	b, _, _ := autoencoder()
	a.Init(1)
	b.Init(2)
	x := random(9, 2, 4, 5, 1)
	wantA, wantB := predict(t, a, x), predict(t, b, x)
	in := Input("x", Shape{4, 5, 1})
	_, err := NewModelOf([]*Node{in}, []*Node{a.Apply(in), b.Apply(in)})
	if err == nil || !strings.Contains(err.Error(), "give it another") {
		t.Fatalf("two layers of one name passed: %v", err)
	}
	c := must(NewModel(in, Named("other", Dense{Units: 2}).Apply(a.Apply(in))))
	if c.Store() != a.Store() {
		t.Error("a model over a trained one has a store of its own")
	}
	if !slices.Equal(predict(t, a, x).Data, wantA.Data) || !slices.Equal(predict(t, b, x).Data, wantB.Data) {
		t.Error("joining changed weights")
	}
}

func TestBatchesOfAnySize(t *testing.T) {
	m, _, _ := autoencoder()
	x := random(5, 301, 4, 5, 1)
	all := predict(t, m, x)
	for _, n := range []int{1, 3, 127, 128, 129} {
		part := must(tensor.FromSlice(x.Data[:n*20], n, 4, 5, 1))
		if !slices.Equal(predict(t, m, part).Data, all.Data[:n*20]) {
			t.Errorf("the first %d samples come out otherwise alone", n)
		}
	}
	if got := predict(t, m, tensor.New(0, 4, 5, 1)); got.Shape[0] != 0 {
		t.Errorf("empty batch gave %v", got.Shape)
	}
}

func TestPredictConcurrently(t *testing.T) {
	m, _, _ := autoencoder()
	x := random(5, 33, 4, 5, 1)
	want := predict(t, m, x)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			y, err := m.Predict(context.Background(), x)
			if err != nil || !slices.Equal(y.Data, want.Data) {
				t.Errorf("concurrent run differs, error %v", err)
			}
		})
	}
	wg.Wait()
}

func TestBuildingMistakes(t *testing.T) {
	x := Input("x", Shape{4, 5, 1})
	twice := Named("twice", Dense{Units: 3})
	cases := []struct {
		name string
		out  *Node
		want string
	}{
		{"units", Apply(Dense{}, x), "Units is 0"},
		{"first mistake wins", Apply(Flatten{}, Apply(Dropout{2}, x)), "Rate is 2"},
		{"nil", Apply(Flatten{}, nil), "input 0 is nil"},
		{"shared layer of two shapes", twice.Apply(Apply(Flatten{}, twice.Apply(x))), `"twice" (dense)`},
		{"loss shapes", Apply(MeanSquaredError{}, x, Apply(Flatten{}, x)), "[4 5 1] and [20]"},
		{"foreign input", Apply(Flatten{}, Input("y", Shape{2})), `input "y"`},
		{"softmax of unknown", Apply(Activation{Softmax}, Input("z", Shape{Any})), "known size"},
		{"input", Apply(Flatten{}, Input("w", Shape{0})), "not positive"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewModel(x, c.out)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	m, _, _ := autoencoder()
	if _, err := m.Predict(context.Background(), tensor.New(2, 5, 4, 1)); err == nil || !strings.Contains(err.Error(), "[4 5 1], got [5 4 1]") {
		t.Errorf("wrong shape at run time: %v", err)
	}
}

// TestLossTakesLogits: the compiled loss does not go through the sigmoid, through any
// number of views; and a saturated prediction has a finite loss and a gradient.
func TestLossTakesLogits(t *testing.T) {
	m, _, _ := autoencoder()
	inputs, total, err := WithLoss(m, BinaryCrossEntropy{})
	if err != nil {
		t.Fatal(err)
	}
	tr := must(NewTrainer(inputs, total, TrainerOptions{Workers: 1}))
	defer tr.Close()
	p := must(tr.plan(2, []Shape{{4, 5, 1}, {4, 5, 1}}))
	var names []string
	for _, s := range p.graph.steps {
		names = append(names, TypeName(s.layer))
		if d, ok := s.layer.(Dense); ok && d.Activation == Sigmoid {
			t.Error("the sigmoid is computed")
		}
	}
	want := []string{"flatten", "dense", "dense", "dense", "dense", "reshape", "binary_cross_entropy"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	for _, q := range m.Params() {
		if strings.HasSuffix(q.Name, "bias") {
			for i, v := 0, m.Store().Value(q); i < len(v); i++ {
				v[i] = 200
			}
		}
	}
	loss := must(tr.Gradient(0, random(1, 2, 4, 5, 1), tensor.New(2, 4, 5, 1)))
	if !(loss > 100) || math.IsInf(loss, 0) {
		t.Errorf("saturated loss is %v", loss)
	}
	if v := m.Store().Gradient(m.Params()[7]); v[0] == 0 {
		t.Error("saturated prediction has no gradient")
	}
}

// TestFanOut: a value with several consumers, and a layer used twice, get the sum of
// their gradients.
func TestFanOut(t *testing.T) {
	build := func(twice bool) (*Trainer, *Model) {
		x := Input("x", Shape{3})
		d := Named("d", Dense{Units: 3, NoBias: true})
		h := d.Apply(x)
		k := d.Apply(Apply(Activation{Tanh}, h))
		y := Apply(WeightedSum{[]float64{1, 2, 3}}, h, k, h)
		if !twice {
			y = Apply(WeightedSum{[]float64{4, 2}}, h, k)
		}
		m := must(NewModel(x, y))
		m.Init(7)
		in, total, err := WithLoss(m, MeanSquaredError{})
		if err != nil {
			t.Fatal(err)
		}
		return must(NewTrainer(in, total, TrainerOptions{Workers: 1})), m
	}
	ta, a := build(true)
	defer ta.Close()
	tb, b := build(false)
	defer tb.Close()
	x, y := random(1, 5, 3), random(2, 5, 3)
	must(ta.Gradient(0, x, y))
	must(tb.Gradient(0, x, y))
	got, want := a.Store().Gradients(), b.Store().Gradients()
	for i := range got {
		if math.Abs(float64(got[i]-want[i])) > 1e-5 {
			t.Fatalf("gradient %v, want %v", got, want)
		}
	}
	const h = 1e-3
	w := a.Store().Trainable()
	for i, old := range w {
		w[i] = old + h
		up := must(ta.Gradient(0, x, y))
		w[i] = old - h
		down := must(ta.Gradient(0, x, y))
		w[i] = old
		if d := (up - down) / (2 * h); math.Abs(d-float64(want[i])) > 2e-2*math.Max(1, math.Abs(d)) {
			t.Errorf("weight %d: difference quotient %v, gradient %v", i, d, want[i])
		}
	}
}

func TestTrainingAllocatesNothing(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	x := Input("x", Shape{4, 5, 1})
	h := Apply(BatchNorm{}, x)
	h = Apply(Flatten{}, h)
	h = Apply(Dropout{.2}, h)
	h = Apply(Dense{Units: 40, Activation: ELU(1)}, h)
	h = Apply(Activation{Softmax}, Apply(Dense{Units: 40}, h))
	h = Apply(Dense{Units: 20, Activation: Sigmoid}, h)
	m := must(NewModel(x, Apply(Reshape{Shape{4, 5, 1}}, h)))
	in, total, err := WithLoss(m, BinaryCrossEntropy{})
	if err != nil {
		t.Fatal(err)
	}
	tr := must(NewTrainer(in, total, TrainerOptions{}))
	defer tr.Close()
	a, b := random(1, 64, 4, 5, 1), random(2, 64, 4, 5, 1)
	must(tr.Gradient(0, a, b))
	// The runtime allocates now and then on its own account, so the least of three counts.
	least := uint64(math.MaxUint64)
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for i := range 100 {
			if _, err := tr.Gradient(i, a, b); err != nil {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		least = min(least, after.Mallocs-before.Mallocs)
	}
	if least > 0 {
		t.Errorf("100 steps made %d allocations", least)
	}
}

func TestSameBitsForAnyWorkers(t *testing.T) {
	var want []float32
	for _, workers := range []int{1, 2, 5} {
		x := Input("x", Shape{19, 23, 3})
		h := Apply(BatchNorm{}, x)
		h = Apply(Dropout{.3}, h)
		h = Apply(Dense{Units: 33, Activation: Tanh}, h)
		m := must(NewModel(x, Apply(Dense{Units: 3, Activation: Sigmoid}, h)))
		in, total, err := WithLoss(m, BinaryCrossEntropy{})
		if err != nil {
			t.Fatal(err)
		}
		tr := must(NewTrainer(in, total, TrainerOptions{Workers: workers}))
		for step := range 4 {
			must(tr.Gradient(step, random(1, 6, 19, 23, 3), random(2, 6, 19, 23, 3)))
			for i, g := range m.Store().Gradients() {
				m.Store().Trainable()[i] -= g
			}
		}
		tr.Close()
		got := slices.Concat(m.Store().Trainable(), m.Store().Values(State))
		if want == nil {
			want = got
		} else if !slices.Equal(got, want) {
			t.Errorf("%d workers give other weights", workers)
		}
	}
}

func TestDiagnose(t *testing.T) {
	m, _, _ := autoencoder()
	in, total, err := WithLoss(m, MeanSquaredError{})
	if err != nil {
		t.Fatal(err)
	}
	tr := must(NewTrainer(in, total, TrainerOptions{Workers: 1}))
	defer tr.Close()
	x := random(1, 2, 4, 5, 1)
	if where := must(tr.Diagnose(0, x, x)); where != "" {
		t.Errorf("found %q in sound weights", where)
	}
	m.Store().Value(m.Params()[3])[1] = float32(math.NaN())
	if where := must(tr.Diagnose(0, x, x)); where != `parameter "code/bias"` {
		t.Errorf("found %q", where)
	}
	x.Data[3] = float32(math.Inf(1))
	if where := must(tr.Diagnose(0, x, x)); where != `input "image"` {
		t.Errorf("found %q", where)
	}
}

func TestFreezing(t *testing.T) {
	m, _, _ := autoencoder()
	m.Init(1)
	x := random(1, 3, 4, 5, 1)
	want := predict(t, m, x)
	if n := must(m.Store().SetFrozen("dense/*", true)); n != 2 {
		t.Fatalf("froze %d parameters", n)
	}
	if !slices.Equal(predict(t, m, x).Data, want.Data) {
		t.Error("freezing changed the weights")
	}
	if got := m.Store().Sizes(); got != [3]int{20*13 + 13 - 20*13 - 13 + 13*3 + 3 + 3*13 + 13 + 13*20 + 20, 20*13 + 13, 0} {
		t.Errorf("sizes %v", got)
	}
	in, total, err := WithLoss(m, MeanSquaredError{})
	if err != nil {
		t.Fatal(err)
	}
	tr := must(NewTrainer(in, total, TrainerOptions{Workers: 1}))
	defer tr.Close()
	must(tr.Gradient(0, x, x))
	if len(m.Store().Gradients()) != m.Store().Sizes()[Trainable] {
		t.Error("gradients are kept for frozen parameters")
	}
}

func TestGraphRoundTrip(t *testing.T) {
	x := Input("x", Shape{4, 5, 2})
	y := Input("y", Shape{3})
	d := Named("shared", Dense{Units: 3, Activation: LeakyReLU(.3), KernelInit: Orthogonal, BiasInit: Constant(.1)})
	h := d.Apply(Apply(Dense{Units: 3}, Apply(Flatten{}, Apply(BatchNorm{}, x))))
	z := d.Apply(Apply(WeightedSum{[]float64{1, .5}}, h, y))
	m := must(NewModelOf([]*Node{x, y}, []*Node{z, h}))
	m.Init(5)
	data := must(m.MarshalGraph())
	n, err := UnmarshalModel(data)
	if err != nil {
		t.Fatal(err)
	}
	n.Init(5)
	if again := must(n.MarshalGraph()); string(again) != string(data) {
		t.Errorf("written again:\n%s\n%s", data, again)
	}
	a, b := random(1, 2, 4, 5, 2), random(2, 2, 3)
	ym, yn := must(m.Run(context.Background(), a, b)), must(n.Run(context.Background(), a, b))
	for i := range ym {
		if diff := cmp.Diff(ym[i], yn[i]); diff != "" {
			t.Error(diff)
		}
	}
	if !strings.Contains(string(data), `"KernelInit":"orthogonal"`) || !strings.Contains(string(data), `"Momentum":0.99`) {
		t.Errorf("defaults are not written out: %s", data)
	}
	for _, lie := range [][2]string{
		{`"type":"dense"`, `"type":"dens"`}, {`"Units":3`, `"Unit":3`}, {`"version":1`, `"version":9`},
		{`"from":[[0,0]]`, `"from":[[77,0]]`}, {`"from":[[0,0]]`, `"from":[[0,-1]]`}, {`"shape":[4,5,2]`, `"shape":[4,5,-2]`},
	} {
		bad := strings.Replace(string(data), lie[0], lie[1], 1)
		if bad == string(data) {
			t.Fatalf("%q is not in %s", lie[0], data)
		}
		if _, err := UnmarshalModel([]byte(bad)); err == nil {
			t.Errorf("%s passed", lie[1])
		}
	}
}

func FuzzUnmarshalModel(f *testing.F) {
	m, _, _ := autoencoder()
	f.Add(must(m.MarshalGraph()))
	f.Add([]byte(`{"nodes":[{"input":"x","shape":[2]}],"inputs":[[0,0]],"outputs":[[0,0]]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := UnmarshalModel(data); err == nil {
			if _, err := m.MarshalGraph(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestOrthogonal(t *testing.T) {
	for _, s := range []Shape{{7, 3}, {3, 7}, {2, 3, 4, 5}} {
		v := make([]float32, s.Elems())
		Orthogonal.fill(v, ParamSpec{Shape: s}, rng.New(1))
		cols := s[len(s)-1]
		rows := len(v) / cols
		n, at := cols, func(j, i int) float64 { return float64(v[i*cols+j]) }
		length := rows
		if rows < cols {
			n, length = rows, cols
			at = func(j, i int) float64 { return float64(v[j*cols+i]) }
		}
		for a := range n {
			for b := range n {
				sum, want := 0.0, 0.0
				for i := range length {
					sum += at(a, i) * at(b, i)
				}
				if a == b {
					want = 1
				}
				if math.Abs(sum-want) > 1e-6 {
					t.Errorf("%v: <%d,%d> = %v", s, a, b, sum)
				}
			}
		}
	}
}
