package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/modelfile/safetensors"
	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

func open(t testing.TB, name string) *Archive {
	t.Helper()
	a, err := Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func find(t testing.TB, name string) *VGG {
	t.Helper()
	v, err := FindVGG(open(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// picture is that of testdata/vgg.py.
func picture() *tensor.Tensor {
	x := tensor.New(1, 224, 224, 3)
	for i := range x.Data {
		c, at := i%3, i/3
		x.Data[i] = float32(float64((13*(at%224)+7*(at/224)+5*c)%29) / 28)
	}
	return x
}

func predict(t *testing.T, m *nn.Model) []float32 {
	t.Helper()
	y, err := m.Predict(t.Context(), picture())
	if err != nil {
		t.Fatal(err)
	}
	return y.Data
}

// near reports whether a is b, to that share of the largest value of b.
func near(a, b []float32, tolerance float64) bool {
	if len(a) != len(b) {
		return false
	}
	largest, difference := 0.0, 0.0
	for i, v := range b {
		largest = max(largest, math.Abs(float64(v)))
		difference = max(difference, math.Abs(float64(a[i]-v))) // NaN where one is
	}
	return difference <= tolerance*largest
}

// One network in the forms of testdata/vgg.py gives, imported, what PyTorch gave.
func TestVGG(t *testing.T) {
	text, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var expected map[string][]float32
	if err := json.Unmarshal(text, &expected); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file          string
		format        Format
		architecture  string
		normalisation Normalisation
	}{
		{"torch.pth", PyTorch, "vgg-11", RGBStandard},
		{"checkpoint-legacy.pth", PyTorch, "vgg-11", RGBStandard},
		{"torch.safetensors", Safetensors, "vgg-11", RGBStandard},
		{"torch.onnx", ONNX, "vgg-11", RGBStandard},
		{"keras.safetensors", Safetensors, "vgg-11", BGRMean},
		{"tf2onnx.onnx", ONNX, "vgg-11", BGRMean},
		{"torch-bn.pth", PyTorch, "vgg-11-bn", RGBStandard},
		{"torch-bn.onnx", ONNX, "vgg-11-bn", RGBStandard},
	} {
		t.Run(c.file, func(t *testing.T) {
			a := open(t, c.file)
			v, err := FindVGG(a)
			if err != nil {
				t.Fatal(err)
			}
			bn := strings.HasSuffix(c.architecture, "bn")
			if a.Format != c.format || v.Layers != 11 || v.BatchNorm != bn || v.Channels != 3 || v.Width != 1 || v.Hidden != 5 || v.Classes != 3 {
				t.Errorf("format %s, found %+v", a.Format, v)
			}
			if n, err := v.Normalisation(); n != c.normalisation || err != nil {
				t.Errorf("normalisation %s, %v, want %s", n, err, c.normalisation)
			}
			m, err := models.VGG{Layers: 11, BatchNorm: bn, Width: 1, Hidden: 5, Classes: 3}.Build()
			if err != nil {
				t.Fatal(err)
			}
			tr, err := Fill(a, m)
			if err != nil || len(tr.Left) > 0 {
				t.Fatalf("%v left, %v", tr, err)
			}
			if got := predict(t, m); !near(got, expected[c.architecture], 1e-5) {
				t.Errorf("probabilities %v, PyTorch's are %v", got, expected[c.architecture])
			}
		})
	}
}

// Dense layers become convolutions: an FCN's fc7, where the 7x7 kernel of fc6 lies wholly on
// the last pooled pixels, is the classifier's fc2.
func TestDenseAsConvolution(t *testing.T) {
	for _, file := range []string{"torch.pth", "keras.safetensors"} {
		v := find(t, file)
		classifier, err := models.VGG{Layers: 11, Width: 1, Hidden: 5, Classes: 3}.Build()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Fill(v.archive, classifier); err != nil {
			t.Fatal(err)
		}
		head, err := nn.NewModel(classifier.Inputs()[0], classifier.Node("fc2"))
		if err != nil {
			t.Fatal(err)
		}
		// fc6 and fc7 on top of the same blocks.
		x := classifier.Node("block5_pool")
		x = nn.Named("fc6", nn.Conv2D{Filters: 5, Kernel: [2]int{7, 7}, Padding: nn.Same, Activation: nn.ReLU}).Apply(x)
		x = nn.Named("fc7", nn.Conv2D{Filters: 5, Kernel: [2]int{1, 1}, Activation: nn.ReLU}).Apply(x)
		convolutional, err := nn.NewModel(classifier.Inputs()[0], x)
		if err != nil {
			t.Fatal(err)
		}
		tr, err := Fill(v.archive, convolutional)
		if err != nil || len(tr.Left) > 0 {
			t.Fatalf("%v left, %v", tr, err)
		}
		const middle = 3*7 + 3
		if got, want := predict(t, convolutional)[5*middle:][:5], predict(t, head); !near(got, want, 1e-5) {
			t.Errorf("%s: the middle of fc7 is %v, fc2 is %v", file, got, want)
		}
	}
}

// The old names of Keras, without dense layers, into a network that has a VGG inside.
func TestPartOfANetwork(t *testing.T) {
	v := find(t, "keras-notop-old-names.safetensors")
	if v.Classes != 0 || v.Layers != 11 {
		t.Errorf("found %+v", v)
	}
	m, err := models.VGGUNet{Layers: 11, Width: 1}.Build()
	if err != nil {
		t.Fatal(err)
	}
	tr, err := Fill(v.archive, m)
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.Filled) != 16 || slices.ContainsFunc(tr.Left, func(name string) bool { return strings.HasPrefix(name, "block") }) {
		t.Errorf("filled %v, left %v", tr.Filled, tr.Left)
	}
	kernel, err := v.archive.array("vgg/block2_conv1/block2_conv1_W_1:0", 18)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Params() {
		if p.Name == "block2_conv1/kernel" && !slices.Equal(m.Store().Value(p), kernel) {
			t.Errorf("%s is %v, want %v", p.Name, m.Store().Value(p), kernel)
		}
	}
}

// Any network takes what has the names and shapes of its parameters.
func TestByName(t *testing.T) {
	build := func(width int) *nn.Model {
		m, err := models.UNet{Width: width, Depth: 1}.Build()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	from, to := build(2), build(2)
	from.Init(5)
	var b bytes.Buffer
	if err := modelfile.Write(&b, from, modelfile.Metadata{}); err != nil {
		t.Fatal(err)
	}
	a, err := Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	tr, err := Fill(a, to)
	if err != nil || len(tr.Left) != 0 || !slices.Equal(from.Store().Trainable(), to.Store().Trainable()) {
		t.Errorf("%+v, %v", tr, err)
	}
	wider, err := models.UNet{Width: 2, Depth: 2}.Build()
	if err != nil {
		t.Fatal(err)
	}
	if tr, err = Fill(a, wider); err != nil || !slices.Contains(tr.Left, "down2_conv1/kernel") || !slices.Contains(tr.Filled, "down1_conv2/kernel") {
		t.Errorf("%+v, %v", tr, err)
	}
	if _, err := Fill(a, must(models.Autoencoder{}.Build())); err == nil || !strings.Contains(err.Error(), "no VGG among its") {
		t.Errorf("error %v", err)
	}
}

func must(m *nn.Model, err error) *nn.Model {
	if err != nil {
		panic(err)
	}
	return m
}

func TestRecognise(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		want string
	}{
		"empty":       {"", "no file of weights"},
		"a picture":   {"\x89PNG\r\n\x1a\n", "no file of weights"},
		"HDF5":        {"\x89HDF\r\n\x1a\n........", "safetensors.numpy.save_file"},
		"no archive":  {"PK\x03\x04..............", "zip"},
		"no pickle":   {"\x80\x02\x8a\x0a..............", "no file of torch.save"},
		"no onnx":     {"\x08\x07", "one graph"},
		"bad header":  {"\x08\x00\x00\x00\x00\x00\x00\x00{......}", "safetensors"},
		"other names": {string(otherNames(t)), `no VGG among its 1 arrays, such as "dense"`},
	} {
		a, err := Read(strings.NewReader(c.data), int64(len(c.data)))
		if err == nil {
			_, err = FindVGG(a)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	if _, err := Open("testdata"); err == nil || !strings.Contains(err.Error(), "it is a folder") {
		t.Errorf("error %v", err)
	}
	if _, err := Open("testdata/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func otherNames(t testing.TB) []byte {
	return file(t, safetensors.Tensor{Name: "dense", Shape: []int{2}, Data: []float32{1, 2}})
}

func file(t testing.TB, tensors ...safetensors.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := safetensors.Write(&b, nil, tensors); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// contents are the arrays of a safetensors file, to be changed.
func contents(t testing.TB, name string) []safetensors.Tensor {
	a := open(t, name)
	var tensors []safetensors.Tensor
	for _, x := range a.Arrays() {
		v, err := a.array(x.Name, nn.Shape(x.Shape).Elems())
		if err != nil {
			t.Fatal(err)
		}
		tensors = append(tensors, safetensors.Tensor{Name: x.Name, Shape: x.Shape, Data: v})
	}
	return tensors
}

func TestRefuses(t *testing.T) {
	drop := func(name string) func([]safetensors.Tensor) []safetensors.Tensor {
		return func(all []safetensors.Tensor) []safetensors.Tensor {
			return slices.DeleteFunc(all, func(x safetensors.Tensor) bool { return x.Name == name })
		}
	}
	change := func(name string, edit func(*safetensors.Tensor)) func([]safetensors.Tensor) []safetensors.Tensor {
		return func(all []safetensors.Tensor) []safetensors.Tensor {
			edit(&all[slices.IndexFunc(all, func(x safetensors.Tensor) bool { return x.Name == name })])
			return all
		}
	}
	for name, c := range map[string]struct {
		file string
		edit func([]safetensors.Tensor) []safetensors.Tensor
		want string
	}{
		"a convolution less": {"keras.safetensors", func(all []safetensors.Tensor) []safetensors.Tensor {
			return drop("block3_conv2/bias")(drop("block3_conv2/kernel")(all))
		}, "7 convolutions, a VGG has 8, 10, 13 or 16"},
		"no bias":      {"torch.safetensors", drop("features.3.bias"), "it has no bias"},
		"no kernel":    {"keras.safetensors", drop("block1_conv1/kernel"), "the kernel of convolution 1 is []"},
		"another size": {"keras.safetensors", change("block2_conv1/kernel", func(x *safetensors.Tensor) { x.Shape = []int{3, 3, 2, 1} }), "is [3 3 2 1], want [3 3 1 2]"},
		"a long bias": {"torch.safetensors", change("features.3.bias", func(x *safetensors.Tensor) {
			x.Shape, x.Data = []int{3}, []float32{1, 2, 3}
		}), `"features.3.bias" is [3], want [2]`},
		"infinite": {"torch.safetensors", change("features.3.bias", func(x *safetensors.Tensor) { x.Data[0] = float32(math.Inf(1)) }), "every value must be finite"},
		"two networks": {"torch.safetensors", func(all []safetensors.Tensor) []safetensors.Tensor {
			return append(all, safetensors.Tensor{Name: "other.features.0.weight", Shape: []int{1}, Data: []float32{1}})
		}, "two networks are in the file"},
		"unnumbered": {"torch.safetensors", change("features.0.weight", func(x *safetensors.Tensor) { x.Name = "features.99999999999999999999.weight" }), "no number that can be"},
	} {
		data := file(t, c.edit(contents(t, c.file))...)
		a, err := Read(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = FindVGG(a); err == nil {
			_, err = Fill(a, must(models.VGG{Layers: 11, Width: 1, Hidden: 5, Classes: 3}.Build()))
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func TestNormalisation(t *testing.T) {
	for _, c := range []struct {
		n    Normalisation
		want []float32
	}{
		{BGRMean, []float32{127.5 - 103.939, 255 - 116.779, 0 - 123.68}},
		{RGBStandard, []float32{(0 - 0.485) / 0.229, (1 - 0.456) / 0.224, (0.5 - 0.406) / 0.225}},
		{NoNormalisation, []float32{0, 1, 0.5}},
		{"", []float32{0, 1, 0.5}},
	} {
		p, err := c.n.Picture([]int{1, 1, 3})
		if err != nil {
			t.Fatal(err)
		}
		x := []float32{0, 1, 0.5}
		p.Normalise(x)
		if !near(x, c.want, 1e-4) {
			t.Errorf("%s: %v, want %v", c.n, x, c.want)
		}
	}
	if _, err := BGRMean.Picture([]int{1, 1, 1}); err == nil {
		t.Error("a grey picture was given a mean of colours")
	}
	if _, err := Normalisation("grey").Picture([]int{1, 1, 3}); err == nil {
		t.Error("an unknown normalisation was taken")
	}
}

// FuzzFill: no file makes reading one panic, or take memory that its length does not account
// for.
func FuzzFill(f *testing.F) {
	for _, name := range []string{"torch.onnx", "tf2onnx.onnx", "keras.safetensors", "torch-bn.pth"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(otherNames(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := Read(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		m, err := models.VGG{Layers: 11, Width: 1, Hidden: 5, Classes: 3}.Build()
		if err != nil {
			t.Fatal(err)
		}
		Fill(a, m)
	})
}
