package recipes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/internal/atomicfile"
	"github.com/hourglass-go/hourglass/internal/memory"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/optim"
	"github.com/hourglass-go/hourglass/tasks"
	"github.com/hourglass-go/hourglass/train"
)

// The files of a run's folder, beside those of package train.
const (
	recipeFile  = "recipe.yaml"
	curvesFile  = "curves.png"
	samplesFile = "samples.png"
)

var runFiles = []string{train.ModelFile, train.CheckpointFile, train.HistoryFile, recipeFile, curvesFile, samplesFile}

// TrainOptions say where a recipe trains and who is told about it.
type TrainOptions struct {
	Dir     string // the run's folder
	Data    string // the folder of the data, where the user named one
	Init    string // a model or weights to begin with
	Resume  bool   // go on with the run in Dir
	Force   bool   // overwrite the run in Dir
	Workers int    // 0: GOMAXPROCS
	Version string // of the program, for the model file

	Tell    func(string) // sentences about what is done; may be nil
	OnStep  func(train.StepInfo)
	OnEpoch func(train.Epoch)
}

func (o *TrainOptions) tell(format string, args ...any) {
	if o.Tell != nil {
		o.Tell(fmt.Sprintf(format, args...))
	}
}

// Outcome is what a run came to.
type Outcome struct {
	Recipe          string             `json:"recipe"`
	Epochs          int                `json:"epochs"`
	SecondsPerEpoch float64            `json:"seconds_per_epoch"` // the median
	Model           string             `json:"model"`
	Metrics         map[string]float64 `json:"metrics"` // of the test split

	Stopped string   `json:"stopped,omitempty"` // why before its last epoch
	Files   []string `json:"-"`                 // what was written; empty where the run was finished already
}

// ExistsError refuses a folder that holds a run already.
type ExistsError struct{ Dir, File string }

// Error names the folder, the file that shows it is a run, and the flags that help.
func (e *ExistsError) Error() string {
	return fmt.Sprintf("%s holds a run already (%s): --resume goes on with it, --force overwrites it, -o names another folder", e.Dir, e.File)
}

// Train carries the recipe out: it checks the folder, finds and reads the data, trains,
// scores the best model on the test split and draws curves and samples. The folder then
// holds model.safetensors, last.safetensors, history.jsonl, recipe.yaml, curves.png and
// samples.png. A cancelled context leaves a checkpoint to resume from; a failure before the
// first checkpoint leaves nothing.
func Train(ctx context.Context, r *Recipe, o TrainOptions) (out *Outcome, failure error) {
	p, err := r.parts()
	if err != nil {
		return nil, err
	}
	text, err := r.YAML()
	if err != nil {
		return nil, err
	}
	if o.Resume {
		if done, err := r.standing(p, o, text); done != nil || err != nil {
			return done, err
		}
	}
	made, err := claimRun(o.Dir, o.Resume || o.Force)
	if err != nil {
		return nil, err
	}
	fresh := false // this run, and no other, has put its files there
	defer func() {
		if _, missing := os.Lstat(filepath.Join(o.Dir, train.CheckpointFile)); missing == nil {
			return
		}
		if fresh && failure != nil { // nothing to go on from
			failure = errors.Join(failure, clearRun(o.Dir))
		}
		if made && failure != nil {
			os.Remove(o.Dir) // only if it is empty
		}
	}()
	run, test, d, err := r.prepare(ctx, p, o)
	if err != nil {
		return nil, err
	}
	if o.Force && !o.Resume {
		if err := clearRun(o.Dir); err != nil {
			return nil, err
		}
	}
	run.Dir, run.Resume = o.Dir, o.Resume
	fresh = !train.Exists(o.Dir)
	trained := false
	run.OnStart = func() error { // only now is it known that a resumed run is the same one
		trained = true
		return atomicfile.WriteBytes(filepath.Join(o.Dir, recipeFile), text)
	}
	history, err := run.Fit(ctx)
	if err != nil {
		return nil, err
	}
	if !trained && isWhole(o.Dir) {
		return r.finished(o.Dir, history)
	}
	return r.finish(ctx, o, d, test, history)
}

// prepare reads the data and sets the run up.
func (r *Recipe) prepare(ctx context.Context, p *parts, o TrainOptions) (run *train.Run, test dataset.Set, d *data, err error) {
	dir, err := r.find(o.Data)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := r.initialise(p.model); err != nil {
		return nil, nil, nil, err
	}
	if err := r.pretrain(p, o); err != nil {
		return nil, nil, nil, err
	}
	if o.Init != "" {
		if err := checkModelFile(o.Init); err != nil {
			return nil, nil, nil, err
		}
		if err := modelfile.LoadWeights(o.Init, p.model); err != nil {
			return nil, nil, nil, err
		}
		o.tell("weights begin as those of %s", o.Init)
	}
	if d, err = r.load(ctx, dir, p); err != nil {
		return nil, nil, nil, err
	}
	training, validation, test, err := r.sets(d, p)
	if err != nil {
		return nil, nil, nil, err
	}
	meta, err := r.metadata(p, d, o.Version)
	if err != nil {
		return nil, nil, nil, err
	}
	run = r.run(p)
	run.Train, run.Validation, run.Meta = training, validation, meta
	run.Workers, run.OnStep, run.OnEpoch = o.Workers, o.OnStep, o.OnEpoch
	need, err := run.Memory()
	if err != nil {
		return nil, nil, nil, err
	}
	if err := r.room(need, "training"); err != nil {
		return nil, nil, nil, err
	}
	where := "that come with the program"
	if dir != "" {
		where = "from " + dir
	}
	o.tell("%s: %d training and %d test pictures %s; training takes about %s of memory",
		r.Name, training.Len(), test.Len(), where, memory.Bytes(need))
	return run, test, d, nil
}

