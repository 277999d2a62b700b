package nn

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hourglass-go/hourglass/tensor"
)

// variational is a small model with a penalty of each kind: one made of inner nodes by a layer
// of its own, one that is a second output of a layer on the way.
func variational(t *testing.T) *Model {
	t.Helper()
	x := Input("x", Shape{3, 2, 1})
	contractive := Named("hidden", ContractiveDense{Units: 4}).ApplyAll(Apply(Flatten{}, x))
	mean := Named("mean", Dense{Units: 2}).Apply(contractive[0])
	logVar := Named("log_variance", Dense{Units: 2}).Apply(contractive[0])
	code := Named("code", Sampling{}).Apply(mean, logVar)
	y := Apply(Reshape{Shape{3, 2, 1}}, Apply(Dense{Units: 6, Activation: Sigmoid}, code))
	m, err := must(NewModel(x, y)).WithPenalties(
		Penalty{"kl", .5, Named("kl", KLNormal{}).Apply(mean, logVar)},
		Penalty{"contraction", .1, contractive[1]},
		Penalty{"sparsity", .01, Apply(L1Norm{}, code)},
	)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestPenaltiesInObjective: the trainer's loss is the loss and the penalties by their weights,
// and its gradient that of their sum; the prediction computes none of them.
func TestPenaltiesInObjective(t *testing.T) {
	m := variational(t)
	m.Init(3)
	inputs, total, err := WithLoss(m, BinaryCrossEntropy{Sum: true})
	if err != nil {
		t.Fatal(err)
	}
	x := random(1, 5, 3, 2, 1)
	for i := range x.Data {
		x.Data[i] = (x.Data[i] + 1) / 2
	}
	tr := must(NewTrainer(inputs, total, TrainerOptions{Workers: 1, Seed: 7}))
	defer tr.Close()
	got := must(tr.Gradient(0, x, x))

	// Each by itself, with the same draws: those of a layer do not depend on what else there is.
	mean := func(inputs []*Node, cost *Node) float64 {
		tr := must(NewTrainer(inputs, cost, TrainerOptions{Workers: 1, Seed: 7}))
		defer tr.Close()
		return must(tr.Gradient(0, slices.Repeat([]*tensor.Tensor{x}, len(inputs))...))
	}
	want := mean(inputs, Apply(BinaryCrossEntropy{Sum: true}, m.outputs[0], inputs[1]))
	for _, p := range m.Penalties() {
		want += p.Weight * mean(inputs[:1], p.Cost)
	}
	if math.Abs(got-want) > 1e-5*want {
		t.Errorf("objective %v, want %v", got, want)
	}

	joint := must(NewModelOf(inputs, []*Node{total}))
	check := GradientCheck{Batch: 3, Inputs: []Shape{{3, 2, 1}, {3, 2, 1}}, Low: .1, High: .9, Fixed: []int{1}, Training: true}
	if e := must(check.model(joint)); !(e <= 1e-6) {
		t.Errorf("error of the gradient is %.3g of its maximum", e)
	}

	g := must(lower(m, []Shape{{3, 2, 1}}))
	for _, s := range g.steps {
		if name := TypeName(s.layer); name == "kl_normal" || name == "l1_norm" {
			t.Errorf("the prediction computes %s", name)
		}
	}
}

func TestPenaltiesRoundTrip(t *testing.T) {
	m := variational(t)
	data := must(m.MarshalGraph())
	n, err := UnmarshalModel(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(data), string(must(n.MarshalGraph()))); diff != "" {
		t.Error(diff)
	}
	for i, p := range n.Penalties() {
		q := m.Penalties()[i]
		if p.Name != q.Name || p.Weight != q.Weight || p.Cost.Name() != q.Cost.Name() {
			t.Errorf("%v has become %v", q, p)
		}
	}
	for _, lie := range [][2]string{
		{`"weight":0.5`, `"weight":-0.5`}, {`"name":"kl","weight"`, `"name":"","weight"`}, {`"name":"contraction"`, `"name":"kl"`},
		{`"weight":0.1,"cost":[2,1]`, `"weight":0.1,"cost":[2,0]`}, {`"weight":0.1,"cost":[2,1]`, `"weight":0.1,"cost":[99,1]`},
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

func TestPenaltiesRefuse(t *testing.T) {
	x, other := Input("x", Shape{3}), Input("other", Shape{3})
	h := Apply(Dense{Units: 2}, x)
	m := must(NewModel(x, h))
	norm := Apply(L1Norm{}, h)
	for _, c := range []struct {
		penalty Penalty
		want    string
	}{
		{Penalty{"", 1, norm}, "has no name"},
		{Penalty{"a", math.NaN(), norm}, "weight is NaN"},
		{Penalty{"a", math.Inf(1), norm}, "weight is +Inf"},
		{Penalty{"a", 1, nil}, "its cost is nil"},
		{Penalty{"a", 1, h}, "one number per sample, dense has [2]"},
		{Penalty{"a", 1, Apply(L1Norm{}, other)}, `depends on input "other"`},
		{Penalty{"a", 1, Apply(L1Norm{}, Apply(Dense{Units: 1}, h))}, "only a penalty uses, has parameters"},
		{Penalty{"a", 1, Apply(L1Norm{}, h, h)}, "takes 1 inputs, got 2"},
	} {
		if _, err := m.WithPenalties(c.penalty); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	if _, err := m.WithPenalties(Penalty{"a", 1, norm}, Penalty{"a", 1, norm}); err == nil {
		t.Error("two penalties of one name passed")
	}
}

// TestSampling: a run gives the mean; a sample has mean and variance, is the same for the same seed and
// however the batch is divided, and another for another seed.
func TestSampling(t *testing.T) {
	mean, logVar := Input("mean", Shape{2}), Input("log_variance", Shape{2})
	m := must(NewModelOf([]*Node{mean, logVar}, []*Node{Apply(Sampling{}, mean, logVar)}))
	if !m.Stochastic() {
		t.Error("the model is not stochastic")
	}
	const n = 20000
	a, b := tensor.New(n, 2), tensor.New(n, 2)
	for i := range n {
		a.Data[2*i], a.Data[2*i+1] = 3, -1
		b.Data[2*i], b.Data[2*i+1] = float32(math.Log(4)), float32(math.Log(.25))
	}
	if diff := cmp.Diff(a.Data, must(m.Run(context.Background(), a, b))[0].Data); diff != "" {
		t.Error("a run is not the mean")
	}
	z := must(m.Sample(context.Background(), Draws{Seed: 1}, a, b))[0]
	for c, want := range []struct{ mean, deviation float64 }{{3, 2}, {-1, .5}} {
		sum, square := 0.0, 0.0
		for i := range n {
			v := float64(z.Data[2*i+c])
			sum, square = sum+v, square+v*v
		}
		mu := sum / n
		sigma := math.Sqrt(square/n - mu*mu)
		if math.Abs(mu-want.mean) > 4*want.deviation/math.Sqrt(n) || math.Abs(sigma/want.deviation-1) > 4/math.Sqrt(2*n) {
			t.Errorf("component %d has mean %.4f and deviation %.4f, want %v", c, mu, sigma, want)
		}
	}
	part := func(lo, hi int) []float32 {
		half := func(x *tensor.Tensor) *tensor.Tensor {
			return &tensor.Tensor{Shape: Shape{hi - lo, 2}, Data: x.Data[2*lo : 2*hi]}
		}
		return must(m.Sample(context.Background(), Draws{Seed: 1, First: uint64(lo)}, half(a), half(b)))[0].Data
	}
	if diff := cmp.Diff(z.Data, append(part(0, 777), part(777, n)...)); diff != "" {
		t.Error("a divided batch draws something else")
	}
	if other := must(m.Sample(context.Background(), Draws{Seed: 2}, a, b))[0]; cmp.Equal(z.Data, other.Data) {
		t.Error("another seed draws the same")
	}
}

// TestContractiveNorm: the norm is that of the Jacobian, by central differences.
func TestContractiveNorm(t *testing.T) {
	x := Input("x", Shape{4})
	m := must(NewModelOf([]*Node{x}, Named("code", ContractiveDense{Units: 3}).ApplyAll(x)))
	m.Init(2)
	at := random(5, 1, 4)
	got := must(m.Run(context.Background(), at))[1].Data[0]
	want := 0.0
	const h = 1e-2
	for i := range 4 {
		move := func(by float32) []float32 {
			moved := &tensor.Tensor{Shape: Shape{1, 4}, Data: append([]float32(nil), at.Data...)}
			moved.Data[i] += by
			return must(m.Run(context.Background(), moved))[0].Data
		}
		up, down := move(h), move(-h)
		for j := range up {
			d := float64(up[j]-down[j]) / (2 * h)
			want += d * d
		}
	}
	if math.Abs(float64(got)-want) > 1e-4*want {
		t.Errorf("norm %v, want %v", got, want)
	}
}
