package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Fit says how a picture is brought to the size of its set.
type Fit string

// The ways to fit. The empty one is FitExact.
const (
	FitExact  Fit = "exact"  // every picture must have the size
	FitResize Fit = "resize" // bicubic, antialiased; the aspect ratio gives way
	FitInside Fit = "inside" // the whole picture, undistorted, on its own background colour
	FitCrop   Fit = "crop"   // the middle is cut out; a smaller picture is refused
)

// FolderOptions says what becomes of the pictures in a folder.
type FolderOptions struct {
	H, W     int // their size; 0 with FitExact: that of the first
	Channels int // 1 grey (luma), 3 colour; 0: as the first
	Fit      Fit
	// TestFraction of the pictures, rounded, become the test part where the folder is not
	// divided into train and test; 0 means 0.1. The choice is Split's, by Seed, over
	// the file names in order.
	TestFraction float64
	Seed         uint64
	MaxBytes     int64                 // that all pictures may take in memory; 0 means 4 GiB
	Workers      int                   // goroutines that decode; 0 means GOMAXPROCS
	Progress     func(done, total int) // called after each picture, one call at a time
}

// Pictures is one part, training or test, of a folder.
type Pictures struct {
	Images  *Images
	Targets *Images // the partners, where the folder holds pairs; else nil
}

// Set returns the pairs, or the pictures as their own targets.
func (p Pictures) Set() (Set, error) {
	if p.Targets == nil {
		return Same(p.Images), nil
	}
	return Pairs(p.Images, p.Targets)
}

// LoadFolder reads a folder of pictures (PNG, JPEG, BMP, GIF, TIFF, WebP, by the file's
// ending; other files, hidden ones and further folders are passed over). The layouts:
//
//	DIR/train, DIR/test          the two parts
//	DIR                          one folder, divided by a seeded rule
//
// where a part, or DIR, holds either pictures or pairs of pictures under the same names
// (the endings may differ) in image and label, or in input and target. Pictures are
// turned upright and kept with 8 bits a sample; transparent ones are refused. The
// partners in label are classes, not colours: they are resized to the nearest pixel.
func LoadFolder(ctx context.Context, dir string, o FolderOptions) (train, test Pictures, err error) {
	if err := o.check(); err != nil {
		return train, test, err
	}
	parts, err := findParts(dir, o)
	if err != nil {
		return train, test, err
	}
	l := &folderLoader{ctx: ctx, o: o, root: dir, left: o.MaxBytes}
	if l.left == 0 {
		l.left = 4 << 30
	}
	for _, p := range parts {
		l.total += len(p.images) + len(p.targets)
	}
	inputs, targets := l.frameOf(o.Channels, false), l.frameOf(0, parts[0].labels)
	for i, out := range []*Pictures{&train, &test} {
		if out.Images, err = l.load(parts[i].images, inputs); err != nil {
			return train, test, err
		}
		if parts[i].targets == nil {
			continue
		}
		if out.Targets, err = l.load(parts[i].targets, targets); err != nil {
			return train, test, err
		}
	}
	return train, test, nil
}

func (o FolderOptions) check() error {
	sized := o.H > 0 && o.W > 0
	switch {
	case o.H < 0 || o.W < 0 || (o.H > 0) != (o.W > 0):
		return fmt.Errorf("dataset: pictures of %dx%d: want both sides, or neither", o.H, o.W)
	case !slices.Contains([]Fit{"", FitExact, FitResize, FitInside, FitCrop}, o.Fit):
		return fmt.Errorf("dataset: no way %q to fit pictures: want %s, %s, %s or %s", o.Fit, FitExact, FitResize, FitInside, FitCrop)
	case o.Fit != "" && o.Fit != FitExact && !sized:
		return fmt.Errorf("dataset: fit %q needs the height and width to fit pictures to", o.Fit)
	case o.Channels != 0 && o.Channels != 1 && o.Channels != 3:
		return fmt.Errorf("dataset: pictures of %d channels: want 1 (grey) or 3 (colour)", o.Channels)
	case !(o.TestFraction >= 0 && o.TestFraction < 1):
		return fmt.Errorf("dataset: a test part of %v of the pictures: want 0 to less than 1", o.TestFraction)
	}
	return nil
}

// folderPart lists the files of one part, relative to the root, partners at the same
// index.
type folderPart struct {
	images, targets []string
	labels          bool // the targets are classes
}

