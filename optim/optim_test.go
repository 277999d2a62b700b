package optim

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/internal/rng"
)

// every lists optimisers with each slot that they can have.
func every() []Optimizer {
	return []Optimizer{
		&SGD{}, &SGD{Momentum: 0.9}, &SGD{Momentum: 0.8, Nesterov: true},
		&RMSprop{}, &RMSprop{Momentum: 0.5, Centered: true},
		&Adam{}, &Adam{NoMomentum: true}, &AdamW{},
	}
}

// fresh returns an optimiser with the same settings and no state.
func fresh(t testing.TB, o Optimizer) Optimizer {
	t.Helper()
	settings, err := Settings(o)
	if err != nil {
		t.Fatal(err)
	}
	n, err := New(o.Name(), settings)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// vector draws n normal numbers; n is not a multiple of any chunk or vector width.
func vector(stream uint64, n int) []float32 {
	k := rng.New(7, stream)
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(k.Normal(uint64(i)))
	}
	return x
}

const odd = 20_011

// The same bits with 1, 2 and 5 workers.
func TestStepsDoNotDependOnWorkers(t *testing.T) {
	for i, o := range every() {
		var want []float32
		for _, workers := range []int{1, 2, 5} {
			team := parallel.Start(workers)
			params := vector(0, odd)
			o.Init(odd)
			for step := range 3 {
				o.Step(team, params, vector(uint64(step+1), odd), o.BaseRate())
			}
			team.Close()
			if want == nil {
				want = params
			}
			if !slices.Equal(params, want) {
				t.Errorf("%d/%s: %d workers give other weights than 1", i, o.Name(), workers)
			}
		}
	}
}

// Steps after Restore have the bits of the run that went on; the state is a copy then.
func TestResume(t *testing.T) {
	const n = 1003
	for i, o := range every() {
		params := vector(0, n)
		o.Init(n)
		for step := range 4 {
			o.Step(nil, params, vector(uint64(step+1), n), o.BaseRate())
		}
		saved := o.State()
		for j := range saved.Slots {
			saved.Slots[j].Data = slices.Clone(saved.Slots[j].Data)
		}
		resumed, resumedParams := fresh(t, o), slices.Clone(params)
		resumed.Init(n)
		if err := resumed.Restore(saved); err != nil {
			t.Fatal(err)
		}
		for step := 4; step < 8; step++ {
			o.Step(nil, params, vector(uint64(step+1), n), o.BaseRate())
			resumed.Step(nil, resumedParams, vector(uint64(step+1), n), o.BaseRate())
		}
		if !slices.Equal(params, resumedParams) {
			t.Errorf("%d/%s: the resumed run ends in other weights", i, o.Name())
		}
		if diff := cmp.Diff(o.State(), resumed.State()); diff != "" {
			t.Errorf("%d/%s: %s", i, o.Name(), diff)
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	o := &Adam{}
	o.Init(3)
	good := State{Step: 1, Slots: []Slot{{"momentum", make([]float32, 3)}, {"velocity", []float32{1, 2, 3}}}}
	for message, change := range map[string]func(*State){
		"has 1 slots, 2 are needed":                    func(s *State) { s.Slots = s.Slots[:1] },
		`slot 1 of the state is "speed"`:               func(s *State) { s.Slots[1].Name = "speed" },
		`"velocity" with 2 values, must be`:            func(s *State) { s.Slots[1].Data = s.Slots[1].Data[:2] },
		"the state is after -1 steps, which cannot be": func(s *State) { s.Step = -1 },
	} {
		bad := State{good.Step, slices.Clone(good.Slots)}
		change(&bad)
		if err := o.Restore(bad); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("error %v, want %q", err, message)
		}
		if s := o.State(); s.Step != 0 || s.Slots[1].Data[2] != 0 {
			t.Errorf("%q: the state was changed all the same", message)
		}
	}
	if err := o.Restore(good); err != nil {
		t.Error(err)
	}
}

func TestInitForgets(t *testing.T) {
	for i, o := range every() {
		var results [2][]float32
		for run := range results {
			results[run] = vector(0, 9)
			o.Init(9)
			o.Step(nil, results[run], vector(1, 9), o.BaseRate())
		}
		if !slices.Equal(results[0], results[1]) {
			t.Errorf("%d/%s: Init kept something of the run before", i, o.Name())
		}
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	params, grads := vector(0, odd), vector(1, odd)
	ema, clip := &EMA{}, &NormClip{Max: 0.5}
	ema.Init(odd)
	for i, o := range every() {
		o.Init(odd)
		step := func() {
			clip.Clip(nil, grads)
			o.Step(nil, params, grads, o.BaseRate())
			ema.Update(nil, params)
		}
		step()
		if n := testing.AllocsPerRun(10, step); n != 0 {
			t.Errorf("%d/%s: %v allocations a step", i, o.Name(), n)
		}
	}
}

func TestStepPanicsOnWrongLength(t *testing.T) {
	for i, o := range every() {
		o.Init(4)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d/%s: no panic", i, o.Name())
				}
			}()
			o.Step(nil, make([]float32, 4), make([]float32, 3), 0.1)
		}()
	}
}

