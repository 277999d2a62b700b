// Makedigits chooses the digits that package digits embeds: from the training files of
// MNIST the first 1,000 pictures of each class, from its test files the first 200 of each
// class, both in the order of the file. From the folder dataset/digits:
//
//	go run ./internal/makedigits "$HOURGLASS_DATA/mnist"
//
// It writes the four IDX files there, gzip at level 9 without name and time, so that the
// same version of Go makes the same bytes.
package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/dataset/digits"
	"github.com/hourglass-go/hourglass/internal/atomicfile"
	"github.com/hourglass-go/hourglass/tensor"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: makedigits FOLDER, the one with the four files of MNIST")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "makedigits:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	train, test, err := dataset.LoadMNIST(dir)
	if err != nil {
		return err
	}
	train = train.Select(digits.Choose(train.Labels, digits.TrainPerClass))
	test = test.Select(digits.Choose(test.Labels, digits.TestPerClass))
	for prefix, m := range map[string]*dataset.Images{"train": train, "t10k": test} {
		labels := make([]byte, len(m.Labels))
		for i, label := range m.Labels {
			labels[i] = byte(label)
		}
		pictures := dataset.IDX{Shape: tensor.Shape{m.Len(), m.H, m.W}, Data: m.Pix}
		if err := write(prefix+"-images-idx3-ubyte.gz", &pictures); err != nil {
			return err
		}
		if err := write(prefix+"-labels-idx1-ubyte.gz", &dataset.IDX{Shape: tensor.Shape{m.Len()}, Data: labels}); err != nil {
			return err
		}
	}
	return nil
}

func write(path string, x *dataset.IDX) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			return err
		}
		if err := dataset.WriteIDX(z, x); err != nil {
			return err
		}
		return z.Close()
	})
}
