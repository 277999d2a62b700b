package nn

import (
	"testing"
)

func TestGradients(t *testing.T) {
	pair := []Shape{{3, 5}, {3, 5}}
	img := []Shape{{5, 3, 7}}
	cases := []struct {
		name  string
		layer Layer
		check GradientCheck
	}{
		{"dense", Dense{Units: 4}, GradientCheck{Inputs: []Shape{{7}}}},
		{"dense on pictures", Dense{Units: 3, Activation: Tanh}, GradientCheck{Inputs: img}},
		{"dense without bias", Dense{Units: 17, Activation: Sigmoid, NoBias: true}, GradientCheck{Inputs: []Shape{{1}}}},
		{"dense softplus", Dense{Units: 5, Activation: Softplus}, GradientCheck{Inputs: []Shape{{3}}}},
		{"dense softmax", Dense{Units: 5, Activation: Softmax}, GradientCheck{Inputs: []Shape{{3}}}},
		{"dense relu", Dense{Units: 33, Activation: ReLU}, GradientCheck{Inputs: []Shape{{17}}}},
		{"dense leaky relu", Dense{Units: 33, Activation: LeakyReLU(.3)}, GradientCheck{Inputs: []Shape{{17}}}},
		{"dense elu", Dense{Units: 33, Activation: ELU(1.5)}, GradientCheck{Inputs: []Shape{{17}}}},
		{"relu", Activation{ReLU}, GradientCheck{Inputs: img}},
		{"leaky relu", Activation{LeakyReLU(.2)}, GradientCheck{Inputs: img}},
		{"elu", Activation{ELU(1)}, GradientCheck{Inputs: img}},
		{"sigmoid", Activation{Sigmoid}, GradientCheck{Inputs: img}},
		{"tanh", Activation{Tanh}, GradientCheck{Inputs: img}},
		{"softplus", Activation{Softplus}, GradientCheck{Inputs: img}},
		{"softmax", Activation{Softmax}, GradientCheck{Inputs: img}},
		{"flatten", Flatten{}, GradientCheck{Inputs: img}},
		{"reshape", Reshape{Shape{7, 15}}, GradientCheck{Inputs: img}},
		{"dropout", Dropout{.4}, GradientCheck{Inputs: img, Training: true}},
		{"dropout at inference", Dropout{.4}, GradientCheck{Inputs: img}},
		{"batch norm", BatchNorm{}, GradientCheck{Inputs: img, Training: true}},
		{"batch norm of many rows", BatchNorm{}, GradientCheck{Inputs: []Shape{{13, 17, 3}}, Training: true}},
		{"batch norm at inference", BatchNorm{}, GradientCheck{Inputs: img}},
		{"batch norm without parameters", BatchNorm{NoScale: true, NoCenter: true}, GradientCheck{Inputs: []Shape{{1}}, Training: true, Batch: 5}},
		{"rescale", Rescale{Scale: []float64{2, -.5, 3, 1, 1, .1, 7}, Offset: []float64{1, 2, 3, 4, 5, 6, 7}, Order: []int{6, 0, 1, 5, 2, 4, 3}}, GradientCheck{Inputs: img}},
		{"weighted sum", WeightedSum{[]float64{2, -.5}}, GradientCheck{Inputs: pair}},
		{"binary cross-entropy", BinaryCrossEntropy{}, GradientCheck{Inputs: pair, Low: .05, High: .95}},
		{"binary cross-entropy from logits", BinaryCrossEntropy{Logits: true}, GradientCheck{Inputs: pair, Low: -4, High: 4}},
		{"binary cross-entropy summed", BinaryCrossEntropy{Sum: true}, GradientCheck{Inputs: pair, Low: .05, High: .95}},
		{"binary cross-entropy from logits, summed", BinaryCrossEntropy{Logits: true, Sum: true}, GradientCheck{Inputs: pair, Low: -4, High: 4}},
		{"L1 norm", L1Norm{}, GradientCheck{Inputs: img}},
		{"sampling", Sampling{}, GradientCheck{Inputs: pair, Training: true}},
		{"sampling of the mean", Sampling{}, GradientCheck{Inputs: pair}},
		{"contractive dense", ContractiveDense{Units: 5}, GradientCheck{Inputs: []Shape{{7}}}},
		{"contractive dense of one", ContractiveDense{Units: 1}, GradientCheck{Inputs: []Shape{{1}}, Batch: 5}},
		{"entropy bottleneck", EntropyBottleneck{}, GradientCheck{Inputs: img, Low: -5, High: 5, Training: true}},
		{"entropy bottleneck of one component", EntropyBottleneck{Components: 1}, GradientCheck{Inputs: []Shape{{5}}, Low: -2, High: 2, Training: true}},
		{"entropy bottleneck by channel", EntropyBottleneck{PerChannel: true, Components: 2}, GradientCheck{Inputs: img, Low: -9, High: 9, Training: true}},
		{"entropy bottleneck of many channels", EntropyBottleneck{PerChannel: true}, GradientCheck{Inputs: []Shape{{2, 3, 71}}, Training: true}},
		{"L1", MeanAbsoluteError{}, GradientCheck{Inputs: pair}},
		{"L2", MeanSquaredError{}, GradientCheck{Inputs: pair}},
		{"Huber", Huber{Delta: .3}, GradientCheck{Inputs: pair}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.check.Batch == 0 {
				c.check.Batch = 3
			}
			worst, err := c.check.Run(c.layer)
			if err != nil {
				t.Fatal(err)
			}
			if !(worst <= 1e-6) {
				t.Errorf("error of the gradient is %.3g of its maximum", worst)
			}
		})
	}
}