func TestEMA(t *testing.T) {
	params := []float32{1, 2}
	e := &EMA{Decay: 0.75}
	e.Init(2)
	e.Swap(params) // nothing is there to be swapped
	e.Update(nil, params)
	params[0], params[1] = 3, 0
	e.Update(nil, params)
	e.Swap(params)
	if !slices.Equal(params, []float32{1.5, 1.5}) {
		t.Errorf("average %v, want 1.5, 1.5", params)
	}
	e.Swap(params)
	if !slices.Equal(params, []float32{3, 0}) {
		t.Errorf("after two swaps %v, want the weights, 3, 0", params)
	}
	resumed := &EMA{Decay: 0.75}
	resumed.Init(2)
	if err := resumed.Restore(e.State()); err != nil {
		t.Fatal(err)
	}
	resumed.Update(nil, params)
	e.Update(nil, params)
	if diff := cmp.Diff(e.State(), resumed.State()); diff != "" {
		t.Error(diff)
	}
}

func TestClipNorm(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		grads []float32
		max   float64
		norm  float64
		want  []float32
	}{
		{[]float32{3, -4}, 10, 5, []float32{3, -4}},
		{[]float32{3, -4}, 5, 5, []float32{3, -4}},
		{[]float32{3, -4}, 2.5, 5, []float32{1.5, -2}},
		{[]float32{0, 0}, 1, 0, []float32{0, 0}},
		{[]float32{1, inf}, 1, math.Inf(1), []float32{1, inf}},
		{nil, 1, 0, nil},
	} {
		got := slices.Clone(c.grads)
		if norm := ClipNorm(nil, got, c.max); norm != c.norm || !slices.Equal(got, c.want) {
			t.Errorf("%v to norm %v: norm %v, %v; want %v, %v", c.grads, c.max, norm, got, c.norm, c.want)
		}
	}
	if norm := ClipNorm(nil, []float32{float32(math.NaN())}, 1); !math.IsNaN(norm) {
		t.Errorf("norm of NaN is %v", norm)
	}
}

