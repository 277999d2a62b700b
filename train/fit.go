package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"time"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/optim"
)

// Fit trains the model until Epochs, until EarlyStopping says enough, or until ctx is
// cancelled. Then, at the next step's end, it writes a checkpoint and returns an error
// that wraps ctx.Err(). The history it returns is never nil where training had begun.
func (r *Run) Fit(ctx context.Context) (*History, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	f, err := newFitting(r)
	if err != nil {
		return nil, err
	}
	defer f.close()
	if err := f.begin(); err != nil {
		return nil, err
	}
	if r.OnStart != nil && !f.finished() {
		err = r.OnStart()
	}
	for err == nil && !f.finished() {
		err = f.epoch(ctx)
	}
	if err == nil {
		err = f.end()
	}
	return &History{Epochs: f.at.History, Best: f.at.Best.Epoch, Stopped: f.at.Stopped}, err
}

// fitting is a run under way.
type fitting struct {
	run        *Run
	trainer    *nn.Trainer
	loader     *dataset.Loader
	validation *evaluation // nil for none
	clip       optim.NormClip
	store      *nn.Store
	params     []float32 // the store's trainable vector
	gradients  []float32
	base       float64           // the optimiser's own rate
	settings   map[string]string // empty where nothing is kept
	at         progress
	watched    []float64 // the monitored metric of every epoch
	bestValues [][]float32
	saved      time.Time // of the last checkpoint
}

// progress is where a run stands: what a checkpoint holds beside vectors.
type progress struct {
	Step  int     `json:"step"`          // steps made
	Rate  float64 `json:"learning_rate"` // of the last of them
	Epoch int     `json:"epoch"`         // epochs finished
	// Of the epoch under way: batches done, their samples, losses and seconds.
	Batch   int     `json:"batch"`
	Samples int     `json:"samples"`
	Loss    float64 `json:"loss"` // summed over samples
	Seconds float64 `json:"seconds"`

	Best    mark   `json:"best"`     // the best epoch
	Better  mark   `json:"improved"` // the last one that was better by more than MinDelta
	Stopped string `json:"stopped,omitempty"`

	History []Epoch `json:"history"`
}

// mark is the value of the monitored metric in an epoch, 0 for none yet.
type mark struct {
	Epoch int     `json:"epoch"`
	Value float64 `json:"value"`
}

