package train

import (
	"math"
	"testing"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/metrics"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

// growing is a set of pictures that are wider and wider: noise, and half of it as target.
type growing struct{}

func (growing) Len() int { return 3 }

func (growing) Shapes() (input, target tensor.Shape) {
	return tensor.Shape{4, tensor.Any, 1}, tensor.Shape{4, tensor.Any, 1}
}

func (growing) SampleShapes(i int) (input, target tensor.Shape) {
	return tensor.Shape{4, 5 + i, 1}, tensor.Shape{4, 5 + i, 1}
}

func (growing) Fill(_, index int, input, target []float32) error {
	for i := range input {
		input[i] = float32((i*7+index)%11) / 10
		target[i] = input[i] / 2
	}
	return nil
}

// TestEvaluateWholes: samples of several sizes are scored one by one.
func TestEvaluateWholes(t *testing.T) {
	x := nn.Input("picture", nn.Shape{nn.Any, nn.Any, 1})
	m, err := nn.NewModel(x, nn.Apply(nn.Activation{Function: nn.Sigmoid}, x))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Evaluate(t.Context(), m, growing{}, 2, "psnr", "psnr_input")
	if err != nil {
		t.Fatal(err)
	}
	var want, wantInput float64
	for i := range 3 {
		in, _ := growing{}.SampleShapes(i)
		x, target := tensor.New(1, in[0], in[1], 1), tensor.New(1, in[0], in[1], 1)
		growing{}.Fill(0, i, x.Data, target.Data)
		y, err := m.Predict(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		want += metrics.PSNR(y.Data, target.Data) / 3
		wantInput += metrics.PSNR(x.Data, target.Data) / 3
	}
	if math.Abs(got["psnr"]-want) > 1e-9 || math.Abs(got["psnr_input"]-wantInput) > 1e-9 {
		t.Errorf("%v, want psnr %v and psnr_input %v", got, want, wantInput)
	}
}

// Labels of pixels are targets of a model that gives scores of classes.
func TestEvaluateLabels(t *testing.T) {
	x := nn.Input("picture", nn.Shape{nn.Any, nn.Any, 2})
	m, err := nn.NewModel(x, nn.Apply(nn.Activation{Function: nn.Softmax}, x))
	if err != nil {
		t.Fatal(err)
	}
	scores, labels := tensor.New(1, 2, 2, 2), tensor.New(1, 2, 2, 1)
	copy(scores.Data, []float32{1, 0, 0, 1, 0, 1, 1, 0})
	copy(labels.Data, []float32{0, 1, 1, 1})
	set, err := dataset.Slices(scores, labels)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Evaluate(t.Context(), m, set, 1, "pixel_accuracy")
	if err != nil || got["pixel_accuracy"] != 0.75 {
		t.Errorf("%v, %v", got, err)
	}
}
