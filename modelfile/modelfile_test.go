package modelfile_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/modelfile/safetensors"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

// newModel is a small net with all kinds of parameters.
func newModel(t testing.TB) *nn.Model {
	t.Helper()
	x := nn.Input("picture", nn.Shape{3, 5, 2})
	h := nn.Apply(nn.Flatten{}, x)
	h = nn.Apply(nn.Dense{Units: 7, Activation: nn.ReLU}, h)
	h = nn.Apply(nn.BatchNorm{}, h)
	h = nn.Named("code", nn.Dense{Units: 2}).Apply(h)
	h = nn.Apply(nn.Dense{Units: 30, Activation: nn.Sigmoid, NoBias: true}, h)
	y := nn.Apply(nn.Reshape{Shape: nn.Shape{3, 5, 2}}, h)
	m, err := nn.NewModel(x, y)
	if err != nil {
		t.Fatal(err)
	}
	m.Init(7)
	return m
}

func TestWholeNumbersAreNoWeights(t *testing.T) {
	m := newModel(t)
	var tensors []safetensors.Tensor
	for _, p := range m.Params() {
		tensors = append(tensors, safetensors.Tensor{Name: p.Name, Shape: p.Shape, Raw: make([]byte, 4*p.Shape.Elems()), DType: safetensors.I32})
	}
	var b bytes.Buffer
	if err := safetensors.Write(&b, nil, tensors); err != nil {
		t.Fatal(err)
	}
	err := modelfile.ReadWeights(bytes.NewReader(b.Bytes()), int64(b.Len()), m)
	var ours *modelfile.FormatError
	var fault *safetensors.FormatError
	if !errors.As(err, &ours) || !errors.As(err, &fault) || fault.Problem != safetensors.NotFloat {
		t.Errorf("error %v", err)
	}
}

func fullMetadata() modelfile.Metadata {
	return modelfile.Metadata{
		Name: "mnist-denoise", Task: "denoise",
		Picture: modelfile.Picture{
			Shape: tensor.Shape{3, tensor.Any, 2}, Range: []float64{-1, 1},
			Mean: []float64{0.1, -2}, Deviation: []float64{1, 0.25},
			Polarity: modelfile.LightOnDark, Multiple: 4,
		},
		Labels: []string{"zero", "ünü \"1\""}, Palette: []string{"#00ff7F", "#102030"},
		Scores: []modelfile.Score{{Metric: "psnr", Value: 1.0 / 3, Data: "mnist", Split: "test", Samples: 10000}},
		Trained: modelfile.Training{
			Recipe: "name: x\nepochs: 3\n", Data: "mnist", Seed: math.MaxUint64, Epochs: 3, Version: "v0.1.0",
		},
		Extra: map[string]string{"format": "pt", "hourglass.not.yet.known": "{}"},
	}
}

func encode(t testing.TB, m *nn.Model, meta modelfile.Metadata) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := modelfile.Write(&b, m, meta); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(file []byte) (*nn.Model, modelfile.Metadata, error) {
	return modelfile.Read(bytes.NewReader(file), int64(len(file)))
}

func TestRoundTrip(t *testing.T) {
	for name, meta := range map[string]modelfile.Metadata{"full": fullMetadata(), "empty": {}} {
		t.Run(name, func(t *testing.T) {
			m := newModel(t)
			file := encode(t, m, meta)
			got, gotMeta, err := read(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(meta, gotMeta); d != "" {
				t.Error(d)
			}
			for i, p := range m.Params() {
				q := got.Params()[i]
				if p.Name != q.Name || p.Kind != q.Kind {
					t.Errorf("parameter %s (%v) became %s (%v)", p.Name, p.Kind, q.Name, q.Kind)
				}
				v, w := m.Store().Value(p), got.Store().Value(q)
				for k := range v {
					if math.Float32bits(v[k]) != math.Float32bits(w[k]) {
						t.Fatalf("%s: element %d was %v, is %v", p.Name, k, v[k], w[k])
					}
				}
			}
			if again := encode(t, got, gotMeta); !bytes.Equal(again, file) {
				t.Error("written again, the file is another")
			}
			samePredictions(t, m, got)
		})
	}
}

func samePredictions(t *testing.T, a, b *nn.Model) {
	t.Helper()
	x := tensor.New(4, 3, 5, 2)
	for i := range x.Data {
		x.Data[i] = float32(i%13) / 13
	}
	p, err := a.Predict(context.Background(), x)
	if err != nil {
		t.Fatal(err)
	}
	q, err := b.Predict(context.Background(), x)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p, q); d != "" {
		t.Error(d)
	}
}

