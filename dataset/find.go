package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// DataVariable is the environment variable that names a folder of data sets, one
// sub-folder each.
const DataVariable = "HOURGLASS_DATA"

// CacheDir returns the folder that [Get] brings data sets to, one sub-folder each:
// hourglass in $XDG_CACHE_HOME, or in the system's own place for caches.
func CacheDir() (string, error) {
	base := os.Getenv("XDG_CACHE_HOME")
	if !filepath.IsAbs(base) { // the specification wants relative ones ignored
		var err error
		if base, err = os.UserCacheDir(); err != nil {
			return "", fmt.Errorf("dataset: no folder for caches: %w; set XDG_CACHE_HOME", err)
		}
	}
	return filepath.Join(base, "hourglass"), nil
}

// NotFoundError means that a data set is in none of the places where it may lie.
type NotFoundError struct {
	Name   string
	Sought []string // the folders that were looked at
	InGet  bool     // Get can bring it
}

// Error names the data set, where it was sought and how to get it.
func (e *NotFoundError) Error() string {
	s := fmt.Sprintf("the data set %q is not here", e.Name)
	if len(e.Sought) > 0 {
		s += " (sought in " + strings.Join(e.Sought, ", ") + ")"
	}
	if e.InGet {
		return s + fmt.Sprintf("; `hourglass data get %s` brings it", e.Name)
	}
	return s + "; name its folder with --data"
}

// Find returns the folder of a data set. flagDir, the user's own choice, is taken where it
// is not empty: it must hold the data set's files, or a sub-folder NAME with them. Else
// the set is sought in $HOURGLASS_DATA/NAME, then in NAME in the cache folder. A set that is
// not in the catalogue is any folder that is not empty. The error is a
// [*NotFoundError], or a [*FileError] that says what flagDir lacks.
func Find(name, flagDir string) (dir string, err error) {
	entry, err := Lookup(name)
	known := err == nil
	missing := func(dir string) string {
		if known {
			return entry.missing(dir)
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) == 0 {
			return "any file"
		}
		return ""
	}
	if flagDir != "" {
		if known && missing(filepath.Join(flagDir, name)) == "" {
			return filepath.Join(flagDir, name), nil
		}
		if _, err := os.Stat(flagDir); err != nil {
			return "", &FileError{Path: flagDir, Offset: -1, Problem: "no folder of data", Err: cause(err)}
		}
		if what := missing(flagDir); what != "" {
			return "", problem(flagDir, "the folder lacks %s, plain or .gz, of the data set %s", what, name)
		}
		return flagDir, nil
	}
	e := &NotFoundError{Name: name, InGet: known}
	var places []string
	if base := os.Getenv(DataVariable); base != "" {
		places = append(places, base)
	}
	if cache, err := CacheDir(); err == nil {
		places = append(places, cache)
	}
	for _, base := range places {
		dir := filepath.Join(base, name)
		if missing(dir) == "" {
			return dir, nil
		}
		e.Sought = append(e.Sought, dir)
	}
	return "", e
}

// missing returns the first of the entry's files that dir holds neither plain nor with
// .gz, or "".
func (e Entry) missing(dir string) string {
	for _, f := range e.Files {
		if _, err := f.in(dir); err != nil {
			return f.Name
		}
	}
	return ""
}

// in returns the path of the file in dir, plain or else with .gz.
func (f File) in(dir string) (string, error) {
	path := filepath.Join(dir, f.Name)
	for _, p := range []string{path, path + ".gz"} {
		info, err := os.Stat(p)
		switch {
		case err == nil && info.Mode().IsRegular():
			return p, nil
		case err == nil:
			return "", problem(p, "no regular file")
		case !errors.Is(err, fs.ErrNotExist):
			return "", &FileError{Path: p, Offset: -1, Problem: "cannot be read", Err: cause(err)}
		}
	}
	return "", problem(path, "no such file, with .gz neither")
}

// Load finds one of the MNIST-like data sets of the catalogue as [Find] does, and reads it.
func Load(name, flagDir string) (train, test *Images, err error) {
	entry, err := Lookup(name)
	if err != nil {
		return nil, nil, err
	}
	dir, err := Find(name, flagDir)
	if err != nil {
		return nil, nil, err
	}
	if train, test, err = LoadMNIST(dir); err != nil {
		return nil, nil, err
	}
	train.ClassNames, test.ClassNames = slices.Clone(entry.ClassNames), slices.Clone(entry.ClassNames)
	return train, test, nil
}
