package train_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/modelfile/safetensors"
	"github.com/hourglass-go/hourglass/optim"
	"github.com/hourglass-go/hourglass/train"
)

// childEnv holds, in a process that a test has started from its own binary, the name of
// what it is to do and the folder of its run.
const childEnv = "HOURGLASS_TRAIN_TEST_CHILD"

// children are the things that such a process can do.
var children = map[string]func(dir string) error{"train": trainSlowly}

func TestMain(m *testing.M) {
	if task, dir, ok := strings.Cut(os.Getenv(childEnv), " "); ok {
		if err := children[task](dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(task, dir string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childEnv+"="+task+" "+dir)
	c.Stderr = os.Stderr
	return c
}

// trainSlowly gives whoever wants to kill the run time for it: the 78 steps take longer
// than three of TestKilledRunEndsInTheSameBits's turns, however they fall.
func trainSlowly(dir string) error {
	r := newRun(dir)
	r.Resume = true
	r.OnStep = func(train.StepInfo) { time.Sleep(4 * time.Millisecond) }
	_, err := r.Fit(context.Background())
	return err
}

// TestKilledRunEndsInTheSameBits kills a run again and again, at random moments, then
// lets it end.
func TestKilledRunEndsInTheSameBits(t *testing.T) {
	whole := newRun(t.TempDir())
	h := fit(t, whole)
	dir := t.TempDir()
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	killed := 0
	for range 6 {
		c := child("train", dir)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+r.IntN(80)) * time.Millisecond)
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if c.Wait() != nil {
			killed++
		}
	}
	if killed < 3 {
		t.Errorf("only %d runs were killed before their end", killed)
	}
	resumed := newRun(dir)
	resumed.Resume = true
	again := fit(t, resumed)
	sameFiles(t, whole.Dir, dir)
	sameBits(t, "weights", weights(whole.Model), weights(resumed.Model))
	for i, e := range h.Epochs {
		if again.Epochs[i].Metrics["val_psnr"] != e.Metrics["val_psnr"] || again.Epochs[i].Metrics["loss"] != e.Metrics["loss"] {
			t.Errorf("epoch %d: %v, want %v", i+1, again.Epochs[i].Metrics, e.Metrics)
		}
	}
}

func TestResumeOfFinishedRunDoesNothing(t *testing.T) {
	r := newRun(t.TempDir())
	h := fit(t, r)
	if !train.Exists(r.Dir) || train.Exists(t.TempDir()) {
		t.Error("Exists is wrong")
	}
	stamp := time.Now().Add(-time.Hour)
	for _, name := range []string{train.ModelFile, train.CheckpointFile, train.HistoryFile} {
		if err := os.Chtimes(filepath.Join(r.Dir, name), stamp, stamp); err != nil {
			t.Fatal(err)
		}
	}
	again := newRun(r.Dir)
	again.Resume = true
	again.OnStep = func(train.StepInfo) { t.Fatal("a step was made") }
	if h2 := fit(t, again); len(h2.Epochs) != len(h.Epochs) || h2.Best != h.Best {
		t.Errorf("history %+v", h2)
	}
	sameBits(t, "weights", weights(r.Model), weights(again.Model))
	for _, name := range []string{train.ModelFile, train.CheckpointFile, train.HistoryFile} {
		if info, err := os.Stat(filepath.Join(r.Dir, name)); err != nil || info.ModTime().After(stamp.Add(time.Second)) {
			t.Errorf("%s was written, %v", name, err)
		}
	}
}

func TestWithoutResumeStartsAfresh(t *testing.T) {
	r := newRun(t.TempDir())
	r.Epochs = 2
	fit(t, r)
	left := filepath.Join(r.Dir, "."+train.ModelFile+".tmp-1-0")
	if err := os.WriteFile(left, []byte("half"), 0o666); err != nil {
		t.Fatal(err)
	}
	again, whole := newRun(r.Dir), newRun(t.TempDir())
	fit(t, again)
	fit(t, whole)
	sameFiles(t, whole.Dir, again.Dir)
}

// TestResumeWithMoreEpochs: where the schedule does not depend on it, a run can be made
// longer.
func TestResumeWithMoreEpochs(t *testing.T) {
	dir := t.TempDir()
	for _, epochs := range []int{2, 5} {
		r := newRun(dir)
		r.Schedule, r.Epochs, r.Resume = optim.WarmUp{Steps: 3}, epochs, true
		fit(t, r)
	}
	whole := newRun(t.TempDir())
	whole.Schedule, whole.Epochs = optim.WarmUp{Steps: 3}, 5
	fit(t, whole)
	sameFiles(t, whole.Dir, dir)
}

