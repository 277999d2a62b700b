// Package atomicfile writes files and folders that are whole or absent.
//
// A file is written under a temporary name in its own folder, flushed to the disk
// and renamed over its final name: a reader, or a machine that loses power, sees the
// old content or the new, never a part. After any error (a full disk, a panic in the
// caller's function) the temporary file is gone and the old content untouched. Only a
// process that is killed outright leaves its temporary file, .NAME.tmp-..., behind;
// nothing ever reads it.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Error says which path could not be written and why. It unwraps to the cause.
type Error struct {
	Path string
	Err  error
}

// Error returns "cannot write PATH: cause".
func (e *Error) Error() string { return fmt.Sprintf("cannot write %s: %v", e.Path, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// fail wraps err with the path that the caller asked for. The operating system's
// error names the temporary file, which would only puzzle a reader: its cause is kept
// and its path dropped.
func fail(path string, err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p) && err == error(p):
		err = p.Err
	case errors.As(err, &l) && err == error(l):
		err = l.Err
	}
	return &Error{Path: path, Err: err}
}

// Write creates or replaces the file at path with what write sends to its writer,
// which is buffered. Every error is an [*Error] that names path; an error from write
// is wrapped and can be found with errors.Is. A replaced file keeps its permissions; a
// new one gets 0666 less the umask. A symbolic link at path is followed: its target is
// replaced, the link stays. A path that is no regular file (/dev/stdout, a pipe) is
// written in place, since it cannot be renamed over.
func Write(path string, write func(io.Writer) error) (err error) {
	target := path
	mode := fs.FileMode(0)
	if info, statErr := os.Stat(path); statErr == nil {
		switch {
		case info.IsDir():
			return fail(path, errors.New("it is a folder"))
		case !info.Mode().IsRegular():
			return writeInPlace(path, write)
		}
		mode = info.Mode().Perm()
		if target, err = filepath.EvalSymlinks(path); err != nil {
			return fail(path, err)
		}
	}

	f, err := createTemp(target)
	if err != nil {
		return fail(path, err)
	}
	done := false
	defer func() { // also when write panics
		if !done {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := fill(f, write); err != nil {
		return fail(path, err)
	}
	if mode != 0 {
		if err := f.Chmod(mode); err != nil && runtime.GOOS != "windows" {
			return fail(path, err)
		}
	}
	if err := f.Sync(); err != nil {
		return fail(path, err)
	}
	if err := f.Close(); err != nil {
		return fail(path, err)
	}
	if err := os.Rename(f.Name(), target); err != nil {
		return fail(path, err)
	}
	done = true
	syncFolder(filepath.Dir(target))
	return nil
}

// WriteBytes is [Write] of data.
func WriteBytes(path string, data []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteFolder creates the folder at path with what fill puts into the folder that it
// is handed: a temporary one beside path, renamed to path when fill returns nil and
// removed with all it holds otherwise. It fails where path exists, unless it is an
// empty folder. Parents are made as needed.
func WriteFolder(path string, fill func(dir string) error) (err error) {
	path = filepath.Clean(path)
	if entries, readErr := os.ReadDir(path); readErr == nil && len(entries) > 0 {
		return fail(path, errors.New("the folder exists and is not empty"))
	} else if readErr != nil && !errors.Is(readErr, fs.ErrNotExist) {
		return fail(path, readErr)
	}
	parent := filepath.Dir(path)
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return fail(path, err)
	}
	// MkdirTemp gives 0700, which is not what a user's umask asks for: the real folder
	// is made inside it.
	shell, err := os.MkdirTemp(parent, "."+filepath.Base(path)+".tmp-*")
	if err != nil {
		return fail(path, err)
	}
	defer os.RemoveAll(shell)
	dir := filepath.Join(shell, filepath.Base(path))
	if err := os.Mkdir(dir, 0o777); err != nil {
		return fail(path, err)
	}
	if err := fill(dir); err != nil {
		return fail(path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(path, err)
	}
	if err := os.Rename(dir, path); err != nil {
		return fail(path, err)
	}
	syncFolder(parent)
	return nil
}

// createTemp makes a new file beside target. os.CreateTemp would make it 0600; here
// the umask decides, as for any file that a program creates.
func createTemp(target string) (*os.File, error) {
	dir, base := filepath.Split(target)
	for try := range 10000 {
		name := fmt.Sprintf("%s.%s.tmp-%d-%d", dir, base, os.Getpid(), try)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		return f, err
	}
	return nil, errors.New("no free temporary name beside it")
}

// writeInPlace sends the content straight to a device or pipe.
func writeInPlace(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fail(path, err)
	}
	err = fill(f, write)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fail(path, err)
	}
	return nil
}

// fill runs write over a buffer in front of f and flushes it.
func fill(f io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(f, 1<<16)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}

// syncFolder makes the rename durable. Not every file system can; the file's content
// is safe either way, so a failure is not the caller's concern.
func syncFolder(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}
