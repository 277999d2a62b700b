// Package dataset finds, reads, corrupts and batches training data.
//
// Data flows in four steps. A source (IDX files, a folder of pictures, the embedded
// digits of the sub-package digits) gives [Images], which stay bytes. A [Set] turns one
// sample at a time into an input and a target, float32 in 0..1, channels last: [Same]
// for an autoencoder, [Restoration] with one or more [Corruption] values, [Pairs],
// [Slices], or one's own. A [Loader] shuffles a set, fills its batches ahead of the
// training step in buffers that it uses again, and can start anywhere.
//
// Every random choice is a function of (seed, epoch, sample): the same at any number of
// goroutines, in a resumed run, and for a sample whichever subset it is reached through.
//
// [Get] brings a data set of the [Catalogue] into the cache folder, [Find] finds it again.
// Nothing else here touches the network. Outside data that is not as it should be is
// reported as a [*FileError].
package dataset

import "fmt"

// FileError says what is wrong with a file or folder of data, and what would be right.
type FileError struct {
	Path    string // the file or folder; "" where a reader had no name
	Offset  int64  // byte in the uncompressed content; -1 where no single one is at fault
	Problem string
	Err     error // the cause, or nil
}

// Error names the file, the byte where there is one, the problem and its cause.
func (e *FileError) Error() string {
	s := e.Problem
	if e.Offset >= 0 {
		s = fmt.Sprintf("byte %d: %s", e.Offset, s)
	}
	if e.Path != "" {
		s = e.Path + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// problem is a FileError about a whole file or folder.
func problem(path, format string, args ...any) *FileError {
	return &FileError{Path: path, Offset: -1, Problem: fmt.Sprintf(format, args...)}
}
