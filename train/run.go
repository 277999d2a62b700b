package train

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/metrics"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/optim"
)

// Run is a training run. Model, Loss, Optimizer, Train, Epochs and BatchSize are needed;
// the zero value of all else is a sensible choice. A Run is used by one goroutine.
type Run struct {
	// Model has one input and one output. Fit starts from the weights that it has, and
	// leaves it with those of the last epoch (averaged, with EMA), or of the best one,
	// where EarlyStopping says so.
	Model     *nn.Model
	Loss      nn.Layer // of prediction and target, one number a sample
	Optimizer optim.Optimizer
	Schedule  optim.Schedule // nil: the optimiser's own rate throughout
	ClipNorm  float64        // the most that the gradient's norm may be; 0: anything
	// EMA, where it is set, averages the weights; validation and the saved model use the
	// averages.
	EMA *optim.EMA

	Train      dataset.Set
	Validation dataset.Set // nil: none; must share no picture with Train
	Metrics    []string    // by which predictions of Validation are judged, see [metrics.ByName]
	// Monitor is the metric, as it is called in [Epoch].Metrics, by which epochs are
	// compared; default "val_loss", or "loss" without validation.
	Monitor       string
	EarlyStopping *EarlyStopping // nil: all epochs are run

	Epochs    int
	BatchSize int    // samples a step; the last batch of an epoch may be smaller
	Seed      uint64 // of the order of the samples and of random layers
	Workers   int    // goroutines that compute; 0: GOMAXPROCS. No influence on results.
	// Recompute trains with less memory and more time, see [nn.TrainerOptions]. No influence
	// on results either.
	Recompute bool

	Dir    string // where the files are kept, made where it is missing; "": nowhere
	Resume bool   // go on from the checkpoint in Dir; without one, or without Resume, start afresh
	// CheckpointEvery is the time between checkpoints within an epoch; 0 means five
	// minutes, less than 0 never. There is one at the end of every epoch besides.
	CheckpointEvery time.Duration
	// Meta goes into the model file. Fit adds the seed, the epoch and the scores.
	Meta modelfile.Metadata

	// OnStart is called when there is something left to train, after everything was checked
	// and the checkpoint read, before the first step. Its error ends the run.
	OnStart func() error
	OnStep  func(StepInfo) // after every step: should not allocate
	OnEpoch func(Epoch)    // after every epoch, when its files are written
}

// EarlyStopping ends a run that no longer gets better.
type EarlyStopping struct {
	Patience    int     // how many epochs without an improvement end the run, at least 1
	MinDelta    float64 // an improvement is more than this
	RestoreBest bool    // leave the model with the weights of the best epoch, not the last
}

// StepInfo tells about a step, all counted from 1.
type StepInfo struct {
	Epoch, Epochs int
	Batch         int // in the epoch
	Batches       int // of an epoch
	Step          int // in the run
	Loss          float64
	MeanLoss      float64 // of the epoch so far
	LearningRate  float64
}

// metricNames lists the keys of Epoch.Metrics.
func (r *Run) metricNames() []string {
	names := []string{"loss"}
	if r.Validation != nil {
		names = append(names, "val_loss")
		for _, m := range r.Metrics {
			names = append(names, "val_"+m)
		}
	}
	return names
}

// monitor is the metric by which epochs are compared.
func (r *Run) monitor() string {
	switch {
	case r.Monitor != "":
		return r.Monitor
	case r.Validation != nil:
		return "val_loss"
	}
	return "loss"
}

// higherIsBetter tells the direction of a monitored metric.
func higherIsBetter(monitor string) bool {
	p, _ := metrics.Lookup(strings.TrimSuffix(strings.TrimPrefix(monitor, "val_"), inputSuffix))
	return p.HigherIsBetter
}

// check returns the first mistake in the run's fields.
func (r *Run) check() error {
	switch {
	case r.Model == nil || r.Loss == nil || r.Optimizer == nil || r.Train == nil:
		return errors.New("train: a run needs Model, Loss, Optimizer and Train")
	case len(r.Model.Inputs()) != 1 || len(r.Model.Outputs()) != 1:
		return fmt.Errorf("train: the model has %d inputs and %d outputs; Fit is for one of each: drive a step of your own with nn.NewTrainer",
			len(r.Model.Inputs()), len(r.Model.Outputs()))
	case r.Epochs < 1:
		return fmt.Errorf("train: Epochs is %d, must be at least 1", r.Epochs)
	case r.BatchSize < 1:
		return fmt.Errorf("train: BatchSize is %d, must be at least 1", r.BatchSize)
	case !(r.ClipNorm >= 0):
		return fmt.Errorf("train: ClipNorm is %v, must be above 0, or 0 for none", r.ClipNorm)
	case len(r.Metrics) > 0 && r.Validation == nil:
		return fmt.Errorf("train: Metrics %v are for Validation, which is not set", r.Metrics)
	case r.Resume && r.Dir == "":
		return errors.New("train: Resume needs Dir, where the checkpoint lies")
	case !slices.Contains(r.metricNames(), r.monitor()):
		return fmt.Errorf("train: Monitor %q is none of the run's metrics %v", r.monitor(), r.metricNames())
	}
	if e := r.EarlyStopping; e != nil {
		switch {
		case e.Patience < 1:
			return fmt.Errorf("train: EarlyStopping.Patience is %d, must be at least 1", e.Patience)
		case !(e.MinDelta >= 0):
			return fmt.Errorf("train: EarlyStopping.MinDelta is %v, must be at least 0", e.MinDelta)
		case e.RestoreBest && r.Validation == nil:
			return errors.New("train: EarlyStopping.RestoreBest needs Validation")
		}
	}
	parts := []any{r.Optimizer, r.Schedule}
	if r.EMA != nil {
		parts = append(parts, r.EMA)
	}
	for _, v := range parts {
		if err := optim.Check(v); err != nil {
			return fmt.Errorf("train: %w", err)
		}
	}
	for _, set := range []dataset.Set{r.Train, r.Validation} {
		if set != nil {
			if err := fits(r.Model, set); err != nil {
				return err
			}
		}
	}
	return nil
}

// fits compares the samples of a set with what a model takes and gives: its output's shape, or
// the number of each pixel's class.
func fits(m *nn.Model, set dataset.Set) error {
	if set.Len() < 1 {
		return errors.New("train: the data set has no samples")
	}
	input, target := set.Shapes()
	output := m.Outputs()[0].Shape()
	labels := output.Clone()
	if len(labels) > 0 {
		labels[len(labels)-1] = 1
	}
	switch {
	case !accepts(m.Inputs()[0].Shape(), input):
		return fmt.Errorf("train: the data set has inputs of shape %v, the model's are %v", input, m.Inputs()[0].Shape())
	case !accepts(output, target) && !accepts(labels, target):
		return fmt.Errorf("train: the data set has targets of shape %v, the model's are %v", target, output)
	}
	return nil
}

// accepts reports whether a shape is one that want, in which dimensions may be free, allows.
func accepts(want, got nn.Shape) bool {
	ok := len(got) == len(want)
	for axis := 0; ok && axis < len(want); axis++ {
		ok = want[axis] == nn.Any || want[axis] == got[axis]
	}
	return ok
}
