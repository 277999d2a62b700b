package recipes

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/modelfile"
)

const foreign = "../modelfile/importer/testdata/"

func TestImport(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		file          string
		o             ImportOptions
		architecture  string
		order         modelfile.Order
		normalisation string
		left          int
	}{
		{"torch-bn.pth", ImportOptions{}, "vgg-11-bn", "", "RGB from 0 to 1, minus [0.485 0.456 0.406], divided by [0.229 0.224 0.225]", 0},
		{"keras.safetensors", ImportOptions{}, "vgg-11", modelfile.BGR, "BGR from 0 to 255, minus [103.939 116.779 123.68]", 0},
		{"keras-notop-old-names.safetensors", ImportOptions{Normalisation: "none"}, "vgg-11", "", "none", 0},
		{"tf2onnx.onnx", ImportOptions{Architecture: "vgg-unet", Set: []string{"layers=11", "width=1"}}, "vgg-unet", modelfile.BGR,
			"BGR from 0 to 255, minus [103.939 116.779 123.68]", 4*6 + 2},
	} {
		c.o.Output = filepath.Join(dir, "model.safetensors")
		done, err := Import(foreign+c.file, c.o)
		if err != nil {
			t.Fatal(err)
		}
		if done.Architecture != c.architecture || done.Normalisation != c.normalisation || len(done.Left) != c.left {
			t.Errorf("%s: %+v", c.file, done)
		}
		m, meta, err := modelfile.Load(c.o.Output)
		if err != nil {
			t.Fatal(err)
		}
		if meta.Name != c.architecture || meta.Picture.Order != c.order || !slices.Equal(meta.Picture.Shape, m.Inputs()[0].Shape()) {
			t.Errorf("%s: metadata %+v", c.file, meta)
		}
		// What was imported can be imported again, into the same bits, and says the same.
		again := filepath.Join(dir, "again.safetensors")
		if done, err = Import(c.o.Output, ImportOptions{Output: again, Architecture: c.architecture, Set: setOf(c.architecture, m.Node("predictions") == nil)}); err != nil {
			t.Fatal(err)
		}
		first, err1 := os.ReadFile(c.o.Output)
		second, err2 := os.ReadFile(again)
		if err1 != nil || err2 != nil || string(first) != string(second) || done.Normalisation != c.normalisation {
			t.Errorf("%s: imported again, it is another file (%v, %v, %+v)", c.file, err1, err2, done)
		}
	}
}

// setOf are the options of the narrow networks in the test's files.
func setOf(architecture string, noTop bool) []string {
	switch {
	case architecture == "vgg-unet":
		return []string{"layers=11", "width=1"}
	case noTop:
		return []string{"width=1", "no_top=true"}
	}
	return []string{"width=1", "hidden=5", "classes=3"}
}

func TestImportRefuses(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other.safetensors")
	for _, c := range []struct {
		file string
		o    ImportOptions
		want string
	}{
		{"torch.pth", ImportOptions{Architecture: "vgg-99"}, "--architecture: unknown architecture"},
		{"torch.pth", ImportOptions{Architecture: "unet"}, "none of the model's layers is one of the file's VGG of 11 layers"},
		{"torch.pth", ImportOptions{Normalisation: "grey"}, `unknown normalisation "grey"`},
		{"vgg.py", ImportOptions{}, "no file of weights"},
		{"../../pytorch/testdata/whole.pth", ImportOptions{}, "a state dict is right"},
		{"../../onnx/testdata/small.onnx", ImportOptions{}, "1 convolutions, a VGG has"},
	} {
		c.o.Output = other
		_, err := Import(foreign+c.file, c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.file, err, c.want)
		}
		if _, err := os.Stat(other); err == nil {
			t.Errorf("%s: a file was left", c.file)
		}
	}
}
