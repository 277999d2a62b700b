package dataset

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/tensor"
)

// Gallery holds pictures of any sizes as bytes, each [H, W, C], and, where they are there, a
// label for every pixel.
type Gallery struct {
	C        int
	pictures []exhibit
}

// exhibit is a picture of a gallery.
type exhibit struct {
	name   string
	h, w   int
	pix    []byte // h*w*C
	labels []byte // h*w class numbers, or nil
}

// Len returns the number of pictures.
func (g *Gallery) Len() int { return len(g.pictures) }

// Name is where picture i came from.
func (g *Gallery) Name(i int) string { return g.pictures[i].name }

// Labelled reports whether every pixel has a label.
func (g *Gallery) Labelled() bool { return len(g.pictures) > 0 && g.pictures[0].labels != nil }

// Size returns the height and the width of picture i.
func (g *Gallery) Size(i int) (h, w int) { return g.pictures[i].h, g.pictures[i].w }

// Memory is the number of bytes that the pictures take.
func (g *Gallery) Memory() int64 {
	n := 0
	for _, p := range g.pictures {
		n += len(p.pix) + len(p.labels)
	}
	return int64(n)
}

// Select returns the pictures at the indices, without a copy.
func (g *Gallery) Select(indices []int32) *Gallery {
	return &Gallery{C: g.C, pictures: pick(g.pictures, indices)}
}

// GalleryOptions says what becomes of the pictures in a folder.
type GalleryOptions struct {
	Channels int // 1 grey (luma), 3 colour
	// Halve shrinks every picture to half its size, by a bicubic filter against aliasing:
	// photographs that were stored as JPEG are clean only then.
	Halve bool
	// Classes are the grey values that stand for class 0, 1, ... in label pictures. Without
	// them a value is the number of its class.
	Classes      []int
	TestFraction float64 // as in [FolderOptions]
	Seed         uint64
	MaxBytes     int64 // that all pictures may take in memory; 0 means 4 GiB
}

// LoadGallery reads a folder of pictures as [LoadFolder] does, in the same layouts, but every
// picture keeps its size. The partners in label are classes of pixels, pictures of one channel
// and the size of their partners; a folder of input and target is refused.
func LoadGallery(ctx context.Context, dir string, o GalleryOptions) (train, test *Gallery, err error) {
	parts, err := findParts(dir, FolderOptions{TestFraction: o.TestFraction, Seed: o.Seed})
	if err != nil {
		return nil, nil, err
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 4 << 30
	}
	l := galleryLoader{ctx, dir, o, o.MaxBytes}
	if train, err = l.load(parts[0]); err != nil {
		return nil, nil, err
	}
	if test, err = l.load(parts[1]); err != nil {
		return nil, nil, err
	}
	return train, test, nil
}

type galleryLoader struct {
	ctx  context.Context
	root string
	o    GalleryOptions
	left int64
}

func (l *galleryLoader) load(part folderPart) (*Gallery, error) {
	if part.targets != nil && !part.labels {
		return nil, problem(l.root, "input and target: pictures that keep their sizes have no partners but labels, in the folders image and label")
	}
	g := &Gallery{C: l.o.Channels}
	for i, name := range part.images {
		if err := l.ctx.Err(); err != nil {
			return nil, err
		}
		p, err := l.picture(name)
		if err != nil {
			return nil, err
		}
		e := exhibit{name: name, h: p.Height, w: p.Width, pix: p.Pix}
		if part.targets != nil {
			if e.labels, err = l.labels(part.targets[i], p); err != nil {
				return nil, err
			}
		}
		if l.left -= int64(len(e.pix) + len(e.labels)); l.left < 0 {
			return nil, problem(l.root, "the pictures are more than the %d bytes that they may take", l.o.MaxBytes)
		}
		g.pictures = append(g.pictures, e)
	}
	return g, nil
}

// open decodes a picture and makes it one of 8 bits.
func (l *galleryLoader) open(name string) (*imageio.Picture, error) {
	path := filepath.Join(l.root, name)
	p, err := imageio.Open(path)
	if err != nil {
		return nil, &FileError{Offset: -1, Problem: "not a usable picture", Err: err} // err names the path
	}
	if p.HasAlpha() {
		return nil, problem(path, "the picture is transparent in places; lay it on a background first")
	}
	return p.Upright().To8(), nil
}

func (l *galleryLoader) picture(name string) (*imageio.Picture, error) {
	p, err := l.open(name)
	if err != nil {
		return nil, err
	}
	if l.o.Channels == 1 {
		p = p.Gray()
	} else {
		p = p.RGB()
	}
	if l.o.Halve {
		p = p.Resize(max(p.Height/2, 1), max(p.Width/2, 1), imageio.Resampling{Filter: imageio.Bicubic, Antialias: true})
	}
	return p, nil
}

// labels reads the classes of the pixels of a picture.
func (l *galleryLoader) labels(name string, partner *imageio.Picture) ([]byte, error) {
	path := filepath.Join(l.root, name)
	p, err := l.open(name)
	if err != nil {
		return nil, err
	}
	if l.o.Halve {
		p = p.Resize(max(p.Height/2, 1), max(p.Width/2, 1), imageio.Resampling{Filter: imageio.Nearest})
	}
	switch {
	case p.Channels != 1:
		return nil, problem(path, "labels of %d channels, want one: the class of each pixel", p.Channels)
	case p.Height != partner.Height || p.Width != partner.Width:
		return nil, problem(path, "labels of %dx%d for a picture of %dx%d (height x width)", p.Height, p.Width, partner.Height, partner.Width)
	case l.o.Classes == nil:
		return p.Pix, nil
	}
	for i, v := range p.Pix {
		class := -1
		for c, grey := range l.o.Classes {
			if int(v) == grey {
				class = c
			}
		}
		if class < 0 {
			return nil, problem(path, "the label %d at pixel %d, %d is none of the classes %v", v, i/p.Width, i%p.Width, l.o.Classes)
		}
		p.Pix[i] = byte(class)
	}
	return p.Pix, nil
}

// Sized is a [Set] whose samples have sizes of their own: Shapes says [tensor.Any] for what
// differs, and SampleShapes what it is for one.
type Sized interface {
	Set
	SampleShapes(index int) (input, target tensor.Shape)
}

// wholes is a gallery as a set.
type wholes struct{ *Gallery }

// Wholes returns whole pictures, values from 0 to 1, as inputs; their labels, [H, W, 1], or,
// where there are none, themselves as targets.
func Wholes(g *Gallery) Sized { return wholes{g} }

func (w wholes) targetIsInput() bool { return !w.Labelled() }

func (w wholes) Shapes() (input, target tensor.Shape) {
	return w.shapes(tensor.Any, tensor.Any)
}

func (w wholes) SampleShapes(index int) (input, target tensor.Shape) {
	return w.shapes(w.Size(index))
}

func (w wholes) shapes(height, width int) (input, target tensor.Shape) {
	if w.Labelled() {
		return tensor.Shape{height, width, w.C}, tensor.Shape{height, width, 1}
	}
	return tensor.Shape{height, width, w.C}, tensor.Shape{height, width, w.C}
}

func (w wholes) Fill(_, index int, input, target []float32) error {
	p := &w.pictures[index]
	if len(input) != len(p.pix) {
		return fmt.Errorf("dataset: %d values for %s, which has %d", len(input), p.name, len(p.pix))
	}
	toFloat(input, p.pix)
	switch {
	case p.labels != nil:
		for i, class := range p.labels {
			target[i] = float32(class)
		}
	case &target[0] != &input[0]:
		copy(target, input)
	}
	return nil
}