// forge writes a file with the model's metadata and tensors after change has had its way.
func forge(t testing.TB, change func(keys map[string]string, tensors map[string]*safetensors.Tensor)) []byte {
	t.Helper()
	file := encode(t, newModel(t), fullMetadata())
	f, err := safetensors.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	tensors := map[string]*safetensors.Tensor{}
	for _, info := range f.Tensors() {
		v := make([]float32, info.Elems())
		if err := f.ReadFloat32(info.Name, v); err != nil {
			t.Fatal(err)
		}
		tensors[info.Name] = &safetensors.Tensor{Name: info.Name, Shape: info.Shape, Data: v}
	}
	change(f.Metadata, tensors)
	var list []safetensors.Tensor
	for _, x := range tensors {
		list = append(list, *x)
	}
	var b bytes.Buffer
	if err := safetensors.Write(&b, f.Metadata, list); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type (
	keys    = map[string]string
	tensors = map[string]*safetensors.Tensor
)

func setKey(key, value string) func(keys, tensors) {
	return func(k keys, _ tensors) { k["hourglass."+key] = value }
}

func editGraph(old, new string) func(keys, tensors) {
	return func(k keys, _ tensors) {
		k["hourglass.graph"] = strings.Replace(k["hourglass.graph"], old, new, 1)
	}
}

// lies are files that are in order as safetensors but not as models, each with what the
// message has to name.
var lies = map[string]struct {
	change func(keys, tensors)
	says   []string
}{
	"bare weights": {func(k keys, _ tensors) { delete(k, "hourglass.graph") }, []string{"not a model", "hourglass.graph", "9 bare tensors"}},
	"checkpoint":   {setKey("checkpoint", "{}"), []string{"not a model", "checkpoint"}},
	"no format":    {func(k keys, _ tensors) { delete(k, "hourglass.format") }, []string{"hourglass.format", "no version"}},
	"format zero":  {setKey("format", "0"), []string{"hourglass.format", `"0"`}},
	"reader word":  {setKey("reader", "one"), []string{"hourglass.reader", `"one"`}},
	"newer":        {func(k keys, _ tensors) { k["hourglass.format"], k["hourglass.reader"] = "7", "5" }, []string{"format 7", "format 5", "format 1"}},

	"graph is no JSON": {setKey("graph", "{"), []string{"hourglass.graph"}},
	"graph of nothing": {setKey("graph", "{}"), []string{"hourglass.graph", "input"}},
	"unknown layer":    {editGraph(`"type":"dense"`, `"type":"quantum"`), []string{"quantum", "dense"}},
	"unknown field":    {editGraph(`"NoBias"`, `"NoBiass"`), []string{"NoBiass"}},
	"newer layer":      {editGraph(`"version":1`, `"version":9`), []string{"version 9"}},
	"wider layer":      {editGraph(`"Units":7`, `"Units":1000000000`), []string{"dense/kernel", "1000000000"}},
	"monstrous layer":  {editGraph(`"Units":7`, `"Units":1000000000000`), []string{"dense", "kernel", "1000000000000", "more than"}},
	"negative layer":   {editGraph(`"Units":7`, `"Units":-7`), []string{"Units", "-7"}},
	"missing tensor":   {func(_ keys, x tensors) { delete(x, "code/bias") }, []string{"missing", "code/bias"}},
	"spare tensor": {func(_ keys, x tensors) {
		x["a"] = &safetensors.Tensor{Name: "extra/kernel"}
		x["a"].Data = []float32{1}
	}, []string{"of no layer", "extra/kernel"}},
	"misshaped tensor":   {func(_ keys, x tensors) { x["code/kernel"].Shape = []int{2, 7} }, []string{"code/kernel", "[2 7]", "[7 2]"}},
	"integers":           {func(_ keys, x tensors) { x["code/bias"].DType, x["code/bias"].Raw = safetensors.I32, make([]byte, 8) }, []string{"code/bias", "I32"}},
	"NaN":                {func(_ keys, x tensors) { x["code/bias"].Data[1] = float32(math.NaN()) }, []string{"code/bias", "element 1", "NaN"}},
	"infinity in state":  {func(_ keys, x tensors) { x["batch_norm/moving_mean"].Data[2] = float32(math.Inf(-1)) }, []string{"moving_mean", "element 2", "Inf"}},
	"shape of two":       {setKey("picture.shape", "[3,5]"), []string{"picture.shape", "[3 5]"}},
	"negative shape":     {setKey("picture.shape", "[3,-5,2]"), []string{"picture.shape", "not positive"}},
	"shape is text":      {setKey("picture.shape", "28x28"), []string{"picture.shape", "28x28"}},
	"range reversed":     {setKey("picture.range", "[1,0]"), []string{"picture.range", "[1 0]"}},
	"mean of three":      {setKey("picture.mean", "[0,0,0]"), []string{"picture.mean", "2 channels"}},
	"deviation of zero":  {setKey("picture.deviation", "[1,0]"), []string{"picture.deviation", "above 0"}},
	"unknown polarity":   {setKey("picture.polarity", "upside down"), []string{"picture.polarity", "light on dark"}},
	"negative multiple":  {setKey("picture.multiple", "-1"), []string{"picture.multiple"}},
	"labels are numbers": {setKey("labels", "[1,2]"), []string{"labels"}},
	"short palette":      {setKey("palette", `["#000000"]`), []string{"1 colours for 2 labels"}},
	"no colour":          {setKey("palette", `["red","#000000"]`), []string{"red", "#rrggbb"}},
	"huge score":         {setKey("scores", `[{"metric":"psnr","value":1e999}]`), []string{"scores"}},
	"nameless score":     {setKey("scores", `[{"value":1}]`), []string{"scores", "name"}},
	"negative seed":      {setKey("trained.seed", "-3"), []string{"trained.seed", "-3"}},
	"two values":         {setKey("trained.epochs", "1 2"), []string{"trained.epochs"}},
}

func TestReadRefuses(t *testing.T) {
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			_, _, err := read(forge(t, lie.change))
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range lie.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			var f *modelfile.FormatError
			if !errors.As(err, &f) {
				t.Errorf("error of type %T", err)
			}
		})
	}
}