// findParts finds out the layout, and lists the training and the test part.
func findParts(dir string, o FolderOptions) ([2]folderPart, error) {
	var parts [2]folderPart
	if info, err := os.Stat(dir); err != nil {
		return parts, &FileError{Path: dir, Offset: -1, Problem: "no folder of pictures", Err: cause(err)}
	} else if !info.IsDir() {
		return parts, problem(dir, "a file, want a folder of pictures")
	}
	split, err := both(dir, "", "train", "test")
	if err != nil {
		return parts, err
	}
	if split {
		for i, name := range []string{"train", "test"} {
			if parts[i], err = listPart(dir, name); err != nil {
				return parts, err
			}
		}
		if (parts[0].targets == nil) != (parts[1].targets == nil) || parts[0].labels != parts[1].labels {
			return parts, problem(dir, "train and test are laid out differently: want pictures, image and label, or input and target in both")
		}
		return parts, nil
	}
	all, err := listPart(dir, "")
	if err != nil {
		return parts, err
	}
	if len(all.images) < 2 {
		return parts, problem(dir, "one picture cannot be divided into a training and a test part, want at least 2")
	}
	fraction := o.TestFraction
	if fraction == 0 {
		fraction = 0.1
	}
	trainIndex, testIndex := Split(len(all.images), fraction, o.Seed)
	return [2]folderPart{all.choose(trainIndex), all.choose(testIndex)}, nil
}

func (p folderPart) choose(indices []int32) folderPart {
	out := folderPart{labels: p.labels, images: pick(p.images, indices)}
	if p.targets != nil {
		out.targets = pick(p.targets, indices)
	}
	return out
}

// both reports whether the folder part of root has both sub-folders. One without the
// other is an error.
func both(root, part, a, b string) (bool, error) {
	dir := filepath.Join(root, part)
	has := func(name string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && info.IsDir()
	}
	switch {
	case has(a) && has(b):
		return true, nil
	case has(a):
		return false, problem(dir, "there is a folder %s but no folder %s beside it", a, b)
	case has(b):
		return false, problem(dir, "there is a folder %s but no folder %s beside it", b, a)
	}
	return false, nil
}

// listPart lists the pictures, or the pairs, in one folder below root.
func listPart(root, part string) (folderPart, error) {
	for _, names := range [][2]string{{"image", "label"}, {"input", "target"}} {
		pair, err := both(root, part, names[0], names[1])
		if err != nil {
			return folderPart{}, err
		}
		if pair {
			return listPairs(root, filepath.Join(part, names[0]), filepath.Join(part, names[1]), names[1] == "label")
		}
	}
	files, err := listPictures(root, part)
	return folderPart{images: files}, err
}

// listPairs lists the pictures of both folders, matched by their names without ending.
func listPairs(root, a, b string, labels bool) (folderPart, error) {
	images, err := listPictures(root, a)
	if err != nil {
		return folderPart{}, err
	}
	targets, err := listPictures(root, b)
	if err != nil {
		return folderPart{}, err
	}
	byStem := map[string]string{}
	for _, t := range targets {
		if other, twice := byStem[stem(t)]; twice {
			return folderPart{}, problem(filepath.Join(root, t), "another picture has the same name but for the ending: %s", filepath.Base(other))
		}
		byStem[stem(t)] = t
	}
	p := folderPart{labels: labels}
	for i, name := range images {
		if i > 0 && stem(name) == stem(images[i-1]) {
			return folderPart{}, problem(filepath.Join(root, name), "another picture has the same name but for the ending: %s", filepath.Base(images[i-1]))
		}
		partner, ok := byStem[stem(name)]
		if !ok {
			return folderPart{}, problem(filepath.Join(root, name), "no picture named %s.* in the folder %s", stem(name), b)
		}
		delete(byStem, stem(name))
		p.images, p.targets = append(p.images, name), append(p.targets, partner)
	}
	for _, t := range targets {
		if _, left := byStem[stem(t)]; left {
			return folderPart{}, problem(filepath.Join(root, t), "no picture named %s.* in the folder %s", stem(t), a)
		}
	}
	return p, nil
}

func stem(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// pictureEndings are the endings of the files that imageio reads.
var pictureEndings = []string{".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}

// listPictures lists the pictures of one folder below root by their paths relative to
// root, sorted by name without ending. It fails where there is none.
func listPictures(root, folder string) ([]string, error) {
	dir := filepath.Join(root, folder)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, &FileError{Path: dir, Offset: -1, Problem: "the folder cannot be read", Err: cause(err)}
	}
	var files []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || !slices.Contains(pictureEndings, strings.ToLower(filepath.Ext(name))) {
			continue
		}
		if info, err := os.Stat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue
		}
		files = append(files, filepath.Join(folder, name))
	}
	if len(files) == 0 {
		return nil, problem(dir, "no pictures in this folder, want files ending in %s", strings.Join(pictureEndings, ", "))
	}
	slices.SortFunc(files, func(a, b string) int {
		if c := strings.Compare(stem(a), stem(b)); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	return files, nil
}
