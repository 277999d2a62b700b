package nn

import (
	"fmt"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/internal/hugepage"
	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/internal/rng"
)

// rewriteCase is a network that rewriting changes.
type rewriteCase struct {
	name   string
	inputs []Shape
	build  func(in []*Node) []*Node
	// predicting and training are how many steps are left of the graph that is optimised for
	// either.
	predicting, training int
}

// graphRun is what a run of a graph leaves behind.
type graphRun struct{ outputs, inputGrads, paramGrads, state [][]float64 }

// runGraph runs the graph in double precision, and backward too for training.
func runGraph(t *testing.T, m *Model, g *graph, batch int, training bool) graphRun {
	t.Helper()
	return runPlan(m, newPlan(g, batch, training, training))
}

func runPlan(m *Model, p *plan) graphRun {
	g, training := p.graph, p.training
	w := wideWeights(m.Store(), 5)
	s := newSession(p, hugepage.Make[float64](p.arena), w, func(r Routine) Op[float64] { return r.New64() })
	team := parallel.Start(2)
	defer team.Close()
	if !training {
		s.useForms(team, func(_ []*Param, want Form, prepare func([]float64)) []float64 {
			form := make([]float64, want.Elems)
			prepare(form)
			return form
		})
	}
	var inputs [][]float64
	for i, v := range g.inputs {
		inputs = append(inputs, uniform(p.elems(v), -1, 1, rng.New(3, uint64(i))))
	}
	s.bind(inputs)
	for i, v := range g.outputs {
		if p.binds[i] {
			s.name(s.outputs[i], make([]float64, p.elems(v)))
		}
	}
	for i := range s.calls {
		if form := p.routines[i].Form.Elems; form > 0 && !training {
			s.calls[i].Form = make([]float64, form)
			s.ops[i].(Preparer[float64]).Prepare(team, s.calls[i].Form, s.calls[i].Param)
		}
	}
	s.forward(&runState{training: training, updateState: training, seed: rng.New(9), team: team})
	var run graphRun
	for _, v := range g.outputs {
		run.outputs = append(run.outputs, slices.Clone(s.values[v]))
	}
	if !training {
		return run
	}
	for i, v := range g.outputs {
		copy(s.gradients[v], uniform(p.elems(v), -1, 1, rng.New(4, uint64(i))))
	}
	s.backward()
	for _, v := range g.inputs {
		run.inputGrads = append(run.inputGrads, slices.Clone(s.gradients[v]))
	}
	for _, q := range m.Params() {
		run.paramGrads = append(run.paramGrads, slices.Clone(w.gradient(q)))
	}
	run.state = [][]float64{w.values[State]}
	return run
}

// rewriteTolerance is of the error over the maximum: sums of some hundred terms in another
// order, in double precision.
const rewriteTolerance = 1e-12

func compareRuns(t *testing.T, got, want graphRun) {
	t.Helper()
	compare := func(what string, got, want [][]float64) {
		for i := range want {
			if len(got[i]) != len(want[i]) {
				t.Fatalf("%s %d has %d values, want %d", what, i, len(got[i]), len(want[i]))
			}
			if e := relativeError(got[i], want[i]); len(want[i]) > 0 && !(e <= rewriteTolerance) {
				t.Errorf("%s %d: error %.3g of its maximum", what, i, e)
			}
		}
	}
	compare("output", got.outputs, want.outputs)
	compare("gradient of input", got.inputGrads, want.inputGrads)
	compare("gradient of parameter", got.paramGrads, want.paramGrads)
	compare("state", got.state, want.state)
}

// testRewrites compares each network, optimised, with itself as it was written.
func testRewrites(t *testing.T, cases []rewriteCase) {
	for _, c := range cases {
		for _, training := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/training=%v", c.name, training), func(t *testing.T) {
				var in []*Node
				for i, s := range c.inputs {
					in = append(in, Input(fmt.Sprint("in", i), s))
				}
				m := must(NewModelOf(in, c.build(in)))
				if _, err := m.Store().SetFrozen("frozen*/*", true); err != nil {
					t.Fatal(err)
				}
				plain := must(lower(m, c.inputs))
				optimised := plain.clone()
				plain.split()
				optimised.optimise(training)
				want := c.predicting
				if training {
					want = c.training
				}
				if len(optimised.steps) != want {
					t.Errorf("%d steps are left, want %d", len(optimised.steps), want)
					for _, s := range optimised.steps {
						t.Logf("%s %s of %v makes %v", s.name, TypeName(s.layer), s.in, s.out)
					}
				}
				compareRuns(t, runGraph(t, m, optimised, 2, training), runGraph(t, m, plain, 2, training))
			})
		}
	}
}

