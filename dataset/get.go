package dataset

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
)

// GetOptions says where [Get] finds and puts a data set. The zero value downloads to
// [CacheDir].
type GetOptions struct {
	From     string         // a folder that holds the files already, plain or .gz: nothing is downloaded
	Cache    string         // instead of CacheDir
	Progress func(Progress) // called now and then, from one goroutine
	Client   *http.Client   // instead of one without an overall time limit
}

// Progress says how far a file has come.
type Progress struct {
	File   string
	Source string // the URL or path it comes from; "" where it was in the cache already
	Done   int64  // bytes, as they are compressed at the source
	Total  int64  // 0 where the source does not say
}

// Get brings the data set of that name to the cache and returns its folder there. See
// [Entry.Get].
func Get(ctx context.Context, name string, o GetOptions) (dir string, err error) {
	entry, err := Lookup(name)
	if err != nil {
		return "", err
	}
	return entry.Get(ctx, o)
}

// Get brings the entry's files to its sub-folder of the cache, and returns that folder.
// Every file is checked by size and SHA-256 before it gets its name; until then it is
// called .part, and a download that was broken off goes on there, in this call or
// a later one. A mirror that fails is followed by the next. Files that are in the
// cache and sound are left alone.
func (e Entry) Get(ctx context.Context, o GetOptions) (dir string, err error) {
	cache := o.Cache
	if cache == "" {
		if cache, err = CacheDir(); err != nil {
			return "", err
		}
	}
	if o.Client == nil {
		o.Client = &http.Client{}
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	dir = filepath.Join(cache, e.Name)
	if made := missing(dir); len(made) > 0 {
		defer func() {
			for _, folder := range made {
				if err == nil || os.Remove(folder) != nil { // only those that are still empty
					return
				}
			}
		}()
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("dataset: the cache folder cannot be made: %w", err)
	}
	for _, f := range e.Files {
		if path, err := f.in(dir); err == nil && f.check(ctx, path) == nil {
			o.Progress(Progress{File: f.Name, Done: f.Size, Total: f.Size})
			continue
		}
		if o.From != "" {
			err = f.copyFrom(ctx, dir, o)
		} else {
			err = f.download(ctx, dir, e.Mirrors, o)
		}
		if err != nil {
			return "", err
		}
	}
	return dir, nil
}

// missing lists the folder and those above it that are not there, the innermost first.
func missing(dir string) (folders []string) {
	for {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			return folders
		}
		folders = append(folders, dir)
		parent := filepath.Dir(dir)
		if parent == dir {
			return folders
		}
		dir = parent
	}
}

// check compares the file at path, plain or gzip, with the size and the hash that its
// content must have. It reads at most one byte too many, whatever the file holds.
func (f File) check(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return &FileError{Path: path, Offset: -1, Problem: "cannot be opened", Err: cause(err)}
	}
	defer file.Close()
	buffered := bufio.NewReaderSize(file, 1<<16)
	var content io.Reader = buffered
	if head, _ := buffered.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		if content, err = gzip.NewReader(buffered); err != nil {
			return &FileError{Path: path, Offset: -1, Problem: "the gzip header is damaged", Err: err}
		}
	}
	hash := sha256.New()
	n, err := io.Copy(hash, io.LimitReader(contextReader{ctx, content}, f.Size+1))
	sum := hex.EncodeToString(hash.Sum(nil))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return &FileError{Path: path, Offset: n, Problem: "the content cannot be read on", Err: err}
	case n > f.Size:
		return problem(path, "the content is longer than the %d bytes of %s", f.Size, f.Name)
	case n < f.Size:
		return problem(path, "the content is %d bytes, want the %d of %s", n, f.Size, f.Name)
	case sum != f.SHA256:
		return problem(path, "the content has SHA-256 %s, want %s: this is not %s", sum, f.SHA256, f.Name)
	}
	return nil
}

// contextReader ends with the context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// copyFrom copies the file, plain or gzip as it is, from the folder o.From.
func (f File) copyFrom(ctx context.Context, dir string, o GetOptions) (failure error) {
	path, err := f.in(o.From)
	if err != nil {
		return err
	}
	if err := f.check(ctx, path); err != nil {
		return err
	}
	in, err := os.Open(path)
	if err != nil {
		return &FileError{Path: path, Offset: -1, Problem: "cannot be opened", Err: cause(err)}
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return &FileError{Path: path, Offset: -1, Problem: "cannot be read", Err: cause(err)}
	}
	final := filepath.Join(dir, filepath.Base(path))
	part, err := openPart(final + ".part")
	if err != nil {
		return err
	}
	defer func() {
		part.Close()
		if failure != nil {
			os.Remove(part.Name()) // a copy is not gone on with
		}
	}()
	if err := part.restart(); err != nil {
		return err
	}
	p := Progress{File: f.Name, Source: path, Total: info.Size()}
	if _, err := part.append(contextReader{ctx, in}, info.Size(), func(done int64) { p.Done = done; o.Progress(p) }); err != nil {
		return err
	}
	return part.finish(ctx, f, final)
}

// part is a file on its way.
type part struct {
	*os.File
	size int64
}

func openPart(path string) (*part, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("dataset: cannot write to the cache: %w", err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("dataset: cannot write to the cache: %w", err)
	}
	return &part{f, size}, nil
}

// restart empties the part.
func (p *part) restart() error {
	err := p.Truncate(0)
	if err == nil {
		_, err = p.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("dataset: cannot write to the cache: %w", err)
	}
	p.size = 0
	return nil
}

// writeError is a fault of the cache's disk, not of the source: no other mirror helps.
type writeError struct{ error }

func (e writeError) Unwrap() error { return e.error }

// append adds all of r, and reports the size after every piece. It fails as soon as the
// part is larger than limit.
func (p *part) append(r io.Reader, limit int64, report func(size int64)) (added int64, err error) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := r.Read(buffer)
		if p.size+int64(n) > limit {
			return added, fmt.Errorf("more than %d bytes", limit)
		}
		if n > 0 {
			if _, err := p.Write(buffer[:n]); err != nil {
				return added, writeError{fmt.Errorf("dataset: cannot write to the cache: %w", err)}
			}
			p.size += int64(n)
			added += int64(n)
			report(p.size)
		}
		if errors.Is(err, io.EOF) {
			return added, nil
		}
		if err != nil {
			return added, err
		}
	}
}

// finish checks the part's content and gives it its final name. A part that is not what
// it should be is removed; one whose check was cancelled stays.
func (p *part) finish(ctx context.Context, f File, final string) error {
	name := p.Name()
	if err := p.Sync(); err != nil {
		return writeError{fmt.Errorf("dataset: cannot write to the cache: %w", err)}
	}
	if err := f.check(ctx, name); err != nil {
		if ctx.Err() == nil {
			p.Close() // Windows removes no open file
			os.Remove(name)
		}
		return err
	}
	p.Close()
	if err := os.Rename(name, final); err != nil {
		return writeError{fmt.Errorf("dataset: cannot write to the cache: %w", err)}
	}
	// A damaged file of the other form, which [File.in] would prefer, must not stay.
	for _, other := range []string{f.Name, f.Name + ".gz"} {
		other = filepath.Join(filepath.Dir(final), other)
		if other == final {
			continue
		}
		if err := os.Remove(other); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return writeError{fmt.Errorf("dataset: cannot remove a damaged file from the cache: %w", err)}
		}
	}
	return nil
}
