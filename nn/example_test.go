package nn_test

import (
	"context"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

// Offset is a layer of one's own: y = x + offset, with one trainable number a channel.
type Offset struct{}

func (Offset) Infer(in []nn.Shape) (nn.Signature, error) {
	if len(in) != 1 || len(in[0]) == 0 {
		return nn.Signature{}, fmt.Errorf("takes one input with channels, got %v", in)
	}
	channels := in[0][len(in[0])-1]
	return nn.Signature{
		Outputs: []nn.Shape{in[0]},
		Params:  []nn.ParamSpec{{Name: "offset", Shape: nn.Shape{channels}, Init: nn.Constant(0.5)}},
	}, nil
}

func (Offset) Compile(batch int, in []nn.Shape) nn.Routine {
	return nn.Routine{
		New32:   func() nn.Op[float32] { return offsetOp[float32]{} },
		New64:   func() nn.Op[float64] { return offsetOp[float64]{} },
		InPlace: true,
		FLOPs:   int64(batch * in[0].Elems()),
	}
}

type offsetOp[T tensor.Float] struct{}

func (offsetOp[T]) Forward(c *nn.Call[T]) {
	offset := c.Param[0]
	for i, x := range c.In[0] {
		c.Out[0][i] = x + offset[i%len(offset)]
	}
}

func (offsetOp[T]) Backward(c *nn.Call[T]) {
	if c.DIn[0] != nil {
		copy(c.DIn[0], c.DOut[0])
	}
	if d := c.DParam[0]; d != nil {
		clear(d)
		for i, dy := range c.DOut[0] {
			d[i%len(d)] += dy
		}
	}
}

func init() { nn.Register("example_offset", 1, Offset{}) }

// A layer of one's own is used, checked and stored like any other.
func ExampleLayer() {
	worst, err := nn.GradientCheck{Batch: 3, Inputs: []nn.Shape{{2, 5, 3}}}.Run(Offset{})
	fmt.Println("gradient right:", worst < 1e-6, err)

	x := nn.Input("x", nn.Shape{2})
	model, err := nn.NewModel(x, nn.Apply(Offset{}, x))
	if err != nil {
		fmt.Println(err)
		return
	}
	batch, _ := tensor.FromSlice([]float32{1, 2, 3, 4}, 2, 2)
	y, err := model.Predict(context.Background(), batch)
	fmt.Println(y.Data, err)
	// Output:
	// gradient right: true <nil>
	// [1.5 2.5 3.5 4.5] <nil>
}

// A training step, driven by hand: gradients, then plain gradient descent.
func ExampleTrainer() {
	x := nn.Input("x", nn.Shape{1})
	model, err := nn.NewModel(x, nn.Apply(nn.Dense{Units: 1}, x))
	if err != nil {
		fmt.Println(err)
		return
	}
	model.Init(1)
	inputs, loss, err := nn.WithLoss(model, nn.MeanSquaredError{})
	if err != nil {
		fmt.Println(err)
		return
	}
	trainer, err := nn.NewTrainer(inputs, loss, nn.TrainerOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer trainer.Close()

	in, _ := tensor.FromSlice([]float32{0, 1, 2, 3}, 4, 1)
	want, _ := tensor.FromSlice([]float32{1, 3, 5, 7}, 4, 1) // y = 2x + 1
	for step := range 500 {
		if _, err := trainer.Gradient(step, in, want); err != nil {
			fmt.Println(err)
			return
		}
		gradients := model.Store().Gradients()
		for i := range model.Store().Trainable() {
			model.Store().Trainable()[i] -= 0.1 * gradients[i]
		}
	}
	for _, p := range model.Params() {
		fmt.Printf("%s %.3f\n", p.Name, model.Store().Value(p))
	}
	// Output:
	// dense/kernel [2.000]
	// dense/bias [1.000]
}

// The encoder is cut out of the model; it shares the model's weights.
func ExampleNewModel() {
	image := nn.Input("image", nn.Shape{28, 28, 1})
	h := nn.Apply(nn.Flatten{}, image)
	code := nn.Named("code", nn.Dense{Units: 32, Activation: nn.ReLU}).Apply(h)
	h = nn.Apply(nn.Dense{Units: 784, Activation: nn.Sigmoid}, code)
	restored := nn.Apply(nn.Reshape{Shape: nn.Shape{28, 28, 1}}, h)

	model, err := nn.NewModel(image, restored)
	if err != nil {
		fmt.Println(err)
		return
	}
	encoder, err := nn.NewModel(image, model.Node("code"))
	if err != nil {
		fmt.Println(err)
		return
	}
	decoder, err := nn.NewModel(code, restored)
	if err != nil {
		fmt.Println(err)
		return
	}
	summary, _ := model.Summary()
	fmt.Println(summary.Parameters, encoder.Outputs()[0].Shape(), decoder.Inputs()[0].Shape())

	_, err = nn.NewModel(image, nn.Apply(nn.Reshape{Shape: nn.Shape{27, 28}}, h))
	fmt.Println(err)
	// Output:
	// 50992 [32] [32]
	// nn: layer reshape on dense [784]: cannot make [27 28] (756 elements) of [784] (784 elements)
}