func conv3(filters int) Conv2D {
	return Conv2D{Filters: filters, Kernel: [2]int{3, 2}, Padding: Same, Activation: Tanh}
}

func TestConcatenationsInParts(t *testing.T) {
	two := []Shape{{5, 7, 3}, {5, 7, 2}}
	testRewrites(t, []rewriteCase{
		{"skip", two, func(in []*Node) []*Node {
			a, b := Apply(conv3(3), in[0]), Apply(conv3(2), in[1])
			return []*Node{Apply(conv3(4), Apply(Concatenate{}, a, b)), Apply(conv3(1), a)}
		}, 4, 4},
		{"pooling and back", two[:1], func(in []*Node) []*Node {
			a := Apply(conv3(3), Apply(PadToMultiple{Multiple: [2]int{2, 2}}, in[0]))
			b := Apply(Conv2DTranspose{Filters: 5, Kernel: [2]int{2, 2}, Stride: [2]int{2, 2}}, Apply(MaxPool2D{Kernel: [2]int{2, 2}}, a))
			c := Apply(conv3(4), Apply(Concatenate{Axis: 3}, a, b))
			return []*Node{Apply(CropToMatch{}, c, in[0])}
		}, 6, 6},
		{"inputs", two, func(in []*Node) []*Node { return []*Node{Apply(conv3(4), Apply(Concatenate{}, in...))} }, 1, 1},
		{"one", two[:1], func(in []*Node) []*Node { return []*Node{Apply(conv3(4), Apply(Concatenate{}, in[0]))} }, 1, 1},
		{"twice", two, func(in []*Node) []*Node {
			a := Apply(conv3(3), in[0])
			c := Apply(Concatenate{}, a, in[1], a)
			return []*Node{Apply(conv3(4), c), Apply(Conv2D{Filters: 3, Kernel: [2]int{1, 1}, Stride: [2]int{2, 3}}, c)}
		}, 3, 3},
		{"nested", two, func(in []*Node) []*Node {
			c := Apply(Concatenate{}, Apply(conv3(3), in[0]), in[1])
			d := Apply(Concatenate{}, in[1], c)
			return []*Node{Apply(conv3(4), d), Apply(conv3(2), c)}
		}, 3, 3},
		{"nested in one that stays", two, func(in []*Node) []*Node {
			c := Apply(Concatenate{}, in[1], Apply(Concatenate{}, Apply(conv3(3), in[0]), in[1]))
			return []*Node{Apply(Activation{Sigmoid}, c)}
		}, 3, 3},
		{"output", two, func(in []*Node) []*Node {
			c := Apply(Concatenate{}, in...)
			return []*Node{Apply(conv3(4), c), c}
		}, 2, 2},
		{"read by another layer", two, func(in []*Node) []*Node {
			c := Apply(Concatenate{}, in...)
			return []*Node{Apply(conv3(4), c), Apply(AvgPool2D{Kernel: [2]int{2, 3}}, c)}
		}, 3, 3},
		{"groups", []Shape{{5, 7, 2}, {5, 7, 2}}, func(in []*Node) []*Node {
			l := conv3(4)
			l.Groups = 2
			return []*Node{Apply(l, Apply(Concatenate{}, in...))}
		}, 2, 2},
		{"rows", []Shape{{5, 7, 3}, {4, 7, 3}}, func(in []*Node) []*Node {
			return []*Node{Apply(conv3(4), Apply(Concatenate{Axis: 1}, in...))}
		}, 2, 2},
		{"too many", two, func(in []*Node) []*Node {
			c := Apply(Concatenate{}, in[0], in[1], in[0])
			return []*Node{Apply(conv3(4), Apply(Concatenate{}, c, in[1], in[1]))}
		}, 2, 2},
		{"shared layer, frozen part", two[:1], func(in []*Node) []*Node {
			frozen := Named("frozen", conv3(3)).Apply(in[0])
			h := Named("twice", conv3(3))
			a := h.Apply(Apply(Concatenate{}, frozen))
			b := Named("twice_parts", conv3(2))
			return []*Node{b.Apply(Apply(Concatenate{}, frozen, h.Apply(a))), b.Apply(Apply(Concatenate{}, a, frozen))}
		}, 5, 5},
	})
}

