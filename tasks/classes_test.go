package tasks

import (
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

func TestClasses(t *testing.T) {
	for _, c := range []struct {
		shape tensor.Shape
		in    []float32
		want  []float32
	}{
		{tensor.Shape{1, 1, 2, 3}, []float32{0, 2, 1, 5, 5, 4}, []float32{1, 0}},
		{tensor.Shape{1, 1, 3, 1}, []float32{0.2, 0.5, 0.51}, []float32{0, 0, 1}},
	} {
		if got := Classes(&tensor.Tensor{Shape: c.shape, Data: c.in}); !slices.Equal(got.Data, c.want) {
			t.Errorf("%v, want %v", got.Data, c.want)
		}
	}
}

// passing gives the picture back, as scores of classes where the task is segment.
func passing(t *testing.T) *nn.Model {
	t.Helper()
	x := nn.Input("picture", nn.Shape{nn.Any, nn.Any, 3})
	m, err := nn.NewModel(x, nn.Apply(nn.Activation{Function: nn.ReLU}, x))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSegmentAndEnlarge(t *testing.T) {
	in := imageio.New(2, 1, 3, 8)
	copy(in.Pix, []byte{10, 20, 15, 200, 0, 0})
	for name, c := range map[string]struct {
		meta modelfile.Metadata
		want []byte
	}{
		"palette": {modelfile.Metadata{Task: "segment", Palette: []string{"#010203", "#ff0080", "#ffffff"}}, []byte{255, 0, 128, 1, 2, 3}},
		"numbers": {modelfile.Metadata{Task: "segment"}, []byte{1, 0}},
		"enlarged": {modelfile.Metadata{Task: "upscale", Extra: map[string]string{EnlargeKey: "2"}},
			in.Resize(2, 4, imageio.Resampling{Filter: imageio.Bilinear}).Pix},
	} {
		p, err := New(passing(t), c.meta)
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.Apply(t.Context(), in)
		if err != nil || !slices.Equal(r.Picture.Pix, c.want) {
			t.Errorf("%s: %+v, %v, want %v", name, r, err, c.want)
		}
	}
	p, err := New(passing(t), modelfile.Metadata{Task: "segment", Palette: []string{"#000000"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(t.Context(), in); err == nil || !strings.Contains(err.Error(), "the model's palette has 1 colours") {
		t.Errorf("error %v", err)
	}
	for _, text := range []string{"0", "many", "17"} {
		if _, err := New(passing(t), modelfile.Metadata{Extra: map[string]string{EnlargeKey: text}}); err == nil {
			t.Errorf("enlarged %s times", text)
		}
	}
}
