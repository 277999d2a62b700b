package modelfile

import (
	"fmt"
	"io"
	"os"

	"github.com/hourglass-go/hourglass/internal/atomicfile"
	"github.com/hourglass-go/hourglass/nn"
)

// Save writes the model to a file that is whole or, after an error, what it was before.
func Save(path string, m *nn.Model, meta Metadata) error {
	return atomicfile.Write(path, func(w io.Writer) error { return Write(w, m, meta) })
}

// Load reads a model from a file; its error names the path. See [Read].
func Load(path string) (m *nn.Model, meta Metadata, err error) {
	err = withFile(path, func(f *os.File, size int64) error {
		m, meta, err = Read(f, size)
		return err
	})
	if err != nil {
		return nil, Metadata{}, err
	}
	return m, meta, nil
}

// LoadWeights is [ReadWeights] from a file; its error names the path.
func LoadWeights(path string, m *nn.Model) error {
	return withFile(path, func(f *os.File, size int64) error { return ReadWeights(f, size, m) })
}

// withFile opens path and puts it in front of what read fails with.
func withFile(path string, read func(f *os.File, size int64) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("modelfile: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("modelfile: %w", err)
	}
	if info.IsDir() {
		return fmt.Errorf("%s: %w", path, &FormatError{Where: "file", What: "it is a folder; a model is one file", Err: ErrNotModel})
	}
	if err := read(f, info.Size()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
