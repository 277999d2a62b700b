package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/hourglass-go/hourglass/internal/atomicfile"
)

// Epoch is what is known about a finished epoch, and, as JSON, a line of the history.
type Epoch struct {
	Epoch   int                `json:"epoch"`   // counted from 1
	Seconds float64            `json:"seconds"` // of the training pass alone
	Metrics map[string]float64 `json:"metrics"` // "loss", "val_loss", "val_psnr", ...
	// LearningRate is that of the epoch's last step.
	LearningRate float64 `json:"learning_rate"`
	Steps        int     `json:"steps"` // of the run so far
	// Best is set where the epoch was the best so far, so that its model was kept.
	Best bool `json:"best,omitempty"`
}

// MarshalJSON puts an "event" in front, as all lines of the command's output have one.
func (e Epoch) MarshalJSON() ([]byte, error) {
	type plain Epoch
	return json.Marshal(struct {
		Event string `json:"event"`
		plain
	}{"epoch", plain(e)})
}

// History is what Fit returns: of a resumed run, all of it.
type History struct {
	Epochs []Epoch
	Best   int // the number of the best epoch, by Run.Monitor; 0 without validation
	// Stopped says why the run ended before its last epoch; "" where it did not.
	Stopped string
}

// Final are the metrics of the last epoch, nil where there was none.
func (h *History) Final() map[string]float64 {
	if len(h.Epochs) == 0 {
		return nil
	}
	return h.Epochs[len(h.Epochs)-1].Metrics
}

// writeHistory replaces the history file, unless it has that content already.
func writeHistory(path string, epochs []Epoch) error {
	var b bytes.Buffer
	lines := json.NewEncoder(&b)
	for _, e := range epochs {
		if err := lines.Encode(e); err != nil {
			return err
		}
	}
	old, err := os.ReadFile(path)
	if err == nil && bytes.Equal(old, b.Bytes()) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return atomicfile.WriteBytes(path, b.Bytes())
}
