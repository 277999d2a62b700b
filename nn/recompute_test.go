package nn

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/tensor"
)

// forgetful is a network of layers that draw, keep statistics, work in place, view and save,
// with skips, a shared layer and two outputs.
func forgetful() *Model {
	x := Input("x", Shape{5, 7, 3})
	h := Apply(conv3(4), x)
	skip := Apply(Activation{ELU(1)}, Apply(BatchNorm{}, h))
	shared := Named("shared", Conv2D{Filters: 4, Kernel: [2]int{3, 3}, Padding: Same, Activation: GELU})
	h = shared.Apply(Apply(Dropout{.3}, skip))
	h = Apply(MaxPool2D{Kernel: [2]int{2, 2}}, h)
	side := Apply(Reshape{Shape{24}}, Apply(Reshape{Shape{12, 2}}, h))
	h = shared.Apply(Apply(UpSampling2D{Factor: [2]int{2, 2}}, h))
	h = Apply(CropToMatch{}, Apply(PadToMultiple{Multiple: [2]int{6, 8}}, h), x)
	h = Apply(Conv2D{Filters: 4, Kernel: [2]int{3, 2}, Padding: Same}, Apply(Concatenate{}, skip, h))
	h = Apply(Activation{Tanh}, Apply(Add{}, h, skip))
	h = Apply(Multiply{}, h, Apply(Activation{Sigmoid}, Apply(Conv2D{Filters: 1, Kernel: [2]int{1, 1}}, h)))
	return must(NewModelOf([]*Node{x}, []*Node{h, Apply(Dense{Units: 2}, side)}))
}

// TestAgain: whatever is computed again, and when, results are the same, bit for bit.
func TestAgain(t *testing.T) {
	m := forgetful()
	g := must(lower(m, []Shape{{5, 7, 3}}))
	g.optimise(true)
	p := newPlan(g, 2, true, true)
	want := runPlan(m, p)
	k := newKeeper(p)
	most, _ := p.live()
	seen := map[string]bool{}
	check := func(back []action) {
		if seen[fmt.Sprint(back)] {
			return
		}
		seen[fmt.Sprint(back)] = true
		p.arenaOf(back)
		got := runPlan(m, p)
		for i, w := range [][][]float64{want.outputs, want.inputGrads, want.paramGrads, want.state} {
			for j := range w {
				if !slices.Equal([][][]float64{got.outputs, got.inputGrads, got.paramGrads, got.state}[i][j], w[j]) {
					t.Fatalf("%v: result %d, %d differs", back, i, j)
				}
			}
		}
	}
	for budget := range 200 {
		back, _ := k.run(most*budget/200, math.MaxInt64)
		check(back)
		for i, a := range back {
			if a.again { // kept since it was made the time before
				check(slices.Delete(slices.Clone(back), i, i+1))
			}
		}
	}
	if len(seen) < 200 {
		t.Errorf("only %d plans differ", len(seen))
	}
}

// TestRecompute: training that recomputes takes less memory, gives the same weights and
// statistics at any number of workers, and allocates nothing in a step.
func TestRecompute(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	type outcome struct{ weights, losses []float64 }
	a, b := random(1, 3, 45, 42, 3), random(2, 3, 45, 42, 1)
	run := func(o TrainerOptions) (memory int64, out outcome) {
		m := unet(8, 2, true)
		m.Init(4)
		in, total, err := WithLoss(m, MeanSquaredError{})
		if err != nil {
			t.Fatal(err)
		}
		tr := must(NewTrainer(in, total, o))
		defer tr.Close()
		step := func(i int) float64 {
			loss := must(tr.Gradient(i, a, b))
			for i, g := range m.Store().Gradients() {
				m.Store().Trainable()[i] -= g
			}
			return loss
		}
		for i := range 3 {
			out.losses = append(out.losses, step(i))
		}
		for _, v := range slices.Concat(m.Store().Trainable(), m.Store().Values(State)) {
			out.weights = append(out.weights, float64(v))
		}
		// A worker takes its scratch when it gets its first tile, which with more workers than
		// processors may be late: the least of ten counts.
		least := uint64(math.MaxUint64)
		for range 10 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			must(tr.Gradient(9, a, b))
			runtime.ReadMemStats(&after)
			least = min(least, after.Mallocs-before.Mallocs)
		}
		if least > 0 {
			t.Errorf("a step makes %d allocations", least)
		}
		return must(tr.Memory(3, Shape{45, 42, 3}, Shape{45, 42, 1})), out
	}
	memory, want := run(TrainerOptions{Seed: 5, Workers: 2})
	for _, workers := range []int{1, 2, 5} {
		less, got := run(TrainerOptions{Seed: 5, Workers: workers, Recompute: true})
		if !slices.Equal(got.weights, want.weights) || !slices.Equal(got.losses, want.losses) {
			t.Errorf("%d workers: recomputing gives another result", workers)
		}
		if less > memory*3/4 {
			t.Errorf("%d bytes, %d without recomputing", less, memory)
		}
	}
}

// TestRecomputeArena: the arena of a U-Net's training shrinks to half or less.
func TestRecomputeArena(t *testing.T) {
	for _, norm := range []bool{false, true} {
		p := planOf(unet(32, 4, norm), 8, true, Shape{128, 128, 3})
		before := p.arena
		p.recompute()
		again := len(p.back) - len(p.graph.steps)
		live, _ := p.live()
		t.Logf("norm=%v: arena %.1f MiB, alive at once %.1f, without %.1f; %d of %d steps again",
			norm, float64(p.arena)/(1<<18), float64(live)/(1<<18), float64(before)/(1<<18), again, len(p.graph.steps))
		if 2*p.arena > before {
			t.Errorf("the arena has %d numbers, %d without recomputing", p.arena, before)
		}
	}
}

// TestRecomputeOfLittle: graphs too short to be divided are planned as ever.
func TestRecomputeOfLittle(t *testing.T) {
	x := Input("x", Shape{3})
	m := must(NewModel(x, Apply(Dense{Units: 3}, x)))
	in, total, err := WithLoss(m, MeanSquaredError{})
	if err != nil {
		t.Fatal(err)
	}
	tr := must(NewTrainer(in, total, TrainerOptions{Workers: 1, Recompute: true}))
	defer tr.Close()
	if loss := must(tr.Gradient(0, random(1, 2, 3), tensor.New(2, 3))); !(loss > 0) {
		t.Errorf("loss %v", loss)
	}
}
