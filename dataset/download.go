package dataset

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// triesPerMirror is how often a mirror is asked again after a connection that broke.
const triesPerMirror = 4

// The tests shorten these.
var (
	stallTime = 30 * time.Second // without a byte, a connection counts as broken
	retryWait = time.Second      // before the second try; twice as long before each further one
)

// download brings the file, with .gz, from the first mirror that has it whole and sound.
func (f File) download(ctx context.Context, dir string, mirrors []string, o GetOptions) error {
	if len(mirrors) == 0 {
		return fmt.Errorf("dataset: %s has no mirror to download it from", f.Name)
	}
	var failures []error
	for _, mirror := range mirrors {
		url := strings.TrimSuffix(mirror, "/") + "/" + f.Name + ".gz"
		err := f.fromMirror(ctx, url, filepath.Join(dir, f.Name+".gz"), o)
		var disk writeError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &disk):
			return err
		}
		failures = append(failures, fmt.Errorf("%s: %w", url, err))
	}
	return fmt.Errorf("dataset: no mirror could bring %s (with --from DIR, a folder that has it serves too):\n%w",
		f.Name, errors.Join(failures...))
}

// fromMirror downloads one URL, going on where a part left off, until the file is
// whole. A part that, completed, turns out not to be the file is thrown away: once it
// may have been begun from another mirror, so the download then starts anew.
func (f File) fromMirror(ctx context.Context, url, final string, o GetOptions) error {
	for try, wait := 1, retryWait; ; try, wait = try+1, 2*wait {
		resumed, err := f.attempt(ctx, url, final, o)
		var disk writeError
		var status *statusError
		var wrong *FileError
		switch {
		case err == nil, ctx.Err() != nil, errors.As(err, &disk):
			return err
		case errors.As(err, &wrong) && !resumed:
			return err
		case errors.As(err, &status) && !status.temporary():
			return err
		case try == triesPerMirror:
			return fmt.Errorf("%w (after %d tries)", err, try)
		}
		if errors.As(err, &wrong) {
			continue // nothing to wait for
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// statusError is an answer other than the file.
type statusError struct {
	code   int
	status string
}

func (e *statusError) Error() string { return "the server answers " + e.status }

func (e *statusError) temporary() bool {
	return e.code >= 500 || e.code == http.StatusTooManyRequests || e.code == http.StatusRequestTimeout ||
		e.code == http.StatusRequestedRangeNotSatisfiable
}

// attempt makes one request for what is missing of the file, and finishes the file
// where all of it has come. resumed says that a part was there before.
func (f File) attempt(ctx context.Context, url, final string, o GetOptions) (resumed bool, err error) {
	part, err := openPart(final + ".part")
	if err != nil {
		return false, writeError{err}
	}
	defer part.Close()
	resumed = part.size > 0

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(stallTime, func() { cancel(fmt.Errorf("no data for %v", stallTime)) })
	defer stall.Stop()
	answer, err := f.request(ctx, url, part, o.Client)
	if err != nil {
		return resumed, because(ctx, err)
	}
	defer answer.Body.Close()

	p := Progress{File: f.Name, Source: url}
	if answer.ContentLength >= 0 {
		p.Total = part.size + answer.ContentLength
	}
	_, err = part.append(answer.Body, f.packedLimit(), func(size int64) {
		stall.Reset(stallTime)
		p.Done = size
		o.Progress(p)
	})
	if err != nil {
		return resumed, because(ctx, err)
	}
	stall.Stop() // the check may take its time
	return resumed, part.finish(ctx, f, final)
}

// because prefers the reason for which the context was cancelled.
func because(ctx context.Context, err error) error {
	if reason := context.Cause(ctx); reason != nil {
		return reason
	}
	return err
}

// packedLimit is more than gzip makes of the file, which grows by 5 bytes a block of
// 64 KiB, and a header, at worst. A server that sends more sends something else.
func (f File) packedLimit() int64 { return f.Size + f.Size/1000 + 1<<16 }

// request asks for the bytes after the part's. Where the server sends the whole file
// instead, or has nothing at that place, the part is emptied.
func (f File) request(ctx context.Context, url string, part *part, client *http.Client) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	// The file itself is gzip: a transport that unpacks it would break range and length.
	q.Header.Set("Accept-Encoding", "identity")
	q.Header.Set("User-Agent", "hourglass (github.com/hourglass-go/hourglass)")
	if part.size > 0 {
		q.Header.Set("Range", "bytes="+strconv.FormatInt(part.size, 10)+"-")
	}
	answer, err := client.Do(q)
	if err != nil {
		return nil, err
	}
	begins := func(header string) bool {
		return strings.HasPrefix(header, "bytes "+strconv.FormatInt(part.size, 10)+"-")
	}
	switch {
	case answer.StatusCode == http.StatusPartialContent && part.size > 0 && begins(answer.Header.Get("Content-Range")):
		return answer, nil
	case answer.StatusCode == http.StatusOK:
		if err := part.restart(); err != nil {
			answer.Body.Close()
			return nil, writeError{err}
		}
		return answer, nil
	case answer.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return f.beyondEnd(answer, part)
	case answer.StatusCode == http.StatusPartialContent:
		answer.Body.Close()
		if err := part.restart(); err != nil {
			return nil, writeError{err}
		}
		return nil, fmt.Errorf("the server sent the range %q, asked for %q", answer.Header.Get("Content-Range"), q.Header.Get("Range"))
	}
	answer.Body.Close()
	return nil, &statusError{answer.StatusCode, answer.Status}
}

// beyondEnd handles the answer 416: the part has all bytes already, and only the
// check is missing, or it has too many.
func (f File) beyondEnd(answer *http.Response, part *part) (*http.Response, error) {
	answer.Body.Close()
	if answer.Header.Get("Content-Range") == "bytes */"+strconv.FormatInt(part.size, 10) {
		answer.Body, answer.ContentLength = http.NoBody, 0
		return answer, nil
	}
	if err := part.restart(); err != nil {
		return nil, writeError{err}
	}
	return nil, &statusError{answer.StatusCode, answer.Status}
}
