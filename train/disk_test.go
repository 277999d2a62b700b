//go:build linux || darwin

package train_test

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/hourglass-go/hourglass/train"
)

func init() { children["fill"] = fillDisk }

// fillDisk trains, but from the second epoch on no file may be longer than 1 KiB, which
// is to a writer what a full disk is.
func fillDisk(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	r := newRun(dir)
	r.CheckpointEvery = -1
	r.OnEpoch = func(e train.Epoch) {
		if e.Epoch == 2 {
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1024, Max: 1024}); err != nil {
				panic(err)
			}
		}
	}
	_, err := r.Fit(context.Background())
	if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), dir) {
		return fmt.Errorf("error %v", err)
	}
	return nil
}

// TestFullDiskHarmsNothing: the run goes on, later, from what was written before.
func TestFullDiskHarmsNothing(t *testing.T) {
	dir := t.TempDir()
	if out, err := child("fill", dir).Output(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if n := strings.Count(readFile(t, dir, train.HistoryFile), "\n"); n != 2 {
		t.Errorf("the history has %d epochs", n)
	}
	resumed, whole := newRun(dir), newRun(t.TempDir())
	resumed.Resume = true
	fit(t, resumed)
	fit(t, whole)
	sameFiles(t, whole.Dir, dir)
}
