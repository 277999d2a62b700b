package train_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/optim"
	"github.com/hourglass-go/hourglass/tensor"
	"github.com/hourglass-go/hourglass/train"
)

func TestFitLearns(t *testing.T) {
	dir := t.TempDir()
	r := newRun(dir)
	r.Epochs, r.EarlyStopping = 30, nil
	var seen []train.Epoch
	steps := 0
	r.OnEpoch = func(e train.Epoch) { seen = append(seen, e) }
	r.OnStep = func(s train.StepInfo) {
		steps++
		if s.Step != steps || s.Batches != 13 || s.Batch != (steps-1)%13+1 || s.Epoch != (steps-1)/13+1 {
			t.Errorf("step %d reported as %+v", steps, s)
		}
	}
	h := fit(t, r)
	if len(h.Epochs) != 30 || len(seen) != 30 || h.Stopped != "" {
		t.Fatalf("%d epochs, %d reported, stopped %q", len(h.Epochs), len(seen), h.Stopped)
	}
	first, last := h.Epochs[0].Metrics, h.Final()
	if !(last["loss"] < 0.7*first["loss"]) || !(last["val_psnr"] > last["val_psnr_input"]+2) {
		t.Errorf("from %v to %v", first, last)
	}
	if first["val_psnr_input"] != last["val_psnr_input"] {
		t.Error("the validation pictures change from epoch to epoch")
	}
	if d := math.Abs(last["val_loss"] - last["val_bce"]); d > 1e-5 {
		t.Errorf("val_loss %v, val_bce %v", last["val_loss"], last["val_bce"])
	}

	m, meta, err := modelfile.Load(dir + "/" + train.ModelFile)
	if err != nil {
		t.Fatal(err)
	}
	scores, err := train.Evaluate(context.Background(), m, r.Validation, r.BatchSize, "psnr")
	if best := h.Epochs[h.Best-1].Metrics["val_psnr"]; err != nil || scores["psnr"] != best {
		t.Errorf("the model file scores %v, %v; epoch %d scored %v", scores, err, h.Best, best)
	}
	if meta.Trained.Epochs != h.Best || meta.Trained.Seed != 9 || meta.Task != "denoise" ||
		!meta.Picture.Shape.Equal(tensor.Shape{5, 7, 1}) || len(meta.Scores) != 3 || meta.Scores[0].Samples != 41 {
		t.Errorf("metadata %+v", meta)
	}
}

