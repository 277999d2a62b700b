package train

import (
	"fmt"
	"strings"
)

// DivergedError stops a run in which a number has become infinite or none at all. The
// checkpoint of the run is the last one before that.
type DivergedError struct {
	Epoch, Step int     // counted from 1
	What        string  // "loss", "val_psnr", "norm of the gradient", "weight"
	Value       float64 // of What
	// Where names the first place, in the order of evaluation, that is not finite: an
	// input, a layer's output, a parameter or its gradient. It is empty where none is.
	Where string
}

// Error says what happened, when, where, and what helps.
func (e *DivergedError) Error() string {
	s := fmt.Sprintf("train: epoch %d, step %d: the %s is %v", e.Epoch, e.Step, e.What, e.Value)
	if e.Where != "" {
		s += "; the first number that is not finite is in " + e.Where
	}
	return s + "; a lower learning rate, a warm-up or a limit to the gradient's norm may help"
}

// ResumeError refuses to go on from the checkpoint of a run with other settings.
type ResumeError struct {
	Path        string   // of the checkpoint
	Differences []string // `batch size: 64 in the checkpoint, 128 now`
}

// Error lists the differences.
func (e *ResumeError) Error() string {
	return fmt.Sprintf("train: %s was made by another run and cannot be resumed by this one: %s; use the old settings, or start afresh in another folder",
		e.Path, strings.Join(e.Differences, "; "))
}
