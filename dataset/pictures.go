package dataset

import (
	"context"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/hourglass-go/hourglass/imageio"
)

// folderLoader decodes the pictures of a folder.
type folderLoader struct {
	ctx  context.Context
	o    FolderOptions
	root string
	left int64 // of the bytes that may be held

	mu          sync.Mutex
	done, total int
}

// frame is what all pictures of a list are brought to: the first one fills in what is
// not yet known.
type frame struct {
	h, w, c int
	labels  bool
}

func (l *folderLoader) frameOf(channels int, labels bool) *frame {
	return &frame{h: l.o.H, w: l.o.W, c: channels, labels: labels}
}

// load decodes the files, in parallel, into one Images. The error is that of the first
// file in the list which has one.
func (l *folderLoader) load(files []string, f *frame) (*Images, error) {
	first, err := l.decode(files[0], f)
	if err != nil {
		return nil, err
	}
	size := f.h * f.w * f.c
	if int64(size) > l.left/int64(len(files)) {
		return nil, problem(l.root, "%d pictures of %dx%dx%d are more than the %d bytes left for them; choose a smaller size",
			len(files), f.h, f.w, f.c, l.left)
	}
	l.left -= int64(size) * int64(len(files))
	m := &Images{H: f.h, W: f.w, C: f.c, Pix: make([]byte, len(files)*size), Names: files}
	copy(m.Pix, first)

	var wait sync.WaitGroup
	var mu sync.Mutex
	next, failed, failure := 1, len(files), error(nil)
	claim := func() int {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1
	}
	fail := func(i int, err error) {
		mu.Lock()
		defer mu.Unlock()
		if i < failed {
			failed, failure = i, err
		}
		next = len(files) // the earlier ones are under way
	}
	workers := l.o.Workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	for range min(workers, len(files)) {
		wait.Go(func() {
			for i := claim(); i < len(files); i = claim() {
				pix, err := l.decode(files[i], f)
				if err != nil {
					fail(i, err)
					return
				}
				copy(m.Pix[i*size:], pix)
			}
		})
	}
	wait.Wait()
	if failure != nil {
		return nil, failure
	}
	return m, nil
}

// decode reads one file and brings it to the frame.
func (l *folderLoader) decode(file string, f *frame) ([]byte, error) {
	if err := l.ctx.Err(); err != nil {
		return nil, err
	}
	path := filepath.Join(l.root, file)
	p, err := imageio.Open(path)
	if err != nil {
		return nil, &FileError{Offset: -1, Problem: "not a usable picture", Err: err} // err names the path
	}
	if p.HasAlpha() {
		return nil, problem(path, "the picture is transparent in places; lay it on a background first")
	}
	p = p.Upright().To8()
	if f.c == 0 {
		f.c = p.Channels
	}
	if f.c == 1 {
		p = p.Gray()
	} else {
		p = p.RGB()
	}
	if f.h == 0 {
		f.h, f.w = p.Height, p.Width
	}
	if p, err = l.fit(p, f, path); err != nil {
		return nil, err
	}
	if l.o.Progress != nil {
		l.mu.Lock()
		l.done++
		l.o.Progress(l.done, l.total)
		l.mu.Unlock()
	}
	return p.Pix, nil
}

// fit brings the picture to the frame's size.
func (l *folderLoader) fit(p *imageio.Picture, f *frame, path string) (*imageio.Picture, error) {
	switch {
	case p.Height == f.h && p.Width == f.w:
		return p, nil
	case l.o.Fit == FitResize && f.labels:
		return p.Resize(f.h, f.w, imageio.Resampling{Filter: imageio.Nearest}), nil
	case l.o.Fit == FitResize:
		return p.Resize(f.h, f.w, imageio.Resampling{Filter: imageio.Bicubic, Antialias: true}), nil
	case l.o.Fit == FitInside && !f.labels:
		return p.Fit(f.h, f.w), nil
	case l.o.Fit == FitInside:
		return nil, problem(path, "labels cannot be fitted on a background; resize or crop them")
	case l.o.Fit == FitCrop && (p.Height < f.h || p.Width < f.w):
		return nil, problem(path, "the picture is %dx%d, too small to cut %dx%d (height x width) out of it", p.Height, p.Width, f.h, f.w)
	case l.o.Fit == FitCrop:
		return crop(p, f.h, f.w), nil
	}
	return nil, problem(path, "the picture is %dx%d, want %dx%d (height x width) as the others; or have them resized or cropped",
		p.Height, p.Width, f.h, f.w)
}

// crop returns the middle of an 8-bit picture; where an odd number of rows or columns
// goes, one more goes at the end.
func crop(p *imageio.Picture, h, w int) *imageio.Picture {
	q := imageio.New(w, h, p.Channels, p.Depth)
	top, left := (p.Height-h)/2, (p.Width-w)/2
	for y := range h {
		from := ((top+y)*p.Width + left) * p.Channels
		copy(q.Pix[y*w*p.Channels:(y+1)*w*p.Channels], p.Pix[from:])
	}
	return q
}
