package nn

import "slices"

// onnxCrossEntropy is a softmax and a cross-entropy of sparse labels. The second output,
// log-probabilities, is not compared. The reductions:
//
//	none  every pixel is a sample of its own, with a loss of its own
//	mean  all pixels are those of one sample
//	sum   likewise; the sum is the mean times the number of pixels that count
func onnxCrossEntropy(c *onnxCase) (onnxRun, error) {
	scores, rank := c.Inputs[0].goldenTensor, len(c.Inputs[0].Shape)
	axes := []int{0}
	for a := 2; a < rank; a++ {
		axes = append(axes, a)
	}
	scores = scores.permuted(append(axes, 1)...)
	classes, labels := scores.Shape[rank-1], c.Inputs[1].Data
	l := CategoricalCrossEntropy{Sparse: true, Logits: true, Divisor: WeightSum}
	ignore, hasIgnore := c.Attributes["ignore_index"]
	if hasIgnore {
		l.Ignore = []int{int(ignore.(float64))}
	}
	if w := c.input(2); w != nil {
		l.ClassWeights = w.Data
	}
	want := c.Outputs[0].goldenTensor
	pixels := len(labels)
	run := onnxRun{goldenRun: goldenRun{inputs: []goldenTensor{scores.reshaped(1, pixels, classes), {Shape: Shape{1, pixels}, Data: labels}}}}
	switch c.text("reduction", "mean") {
	case "none":
		l.PerSample, l.Divisor = true, PixelCount
		run.inputs = []goldenTensor{scores.reshaped(pixels, classes), {Shape: Shape{pixels}, Data: labels}}
	case "sum":
		l.Divisor = PixelCount
		count := 0.0
		for _, v := range labels {
			if !hasIgnore || v != ignore.(float64) {
				count++
			}
		}
		want.Data = slices.Clone(want.Data)
		want.Data[0] /= count
	}
	run.layer, run.want = l, []goldenTensor{want}
	return run, nil
}

// The inputs of the tests are numbers from 0 to 1, not log-probabilities.
func onnxLikelihood(*onnxCase) (onnxRun, error) {
	return onnxRun{}, notApplicable("the scores are no log-probabilities; the loss takes logits or probabilities")
}
