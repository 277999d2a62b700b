package recipes

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/train"
)

// claimRun is claimFolder for a run: a folder that holds one is refused unless that is
// wanted, or the run was killed before there was anything to go on from.
func claimRun(dir string, wanted bool) (made bool, err error) {
	if !wanted && !killedAtOnce(dir) {
		for _, name := range runFiles {
			if _, err := os.Lstat(filepath.Join(dir, name)); dir != "" && err == nil {
				return false, &ExistsError{dir, name}
			}
		}
	}
	return claimFolder(dir)
}

// killedAtOnce reports whether a folder holds what a run leaves that is killed before its
// first checkpoint: an empty history, and perhaps its recipe.
func killedAtOnce(dir string) bool {
	for _, name := range runFiles {
		_, err := os.Lstat(filepath.Join(dir, name))
		if exists := err == nil; exists && name != train.HistoryFile && name != recipeFile ||
			!exists && name == train.HistoryFile {
			return false
		}
	}
	return !train.Exists(dir)
}

// claimFolder makes sure, before any work is done, that files can be written to the
// folder; it makes the folder where it is missing and reports whether it did.
func claimFolder(dir string) (made bool, err error) {
	if dir == "" {
		return false, problem("", "no folder to write to, want -o DIR")
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return false, problem(dir, "the folder cannot be made: %v", underlying(err))
		}
		made = true
	case err != nil:
		return false, problem(dir, "cannot be written to: %v", underlying(err))
	case !info.IsDir():
		return false, problem(dir, "it is a file, want a folder to write to")
	}
	probe, err := os.CreateTemp(dir, ".hourglass-*")
	if err != nil {
		return made, problem(dir, "the folder cannot be written to: %v", underlying(err))
	}
	return made, errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// claimFile makes sure, before any work is done, that a file can be written at the path,
// and that it is none of those which the work reads.
func claimFile(path string, read ...string) error {
	if path == "" {
		return problem("", "no file to write to, want -o FILE")
	}
	for _, in := range read {
		if sameFile(path, in) {
			return problem(path, "it would be overwritten by what is made of it, want another name")
		}
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return problem(path, "it is a folder, want the name of a file")
	case err == nil && !info.Mode().IsRegular():
		return nil // a device or a pipe is written in place
	}
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return problem(path, "there is no folder %s to write it to", dir)
	}
	_, err = claimFolder(dir)
	return err
}

// samePath reports whether two paths would name one file, which need not be there yet.
func samePath(a, b string) bool {
	x, errX := filepath.Abs(a)
	y, errY := filepath.Abs(b)
	return errX == nil && errY == nil && x == y
}

// sameFile reports whether two paths name one file that is there.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// claimPicture is claimFile for a picture, whose format its ending tells.
func claimPicture(path string, read ...string) error {
	if path != "" {
		if _, err := imageio.FormatOf(path); err != nil {
			return err // begins with the path
		}
	}
	return claimFile(path, read...)
}

// underlying strips operation and path from a file system's error.
func underlying(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
