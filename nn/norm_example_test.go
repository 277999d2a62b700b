package nn_test

import (
	"context"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

// runPicture applies a piece of a graph to one picture and returns the output's numbers.
func runPicture(build func(x *nn.Node) *nn.Node, data []float32, h, w, c int) []float32 {
	x := nn.Input("x", nn.Shape{h, w, c})
	model, err := nn.NewModel(x, build(x))
	if err != nil {
		panic(err)
	}
	in, err := tensor.FromSlice(data, 1, h, w, c)
	if err != nil {
		panic(err)
	}
	out, err := model.Predict(context.Background(), in)
	if err != nil {
		panic(err)
	}
	return out.Data
}

// Two pixels of four channels. What is made to have mean 0 and variance 1 differs: a
// pixel's channels, all of the picture, a group of channels over all pixels, or one
// channel over all pixels.
func ExampleLayerNorm() {
	picture := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	for _, norm := range []nn.Layer{
		nn.LayerNorm{}, nn.LayerNorm{Axes: []int{1, 2, 3}}, nn.GroupNorm{Groups: 2}, nn.InstanceNorm{},
	} {
		y := runPicture(func(x *nn.Node) *nn.Node { return nn.Apply(norm, x) }, picture, 1, 2, 4)
		fmt.Printf("%-13s %5.2f\n", nn.TypeName(norm), y)
	}
	// Output:
	// layer_norm    [-1.34 -0.45  0.45  1.34 -1.34 -0.45  0.45  1.34]
	// layer_norm    [-1.53 -1.09 -0.65 -0.22  0.22  0.65  1.09  1.53]
	// group_norm    [-1.21 -0.73 -1.21 -0.73  0.73  1.21  0.73  1.21]
	// instance_norm [-1.00 -1.00 -1.00 -1.00  1.00  1.00  1.00  1.00]
}

// A gate of one number a channel, and one of one number a pixel.
func ExampleMultiply() {
	picture := nn.Input("picture", nn.Shape{2, 2, 2})
	channels := nn.Input("channels", nn.Shape{1, 1, 2})
	pixels := nn.Input("pixels", nn.Shape{2, 2, 1})
	model, err := nn.NewModelOf([]*nn.Node{picture, channels, pixels}, []*nn.Node{
		nn.Apply(nn.Multiply{}, picture, channels), nn.Apply(nn.Multiply{}, picture, pixels),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	x, _ := tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 1, 2, 2, 2)
	c, _ := tensor.FromSlice([]float32{1, 10}, 1, 1, 1, 2)
	p, _ := tensor.FromSlice([]float32{0, 1, 1, 0}, 1, 2, 2, 1)
	out, err := model.Run(context.Background(), x, c, p)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(out[0].Data)
	fmt.Println(out[1].Data)
	// Output:
	// [1 20 3 40 5 60 7 80]
	// [0 0 3 4 5 6 0 0]
}

// Channels of a skip connection and of the decoder, pixel by pixel.
func ExampleConcatenate() {
	y := runPicture(func(skip *nn.Node) *nn.Node {
		up := nn.Apply(nn.Activation{Function: nn.ReLU}, skip)
		return nn.Apply(nn.Concatenate{}, skip, up)
	}, []float32{-1, 2, -3, 4}, 1, 2, 2)
	fmt.Println(y)
	// Output: [-1 2 0 2 -3 4 0 4]
}

// The activations at a few places.
func ExampleActivation() {
	for _, f := range []nn.ActivationFunc{
		nn.ReLU, nn.LeakyReLU(.2), nn.ELU(1), nn.Softplus, nn.Swish, nn.HardSwish, nn.GELU, nn.GELUTanh, nn.Sigmoid, nn.HardSigmoid,
		nn.HardSigmoidOf(.2, .5), nn.Tanh,
	} {
		y := runPicture(func(x *nn.Node) *nn.Node { return nn.Apply(nn.Activation{Function: f}, x) }, []float32{-4, -1, 0, 1, 4}, 1, 5, 1)
		fmt.Printf("%-21s %6.3f\n", f, y)
	}
	// Output:
	// relu                  [ 0.000  0.000  0.000  1.000  4.000]
	// leaky_relu(0.2)       [-0.800 -0.200  0.000  1.000  4.000]
	// elu(1)                [-0.982 -0.632  0.000  1.000  4.000]
	// softplus              [ 0.018  0.313  0.693  1.313  4.018]
	// swish                 [-0.072 -0.269  0.000  0.731  3.928]
	// hard_swish            [-0.000 -0.333  0.000  0.667  4.000]
	// gelu                  [-0.000 -0.159  0.000  0.841  4.000]
	// gelu_tanh             [-0.000 -0.159  0.000  0.841  4.000]
	// sigmoid               [ 0.018  0.269  0.500  0.731  0.982]
	// hard_sigmoid          [ 0.000  0.333  0.500  0.667  1.000]
	// hard_sigmoid(0.2,0.5) [ 0.000  0.300  0.500  0.700  1.000]
	// tanh                  [-0.999 -0.762  0.000  0.762  0.999]
}

// A skip connection of odd size meets the decoder's value of the stage below.
func ExampleAttentionGate() {
	skip := nn.Input("skip", nn.Shape{nn.Any, nn.Any, 8})
	below := nn.Input("below", nn.Shape{nn.Any, nn.Any, 16})
	y, alpha := nn.AttentionGate{}.Build("gate", skip, below)
	model, err := nn.NewModelOf([]*nn.Node{skip, below}, []*nn.Node{y, alpha})
	if err != nil {
		fmt.Println(err)
		return
	}
	summary, err := model.Summary(nn.Shape{35, 21, 8}, nn.Shape{17, 10, 16})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range summary.Layers {
		fmt.Printf("%-11s %-18s %v\n", l.Name, l.Type, l.Output)
	}
	// Output:
	// skip        input              [35 21 8]
	// below       input              [17 10 16]
	// gate_x      conv_2d            [18 11 4]
	// gate_g      conv_2d            [17 10 4]
	// gate_g_size resize             [18 11 4]
	// gate_add    add                [18 11 4]
	// gate_relu   activation         [18 11 4]
	// gate_psi    conv_2d            [18 11 1]
	// gate_size   resize             [35 21 1]
	// gate_gate   multiply           [35 21 8]
}

// Each of a picture's 32 channels gets a weight between 0 and 1.
func ExampleSqueezeExcite() {
	x := nn.Input("x", nn.Shape{24, 40, 32})
	model, err := nn.NewModel(x, nn.SqueezeExcite{Ratio: 8}.Build("se", x))
	if err != nil {
		fmt.Println(err)
		return
	}
	summary, err := model.Summary()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range summary.Layers {
		fmt.Printf("%-10s %-18s %-10v %3d parameters\n", l.Name, l.Type, l.Output, l.Parameters)
	}
	// Output:
	// x          input              [24 40 32]   0 parameters
	// se_squeeze global_avg_pool_2d [1 1 32]     0 parameters
	// se_reduce  dense              [1 1 4]    132 parameters
	// se_expand  dense              [1 1 32]   160 parameters
	// se_scale   multiply           [24 40 32]   0 parameters
}

// The step of a diffusion as sines and cosines of falling frequency.
func ExampleEmbedding() {
	step := nn.Input("step", nn.Shape{})
	model, err := nn.NewModel(step, nn.Apply(nn.Embedding{Units: 6}, step))
	if err != nil {
		fmt.Println(err)
		return
	}
	steps, _ := tensor.FromSlice([]float32{0, 1, 100}, 3)
	out, err := model.Predict(context.Background(), steps)
	if err != nil {
		fmt.Println(err)
		return
	}
	for n := range 3 {
		fmt.Printf("%6.3f\n", out.Data[6*n:6*n+6])
	}
	// Output:
	// [ 0.000  0.000  0.000  1.000  1.000  1.000]
	// [ 0.841  0.046  0.002  0.540  0.999  1.000]
	// [-0.506 -0.997  0.214  0.862 -0.071  0.977]
}