// newFitting checks what can be checked and takes no memory for weights.
func newFitting(r *Run) (f *fitting, err error) {
	inputs, total, err := nn.WithLoss(r.Model, r.Loss)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	f = &fitting{run: r, base: r.Optimizer.BaseRate()}
	// Without a limit, the norm is only looked at.
	f.clip.Max = math.Inf(1)
	if r.ClipNorm > 0 {
		f.clip.Max = r.ClipNorm
	}
	if f.trainer, err = nn.NewTrainer(inputs, total, nn.TrainerOptions{Seed: r.Seed, Workers: r.Workers, Recompute: r.Recompute}); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	if f.loader, err = dataset.NewLoader(r.Train, r.BatchSize, dataset.LoaderOptions{Seed: r.Seed, Shuffle: true, Team: f.trainer.Team()}); err != nil {
		f.close()
		return nil, fmt.Errorf("train: %w", err)
	}
	if r.Validation == nil {
		return f, nil
	}
	if f.validation, err = newEvaluation(r.Model, &objective{inputs, total}, r.Validation, r.BatchSize, r.Metrics); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// finished reports whether nothing is left to train.
func (f *fitting) finished() bool { return f.at.Stopped != "" || f.at.Epoch >= f.run.Epochs }

func (f *fitting) close() { f.trainer.Close() }

// begin takes the memory and, for a resumed run, fills it from the checkpoint.
func (f *fitting) begin() (err error) {
	r := f.run
	f.store = r.Model.Store()
	f.params, f.gradients = f.store.Trainable(), f.store.Gradients()
	r.Optimizer.Init(len(f.params))
	if r.EMA != nil {
		r.EMA.Init(len(f.params))
	}
	f.saved = time.Now()
	if r.Dir == "" {
		return nil
	}
	if f.settings, err = r.settings(); err != nil {
		return err
	}
	if err := f.openDir(); err != nil {
		return err
	}
	for _, e := range f.at.History {
		f.watched = append(f.watched, e.Metrics[r.monitor()])
	}
	return f.keepHistory()
}

// epoch runs an epoch, or what is left of it, and writes its files.
func (f *fitting) epoch(ctx context.Context) error {
	if live := f.store.Trainable(); len(live) != len(f.params) || &live[0] != &f.params[0] {
		return errors.New("train: the model's parameters were laid out anew during the run: build models over its nodes, and freeze, before Fit")
	}
	err := f.pass(ctx)
	var values map[string]float64
	if err == nil {
		values, err = f.judge(ctx)
	}
	if err != nil {
		if cause := ctx.Err(); cause != nil && errors.Is(err, cause) {
			return f.interrupted(cause)
		}
		return err
	}
	e := f.record(values)
	if err := f.keepEpoch(e); err != nil {
		return err
	}
	if f.run.OnEpoch != nil {
		f.run.OnEpoch(e)
	}
	return nil
}

// pass trains on the batches of the epoch that are not done yet.
func (f *fitting) pass(ctx context.Context) error {
	start := time.Now()
	batches := f.loader.Epoch(ctx, f.at.Epoch, f.at.Batch)
	defer batches.Stop()
	for {
		b, err := batches.Next()
		if err == nil {
			err = f.step(b)
		}
		if err != nil {
			f.at.Seconds += time.Since(start).Seconds()
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if f.checkpointIsDue() {
			f.at.Seconds += time.Since(start).Seconds()
			if err := f.writeCheckpoint(); err != nil {
				return err
			}
			start = time.Now()
		}
	}
}

// step makes one step. It allocates nothing.
func (f *fitting) step(b *dataset.Batch) error {
	r, team := f.run, f.trainer.Team()
	loss, err := f.trainer.Gradient(f.at.Step, b.Input, b.Target)
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	if !isFinite(loss) {
		return f.diverged("loss", loss, b)
	}
	if norm := f.clip.Clip(team, f.gradients); !isFinite(norm) {
		return f.diverged("norm of the gradient", norm, b)
	}
	f.at.Rate = f.learningRate()
	r.Optimizer.Step(team, f.params, f.gradients, f.at.Rate)
	if r.EMA != nil {
		r.EMA.Update(team, f.params)
	}
	f.at.Step++
	f.at.Batch++
	f.at.Samples += len(b.Index)
	f.at.Loss += loss * float64(len(b.Index))
	if r.OnStep != nil {
		r.OnStep(StepInfo{
			Epoch: f.at.Epoch + 1, Epochs: r.Epochs, Batch: f.at.Batch, Batches: f.loader.Batches(),
			Step: f.at.Step, Loss: loss, MeanLoss: f.at.Loss / float64(f.at.Samples), LearningRate: f.at.Rate,
		})
	}
	return nil
}

// learningRate is the rate of the step that comes next.
func (f *fitting) learningRate() float64 {
	if f.run.Schedule == nil {
		return f.base
	}
	return f.run.Schedule.Rate(f.base, optim.Progress{
		Step: f.at.Step, Epoch: f.at.Epoch,
		Steps: f.run.Epochs * f.loader.Batches(), Epochs: f.run.Epochs,
		History: f.watched,
	})
}

// diverged finds out where a number that is none came from.
func (f *fitting) diverged(what string, value float64, b *dataset.Batch) error {
	e := &DivergedError{Epoch: f.at.Epoch + 1, Step: f.at.Step + 1, What: what, Value: value}
	where, err := f.trainer.Diagnose(f.at.Step, b.Input, b.Target)
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	e.Where = where
	if where == "" {
		e.Where = firstInfinite(f.store, f.store.Gradient, "the gradient of parameter")
	}
	return e
}

// firstInfinite names the first parameter in whose vector a value is not finite.
func firstInfinite(s *nn.Store, vector func(*nn.Param) []float32, what string) string {
	for _, p := range s.Params() {
		for _, v := range vector(p) {
			if !isFinite(float64(v)) {
				return fmt.Sprintf("%s %q", what, p.Name)
			}
		}
	}
	return ""
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// judge returns the metrics of the epoch whose training pass is done.
func (f *fitting) judge(ctx context.Context) (map[string]float64, error) {
	values := map[string]float64{"loss": f.at.Loss / float64(f.at.Samples)}
	f.swapAverage()
	defer f.swapAverage()
	// A last step may have broken the weights without a loss to show it.
	if where := firstInfinite(f.store, f.store.Value, "parameter"); where != "" {
		return nil, &DivergedError{Epoch: f.at.Epoch + 1, Step: f.at.Step, What: "step's result", Value: math.NaN(), Where: where}
	}
	if f.validation == nil {
		return values, nil
	}
	scores, err := f.validation.run(ctx)
	if err != nil {
		return nil, err
	}
	for name, v := range scores {
		if !isFinite(v) {
			return nil, &DivergedError{Epoch: f.at.Epoch + 1, Step: f.at.Step, What: "val_" + name, Value: v}
		}
		values["val_"+name] = v
	}
	return values, nil
}

// swapAverage puts the averaged weights in the place of the live ones, or back.
func (f *fitting) swapAverage() {
	if f.run.EMA != nil {
		f.run.EMA.Swap(f.params)
		f.store.Changed()
	}
}

// record closes the epoch with its metrics.
func (f *fitting) record(values map[string]float64) Epoch {
	at, value := &f.at, values[f.run.monitor()]
	e := Epoch{Epoch: at.Epoch + 1, Seconds: at.Seconds, Metrics: values, LearningRate: f.at.Rate, Steps: at.Step}
	now := mark{e.Epoch, value}
	if f.run.Validation != nil && f.improves(at.Best, value, 0) {
		at.Best, e.Best = now, true
	}
	if stop := f.run.EarlyStopping; stop != nil {
		if f.improves(at.Better, value, stop.MinDelta) {
			at.Better = now
		} else if e.Epoch-at.Better.Epoch >= stop.Patience {
			at.Stopped = fmt.Sprintf("%s has not improved on %.6g of epoch %d for %d epochs",
				f.run.monitor(), at.Better.Value, at.Better.Epoch, stop.Patience)
		}
	}
	f.watched = append(f.watched, value)
	at.History = append(at.History, e)
	at.Epoch, at.Batch, at.Samples, at.Loss, at.Seconds = e.Epoch, 0, 0, 0, 0
	return e
}

// improves reports whether a value of the monitored metric is better by more than delta.
func (f *fitting) improves(on mark, value, delta float64) bool {
	switch {
	case on.Epoch == 0:
		return true
	case higherIsBetter(f.run.monitor()):
		return value > on.Value+delta
	}
	return value < on.Value-delta
}

// interrupted writes a checkpoint and returns the reason for it.
func (f *fitting) interrupted(cause error) error {
	if err := f.writeCheckpoint(); err != nil {
		return errors.Join(err, cause)
	}
	return fmt.Errorf("train: stopped in epoch %d after %d of %d steps: %w",
		f.at.Epoch+1, f.at.Batch, f.loader.Batches(), cause)
}

// keepsBest reports whether the best weights are kept in memory, having no file.
func (r *Run) keepsBest() bool {
	return r.EarlyStopping != nil && r.EarlyStopping.RestoreBest && r.Dir == ""
}

// end leaves the model with the weights that the run promises.
func (f *fitting) end() error {
	r := f.run
	switch {
	case f.at.Best.Epoch == 0 || r.EarlyStopping == nil || !r.EarlyStopping.RestoreBest:
		f.swapAverage()
	case r.Dir == "":
		for i, v := range f.bestKinds() {
			copy(v, f.bestValues[i])
		}
	default:
		return loadBest(filepath.Join(r.Dir, ModelFile), r.Model)
	}
	return nil
}

// bestKinds are the vectors that training changes.
func (f *fitting) bestKinds() [][]float32 {
	return [][]float32{f.params, f.store.Values(nn.State)}
}