func TestHistoryFile(t *testing.T) {
	dir := t.TempDir()
	r := newRun(dir)
	h := fit(t, r)
	lines := strings.Split(strings.TrimSpace(readFile(t, dir, train.HistoryFile)), "\n")
	if len(lines) != len(h.Epochs) {
		t.Fatalf("%d lines for %d epochs", len(lines), len(h.Epochs))
	}
	for i, line := range lines {
		var e struct {
			Event   string
			Epoch   int
			Seconds float64
			Metrics map[string]float64
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Event != "epoch" || e.Epoch != i+1 || !(e.Seconds > 0) || e.Metrics["val_psnr"] != h.Epochs[i].Metrics["val_psnr"] {
			t.Errorf("line %s", line)
		}
	}
}

// TestFitIsDeterministic: neither the number of workers nor GOMAXPROCS nor keeping files
// changes a bit.
func TestFitIsDeterministic(t *testing.T) {
	var want []float32
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, n := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(n)
		for _, dir := range []string{"", t.TempDir()} {
			r := newRun(dir)
			r.Workers = n
			fit(t, r)
			if want == nil {
				want = weights(r.Model)
			}
			sameBits(t, "weights", want, weights(r.Model))
		}
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	r := newRun("")
	r.Train = dataset.Restoration(pictures(16*130+3, 1), 3, false, dataset.GaussianNoise{Min: 0.1, Max: 0.3})
	r.Epochs = 2
	var before, after runtime.MemStats
	r.OnStep = func(s train.StepInfo) {
		if s.Epoch == 2 && s.Batch == 20 {
			runtime.ReadMemStats(&before)
		}
		if s.Epoch == 2 && s.Batch == 120 {
			runtime.ReadMemStats(&after)
		}
	}
	fit(t, r)
	if n := after.Mallocs - before.Mallocs; n != 0 {
		t.Errorf("%d allocations of %d bytes in 100 steps", n, after.TotalAlloc-before.TotalAlloc)
	}
}

// spy records which epochs and samples of a set are asked for.
type spy struct {
	dataset.Set
	mu    sync.Mutex
	calls map[[2]int]int
}

func (s *spy) Fill(epoch, index int, input, target []float32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls == nil {
		s.calls = map[[2]int]int{}
	}
	s.calls[[2]int{epoch, index}]++
	return s.Set.Fill(epoch, index, input, target)
}

// TestValidationStaysApart: training asks for each of its samples once an epoch and for
// nothing else, validation only for its own.
func TestValidationStaysApart(t *testing.T) {
	r := newRun("")
	r.EarlyStopping = nil
	training, validation := &spy{Set: r.Train}, &spy{Set: r.Validation}
	r.Train, r.Validation = training, validation
	fit(t, r)
	if len(training.calls) != r.Epochs*203 {
		t.Errorf("training asked for %d samples", len(training.calls))
	}
	for call, n := range training.calls {
		if n != 1 {
			t.Errorf("epoch and sample %v of training were asked for %d times", call, n)
		}
	}
	for call, n := range validation.calls {
		if call[0] != 0 || n != r.Epochs {
			t.Errorf("epoch and sample %v of validation were asked for %d times", call, n)
		}
	}
}

func TestEarlyStopping(t *testing.T) {
	var want []float32
	for _, dir := range []string{"", t.TempDir()} {
		r := newRun(dir)
		r.Epochs, r.Monitor = 50, "val_loss"
		r.Optimizer, r.Schedule, r.EMA = &optim.SGD{LearningRate: 1}, nil, nil
		r.EarlyStopping = &train.EarlyStopping{Patience: 2, MinDelta: 0.02, RestoreBest: true}
		h := fit(t, r)
		if h.Stopped == "" || len(h.Epochs) == 50 || h.Best == 0 {
			t.Fatalf("%d epochs, best %d, stopped %q", len(h.Epochs), h.Best, h.Stopped)
		}
		scores, err := train.Evaluate(context.Background(), r.Model, r.Validation, r.BatchSize, "psnr")
		if err != nil || scores["psnr"] != h.Epochs[h.Best-1].Metrics["val_psnr"] {
			t.Errorf("the model scores %v, %v, the best epoch %v", scores, err, h.Epochs[h.Best-1].Metrics)
		}
		if want == nil {
			want = weights(r.Model)
		}
		sameBits(t, "best weights", want, weights(r.Model))
	}
}

// explode is a schedule that goes wrong after some steps.
type explode struct{ after int }

func (e explode) Rate(base float64, p optim.Progress) float64 {
	if p.Step >= e.after {
		return 1e30
	}
	return base
}

func TestDivergenceStops(t *testing.T) {
	dir := t.TempDir()
	r := newRun(dir)
	r.Schedule, r.CheckpointEvery = explode{after: 30}, -1
	_, err := r.Fit(context.Background())
	var d *train.DivergedError
	if !errors.As(err, &d) || d.Epoch != 3 || d.Step < 31 || d.Where == "" {
		t.Fatalf("error %v", err)
	}
	if n := strings.Count(readFile(t, dir, train.HistoryFile), "\n"); n != 2 {
		t.Errorf("the history has %d epochs", n)
	}
	kept := tensorsOf(t, dir)

	good := newRun(t.TempDir())
	good.Schedule, good.CheckpointEvery = explode{after: 30}, -1
	good.Epochs = 2
	fit(t, good)
	for name, v := range tensorsOf(t, good.Dir) {
		sameBits(t, name, v, kept[name])
	}
}

// poisoned has a target that is no number in one epoch.
type poisoned struct{ dataset.Set }

func (p poisoned) Fill(epoch, index int, input, target []float32) error {
	err := p.Set.Fill(epoch, index, input, target)
	if epoch == 1 && index == 77 {
		input[3] = float32(math.NaN())
	}
	return err
}

func TestDivergenceNamesInput(t *testing.T) {
	r := newRun("")
	r.Train = poisoned{r.Train}
	_, err := r.Fit(context.Background())
	var d *train.DivergedError
	if !errors.As(err, &d) || d.What != "loss" || d.Epoch != 2 || d.Where != `input "picture"` {
		t.Fatalf("error %v", err)
	}
}

// TestCancelLeavesNothingRunning cancels in the middle of an epoch and between its last
// step and its validation.
func TestCancelLeavesNothingRunning(t *testing.T) {
	whole := newRun(t.TempDir())
	want := fit(t, whole)
	for last, says := range map[int]string{20: "epoch 2 after 7 of 13", 26: "epoch 2 after 13 of 13"} {
		before := runtime.NumGoroutine()
		r := newRun(t.TempDir())
		ctx, cancel := context.WithCancel(context.Background())
		r.OnStep = func(s train.StepInfo) {
			if s.Step == last {
				cancel()
			}
		}
		h, err := r.Fit(ctx)
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v does not say %s", err, says)
		}
		if len(h.Epochs) != 1 {
			t.Errorf("history of %d epochs", len(h.Epochs))
		}
		for deadline := time.Now().Add(2 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
			}
		}

		resumed := newRun(r.Dir)
		resumed.Resume = true
		got := fit(t, resumed)
		sameFiles(t, whole.Dir, r.Dir)
		sameBits(t, "weights", weights(whole.Model), weights(resumed.Model))
		for i := range want.Epochs {
			want.Epochs[i].Seconds, got.Epochs[i].Seconds = 0, 0
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
}

func TestMemory(t *testing.T) {
	r := newRun("")
	r.BatchSize = 100
	n, err := r.Memory()
	if err != nil {
		t.Fatal(err)
	}
	sizes := r.Model.Store().Sizes()
	params := 4 * int64(sizes[nn.Trainable])
	batches := int64(3*100*(2*35*4+4)) + 2*3*41*35*4
	// Weights, gradients, two slots of Adam, averages, best weights; batches; data.
	least := 6*params + batches + (203+41)*35
	if n < least || n > 4*least {
		t.Errorf("%d bytes, expected somewhat above %d", n, least)
	}
	r.BatchSize = 200
	if more, err := r.Memory(); err != nil || more <= n {
		t.Errorf("%d bytes for a batch of 100, %d, %v for one of 200", n, more, err)
	}
}

func TestFitRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*train.Run)
		says   string
	}{
		"no model":       {func(r *train.Run) { r.Model = nil }, "Model"},
		"no epochs":      {func(r *train.Run) { r.Epochs = 0 }, "Epochs is 0"},
		"no batch":       {func(r *train.Run) { r.BatchSize = -1 }, "BatchSize is -1"},
		"clip":           {func(r *train.Run) { r.ClipNorm = math.NaN() }, "ClipNorm"},
		"monitor":        {func(r *train.Run) { r.Monitor = "val_ssim" }, "val_psnr_input"},
		"metric":         {func(r *train.Run) { r.Metrics = []string{"psnrr", "psnr"} }, "psnrr"},
		"no validation":  {func(r *train.Run) { r.Validation = nil }, "Validation"},
		"patience":       {func(r *train.Run) { r.EarlyStopping.Patience = 0 }, "Patience"},
		"resume nowhere": {func(r *train.Run) { r.Dir, r.Resume = "", true }, "Dir"},
		"optimizer":      {func(r *train.Run) { r.Optimizer = &optim.Adam{Beta1: 2} }, "beta1"},
		"average":        {func(r *train.Run) { r.EMA.Decay = 1 }, "decay"},
		"loss":           {func(r *train.Run) { r.Loss = nn.Flatten{} }, "flatten"},
		"other pictures": {func(r *train.Run) { r.Train = dataset.Same(&dataset.Images{H: 2, W: 2, C: 1, Pix: make([]byte, 8)}) }, "[2 2 1]"},
		"no pictures":    {func(r *train.Run) { r.Train = dataset.Same(&dataset.Images{H: 5, W: 7, C: 1}) }, "no samples"},
	} {
		r := newRun(t.TempDir())
		c.change(r)
		if _, err := r.Fit(context.Background()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v does not say %s", name, err, c.says)
		}
	}
}

