package nn_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

// grid makes a picture of one channel.
func grid(h, w int, values ...float32) *tensor.Tensor {
	x, err := tensor.FromSlice(values, 1, h, w, 1)
	if err != nil {
		panic(err)
	}
	return x
}

// show prints the first picture of a batch of one channel.
func show(x *tensor.Tensor) {
	for row := range slices.Chunk(x.Data, x.Shape[2]) {
		fmt.Println(row)
	}
}

// run puts a picture through layers, one after the other, and returns all outputs of the
// last. Parameters of the layers, in order, may be given.
func run(x *tensor.Tensor, layers []nn.Layer, params ...[]float32) []*tensor.Tensor {
	in := nn.Input("x", x.Shape[1:])
	out := []*nn.Node{in}
	for i, l := range layers {
		out = nn.Named(fmt.Sprint("layer", i), l).ApplyAll(out...)
	}
	m, err := nn.NewModelOf([]*nn.Node{in}, out)
	if err != nil {
		panic(err)
	}
	for i, values := range params {
		copy(m.Store().Value(m.Params()[i]), values)
	}
	y, err := m.Run(context.Background(), x)
	if err != nil {
		panic(err)
	}
	return y
}

// A dilated kernel reads pixels that lie apart: two layers of 3x3, dilated by 1 and by 2, see
// 7x7 pixels with 9 weights each. A single bright pixel shows how it spreads.
func ExampleConv2D() {
	x := tensor.New(1, 7, 7, 1)
	x.Set(1, 0, 3, 3, 0)
	k := [2]int{3, 3}
	show(run(x, []nn.Layer{
		nn.Conv2D{Filters: 1, Kernel: k, Padding: nn.Same, Dilation: [2]int{2, 2}, KernelInit: nn.Ones},
	})[0])
	fmt.Println()
	show(run(x, []nn.Layer{
		nn.Conv2D{Filters: 1, Kernel: k, Padding: nn.Same, KernelInit: nn.Ones},
		nn.Conv2D{Filters: 1, Kernel: k, Padding: nn.Same, Dilation: [2]int{2, 2}, KernelInit: nn.Ones},
	})[0])
	// Output:
	// [0 0 0 0 0 0 0]
	// [0 1 0 1 0 1 0]
	// [0 0 0 0 0 0 0]
	// [0 1 0 1 0 1 0]
	// [0 0 0 0 0 0 0]
	// [0 1 0 1 0 1 0]
	// [0 0 0 0 0 0 0]
	//
	// [1 1 2 1 2 1 1]
	// [1 1 2 1 2 1 1]
	// [2 2 4 2 4 2 2]
	// [1 1 2 1 2 1 1]
	// [2 2 4 2 4 2 2]
	// [1 1 2 1 2 1 1]
	// [1 1 2 1 2 1 1]
}

// A 2x2 picture under a 3x3 kernel at stride 2, with nothing cut off: first by the textbook
// recipe, step by step (put a zero between the pixels, pad by k-p-1 = 2, convolve with the
// kernel turned by 180 degrees), then by the layer.
func ExampleConv2DTranspose() {
	x := grid(2, 2, 1, 2, 3, 4)
	kernel := []float32{1, 2, 3, 4, 5, 6, 7, 8, 9}
	turned := slices.Clone(kernel)
	slices.Reverse(turned)
	zeros := nn.Conv2DTranspose{Filters: 1, Kernel: [2]int{1, 1}, Stride: [2]int{2, 2}, Padding: nn.Explicit(0, 0, 0, 0), NoBias: true}
	pad := nn.ZeroPad{Margins: nn.Margins{Top: 2, Bottom: 2, Left: 2, Right: 2}}
	conv := nn.Conv2D{Filters: 1, Kernel: [2]int{3, 3}, NoBias: true}
	show(run(x, []nn.Layer{zeros}, []float32{1})[0])
	fmt.Println()
	show(run(x, []nn.Layer{zeros, pad, conv}, []float32{1}, turned)[0])
	fmt.Println()
	up := nn.Conv2DTranspose{Filters: 1, Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, NoBias: true}
	show(run(x, []nn.Layer{up}, kernel)[0])
	// Output:
	// [1 0 2]
	// [0 0 0]
	// [3 0 4]
	//
	// [1 2 5 4 6]
	// [4 5 14 10 12]
	// [10 14 36 24 30]
	// [12 15 34 20 24]
	// [21 24 55 32 36]
	//
	// [1 2 5 4 6]
	// [4 5 14 10 12]
	// [10 14 36 24 30]
	// [12 15 34 20 24]
	// [21 24 55 32 36]
}

// The mask numbers the taps of each window; unpooling puts the maxima back to where they were.
func ExampleMaxUnpool2D() {
	x := grid(4, 4,
		1, 5, 2, 0,
		3, 4, 0, 0,
		0, 0, 7, 1,
		9, 0, 6, 8)
	k := [2]int{2, 2}
	pooled := run(x, []nn.Layer{nn.MaxPool2D{Kernel: k, Mask: true}})
	show(pooled[0])
	fmt.Println()
	show(pooled[1])
	fmt.Println()
	show(run(x, []nn.Layer{nn.MaxPool2D{Kernel: k, Mask: true}, nn.MaxUnpool2D{Kernel: k}})[0])
	// Output:
	// [5 2]
	// [9 8]
	//
	// [1 0]
	// [2 3]
	//
	// [0 5 2 0]
	// [0 0 0 0]
	// [0 0 0 0]
	// [9 0 0 8]
}

// Two ways back from an average: the value's share, which keeps the sum, and the value.
func ExampleAvgUnpool2D() {
	x := grid(2, 2, 4, 8, 12, 16)
	k := [2]int{2, 2}
	show(run(x, []nn.Layer{nn.AvgUnpool2D{Kernel: k}})[0])
	fmt.Println()
	show(run(x, []nn.Layer{nn.AvgUnpool2D{Kernel: k, Repeat: true}})[0])
	// Output:
	// [1 1 2 2]
	// [1 1 2 2]
	// [3 3 4 4]
	// [3 3 4 4]
	//
	// [4 4 8 8]
	// [4 4 8 8]
	// [12 12 16 16]
	// [12 12 16 16]
}
