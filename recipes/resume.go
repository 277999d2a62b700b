package recipes

import (
	"bytes"
	"os"
	"path/filepath"

	"github.com/hourglass-go/hourglass/train"
)

// standing looks, before any data is read, at what there is to resume: it refuses a
// checkpoint of other settings, and returns the outcome of a run that is finished; nil
// where there is something left to do.
func (r *Recipe) standing(p *parts, o TrainOptions, text []byte) (*Outcome, error) {
	run := r.run(p)
	run.Dir = o.Dir
	at, err := run.Standing()
	if at == nil || err != nil {
		return nil, err
	}
	if o.Init != "" {
		return nil, problem("--init", "%s holds a checkpoint, whose weights --resume goes on with: want one of them", o.Dir)
	}
	if !at.Finished || !isWhole(o.Dir) || !r.isRecipeOf(o.Dir, text) {
		return nil, nil
	}
	return r.finished(o.Dir, at.History)
}

// isWhole reports whether none of a finished run's files is missing.
func isWhole(dir string) bool {
	for _, name := range runFiles {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// isRecipeOf reports whether the run in the folder was made by this recipe, whose text
// is given, be it with another number of epochs or in other memory. Data and corruption show there, which
// a checkpoint cannot be asked for without the data.
func (r *Recipe) isRecipeOf(dir string, text []byte) bool {
	old, err := Load(filepath.Join(dir, recipeFile))
	if err != nil {
		return false
	}
	old.Epochs, old.Recompute = r.Epochs, r.Recompute
	oldText, err := old.YAML()
	return err == nil && bytes.Equal(oldText, text)
}

// finished is the outcome of a run to which nothing was done.
func (r *Recipe) finished(dir string, h *train.History) (*Outcome, error) {
	path := filepath.Join(dir, train.ModelFile)
	_, meta, err := loadModel(path)
	if err != nil {
		return nil, err
	}
	scores := map[string]float64{}
	for _, s := range meta.Scores {
		if s.Split == "test" {
			scores[s.Metric] = s.Value
		}
	}
	return &Outcome{
		Recipe: r.Name, Epochs: len(h.Epochs), SecondsPerEpoch: medianSeconds(h),
		Model: path, Metrics: scores, Stopped: h.Stopped,
	}, nil
}