func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		name     string
		schedule Schedule
		progress Progress
		want     float64
	}{
		{"constant", Constant{}, Progress{Step: 7}, 2},
		{"step, first", StepDecay{Every: 3, Factor: 0.5}, Progress{Epoch: 2}, 2},
		{"step, second", StepDecay{Every: 3, Factor: 0.5}, Progress{Epoch: 3}, 1},
		{"step, defaults", StepDecay{}, Progress{Epoch: 29}, 0.02},
		{"exponential, unknown length", Exponential{Factor: 0.5}, Progress{Step: 9, Epoch: 3}, 0.25},
		{"exponential, within epoch", Exponential{Factor: 0.25}, Progress{Step: 5, Steps: 20, Epochs: 2}, 1},
		{"cosine, begin", Cosine{}, Progress{Step: 0, Steps: 10}, 2},
		{"cosine, half", Cosine{}, Progress{Step: 5, Steps: 10}, 1},
		{"cosine, end", Cosine{Final: 0.25}, Progress{Step: 10, Steps: 10}, 0.5},
		{"cosine, beyond", Cosine{Final: 0.25}, Progress{Step: 11, Steps: 10}, 0.5},
		{"cosine, no steps", Cosine{}, Progress{}, 2},
		{"warm-up, first", WarmUp{Steps: 3}, Progress{Step: 0}, 0.5},
		{"warm-up, last", WarmUp{Steps: 3}, Progress{Step: 2}, 1.5},
		{"warm-up, over", WarmUp{Steps: 3}, Progress{Step: 3}, 2},
		{"warm-up, then cosine, last", WarmUp{4, Cosine{}}, Progress{Step: 3, Steps: 14}, 1.6},
		{"warm-up, then cosine, begin", WarmUp{4, Cosine{}}, Progress{Step: 4, Steps: 14}, 2},
		{"warm-up, then cosine, half", WarmUp{4, Cosine{}}, Progress{Step: 9, Steps: 14}, 1},
		{"warm-up, then cosine, end", WarmUp{4, Cosine{}}, Progress{Step: 14, Steps: 14}, 0},
		{"warm-up longer than the run", WarmUp{20, Cosine{}}, Progress{Step: 9, Steps: 10}, 2 * 10.0 / 21},
		{"warm-up, then exponential", WarmUp{4, Exponential{Factor: 0.25}}, Progress{Step: 9, Steps: 20, Epochs: 2}, 1},
		{"plateau, no history", Plateau{}, Progress{Epoch: 3}, 2},
		{"plateau, NaN", Plateau{Patience: 1, Factor: 0.5}, Progress{History: []float64{1, math.NaN()}}, 1},
	} {
		near(t, c.name, c.schedule.Rate(2, c.progress)+1, c.want+1, 1e-12)
	}
}

