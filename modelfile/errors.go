package modelfile

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNotModel is wrapped by the error for a file that is in order, but no model: bare
// weights, or the checkpoint of a training run.
var ErrNotModel = errors.New("not a model")

// FormatError says what is wrong with a file, where, and what would be right.
type FormatError struct {
	Where string // the part of the file, such as `metadata "hourglass.labels"`
	What  string
	Err   error // the cause, for errors.Is and errors.As; its text is in What
}

// Error gives the part of the file, then what is wrong with it.
func (e *FormatError) Error() string { return "modelfile: " + e.Where + ": " + e.What }

// Unwrap returns the cause, nil where there is none.
func (e *FormatError) Unwrap() error { return e.Err }

func notModel(why string) error {
	return &FormatError{Where: "file", What: ErrNotModel.Error() + ": " + why, Err: ErrNotModel}
}

func inMetadata(key string) string { return fmt.Sprintf("metadata %q", key) }

// VersionError is about a file that a newer version of Hourglass wrote.
type VersionError struct {
	Format int // of the file
	Reader int // the least that its reader must know; above [Format]
}

// Error names all versions.
func (e *VersionError) Error() string {
	return fmt.Sprintf("the file is in format %d and needs a reader of format %d, this program knows format %d: a newer version can read it",
		e.Format, e.Reader, Format)
}

// WeightsError lists the tensors that a file and a graph do not agree on.
type WeightsError struct {
	Missing   []string // the graph has a parameter, the file has no tensor
	Spare     []string // the file has a tensor, the graph has no parameter
	Misshaped []string // "dense/kernel is [2 3] instead of [3 2]"
}

// Error lists the first few of each.
func (e *WeightsError) Error() string {
	var parts []string
	for _, l := range []struct {
		what  string
		names []string
	}{{"missing: ", e.Missing}, {"of no layer: ", e.Spare}, {"of another shape than the graph's: ", e.Misshaped}} {
		if len(l.names) > 0 {
			parts = append(parts, l.what+few(l.names))
		}
	}
	return strings.Join(parts, "; ")
}

// few joins names, the first of them where there are many.
func few(names []string) string {
	const most = 6
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
