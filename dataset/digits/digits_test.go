package digits

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/dataset"
)

func TestLoad(t *testing.T) {
	train, test, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		m        *dataset.Images
		perClass int
	}{"train": {train, TrainPerClass}, "test": {test, TestPerClass}} {
		if c.m.H != 28 || c.m.W != 28 || c.m.C != 1 || c.m.Len() != 10*c.perClass || len(c.m.Labels) != c.m.Len() {
			t.Errorf("%s: %d pictures of %v, %d labels", name, c.m.Len(), c.m.Shape(), len(c.m.Labels))
		}
		var classes [10]int
		for _, label := range c.m.Labels {
			classes[label]++
		}
		for class, n := range classes {
			if n != c.perClass {
				t.Errorf("%s: %d pictures of class %d, want %d", name, n, class, c.perClass)
			}
		}
		if c.m.ClassNames[7] != "7" {
			t.Errorf("%s: class names %v", name, c.m.ClassNames)
		}
	}
}

// The weight of the embedded files is part of every binary.
func TestSize(t *testing.T) {
	var total int64
	names, err := fs.Glob(files, "*")
	if err != nil || len(names) != 4 {
		t.Fatalf("embedded files %v, %v; want four", names, err)
	}
	for _, name := range names {
		info, err := fs.Stat(files, name)
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total > 3<<20 {
		t.Errorf("%d bytes are embedded, want at most 3 MiB", total)
	}
}

func TestChoose(t *testing.T) {
	got := Choose([]int32{5, 5, 0, 5, 1, 0, 0}, 2)
	if want := []int32{0, 1, 2, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("chose %v, want %v", got, want)
	}
}

// The embedded digits must be what the rule gives on the full MNIST.
func TestEmbeddedAreTheChosen(t *testing.T) {
	data := os.Getenv("HOURGLASS_DATA")
	if data == "" {
		t.Skip("HOURGLASS_DATA is unset: no full MNIST to compare with")
	}
	train, test, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	fullTrain, fullTest, err := dataset.LoadMNIST(filepath.Join(data, "mnist"))
	if err != nil {
		t.Fatal(err)
	}
	wantTrain := fullTrain.Select(Choose(fullTrain.Labels, TrainPerClass))
	wantTest := fullTest.Select(Choose(fullTest.Labels, TestPerClass))
	if !bytes.Equal(train.Pix, wantTrain.Pix) || !slices.Equal(train.Labels, wantTrain.Labels) {
		t.Error("the training digits differ")
	}
	if !bytes.Equal(test.Pix, wantTest.Pix) || !slices.Equal(test.Labels, wantTest.Labels) {
		t.Error("the test digits differ")
	}
}
