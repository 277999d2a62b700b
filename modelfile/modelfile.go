// Package modelfile stores a model in one safetensors file that needs nothing beside it.
//
// The tensors are the model's parameters under their own names, "dense_1/kernel". All
// else is in the file's metadata, one key a fact: the graph with every hyperparameter,
// the task, what pictures the network expects, how it was trained, and what it scored
// ([Metadata]). So any safetensors reader can use the weights, and [Read] can rebuild the
// model.
//
//	hourglass.format    the version of the format that the file is in
//	hourglass.reader    the least version that a reader must know
//	hourglass.graph     JSON of [nn.Model.MarshalGraph]
//	hourglass.task, hourglass.picture.shape, ...: see [Metadata]
//
// Keys that this program does not know, its own prefix or not, are kept in
// Metadata.Extra and written again. A writer that adds facts which an old reader may
// ignore raises the format, one that adds facts which it may not, the reader.
//
// A file is never believed: what is wrong with one is reported as a [*FormatError], and
// no memory is taken for weights before the graph and the file agree on their shapes.
// The core works on io interfaces; [Save] and [Load] are for paths.
package modelfile

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/hourglass-go/hourglass/modelfile/safetensors"
	"github.com/hourglass-go/hourglass/nn"
)

const (
	// Format is the version of the format that this program writes, and the newest that
	// it reads.
	Format = 1
	// leastReader is the oldest reader that understands what is written.
	leastReader = 1

	prefix    = "hourglass."
	formatKey = prefix + "format"
	readerKey = prefix + "reader"
	graphKey  = prefix + "graph"

	// CheckpointKey marks a file as the checkpoint of a training run, which is no model.
	CheckpointKey = prefix + "checkpoint"
)

// Write writes the model to w. It fails, before anything is written, where a layer's type
// is not registered, the metadata contradicts itself or a weight is not finite. The same
// model and metadata give the same bytes.
func Write(w io.Writer, m *nn.Model, meta Metadata) error {
	keys, err := meta.encode()
	if err != nil {
		return err
	}
	graph, err := m.MarshalGraph()
	if err != nil {
		return err
	}
	keys[formatKey], keys[readerKey] = strconv.Itoa(Format), strconv.Itoa(leastReader)
	keys[graphKey] = string(graph)
	store := m.Store()
	var tensors []safetensors.Tensor
	for _, p := range m.Params() {
		v := store.Value(p)
		if err := safetensors.CheckFinite(p.Name, v); err != nil {
			return fmt.Errorf("modelfile: a model with such a weight is of no use: %w", err)
		}
		tensors = append(tensors, safetensors.Tensor{Name: p.Name, Shape: p.Shape, Data: v})
	}
	return safetensors.Write(w, keys, tensors)
}

// Read reads a model of size bytes. What is wrong with the file is a [*FormatError]; a
// file that holds no model wraps [ErrNotModel], one that is too new a [*VersionError], one
// whose tensors are not those of its graph a [*WeightsError].
func Read(r io.ReaderAt, size int64) (*nn.Model, Metadata, error) {
	f, err := open(r, size)
	if err != nil {
		return nil, Metadata{}, err
	}
	if err := checkVersion(f); err != nil {
		return nil, Metadata{}, err
	}
	meta, err := ParseMetadata(f.Metadata)
	if err != nil {
		return nil, Metadata{}, err
	}
	m, err := nn.UnmarshalModel([]byte(f.Metadata[graphKey]))
	if err != nil {
		return nil, Metadata{}, &FormatError{Where: inMetadata(graphKey), What: err.Error(), Err: err}
	}
	if err := readWeights(f, m); err != nil {
		return nil, Metadata{}, err
	}
	return m, meta, nil
}

// ReadWeights overwrites the weights of a model with those of a safetensors file of size
// bytes, whose metadata does not matter. The file must have exactly the model's tensors.
// Where the values turn out not to be finite or the file breaks off, the model is
// partly overwritten.
func ReadWeights(r io.ReaderAt, size int64, m *nn.Model) error {
	f, err := open(r, size)
	if err != nil {
		return err
	}
	return readWeights(f, m)
}

func open(r io.ReaderAt, size int64) (*safetensors.File, error) {
	f, err := safetensors.Open(r, size)
	return f, foreign(err)
}

// foreign makes a fault that safetensors found one of this package; an error of the
// reader stays what it is.
func foreign(err error) error {
	var fault *safetensors.FormatError
	if errors.As(err, &fault) {
		return &FormatError{Where: fault.Where, What: fault.What, Err: fault}
	}
	return err
}

// checkVersion makes sure that the file is a model that this program can read.
func checkVersion(f *safetensors.File) error {
	if _, ok := f.Metadata[CheckpointKey]; ok {
		return notModel("it is the checkpoint of a training run; the model lies beside it")
	}
	if _, ok := f.Metadata[graphKey]; !ok {
		return notModel(fmt.Sprintf("its metadata has no %s; it holds %d bare tensors", graphKey, len(f.Tensors())))
	}
	var version [2]int
	for i, key := range []string{formatKey, readerKey} {
		n, err := strconv.Atoi(f.Metadata[key])
		if err != nil || n < 1 {
			return &FormatError{Where: inMetadata(key), What: fmt.Sprintf("%q is no version; 1 or more is right", f.Metadata[key])}
		}
		version[i] = n
	}
	if version[1] > Format {
		err := &VersionError{Format: version[0], Reader: version[1]}
		return &FormatError{Where: inMetadata(readerKey), What: err.Error(), Err: err}
	}
	return nil
}

// readWeights streams the tensors into the model's flat vectors. Nothing is allocated for
// them before their shapes are known to be the file's.
func readWeights(f *safetensors.File, m *nn.Model) error {
	var bad WeightsError
	known := map[string]bool{}
	for _, p := range m.Params() {
		known[p.Name] = true
		t, ok := f.Lookup(p.Name)
		switch {
		case !ok:
			bad.Missing = append(bad.Missing, p.Name)
		case !slices.Equal(t.Shape, p.Shape):
			bad.Misshaped = append(bad.Misshaped, fmt.Sprintf("%s is %v instead of %v", p.Name, nn.Shape(t.Shape), p.Shape))
		}
	}
	for _, t := range f.Tensors() {
		if !known[t.Name] {
			bad.Spare = append(bad.Spare, t.Name)
		}
	}
	if len(bad.Missing)+len(bad.Misshaped)+len(bad.Spare) > 0 {
		return &FormatError{Where: "tensors", What: bad.Error(), Err: &bad}
	}
	store := m.Store()
	for _, p := range m.Params() {
		v := store.Value(p)
		if err := f.ReadFloat32(p.Name, v); err != nil {
			return foreign(err)
		}
		if err := safetensors.CheckFinite(p.Name, v); err != nil {
			return foreign(err)
		}
	}
	return nil
}
