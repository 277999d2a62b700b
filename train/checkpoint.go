package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hourglass-go/hourglass/internal/atomicfile"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/modelfile/safetensors"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/optim"
)

// The files in a run's folder.
const (
	ModelFile      = "model.safetensors"
	CheckpointFile = "last.safetensors"
	HistoryFile    = "history.jsonl"
)

const (
	checkpointVersion = 1
	defaultInterval   = 5 * time.Minute
)

// Exists reports whether a folder holds a run, finished or not. An empty history is none: a
// run that was killed before its first checkpoint leaves nothing to go on from.
func Exists(dir string) bool {
	return slices.ContainsFunc([]string{ModelFile, CheckpointFile, HistoryFile}, func(name string) bool {
		info, err := os.Lstat(filepath.Join(dir, name))
		return err == nil && (name != HistoryFile || info.Size() > 0)
	})
}

// checkpoint is the JSON in the file's metadata; vectors are its tensors.
type checkpoint struct {
	Version       int               `json:"version"`
	Progress      progress          `json:"progress"`
	OptimizerStep int64             `json:"optimizer_step"`
	AverageStep   int64             `json:"average_step"`
	Settings      map[string]string `json:"settings"`
}

func (f *fitting) path(name string) string { return filepath.Join(f.run.Dir, name) }

// openDir prepares the run's folder: what a killed writer left is removed, and the run
// goes on from the checkpoint, or forgets an earlier run.
func (f *fitting) openDir() error {
	r := f.run
	if err := os.MkdirAll(r.Dir, 0o777); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	for _, e := range entries {
		if !f.isStale(e.Name()) {
			continue
		}
		if err := os.Remove(f.path(e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("train: %w", err)
		}
	}
	if r.Resume {
		return f.readCheckpoint()
	}
	return nil
}

// isStale reports whether a file in the run's folder belongs to an earlier run, or is
// the temporary form of one that was never finished.
func (f *fitting) isStale(name string) bool {
	for _, own := range []string{ModelFile, CheckpointFile, HistoryFile} {
		if !f.run.Resume && name == own || strings.HasPrefix(name, "."+own+".tmp-") {
			return true
		}
	}
	return false
}

// vectors are all the values that a run goes on from, as tensors of a checkpoint. They
// are views: reading into them restores them.
func (f *fitting) vectors() []safetensors.Tensor {
	var ts []safetensors.Tensor
	add := func(name string, v []float32) {
		ts = append(ts, safetensors.Tensor{Name: name, Shape: []int{len(v)}, Data: v})
	}
	for _, k := range []nn.Kind{nn.Trainable, nn.Frozen, nn.State} {
		add("values/"+k.String(), f.store.Values(k))
	}
	for _, s := range f.run.Optimizer.State().Slots {
		add("optimizer/"+s.Name, s.Data)
	}
	if f.run.EMA != nil {
		for _, s := range f.run.EMA.State().Slots {
			add("ema/"+s.Name, s.Data)
		}
	}
	return ts
}

func (f *fitting) checkpointIsDue() bool {
	every := f.run.CheckpointEvery
	if every == 0 {
		every = defaultInterval
	}
	return f.run.Dir != "" && every > 0 && time.Since(f.saved) >= every
}

// writeCheckpoint replaces the checkpoint, unless nothing is kept.
func (f *fitting) writeCheckpoint() error {
	if f.run.Dir == "" {
		return nil
	}
	c := checkpoint{
		Version: checkpointVersion, Progress: f.at, Settings: f.settings,
		OptimizerStep: f.run.Optimizer.State().Step,
	}
	if f.run.EMA != nil {
		c.AverageStep = f.run.EMA.State().Step
	}
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("train: checkpoint: %w", err)
	}
	vectors := f.vectors()
	for _, v := range vectors {
		if err := safetensors.CheckFinite(v.Name, v.Data); err != nil {
			return &DivergedError{Epoch: f.at.Epoch + 1, Step: f.at.Step, What: "state of the run", Value: math.NaN(), Where: v.Name}
		}
	}
	metadata := map[string]string{modelfile.CheckpointKey: string(text)}
	err = atomicfile.Write(f.path(CheckpointFile), func(w io.Writer) error {
		return safetensors.Write(w, metadata, vectors)
	})
	if err != nil {
		return f.unsaved(err)
	}
	f.saved = time.Now()
	return nil
}

// readCheckpoint goes on from the folder's checkpoint, if there is one.
func (f *fitting) readCheckpoint() error {
	path := f.path(CheckpointFile)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	if err := f.restore(path, file, info.Size()); err != nil {
		var other *ResumeError
		if errors.As(err, &other) {
			return err
		}
		return fmt.Errorf("train: %s cannot be resumed: %w", path, err)
	}
	return nil
}

