package train

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Standing is how far the run in a folder has come, by its checkpoint.
type Standing struct {
	History  *History // of the finished epochs
	Finished bool     // nothing is left to train for the run that asked
}

// Standing reads the checkpoint in Dir and compares it with the run as far as that needs
// no data: Train and Validation may be nil, and Monitor must then be set. Other settings
// are a [*ResumeError]. Without a checkpoint, Standing returns nil. Nothing is changed.
func (r *Run) Standing() (*Standing, error) {
	path := filepath.Join(r.Dir, CheckpointFile)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	_, c, err := openCheckpoint(file, info.Size())
	if err != nil {
		return nil, fmt.Errorf("train: %s cannot be resumed: %w", path, err)
	}
	now, err := r.ownSettings()
	if err != nil {
		return nil, err
	}
	for _, key := range []string{trainingSet, validationSet} {
		delete(c.Settings, key)
	}
	if d := differences(c.Settings, now); len(d) > 0 {
		return nil, &ResumeError{Path: path, Differences: d}
	}
	at := c.Progress
	return &Standing{
		History:  &History{Epochs: at.History, Best: at.Best.Epoch, Stopped: at.Stopped},
		Finished: at.Stopped != "" || at.Epoch >= r.Epochs,
	}, nil
}