// run is the training without its data.
func (r *Recipe) run(p *parts) *train.Run {
	run := &train.Run{
		Model: p.model, Loss: p.loss, Optimizer: p.optimizer, Schedule: p.schedule, ClipNorm: r.ClipNorm,
		Epochs: r.Epochs, BatchSize: r.Batch, Seed: r.Seed, Recompute: r.Recompute, Monitor: "loss",
	}
	if r.EMA > 0 {
		run.EMA = &optim.EMA{Decay: r.EMA}
	}
	if r.Validation > 0 {
		run.Metrics, run.Monitor = r.Metrics, "val_loss"
	}
	if s := r.EarlyStopping; s != nil {
		run.Monitor = s.Monitor
		run.EarlyStopping = &train.EarlyStopping{Patience: s.Patience, MinDelta: s.MinDelta}
	}
	return run
}

// metadata is what the model file will say.
func (r *Recipe) metadata(p *parts, d *data, version string) (modelfile.Metadata, error) {
	text, err := r.YAML()
	if err != nil {
		return modelfile.Metadata{}, err
	}
	meta := modelfile.Metadata{
		Name:    r.Name,
		Task:    r.Task,
		Picture: modelfile.Picture{Shape: p.model.Inputs()[0].Shape()},
		Trained: modelfile.Training{Recipe: string(text), Data: r.Data.Name, Seed: r.Seed, Version: version},
	}
	if p.gallery != nil {
		return r.galleryMetadata(p, meta), nil
	}
	targets := d.train.Images
	if d.train.Targets != nil {
		targets = d.train.Targets
	}
	const enough = 1000 // pictures to tell their polarity by
	meta.Picture.Polarity = modelfile.MeasurePolarity(targets.Tensor(0, min(targets.Len(), enough)))
	if meta.Picture.Shape.Known() && (r.Data.Name == "mnist" || r.Data.Name == EmbeddedDigits) {
		meta.Extra = map[string]string{tasks.FitKey: tasks.FitDigit}
	}
	return meta, nil
}

// finish scores the kept model and draws the pictures.
func (r *Recipe) finish(ctx context.Context, o TrainOptions, d *data, test dataset.Set, history *train.History) (*Outcome, error) {
	path := filepath.Join(o.Dir, train.ModelFile)
	model, meta, err := modelfile.Load(path)
	if err != nil {
		return nil, err
	}
	scores, err := train.Evaluate(ctx, model, test, evaluationBatch, r.Metrics...)
	if err != nil {
		return nil, err
	}
	meta.Scores = slices.DeleteFunc(meta.Scores, func(s modelfile.Score) bool { return s.Split == "test" })
	for _, name := range r.Metrics {
		if v := scores[name]; !math.IsNaN(v) && !math.IsInf(v, 0) {
			meta.Scores = append(meta.Scores, modelfile.Score{Metric: name, Value: v, Data: r.Data.Name, Split: "test", Samples: test.Len()})
		}
	}
	if err := modelfile.Save(path, model, meta); err != nil {
		return nil, err
	}
	curves, err := curvesOf(history)
	if err != nil {
		return nil, err
	}
	samples, err := r.testSamples(ctx, model, test, d)
	if err != nil {
		return nil, err
	}
	if err := save(curves, filepath.Join(o.Dir, curvesFile)); err != nil {
		return nil, err
	}
	if err := save(samples, filepath.Join(o.Dir, samplesFile)); err != nil {
		return nil, err
	}
	out := &Outcome{
		Recipe: r.Name, Epochs: len(history.Epochs), SecondsPerEpoch: medianSeconds(history),
		Model: path, Metrics: scores, Stopped: history.Stopped,
	}
	for _, name := range runFiles {
		out.Files = append(out.Files, filepath.Join(o.Dir, name))
	}
	return out, nil
}

// evaluationBatch is large enough to keep every core busy, and fixed, so that figures do
// not depend on how a model was trained.
const evaluationBatch = 256

// medianSeconds is the median duration of an epoch's training pass.
func medianSeconds(h *train.History) float64 {
	var s []float64
	for _, e := range h.Epochs {
		s = append(s, e.Seconds)
	}
	if len(s) == 0 {
		return 0
	}
	slices.Sort(s)
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// clearRun removes the files of a run, and nothing else.
func clearRun(dir string) error {
	for _, name := range runFiles {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &atomicfile.Error{Path: dir, Err: underlying(err)}
		}
	}
	return nil
}

// checkModelFile makes sure that there is a file before anything else is done for it.
func checkModelFile(path string) error {
	switch info, err := os.Stat(path); {
	case err != nil:
		return problem(path, "%v, want a model file", underlying(err))
	case info.IsDir():
		return problem(path, "it is a folder, want a model file, such as %s", filepath.Join(path, train.ModelFile))
	}
	return nil
}

// loadModel reads a model file.
func loadModel(path string) (*nn.Model, modelfile.Metadata, error) {
	if err := checkModelFile(path); err != nil {
		return nil, modelfile.Metadata{}, err
	}
	return modelfile.Load(path)
}

// ofModel returns a model and the recipe that it was trained by.
func ofModel(path string) (*nn.Model, modelfile.Metadata, *Recipe, error) {
	model, meta, err := loadModel(path)
	if err != nil {
		return nil, meta, nil, err
	}
	if strings.TrimSpace(meta.Trained.Recipe) == "" {
		return nil, meta, nil, problem(path, "the model does not say by which recipe it was trained, so its data is not known")
	}
	r, err := Parse(path+" (its recipe)", []byte(meta.Trained.Recipe))
	if err != nil {
		return nil, meta, nil, err
	}
	return model, meta, r, nil
}
