package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The files of an MNIST-like folder, without .gz.
const (
	trainImages = "train-images-idx3-ubyte"
	trainLabels = "train-labels-idx1-ubyte"
	testImages  = "t10k-images-idx3-ubyte"
	testLabels  = "t10k-labels-idx1-ubyte"
)

// LoadMNIST reads the four IDX files of MNIST, or of a data set made like it, from a
// folder: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte,
// t10k-labels-idx1-ubyte, each plain or with .gz. Pictures are [H, W, 1].
func LoadMNIST(dir string) (train, test *Images, err error) {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return nil, nil, &FileError{Path: dir, Offset: -1, Problem: "no folder of IDX files", Err: cause(err)}
	case !info.IsDir():
		return nil, nil, problem(dir, "a file, want the folder with the four IDX files")
	}
	train, test, err = ReadMNIST(os.DirFS(dir))
	var bad *FileError
	if errors.As(err, &bad) {
		bad.Path = filepath.Join(dir, bad.Path)
	}
	return train, test, err
}

// ReadMNIST is [LoadMNIST] for any file system.
func ReadMNIST(fsys fs.FS) (train, test *Images, err error) {
	if train, err = readLabelled(fsys, trainImages, trainLabels); err != nil {
		return nil, nil, err
	}
	if test, err = readLabelled(fsys, testImages, testLabels); err != nil {
		return nil, nil, err
	}
	if train.H != test.H || train.W != test.W || train.C != test.C {
		return nil, nil, problem(testImages, "pictures of %v, want %v as in %s", test.Shape(), train.Shape(), trainImages)
	}
	return train, test, nil
}

// readLabelled reads one file of pictures and the file of their labels.
func readLabelled(fsys fs.FS, images, labels string) (*Images, error) {
	var m *Images
	err := openIDX(fsys, images, func(x *IDX) (err error) {
		m, err = x.images()
		return err
	})
	if err != nil {
		return nil, err
	}
	err = openIDX(fsys, labels, func(x *IDX) error {
		if len(x.Shape) != 1 {
			return &FileError{Offset: 3, Problem: fmt.Sprintf("%d axes, want 1: a label for each picture", len(x.Shape))}
		}
		if len(x.Data) != m.Len() {
			return &FileError{Offset: 4, Problem: fmt.Sprintf("%d labels, want %d, one for each picture of %s", len(x.Data), m.Len(), images)}
		}
		m.Labels = make([]int32, len(x.Data))
		for i, label := range x.Data {
			m.Labels[i] = int32(label)
		}
		return nil
	})
	return m, err
}

// openIDX reads the file of that name, plain or else with .gz, hands it to use, and puts
// its name in every error.
func openIDX(fsys fs.FS, name string, use func(*IDX) error) error {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		name += ".gz"
		f, err = fsys.Open(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return problem(strings.TrimSuffix(name, ".gz"), "no such file, with .gz neither")
	}
	if err != nil {
		return &FileError{Path: name, Offset: -1, Problem: "cannot be opened", Err: cause(err)}
	}
	defer f.Close()
	limit := int64(MaxIDXBytes)
	if info, err := f.Stat(); err == nil {
		limit = min(limit, max(info.Size(), 1)*deflateMost) // what the file could hold at most
	}
	x, err := ReadIDX(f, limit)
	if err == nil {
		err = use(x)
	}
	var bad *FileError
	if errors.As(err, &bad) {
		bad.Path = name
	}
	return err
}

// deflateMost is how many bytes one byte of deflate data can stand for.
const deflateMost = 1032

// cause strips the path from a file system's error: a FileError names it already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