// openCheckpoint reads all of a checkpoint but its vectors.
func openCheckpoint(r io.ReaderAt, size int64) (*safetensors.File, *checkpoint, error) {
	file, err := safetensors.Open(r, size)
	if err != nil {
		return nil, nil, err
	}
	text, ok := file.Metadata[modelfile.CheckpointKey]
	if !ok {
		return nil, nil, fmt.Errorf("it is not a checkpoint: its metadata has no %s", modelfile.CheckpointKey)
	}
	var c checkpoint
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return nil, nil, fmt.Errorf("metadata %s: %w", modelfile.CheckpointKey, err)
	}
	if c.Version != checkpointVersion {
		return nil, nil, fmt.Errorf("it has version %d, this program reads version %d", c.Version, checkpointVersion)
	}
	return file, &c, nil
}

// restore reads a checkpoint into the live vectors.
func (f *fitting) restore(path string, r io.ReaderAt, size int64) error {
	file, c, err := openCheckpoint(r, size)
	if err != nil {
		return err
	}
	if d := differences(c.Settings, f.settings); len(d) > 0 {
		return &ResumeError{Path: path, Differences: d}
	}
	if err := c.Progress.check(f.loader.Batches()); err != nil {
		return err
	}
	vectors := f.vectors()
	if len(file.Tensors()) != len(vectors) {
		return fmt.Errorf("it has %d tensors, the run needs %d", len(file.Tensors()), len(vectors))
	}
	for _, v := range vectors {
		if err := file.ReadFloat32(v.Name, v.Data); err != nil {
			return err
		}
		if err := safetensors.CheckFinite(v.Name, v.Data); err != nil {
			return err
		}
	}
	// The slots have been filled in place; what is left to restore is the step.
	if err := f.run.Optimizer.Restore(optim.State{Step: c.OptimizerStep, Slots: f.run.Optimizer.State().Slots}); err != nil {
		return err
	}
	if f.run.EMA != nil {
		if err := f.run.EMA.Restore(optim.State{Step: c.AverageStep, Slots: f.run.EMA.State().Slots}); err != nil {
			return err
		}
	}
	f.at = c.Progress
	return nil
}

// check refuses numbers that no run could have written.
func (p *progress) check(batches int) error {
	inOrder := p.Epoch >= 0 && p.Batch >= 0 && p.Batch <= batches && p.Samples >= p.Batch &&
		p.Epoch == len(p.History) && p.Step == p.Epoch*batches+p.Batch
	for _, m := range []mark{p.Best, p.Better} {
		inOrder = inOrder && m.Epoch >= 0 && m.Epoch <= p.Epoch
	}
	if !inOrder {
		return fmt.Errorf("step %d, epoch %d, batch %d of %d, best epoch %d and %d epochs of history contradict each other",
			p.Step, p.Epoch, p.Batch, batches, p.Best.Epoch, len(p.History))
	}
	return nil
}

// unsaved is the error of a file that could not be written, and says what there is still.
func (f *fitting) unsaved(err error) error {
	if _, missing := os.Lstat(f.path(CheckpointFile)); missing != nil {
		return fmt.Errorf("train: there is no checkpoint yet, so nothing of the run is kept: %w", err)
	}
	return fmt.Errorf("train: the run is kept up to its last checkpoint: %w", err)
}

// keepEpoch writes the files of a finished epoch. The model comes first: were the run
// killed before its checkpoint, the epoch would be repeated and give the same model.
func (f *fitting) keepEpoch(e Epoch) error {
	r := f.run
	if e.Best || r.Validation == nil {
		f.swapAverage()
		err := f.keepModel(e)
		f.swapAverage()
		if err != nil {
			return err
		}
	}
	if err := f.writeCheckpoint(); err != nil {
		return err
	}
	return f.keepHistory()
}

// keepModel saves the model of the epoch, to memory where that is all there is.
func (f *fitting) keepModel(e Epoch) error {
	r := f.run
	if r.keepsBest() {
		for i, v := range f.bestKinds() {
			if len(f.bestValues) <= i {
				f.bestValues = append(f.bestValues, make([]float32, len(v)))
			}
			copy(f.bestValues[i], v)
		}
	}
	if r.Dir == "" {
		return nil
	}
	if err := modelfile.Save(f.path(ModelFile), r.Model, r.metadata(e)); err != nil {
		return f.unsaved(err)
	}
	return nil
}

// metadata is what the model file of the epoch says.
func (r *Run) metadata(e Epoch) modelfile.Metadata {
	m := r.Meta
	m.Trained.Seed, m.Trained.Epochs = r.Seed, e.Epoch
	if in := r.Model.Inputs()[0].Shape(); m.Picture.Shape == nil && len(in) == 3 {
		m.Picture.Shape = in
	}
	m.Scores = slices.Clone(m.Scores)
	for _, name := range r.Metrics {
		m.Scores = append(m.Scores, modelfile.Score{
			Metric: name, Value: e.Metrics["val_"+name], Data: m.Trained.Data,
			Split: "validation", Samples: r.Validation.Len(),
		})
	}
	return m
}

func (f *fitting) keepHistory() error {
	if f.run.Dir == "" {
		return nil
	}
	if err := writeHistory(f.path(HistoryFile), f.at.History); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	return nil
}

// loadBest reads the best epoch's weights back.
func loadBest(path string, m *nn.Model) error {
	if err := modelfile.LoadWeights(path, m); err != nil {
		return fmt.Errorf("train: the best epoch's weights: %w", err)
	}
	return nil
}