func TestNormsFold(t *testing.T) {
	in := []Shape{{5, 7, 3}}
	norm := func(b BatchNorm, l Layer, in ...*Node) *Node {
		return Apply(Activation{Tanh}, Apply(b, Apply(l, in...)))
	}
	var cases []rewriteCase
	for _, l := range []Layer{
		Conv2D{Filters: 4, Kernel: [2]int{3, 2}, Padding: Same}, Conv2D{Filters: 17, Kernel: [2]int{3, 3}, Padding: Same, NoBias: true},
		Conv2D{Filters: 6, Kernel: [2]int{2, 3}, Groups: 3}, DepthwiseConv2D{Kernel: [2]int{3, 2}, Multiplier: 2},
		Conv2DTranspose{Filters: 5, Kernel: [2]int{3, 2}, Stride: [2]int{2, 1}}, Dense{Units: 7, NoBias: true}, Dense{Units: 7},
	} {
		cases = append(cases, rewriteCase{fmt.Sprintf("%s %+v", TypeName(l), l), in, func(in []*Node) []*Node {
			return []*Node{norm(BatchNorm{}, l, in...)}
		}, 1, 2})
	}
	conv := Conv2D{Filters: 4, Kernel: [2]int{3, 3}, Padding: Same}
	testRewrites(t, append(cases, []rewriteCase{
		{"without scale", in, func(in []*Node) []*Node { return []*Node{norm(BatchNorm{NoScale: true}, conv, in...)} }, 1, 2},
		{"without centre", in, func(in []*Node) []*Node { return []*Node{norm(BatchNorm{NoCenter: true}, conv, in...)} }, 1, 2},
		// Without a bias: before a norm its gradient is 0, and what is left of rounding errors
		// depends on the order of the sums, which parts change.
		{"in parts", []Shape{{5, 7, 3}, {5, 7, 2}}, func(in []*Node) []*Node {
			return []*Node{norm(BatchNorm{Epsilon: .5}, Conv2D{Filters: 4, Kernel: [2]int{3, 3}, Padding: Same, NoBias: true}, Apply(Concatenate{}, in...))}
		}, 1, 2},
		{"groups of a transposed one", in, func(in []*Node) []*Node {
			return []*Node{norm(BatchNorm{}, Conv2DTranspose{Filters: 6, Kernel: [2]int{3, 2}, Groups: 3}, in...)}
		}, 2, 2},
		{"activation between", in, func(in []*Node) []*Node {
			return []*Node{Apply(BatchNorm{}, Apply(conv3(4), in[0]))}
		}, 2, 2},
		{"read by another", in, func(in []*Node) []*Node {
			h := Apply(conv, in[0])
			return []*Node{Apply(BatchNorm{}, h), Apply(Activation{Sigmoid}, h)}
		}, 3, 3},
		{"one convolution, two norms", in, func(in []*Node) []*Node {
			h := Named("conv", conv)
			return []*Node{Apply(BatchNorm{}, h.Apply(in[0])), Apply(BatchNorm{NoScale: true}, h.Apply(in[0]))}
		}, 2, 4},
		{"one norm twice, frozen", in, func(in []*Node) []*Node {
			h := Named("frozen", BatchNorm{})
			return []*Node{h.Apply(Apply(conv, h.Apply(Apply(conv, in[0]))))}
		}, 2, 4},
	}...))
}

