package nn_test

import (
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// Three pixels under a window of three: at the border the window's divisor is the number
// of pixels in it, or, with CountPadding, the whole window.
func ExampleAvgPool2D() {
	x := grid(1, 3, 3, 6, 9)
	l := nn.AvgPool2D{Kernel: [2]int{1, 3}, Stride: [2]int{1, 1}, Padding: nn.Same}
	show(run(x, []nn.Layer{l})[0])
	l.CountPadding = true
	show(run(x, []nn.Layer{l})[0])
	// Output:
	// [4.5 6 7.5]
	// [3 6 5]
}

// Four pixels and what each way of padding puts around them.
func ExampleReflectPad() {
	m := nn.Margins{Left: 2, Right: 2}
	for _, l := range []nn.Layer{
		nn.ZeroPad{Margins: m}, nn.EdgePad{Margins: m}, nn.ReflectPad{Margins: m}, nn.SymmetricPad{Margins: m}, nn.WrapPad{Margins: m},
	} {
		fmt.Printf("%-13s %v\n", nn.TypeName(l), run(grid(1, 4, 1, 2, 3, 4), []nn.Layer{l})[0].Data)
	}
	// Output:
	// zero_pad      [0 0 1 2 3 4 0 0]
	// edge_pad      [1 1 1 2 3 4 4 4]
	// reflect_pad   [3 2 1 2 3 4 3 2]
	// symmetric_pad [2 1 1 2 3 4 4 3]
	// wrap_pad      [3 4 1 2 3 4 1 2]
}

// One pixel of eight channels becomes 2x2 pixels of two channels, in either order.
func ExampleDepthToSpace() {
	for _, order := range []nn.DepthOrder{nn.DCR, nn.CRD} {
		y := runPicture(func(x *nn.Node) *nn.Node {
			return nn.Apply(nn.DepthToSpace{Block: [2]int{2, 2}, Order: order}, x)
		}, []float32{0, 1, 2, 3, 4, 5, 6, 7}, 1, 1, 8)
		fmt.Println(order, y)
	}
	// Output:
	// DCR [0 1 2 3 4 5 6 7]
	// CRD [0 4 1 5 2 6 3 7]
}