func TestResumeRefusesOtherRuns(t *testing.T) {
	dir := t.TempDir()
	fit(t, newRun(dir))
	before := readFile(t, dir, train.CheckpointFile)
	for name, c := range map[string]struct {
		change func(*train.Run)
		says   []string
	}{
		"optimizer": {func(r *train.Run) { r.Optimizer = &optim.Adam{LearningRate: 0.02} }, []string{"optimizer", "0.01", "0.02"}},
		"batch":     {func(r *train.Run) { r.BatchSize = 8; r.Seed = 1 }, []string{"batch size: 16 in the checkpoint, 8 now", "seed: 9 in the checkpoint, 1 now"}},
		"schedule":  {func(r *train.Run) { r.Schedule = nil }, []string{"schedule", "cosine", "constant now"}},
		"epochs":    {func(r *train.Run) { r.Epochs = 7 }, []string{"epochs: 6 in the checkpoint, 7 now"}},
		"average":   {func(r *train.Run) { r.EMA = nil }, []string{"weight average", "0.9", "none now"}},
		"data":      {func(r *train.Run) { r.Train = r.Validation }, []string{"training set", "203 samples", "41 samples"}},
	} {
		r := newRun(dir)
		r.Resume = true
		c.change(r)
		_, err := r.Fit(context.Background())
		var other *train.ResumeError
		if !errors.As(err, &other) || len(other.Differences) < len(c.says)/2 {
			t.Errorf("%s: error %v", name, err)
			continue
		}
		for _, want := range append(c.says, dir) {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q does not say %q", name, err, want)
			}
		}
	}
	if readFile(t, dir, train.CheckpointFile) != before {
		t.Error("the checkpoint was changed")
	}
}

func TestResumeRefusesDamage(t *testing.T) {
	dir := t.TempDir()
	fit(t, newRun(dir))
	good := readFile(t, dir, train.CheckpointFile)
	path := filepath.Join(dir, train.CheckpointFile)
	for name, c := range map[string]struct{ content, says string }{
		"truncated":     {good[:len(good)-9], "data section"},
		"text":          {"no checkpoint at all", "header"},
		"model":         {readFile(t, dir, train.ModelFile), "not a checkpoint"},
		"newer":         {strings.Replace(good, `{\"version\":1`, `{\"version\":2`, 1), "version 2"},
		"contradiction": {strings.Replace(good, `\"epoch\":6,\"batch\":0`, `\"epoch\":5,\"batch\":0`, 1), "contradict"},
		"not finite":    {good[:len(good)-4] + "\x00\x00\xc0\x7f", "NaN"},
	} {
		if err := os.WriteFile(path, []byte(c.content), 0o666); err != nil {
			t.Fatal(err)
		}
		r := newRun(dir)
		r.Resume = true
		_, err := r.Fit(context.Background())
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestHistoryIsCutToTheCheckpoint: lines of epochs that the checkpoint does not know are
// written anew.
func TestHistoryIsCutToTheCheckpoint(t *testing.T) {
	r := newRun(t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	r.OnEpoch = func(e train.Epoch) {
		if e.Epoch == 2 {
			cancel()
		}
	}
	if _, err := r.Fit(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	path := filepath.Join(r.Dir, train.HistoryFile)
	if err := os.WriteFile(path, []byte(readFile(t, r.Dir, train.HistoryFile)+`{"epoch":3`), 0o666); err != nil {
		t.Fatal(err)
	}
	again, whole := newRun(r.Dir), newRun(t.TempDir())
	again.Resume = true
	fit(t, again)
	fit(t, whole)
	sameFiles(t, whole.Dir, r.Dir)
}

func TestCheckpointIsNoModel(t *testing.T) {
	r := newRun(t.TempDir())
	fit(t, r)
	if _, _, err := modelfile.Load(filepath.Join(r.Dir, train.CheckpointFile)); !errors.Is(err, modelfile.ErrNotModel) {
		t.Errorf("error %v", err)
	}
}

// FuzzResume: no progress that a checkpoint claims makes Fit panic.
func FuzzResume(f *testing.F) {
	dir := f.TempDir()
	newTiny := func() *train.Run {
		r := newRun(dir)
		r.Train, r.Validation, r.Epochs, r.Resume = r.Validation, dataset.Same(pictures(2, 4)), 2, true
		return r
	}
	r := newTiny()
	ctx, cancel := context.WithCancel(context.Background())
	r.OnStep = func(s train.StepInfo) {
		if s.Step == 4 {
			cancel()
		}
	}
	if _, err := r.Fit(ctx); !errors.Is(err, context.Canceled) {
		f.Fatal(err)
	}
	values := tensorsOf(f, dir)
	file, err := safetensors.Open(strings.NewReader(readFile(f, dir, train.CheckpointFile)), int64(len(readFile(f, dir, train.CheckpointFile))))
	if err != nil {
		f.Fatal(err)
	}
	good := file.Metadata[modelfile.CheckpointKey]
	f.Add(good)
	for _, lie := range []string{`"epoch":1`, `"epoch":-1`, `"epoch":4611686018427387904`, `"history":null`, `"best":{"epoch":9,"value":1}`} {
		key := lie[:strings.IndexByte(lie, ':')+1]
		at := strings.Index(good, key)
		f.Add(good[:at] + lie + "," + good[at:])
		f.Add(strings.Replace(good, key, lie+","+key, 2))
	}
	f.Fuzz(func(t *testing.T, text string) {
		var tensors []safetensors.Tensor
		for name, v := range values {
			tensors = append(tensors, safetensors.Tensor{Name: name, Shape: []int{len(v)}, Data: v})
		}
		var b bytes.Buffer
		if safetensors.Write(&b, map[string]string{modelfile.CheckpointKey: text}, tensors) != nil {
			return
		}
		if err := os.WriteFile(filepath.Join(dir, train.CheckpointFile), b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		r := newTiny()
		// An error is as good as a run that goes on; a panic is not.
		_, _ = r.Fit(context.Background())
	})
}
