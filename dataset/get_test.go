package dataset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// mirror is a server of files with faults that a test sets.
type mirror struct {
	*httptest.Server
	mu       sync.Mutex
	files    map[string][]byte
	ranges   []string // the Range header of each request
	breakAt  int      // cut the connection after so many bytes of a body, ...
	breaks   int      // ... this many times
	stall    bool     // instead of cutting, send nothing more
	noRange  bool     // always send the whole file
	badRange bool     // answer a range with another one
	status   int      // answer this
	statuses int      // this many times; 0: always
}

func newMirror(t *testing.T, files map[string][]byte) *mirror {
	t.Helper()
	m := &mirror{files: files}
	m.Server = httptest.NewServer(m)
	t.Cleanup(m.Close)
	return m
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ranges = append(m.ranges, r.Header.Get("Range"))
	body, ok := m.files[strings.TrimPrefix(r.URL.Path, "/")]
	if m.status != 0 {
		status := m.status
		if m.statuses--; m.statuses == 0 {
			m.status = 0
		}
		w.WriteHeader(status)
		return
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	if m.badRange && r.Header.Get("Range") != "" {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 1-%d/%d", len(body)-1, len(body)))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(body[1:])
		return
	}
	if m.noRange {
		r.Header.Del("Range")
	}
	if m.breaks > 0 {
		m.breaks--
		w = &cutting{ResponseWriter: w, left: m.breakAt, stall: m.stall, r: r}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// cutting ends the connection, or falls silent, after some bytes.
type cutting struct {
	http.ResponseWriter
	left  int
	stall bool
	r     *http.Request
}

func (c *cutting) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	_, _ = c.ResponseWriter.Write(p[:n])
	if c.left -= n; c.left > 0 {
		return n, nil
	}
	c.ResponseWriter.(http.Flusher).Flush()
	if c.stall {
		<-c.r.Context().Done()
	}
	panic(http.ErrAbortHandler)
}

// noise returns bytes that gzip does not make much shorter.
func noise(n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		b = append(b, sum[:]...)
	}
	return b[:n]
}

// served returns an entry of two files and what a mirror of it serves.
func served(t *testing.T) (Entry, map[string][]byte) {
	t.Helper()
	e := Entry{Name: "little"}
	files := map[string][]byte{}
	for name, b := range map[string][]byte{"a": noise(200000), "b": noise(300)} {
		sum := sha256.Sum256(b)
		e.Files = append(e.Files, File{name, int64(len(b)), hex.EncodeToString(sum[:])})
		files[name+".gz"] = packed(t, b)
	}
	slices.SortFunc(e.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return e, files
}

// hurry makes waiting short, for one test.
func hurry(t *testing.T) {
	t.Helper()
	stall, wait := stallTime, retryWait
	stallTime, retryWait = 300*time.Millisecond, time.Millisecond
	t.Cleanup(func() { stallTime, retryWait = stall, wait })
}

// whole checks that the cache holds both files, sound, and nothing else.
func whole(t *testing.T, e Entry, cache string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(cache, e.Name))
	if err != nil || len(entries) != len(e.Files) {
		t.Errorf("the cache holds %v (%v), want %d files", entries, err, len(e.Files))
	}
	for _, f := range e.Files {
		path, err := f.in(filepath.Join(cache, e.Name))
		if err == nil {
			err = f.check(context.Background(), path)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

func TestGet(t *testing.T) {
	hurry(t)
	for name, c := range map[string]struct {
		fault    func(m *mirror)
		requests int    // in all
		resumed  string // the Range of the second request
	}{
		"smooth":              {func(*mirror) {}, 2, ""},
		"broken once":         {func(m *mirror) { m.breaks, m.breakAt = 1, 70000 }, 3, "bytes=70000-"},
		"broken at once":      {func(m *mirror) { m.breaks, m.breakAt = 2, 1 }, 4, "bytes=1-"},
		"stalled":             {func(m *mirror) { m.breaks, m.breakAt, m.stall = 1, 70000, true }, 3, "bytes=70000-"},
		"broken, no range":    {func(m *mirror) { m.breaks, m.breakAt, m.noRange = 1, 70000, true }, 3, "bytes=70000-"},
		"broken, wrong range": {func(m *mirror) { m.breaks, m.breakAt, m.badRange = 1, 70000, true }, 4, "bytes=70000-"},
		"busy":                {func(m *mirror) { m.status, m.statuses = 503, 2 }, 4, ""},
	} {
		e, files := served(t)
		m := newMirror(t, files)
		c.fault(m)
		e.Mirrors = []string{m.URL}
		cache := t.TempDir()
		var last Progress
		dir, err := e.Get(context.Background(), GetOptions{Cache: cache, Progress: func(p Progress) {
			if p.File == last.File && p.Done < last.Done && !m.noRange && !m.badRange {
				t.Errorf("%s: progress falls from %+v to %+v", name, last, p)
			}
			last = p
		}})
		if err != nil || dir != filepath.Join(cache, "little") {
			t.Errorf("%s: folder %s, error %v", name, dir, err)
			continue
		}
		whole(t, e, cache)
		if len(m.ranges) != c.requests || len(m.ranges) > 1 && m.ranges[1] != c.resumed {
			t.Errorf("%s: requests with ranges %q, want %d, the second %q", name, m.ranges, c.requests, c.resumed)
		}
		if size := int64(len(files["b.gz"])); last.File != "b" || last.Done != size || last.Total != size {
			t.Errorf("%s: last progress %+v, want b with %d bytes", name, last, size)
		}
		m.Close() // what is there and sound needs no mirror
		if _, err := e.Get(context.Background(), GetOptions{Cache: cache}); err != nil {
			t.Errorf("%s: once more: %v", name, err)
		}
	}
}

// A part that an earlier call left behind is used, if it fits.
func TestGetResumesAPart(t *testing.T) {
	hurry(t)
	e, files := served(t)
	a := files["a.gz"]
	wrong := slices.Clone(a[:5000])
	wrong[100] ^= 1
	for name, c := range map[string]struct {
		part   []byte
		ranges []string
	}{
		"half":     {a[:90000], []string{"bytes=90000-", ""}},
		"all":      {a, []string{fmt.Sprintf("bytes=%d-", len(a)), ""}},
		"too long": {append(slices.Clone(a), 1, 2, 3), []string{fmt.Sprintf("bytes=%d-", len(a)+3), "", ""}},
		"wrong":    {wrong, []string{"bytes=5000-", "", ""}},
		"empty":    {nil, []string{"", ""}},
	} {
		m := newMirror(t, files)
		e.Mirrors = []string{m.URL + "/"}
		cache := folder(t, map[string][]byte{"little/a.gz.part": c.part})
		if _, err := e.Get(context.Background(), GetOptions{Cache: cache}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		whole(t, e, cache)
		if !slices.Equal(m.ranges, c.ranges) {
			t.Errorf("%s: requests with ranges %q, want %q", name, m.ranges, c.ranges)
		}
	}
}

func TestGetFallsOver(t *testing.T) {
	hurry(t)
	e, files := served(t)
	other := map[string][]byte{"a.gz": packed(t, noise(200001)), "b.gz": packed(t, noise(299))}
	for name, first := range map[string]func(m *mirror){
		"404":         func(m *mirror) { m.files = nil },
		"403":         func(m *mirror) { m.status = 403 },
		"500 always":  func(m *mirror) { m.status = 500 },
		"wrong data":  func(m *mirror) { m.files = other },
		"no gzip":     func(m *mirror) { m.files = map[string][]byte{"a.gz": []byte("<html>"), "b.gz": nil} },
		"endless":     func(m *mirror) { m.files = map[string][]byte{"a.gz": noise(400000), "b.gz": noise(400000)} },
		"breaks on":   func(m *mirror) { m.breaks, m.breakAt = 100, 10 },
		"unreachable": func(m *mirror) { m.Close() },
	} {
		bad, good := newMirror(t, files), newMirror(t, files)
		first(bad)
		e.Mirrors = []string{bad.URL, good.URL}
		cache := t.TempDir()
		if _, err := e.Get(context.Background(), GetOptions{Cache: cache}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		whole(t, e, cache)

		e.Mirrors = []string{bad.URL}
		cache = t.TempDir()
		_, err := e.Get(context.Background(), GetOptions{Cache: cache})
		if err == nil || !strings.Contains(err.Error(), bad.URL+"/a.gz") || !strings.Contains(err.Error(), "--from") {
			t.Errorf("%s, no other mirror: error %v", name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(cache, "little", "*[^t]")); len(left) > 0 {
			t.Errorf("%s: the cache holds %v", name, left)
		}
	}
}

// A gzip file of a few bytes may unpack to very many: the check must end early.
func TestCheckStopsAtABomb(t *testing.T) {
	dir := folder(t, map[string][]byte{"a.gz": packed(t, make([]byte, 50<<20))})
	start := time.Now()
	err := File{"a", 1000, ""}.check(context.Background(), filepath.Join(dir, "a.gz"))
	if err == nil || !strings.Contains(err.Error(), "longer than the 1000 bytes") || time.Since(start) > time.Second {
		t.Errorf("error %v after %v", err, time.Since(start))
	}
}

func TestGetCancelled(t *testing.T) {
	hurry(t)
	e, files := served(t)
	m := newMirror(t, files)
	e.Mirrors = []string{m.URL}
	cache := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	_, err := e.Get(ctx, GetOptions{Cache: cache, Progress: func(p Progress) {
		if p.Done > 50000 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(cache, "little", "a.gz.part")); err != nil {
		t.Errorf("the part is gone: %v", err)
	}
	if _, err := e.Get(context.Background(), GetOptions{Cache: cache}); err != nil {
		t.Error(err)
	}
	whole(t, e, cache)
	if len(m.ranges) != 3 || !strings.HasPrefix(m.ranges[1], "bytes=") {
		t.Errorf("requests with ranges %q", m.ranges)
	}
}

func TestGetFrom(t *testing.T) {
	e, files := served(t)
	e.Mirrors = []string{"http://127.0.0.1:1"} // must not be asked
	plain := map[string][]byte{"a": noise(200000), "b": noise(300)}
	for name, from := range map[string]map[string][]byte{
		"gzip": files, "plain": plain, "mixed": {"a": plain["a"], "b.gz": files["b.gz"]},
	} {
		cache := folder(t, map[string][]byte{"little/a.gz.part": noise(10), "little/a.part": noise(10)})
		_ = os.Remove(filepath.Join(cache, "little", map[bool]string{true: "a.gz.part", false: "a.part"}[from["a"] != nil]))
		if _, err := e.Get(context.Background(), GetOptions{Cache: cache, From: folder(t, from)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		whole(t, e, cache)
	}
	for name, c := range map[string]struct {
		from map[string][]byte
		want string
	}{
		"missing": {map[string][]byte{"a": plain["a"]}, "no such file"},
		"wrong":   {map[string][]byte{"a": noise(199999), "b": plain["b"]}, "199999 bytes, want the 200000"},
		"changed": {map[string][]byte{"a": slices.Concat(noise(199999), []byte{0}), "b": plain["b"]}, "SHA-256"},
		"cut":     {map[string][]byte{"a.gz": files["a.gz"][:1000], "b": plain["b"]}, "unexpected EOF"},
	} {
		cache, from := t.TempDir(), folder(t, c.from)
		_, err := e.Get(context.Background(), GetOptions{Cache: cache, From: from})
		var bad *FileError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(bad.Path, from) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// A damaged file in the cache is replaced, also where the other form takes its place.
func TestGetFromFailedLeavesNothing(t *testing.T) {
	e, _ := served(t)
	for name, o := range map[string]GetOptions{
		"refused":   {From: t.TempDir()},
		"cancelled": {From: folder(t, map[string][]byte{"a": noise(200000), "b": noise(300)})},
	} {
		cache := filepath.Join(t.TempDir(), "new", "cache")
		o.Cache = cache
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		o.Progress = func(Progress) { cancel() } // comes only where a copy has begun
		if _, err := e.Get(ctx, o); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := os.Stat(filepath.Dir(cache)); !os.IsNotExist(err) {
			t.Errorf("%s: a folder is left: %v", name, err)
		}
	}
}

func TestGetMends(t *testing.T) {
	e, files := served(t)
	m := newMirror(t, files)
	e.Mirrors = []string{m.URL}
	cache := folder(t, map[string][]byte{"little/a": noise(5), "little/b.gz": noise(5)})
	if _, err := e.Get(context.Background(), GetOptions{Cache: cache}); err != nil {
		t.Error(err)
	}
	whole(t, e, cache)
}

func TestGetUnwritable(t *testing.T) {
	e, _ := served(t)
	cache := filepath.Join(folder(t, map[string][]byte{"file": nil}), "file")
	if _, err := e.Get(context.Background(), GetOptions{Cache: cache}); err == nil || !strings.Contains(err.Error(), cache) {
		t.Errorf("error %v, want one that names %s", err, cache)
	}
	if _, err := Get(context.Background(), "mnits", GetOptions{}); err == nil || !strings.Contains(err.Error(), "fashion-mnist") {
		t.Errorf("error %v, want one that lists the names", err)
	}
}

func TestCatalogue(t *testing.T) {
	for _, e := range Catalogue() {
		if len(e.Files) != 4 || len(e.Mirrors) < 2 || len(e.ClassNames) != 10 || e.Licence == "" || e.Size() != 54950048 {
			t.Errorf("%s: %+v", e.Name, e)
		}
		for _, f := range e.Files {
			if b, err := hex.DecodeString(f.SHA256); err != nil || len(b) != 32 {
				t.Errorf("%s %s: SHA-256 %q", e.Name, f.Name, f.SHA256)
			}
		}
	}
}

// The real files are brought over, found and read.
func TestGetRealFiles(t *testing.T) {
	data := os.Getenv(DataVariable)
	if data == "" {
		t.Skip(DataVariable + " is unset: no MNIST to bring over")
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	_, err := Get(context.Background(), "mnist", GetOptions{From: filepath.Join(data, "mnist")})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(DataVariable, "")
	train, test, err := Load("mnist", "")
	if err != nil {
		t.Fatal(err)
	}
	if train.Len() != 60000 || test.Len() != 10000 || train.H != 28 || !slices.Equal(train.Labels[:5], []int32{5, 0, 4, 1, 9}) {
		t.Errorf("%d and %d digits, first labels %v", train.Len(), test.Len(), train.Labels[:5])
	}
}

func TestFind(t *testing.T) {
	good := folder(t, map[string][]byte{
		trainImages: nil, trainLabels + ".gz": nil, testImages: nil, testLabels: nil,
		"mnist/" + trainImages: nil, "mnist/" + trainLabels: nil, "mnist/" + testImages: nil, "mnist/" + testLabels: nil,
		"birds/a.png": nil, "empty/x/y": nil,
	})
	half := folder(t, map[string][]byte{trainImages: nil, trainLabels: nil})
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv(DataVariable, good)
	cache, err := CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, flag, want, err string }{
		{"mnist", "", filepath.Join(good, "mnist"), ""},
		{"mnist", good, filepath.Join(good, "mnist"), ""},
		{"fashion-mnist", good, good, ""},
		{"birds", "", filepath.Join(good, "birds"), ""},
		{"birds", half, half, ""},
		{"mnist", half, "", testImages},
		{"mnist", filepath.Join(half, "no"), "", "no folder of data"},
		{"fashion-mnist", "", "", "`hourglass data get fashion-mnist` brings it"},
		{"flowers", "", "", "--data"},
	} {
		dir, err := Find(c.name, c.flag)
		if dir != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("Find(%q, %q) = %q, %v; want %q, %q", c.name, c.flag, dir, err, c.want, c.err)
		}
	}
	_, err = Find("fashion-mnist", "")
	var missing *NotFoundError
	if !errors.As(err, &missing) || len(missing.Sought) != 2 || missing.Sought[1] != filepath.Join(cache, "fashion-mnist") {
		t.Errorf("error %#v", err)
	}
	for name := range smallMNIST() {
		path := filepath.Join(cache, "fashion-mnist", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, smallMNIST()[name], 0o666); err != nil {
			t.Fatal(err)
		}
	}
	train, _, err := Load("fashion-mnist", "")
	if err != nil || train.ClassNames[8] != "Bag" {
		t.Errorf("from the cache: %v", err)
	}
}

func TestCacheDir(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "relative")
	t.Setenv("HOME", "/home/someone")
	if dir, err := CacheDir(); err == nil && !filepath.IsAbs(dir) {
		t.Errorf("cache folder %s", dir)
	}
}
