package modelfile_test

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/modelfile/safetensors"
	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

// narrow makes an architecture small, by the options that it has of these.
var narrow = map[string]any{
	"picture": nn.Shape{35, 45, 3}, "width": 4, "hidden": 8, "classes": 3, "first": 4, "growth": 2, "blocks": 2, "layers": 18,
}

// build returns the architecture's model, small, with options beside.
func build(t *testing.T, a models.Architecture, options map[string]any) *nn.Model {
	t.Helper()
	all := map[string]any{}
	for name, v := range narrow {
		if i := slices.IndexFunc(a.Options, func(o models.Option) bool { return o.Name == name }); i >= 0 {
			switch was := a.Options[i].Default.(type) {
			case []int: // a list of layers
				continue
			case int:
				if name == "layers" && was == 16 { // of a VGG
					v = 11
				} else if name == "layers" && was < 34 { // not of a ResNet
					continue
				}
			}
			all[name] = v
		}
	}
	for name, v := range options {
		all[name] = v
	}
	m, err := a.Build(all)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// run predicts for a batch of two pictures of an odd size, or of the model's own.
func run(t *testing.T, m *nn.Model) *tensor.Tensor {
	t.Helper()
	shape := m.Inputs()[0].Shape()
	for axis, n := range []int{45, 39} {
		if shape[axis] == nn.Any {
			shape[axis] = n
		}
	}
	x := tensor.New(append([]int{2}, shape...)...)
	for i := range x.Data {
		x.Data[i] = float32(i%17) / 16
	}
	y, err := m.Predict(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

func written(t *testing.T, m *nn.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := modelfile.Write(&b, m, modelfile.Metadata{Name: "x"}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// variants are options that bring layers in which an architecture's defaults do not have.
var variants = map[string][]map[string]any{
	"vgg-16": {{"no_top": true}, {"dropout": 0.5}},
	"fcn-8s": {{"padding": "pad100", "dropout": 0.5}, {"form": "light", "relu": true, "pool_scale": true, "activation": "softmax"}},
	"unet": {
		{"norm": "batch", "up": "unpool", "dropout": 0.1, "odd": "resize"}, {"norm": "group", "up": "shuffle", "squeeze_excite": true},
		{"norm": "instance", "up": "bilinear", "border": "reflect", "activation": "leaky_relu(0.1)", "merge": "add"},
		{"up": "transpose4", "outputs": 3, "residual": true, "output_activation": "sigmoid"},
	},
	"unet-plus-plus": {{"average": true}},
	"dncnn":          {{"residual": true, "batch_norm": true}},
}

// TestArchitectures: every architecture, built, saved and loaded, gives the same bits.
func TestArchitectures(t *testing.T) {
	for _, a := range models.All() {
		for _, options := range append([]map[string]any{nil}, variants[a.Name]...) {
			m := build(t, a, options)
			m.Init(7)
			file := written(t, m)
			loaded, _, err := modelfile.Read(bytes.NewReader(file), int64(len(file)))
			if err != nil {
				t.Fatalf("%s %v: %v", a.Name, options, err)
			}
			if want, got := run(t, m), run(t, loaded); !got.Shape.Equal(want.Shape) || !slices.Equal(got.Data, want.Data) {
				t.Errorf("%s %v: loaded, it gives something else", a.Name, options)
			}
			if !bytes.Equal(written(t, loaded), file) {
				t.Errorf("%s %v: written again, it is another file", a.Name, options)
			}
		}
	}
}

// edited is the file with its graph changed.
func edited(t *testing.T, file []byte, change func(graph string) string) []byte {
	t.Helper()
	f, err := safetensors.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	graph := change(f.Metadata["hourglass.graph"])
	if graph == f.Metadata["hourglass.graph"] {
		t.Fatal("the change changes nothing")
	}
	f.Metadata["hourglass.graph"] = graph
	var tensors []safetensors.Tensor
	for _, i := range f.Tensors() {
		v := make([]float32, i.Elems())
		if err := f.ReadFloat32(i.Name, v); err != nil {
			t.Fatal(err)
		}
		tensors = append(tensors, safetensors.Tensor{Name: i.Name, Shape: i.Shape, Data: v})
	}
	var b bytes.Buffer
	if err := safetensors.Write(&b, f.Metadata, tensors); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestArchitecturesFromTheFuture: of every architecture, a file that has an unknown type of
// layer, a newer version of one, or a setting of which this program does not know, is
// refused, and the layer named.
func TestArchitecturesFromTheFuture(t *testing.T) {
	layer := regexp.MustCompile(`\{"name":"([^"]*)","type":"([^"]*)","version":(\d+),"config":\{`)
	for _, a := range models.All() {
		file := written(t, build(t, a, nil))
		for name, c := range map[string]struct{ to, want string }{
			"unknown type":    {`{"name":"$1","type":"${2}_of_tomorrow","version":$3,"config":{`, `_of_tomorrow": this program knows`},
			"newer version":   {`{"name":"$1","type":"$2","version":9$3,"config":{`, `has version 9`},
			"unknown setting": {`{"name":"$1","type":"$2","version":$3,"config":{"Tomorrow":1,`, `unknown field "Tomorrow"`},
		} {
			var victim string
			future := edited(t, file, func(graph string) string {
				all := layer.FindAllStringSubmatchIndex(graph, -1)
				at := all[len(all)/2]
				victim = graph[at[2]:at[3]]
				text := layer.ReplaceAllString(graph[at[0]:at[1]], c.to)
				if graph[at[1]] == '}' { // a layer without settings
					text = strings.TrimSuffix(text, ",")
				}
				return graph[:at[0]] + text + graph[at[1]:]
			})
			_, _, err := modelfile.Read(bytes.NewReader(future), int64(len(future)))
			var fault *modelfile.FormatError
			if !errors.As(err, &fault) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `"`+victim+`"`) {
				t.Errorf("%s, %s: error %v, want one with %q about layer %q", a.Name, name, err, c.want, victim)
			}
		}
	}
}
