package nn

import (
	"encoding/json"
	"testing"
)

// convGolden is what testdata/torch_keras_conv.py writes.
type convGolden struct {
	Library string
	Cases   []struct {
		Name       string
		Layer      string
		Config     json.RawMessage
		Inputs     []goldenTensor
		Params     map[string]goldenTensor
		Outputs    []goldenTensor
		Cotangent  goldenTensor
		GradInputs []goldenTensor          `json:"grad_inputs"`
		GradParams map[string]goldenTensor `json:"grad_params"`
	}
}

// TestConvGolden holds convolutions and pooling against PyTorch and Keras. All sums are of
// whole numbers, so results are equal to the last bit; only averages are rounded.
func TestConvGolden(t *testing.T) {
	count := map[string]int{}
	for _, library := range []string{"torch", "keras"} {
		var file convGolden
		readGzipJSON(t, "conv_golden_"+library+".json.gz", &file)
		for _, c := range file.Cases {
			count[library]++
			t.Run(library+"/"+c.Name, func(t *testing.T) {
				l, err := unmarshalLayer(layerJSON{c.Name, c.Layer, 1, c.Config})
				if err != nil {
					t.Fatal(err)
				}
				limit := 0.
				switch l.(type) {
				case AvgPool2D, GlobalAvgPool2D:
					limit = 4e-7
				}
				compare := func(what string, got []float64, want goldenTensor) {
					t.Helper()
					if len(got) != len(want.Data) {
						t.Fatalf("%s has %d values, want %d; %s", what, len(got), len(want.Data), c.Config)
					}
					if e := largestError(got, want.Data); !(e <= limit) {
						t.Errorf("%s: error %.3g of its maximum; %s", what, e, c.Config)
					}
				}
				run := goldenRun{layer: l, inputs: c.Inputs, params: c.Params, cotangent: c.Cotangent.Data}
				for _, out := range []goldenResult{
					runGolden(t, run, func(r Routine) Op[float32] { return r.New32() }),
					runGolden(t, run, func(r Routine) Op[float64] { return r.New64() }),
				} {
					for i, want := range c.Outputs {
						compare("output", out.outputs[i], want)
					}
					for i, want := range c.GradInputs {
						compare("gradient by an input", out.gradInputs[i], want)
					}
					for name, want := range c.GradParams {
						compare("gradient by "+name, out.gradParams[name], want)
					}
				}
			})
		}
	}
	if count["torch"] < 120 || count["keras"] < 120 {
		t.Errorf("only %v cases", count)
	}
}