func TestRegistry(t *testing.T) {
	for name, schedule := range map[string]bool{
		"adam": false, "adamw": false, "rmsprop": false, "sgd": false,
		"constant": true, "cosine": true, "exponential": true, "plateau": true, "step": true,
	} {
		if schedule {
			if s, err := NewSchedule(name, nil); err != nil || Check(s) != nil {
				t.Errorf("%s: %v, %v", name, err, Check(s))
			}
			continue
		}
		if o, err := New(name, nil); err != nil || o.Name() != name || Check(o) != nil {
			t.Errorf("%s: %v, %v", name, o, err)
		}
	}
	s, err := NewSchedule("cosine", map[string]any{"final": 0.1, "warm_up": 500})
	if diff := cmp.Diff(any(WarmUp{500, &Cosine{Final: 0.1}}), any(s)); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestSettingsWriteDefaultsOut(t *testing.T) {
	got, err := Settings(&AdamW{Beta2: 0.95})
	want := map[string]any{"learning_rate": 0.001, "weight_decay": 0.004, "beta1": 0.9, "beta2": 0.95,
		"epsilon": 1e-7, "no_momentum": false}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestConfigurationErrors(t *testing.T) {
	type settings = map[string]any
	for _, c := range []struct {
		name     string
		settings settings
		message  string
	}{
		{"adm", nil, `unknown optimizer "adm", did you mean "adam"? (known: adam, adamw, rmsprop, sgd)`},
		{"Adam", nil, `did you mean "adam"?`},
		{"lbfgs", nil, `unknown optimizer "lbfgs"; known are adam, adamw, rmsprop, sgd`},
		{"adam", settings{"learning_rte": 1}, `adam: unknown setting "learning_rte", did you mean "learning_rate"?`},
		{"sgd", settings{"beta1": 0.9}, `sgd: unknown setting "beta1"; known are learning_rate, momentum, nesterov`},
		{"adam", settings{"learning_rate": "fast"}, "adam: learning_rate is fast, must be a number"},
		{"adam", settings{"learning_rate": nil}, "must be a number"},
		{"adam", settings{"learning_rate": math.NaN()}, "learning_rate is NaN, must be a number"},
		{"sgd", settings{"nesterov": 1}, "nesterov is 1, must be true or false"},
		{"adam", settings{"learning_rate": 0}, "learning_rate is 0, must be above 0"},
		{"adam", settings{"learning_rate": -1}, "learning_rate is -1, must be above 0"},
		{"adam", settings{"beta1": 0}, "beta1 is 0; no_momentum: true says that"},
		{"adam", settings{"beta1": 1}, "beta1 is 1, must be between 0 and 1"},
		{"adamw", settings{"beta2": 1.5}, "beta2 is 1.5, must be between 0 and 1"},
		{"adamw", settings{"weight_decay": 0}, "weight_decay is 0, must be above 0"},
		{"rmsprop", settings{"rho": 0}, "rho is 0, must be between 0 and 1"},
		{"sgd", settings{"momentum": 1.1}, "momentum is 1.1, must be from 0 to 1"},
	} {
		o, err := New(c.name, c.settings)
		if err == nil || !strings.Contains(err.Error(), c.message) || o != nil {
			t.Errorf("%s %v: %v, error %v, want %q", c.name, c.settings, o, err, c.message)
		}
	}
	for _, c := range []struct {
		name     string
		settings settings
		message  string
	}{
		{"cosin", nil, `unknown schedule "cosin", did you mean "cosine"?`},
		{"cosine", settings{"final": 2}, "cosine: final is 2, must be from 0 to 1"},
		{"cosine", settings{"warmup": 2}, `cosine: unknown setting "warmup", did you mean "warm_up"?`},
		{"cosine", settings{"warm_up": -2}, "warm_up is -2, must be a number of steps"},
		{"cosine", settings{"warm_up": 0.5}, "warm_up is 0.5, must be a whole number"},
		{"step", settings{"every": 0}, "step: every is 0, must be above 0"},
		{"exponential", settings{"factor": -1}, "exponential: factor is -1, must be above 0"},
		{"plateau", settings{"factor": 1}, "plateau: factor is 1, must be between 0 and 1"},
		{"plateau", settings{"cooldown": -1}, "plateau: cooldown is -1, must be at least 0"},
	} {
		s, err := NewSchedule(c.name, c.settings)
		if err == nil || !strings.Contains(err.Error(), c.message) || s != nil {
			t.Errorf("%s %v: %v, error %v, want %q", c.name, c.settings, s, err, c.message)
		}
	}
	if err := Check(&EMA{Decay: 1}); err == nil {
		t.Error("an average that never moves was accepted")
	}
}

// Numbers arrive from YAML as any of these types.
func TestNewTakesEveryNumberType(t *testing.T) {
	for _, v := range []any{2, int64(2), uint64(2), 2.0, float32(2), json.Number("2")} {
		o, err := New("sgd", map[string]any{"learning_rate": v})
		if err != nil || o.BaseRate() != 2 {
			t.Errorf("%T: %v, %v", v, o, err)
		}
	}
}

func BenchmarkStep(b *testing.B) {
	const n = 222_384 // the MNIST autoencoder
	team := parallel.Start(0)
	defer team.Close()
	for i, o := range every() {
		b.Run(fmt.Sprintf("op=%s/case=%d", o.Name(), i), func(b *testing.B) {
			params, grads := vector(0, n), vector(1, n)
			o.Init(n)
			for b.Loop() {
				o.Step(team, params, grads, o.BaseRate())
			}
			b.SetBytes(4 * n)
		})
	}
}