func TestErrorTypes(t *testing.T) {
	_, _, err := read(forge(t, lies["bare weights"].change))
	if !errors.Is(err, modelfile.ErrNotModel) {
		t.Errorf("%v is not ErrNotModel", err)
	}
	var version *modelfile.VersionError
	if _, _, err = read(forge(t, lies["newer"].change)); !errors.As(err, &version) || version.Format != 7 || version.Reader != 5 {
		t.Errorf("%v: %+v", err, version)
	}
	var weights *modelfile.WeightsError
	if _, _, err = read(forge(t, lies["missing tensor"].change)); !errors.As(err, &weights) || len(weights.Missing) != 1 {
		t.Errorf("%v: %+v", err, weights)
	}
	var bytes *safetensors.FormatError
	file := encode(t, newModel(t), modelfile.Metadata{})
	if _, _, err = read(file[:len(file)-3]); !errors.As(err, &bytes) || bytes.Problem != safetensors.Truncated {
		t.Errorf("%v", err)
	}
}

func TestWriteRefuses(t *testing.T) {
	nan := newModel(t)
	nan.Store().Trainable()[3] = float32(math.Inf(1))
	for name, c := range map[string]struct {
		model *nn.Model
		meta  modelfile.Metadata
		says  string
	}{
		"weight":  {nan, modelfile.Metadata{}, "dense/kernel"},
		"palette": {newModel(t), modelfile.Metadata{Palette: []string{"blue"}}, "blue"},
		"score":   {newModel(t), modelfile.Metadata{Scores: []modelfile.Score{{Metric: "psnr", Value: math.NaN()}}}, "psnr"},
		"extra":   {newModel(t), modelfile.Metadata{Extra: map[string]string{"hourglass.graph": ""}}, "hourglass.graph"},
	} {
		var b bytes.Buffer
		err := modelfile.Write(&b, c.model, c.meta)
		if err == nil || !strings.Contains(err.Error(), c.says) || b.Len() > 0 {
			t.Errorf("%s: error %v after %d bytes", name, err, b.Len())
		}
	}
}

func TestSaveLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	m := newModel(t)
	if err := modelfile.Save(path, m, fullMetadata()); err != nil {
		t.Fatal(err)
	}
	got, meta, err := modelfile.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(fullMetadata(), meta); d != "" {
		t.Error(d)
	}
	samePredictions(t, m, got)

	other := newModel(t)
	other.Init(8)
	if err := modelfile.LoadWeights(path, other); err != nil {
		t.Fatal(err)
	}
	samePredictions(t, m, other)
}

func TestLoadNamesPath(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte("these are notes"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, dir, filepath.Join(dir, "absent")} {
		if _, _, err := modelfile.Load(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestMeasurePolarity(t *testing.T) {
	for mean, want := range map[float32]modelfile.Polarity{
		0.13: modelfile.LightOnDark, 0.29: modelfile.LightOnDark, 0.5: "", 0.87: modelfile.DarkOnLight,
	} {
		x := tensor.New(2, 3, 5, 1)
		for i := range x.Data {
			x.Data[i] = mean
		}
		if got := modelfile.MeasurePolarity(x); got != want {
			t.Errorf("mean %v: %q, want %q", mean, got, want)
		}
	}
}

// FuzzRead: no file makes Read panic, and one that it accepts can be written again.
func FuzzRead(f *testing.F) {
	good := encode(f, newModel(f), fullMetadata())
	f.Add(good)
	f.Add(good[:len(good)/2])
	for _, lie := range lies {
		f.Add(forge(f, lie.change))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		m, meta, err := read(file)
		if err != nil {
			return
		}
		again := encode(t, m, meta)
		if _, _, err := read(again); err != nil {
			t.Errorf("what was read cannot be read again: %v", err)
		}
	})
}

// FuzzGraph is FuzzRead aimed at what lies inside the metadata, with a header around it
// that is in order.
func FuzzGraph(f *testing.F) {
	graph := ""
	forge(f, func(k keys, _ tensors) { graph = k["hourglass.graph"] })
	f.Add(graph, "[28,28,1]", "[]")
	f.Add(strings.Replace(graph, "[3,5,2]", "[-1,0,2]", 1), "[-1,-1,3]", `[{"metric":"psnr","value":22.5}]`)
	f.Add(strings.Replace(graph, `"Units":7`, `"Units":4611686018427387905`, 1), "null", "null")
	f.Add(`{"layers":[],"nodes":[{"input":"x","shape":[1]}],"inputs":[[0,0]],"outputs":[[0,0]]}`, "", "")
	f.Fuzz(func(t *testing.T, graph, shape, scores string) {
		metadata := keys{
			"hourglass.format": "1", "hourglass.reader": "1", "hourglass.graph": graph,
			"hourglass.picture.shape": shape, "hourglass.scores": scores,
		}
		var b bytes.Buffer
		if err := safetensors.Write(&b, metadata, nil); err != nil {
			return
		}
		if m, meta, err := read(b.Bytes()); err == nil {
			encode(t, m, meta)
		}
	})
}
