package nn_test

import (
	"context"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

// A perceptual loss: a frozen network looks at the prediction and at the target, and the
// objective is the difference of the pixels and, in part, of what the network makes of them.
// Only the model learns.
func ExampleFeatureLoss() {
	seen := nn.Input("seen", nn.Shape{nn.Any, nn.Any, 1})
	shallow := nn.Apply(nn.Dense{Units: 8, Activation: nn.ReLU}, seen)
	deep := nn.Apply(nn.Dense{Units: 4, Activation: nn.ReLU}, shallow)
	features, err := nn.NewModelOf([]*nn.Node{seen}, []*nn.Node{shallow, deep})
	if err != nil {
		fmt.Println(err)
		return
	}
	frozen, _ := features.Store().SetFrozen("*/*", true)

	picture := nn.Input("picture", nn.Shape{nn.Any, nn.Any, 1})
	target := nn.Input("target", nn.Shape{nn.Any, nn.Any, 1})
	prediction := nn.Apply(nn.Dense{Units: 1}, picture)
	pixels := nn.Apply(nn.MeanAbsoluteError{}, prediction, target)
	perceptual := nn.FeatureLoss(features, nn.MeanSquaredError{}, prediction, target, 1, .5)
	total := nn.Apply(nn.WeightedSum{Weights: []float64{1, .1}}, pixels, perceptual)

	trainer, err := nn.NewTrainer([]*nn.Node{picture, target}, total, nn.TrainerOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer trainer.Close()
	x := tensor.New(2, 3, 5, 1)
	for i := range x.Data {
		x.Data[i] = float32(i) / 30
	}
	if _, err := trainer.Gradient(0, x, x); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("frozen:", frozen, "parameters; gradients:", len(features.Store().Gradients()), "numbers")
	// Output:
	// frozen: 4 parameters; gradients: 2 numbers
}

// A mask leaves pixels out, and the label 255 does too: the loss is the mean over the rest.
func ExampleCategoricalCrossEntropy() {
	scores := nn.Input("scores", nn.Shape{1, 3, 2})
	labels := nn.Input("labels", nn.Shape{1, 3, 1})
	mask := nn.Input("mask", nn.Shape{1, 3, 1})
	probabilities := nn.Apply(nn.Activation{Function: nn.Softmax}, scores)
	loss := nn.Apply(nn.CategoricalCrossEntropy{Sparse: true, Ignore: []int{255}}, probabilities, labels, mask)
	model, err := nn.NewModelOf([]*nn.Node{scores, labels, mask}, []*nn.Node{loss})
	if err != nil {
		fmt.Println(err)
		return
	}
	s, _ := tensor.FromSlice([]float32{2, 0, -9, 9, 5, 5}, 1, 1, 3, 2)
	l, _ := tensor.FromSlice([]float32{0, 255, 1}, 1, 1, 3, 1)
	m, _ := tensor.FromSlice([]float32{1, 1, 0}, 1, 1, 3, 1)
	out, err := model.Run(context.Background(), s, l, m)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.4f = log(1 + exp(-2))\n", out[0].Data[0])
	// Output:
	// 0.1269 = log(1 + exp(-2))
}