// TestNormsActivate: normalisations take the activation behind them in, where its gradient needs
// no input.
func TestNormsActivate(t *testing.T) {
	in := []Shape{{5, 7, 6}}
	merged := func(name string, norm Layer, f ActivationFunc, predicting, training int) rewriteCase {
		return rewriteCase{name, in, func(in []*Node) []*Node {
			x := Apply(Activation{Sigmoid}, in[0]) // so that there is a gradient to hand on
			return []*Node{Apply(Activation{f}, Named("norm", norm).Apply(x))}
		}, predicting, training}
	}
	frozen := merged("frozen", BatchNorm{}, ELU(1), 2, 2)
	frozen.build = func(in []*Node) []*Node {
		return []*Node{Apply(Activation{ELU(1)}, Named("frozen", BatchNorm{}).Apply(in[0]))}
	}
	frozen.predicting, frozen.training = 1, 1
	testRewrites(t, []rewriteCase{
		merged("batch", BatchNorm{}, LeakyReLU(.3), 2, 2),
		merged("group", GroupNorm{Groups: 3}, Tanh, 2, 2),
		merged("instance", InstanceNorm{}, Softplus, 2, 2),
		merged("instance, moving", InstanceNorm{Moving: true}, Sigmoid, 2, 2),
		merged("wants its input", BatchNorm{}, GELU, 2, 3),
		merged("mixes channels", BatchNorm{}, Softmax, 3, 3),
		frozen,
		{"read by another", in, func(in []*Node) []*Node {
			h := Apply(BatchNorm{}, in[0])
			return []*Node{Apply(Activation{ReLU}, h), Apply(AvgPool2D{Kernel: [2]int{2, 2}}, h)}
		}, 3, 3},
	})
}

// TestFoldedNormFollows: a prediction in single precision is that of the layers apart, also
// after a training step has moved weights and statistics, and after somebody wrote to them.
func TestFoldedNormFollows(t *testing.T) {
	x := Input("x", Shape{Any, Any, 32})
	conv := Apply(Conv2D{Filters: 32, Kernel: [2]int{3, 3}, Padding: Same}, x)
	norm := Apply(BatchNorm{Momentum: .5}, conv)
	m := must(NewModel(x, Apply(Activation{ReLU}, norm)))
	apart := must(NewModelOf([]*Node{x}, []*Node{Apply(Activation{ReLU}, norm), conv}))
	in, total, err := WithLoss(m, MeanSquaredError{})
	if err != nil {
		t.Fatal(err)
	}
	tr := must(NewTrainer(in, total, TrainerOptions{Workers: 2}))
	defer tr.Close()
	a := random(1, 2, 33, 21, 32)
	params := m.Store().Trainable()
	compare := func(when string) {
		got, want := predict(t, m, a), must(apart.Run(t.Context(), a))[0]
		// Sums of 288 products, of a kernel that is rounded once more.
		if e := relativeError(got.Data, want.Data); !(e <= 288*6e-8) {
			t.Errorf("%s: folded and apart differ by %.3g of the maximum", when, e)
		}
	}
	compare("at first")
	for step := range 2 {
		must(tr.Gradient(step, a, random(2, 2, 33, 21, 32)))
		for i, g := range m.Store().Gradients() {
			params[i] -= g
		}
		compare("after a step")
	}
	for i, p := range m.Params() {
		m.Store().Value(p)[i] += 3
		compare("after " + p.Name + " was written to")
	}
	if n := len(planOf(m, 1, false, Shape{9, 9, 32}).graph.steps); n != 1 {
		t.Errorf("%d steps, want one", n)
	}
}