func TestEvaluateRefuses(t *testing.T) {
	m := newModel()
	set := dataset.Same(pictures(3, 1))
	for _, c := range []struct {
		set  dataset.Set
		name string
		says string
	}{
		{set, "psnrx", "psnrx"},
		{dataset.Same(&dataset.Images{H: 7, W: 5, C: 1, Pix: make([]byte, 70)}), "psnr", "[7 5 1]"},
	} {
		if _, err := train.Evaluate(context.Background(), m, c.set, 2, c.name); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("error %v does not say %s", err, c.says)
		}
	}
}

// TestRecompute: a run that recomputes, and one that goes on with what another began, end in
// the same bits.
func TestRecompute(t *testing.T) {
	plain := newRun(t.TempDir())
	fit(t, plain)
	less := newRun(t.TempDir())
	less.Recompute = true
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	less.OnStep = func(s train.StepInfo) {
		if s.Step == 20 {
			stop()
		}
	}
	if _, err := less.Fit(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	rest := newRun(less.Dir)
	rest.Resume = true
	fit(t, rest)
	other := newRun("")
	other.Recompute = true
	fit(t, other)
	sameBits(t, "recomputed", weights(plain.Model), weights(other.Model))
	sameBits(t, "recomputed at first", weights(plain.Model), weights(rest.Model))
}