func TestResiduals(t *testing.T) {
	in := []Shape{{5, 7, 3}}
	conv := Conv2D{Filters: 3, Kernel: [2]int{3, 2}, Padding: Same}
	testRewrites(t, []rewriteCase{
		{"input", in, func(in []*Node) []*Node {
			return []*Node{Apply(Activation{Tanh}, Apply(Add{}, in[0], Apply(conv, in[0])))}
		}, 1, 1},
		{"chain", in, func(in []*Node) []*Node {
			x := Apply(conv3(3), in[0])
			for range 3 {
				x = Apply(Activation{ELU(1)}, Apply(Add{}, Apply(conv, Apply(conv3(4), x)), x))
			}
			return []*Node{x}
		}, 7, 7},
		{"two convolutions", in, func(in []*Node) []*Node {
			return []*Node{Apply(Add{}, Apply(conv, in[0]), Apply(conv, Apply(conv3(4), in[0])))}
		}, 3, 3},
		{"activation that wants its input", in, func(in []*Node) []*Node {
			return []*Node{Apply(Activation{GELU}, Apply(Add{}, Apply(conv, in[0]), Apply(conv3(3), in[0])))}
		}, 2, 3},
		{"made before the other", in, func(in []*Node) []*Node {
			h := Apply(conv, in[0])
			return []*Node{Apply(Add{}, h, Apply(Activation{Sigmoid}, Apply(MaxPool2D{Kernel: [2]int{1, 1}}, in[0])))}
		}, 3, 3},
		{"output too", in, func(in []*Node) []*Node {
			h := Apply(conv, in[0])
			return []*Node{Apply(Add{}, in[0], h), h}
		}, 2, 2},
		{"with itself", in, func(in []*Node) []*Node {
			h := Apply(conv, in[0])
			return []*Node{Apply(Add{}, h, h)}
		}, 2, 2},
		{"repeated", in, func(in []*Node) []*Node {
			h := Apply(conv, in[0])
			return []*Node{Apply(Add{}, h, Apply(GlobalAvgPool2D{KeepDims: true}, in[0]))}
		}, 3, 3},
		{"activation between", in, func(in []*Node) []*Node {
			return []*Node{Apply(Add{}, Apply(conv3(3), in[0]), in[0])}
		}, 2, 2},
		{"three and again", in, func(in []*Node) []*Node {
			a, b := Apply(conv, in[0]), Apply(conv, in[0])
			return []*Node{Apply(Add{}, Apply(Add{}, a, b), in[0])}
		}, 3, 3},
		{"shared, parts, frozen", in, func(in []*Node) []*Node {
			h := Named("twice", Conv2D{Filters: 3, Kernel: [2]int{3, 2}, Padding: Same})
			x := Named("frozen", conv3(3)).Apply(in[0])
			y := Apply(conv, Apply(Concatenate{}, x, in[0]))
			y = Apply(Activation{Tanh}, Apply(Add{}, h.Apply(x), y))
			return []*Node{Apply(Add{}, y, h.Apply(y))}
		}, 4, 4},
		{"the joined value itself", []Shape{{5, 7, 2}, {5, 7, 1}}, func(in []*Node) []*Node {
			c := Apply(Concatenate{}, in...)
			return []*Node{Apply(Add{}, Apply(conv, Apply(conv3(4), c)), c)}
		}, 3, 3},
		{"norm before", in, func(in []*Node) []*Node {
			h := Apply(BatchNorm{}, Apply(conv, in[0]))
			return []*Node{Apply(Activation{Tanh}, Apply(Add{}, in[0], h))}
		}, 1, 4},
		{"differences", in, func(in []*Node) []*Node {
			h, k := Apply(conv, in[0]), Apply(conv3(3), in[0])
			return []*Node{Apply(Subtract{}, Apply(Subtract{}, h, k), Apply(Multiply{}, h, k))}
		}, 5, 5},
		{"sum of three", in, func(in []*Node) []*Node {
			h := Apply(conv, in[0])
			return []*Node{Apply(Add{}, h, in[0], Apply(Activation{Tanh}, h), Apply(Activation{Sigmoid}, h))}
		}, 4, 4},
		{"dropout and activations", in, func(in []*Node) []*Node {
			h := Apply(BatchNorm{}, Apply(Dropout{.3}, Apply(Activation{Swish}, Apply(Dense{Units: 4}, in[0]))))
			return []*Node{Apply(Activation{Softmax}, Apply(Activation{GELU}, h))}
		}, 3, 6},
		{"dropout alone", in, func(in []*Node) []*Node {
			h := Apply(Dropout{.3}, in[0])
			return []*Node{h, Apply(GaussianNoise{.1}, Apply(SpatialDropout{.2}, h)), in[0]}
		}, 0, 3},
	})
}
