package nn_test

import (
	"context"
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

// A picture of 2x2 pixels enlarged to 4x4. Nearest repeats each pixel. Bilinear puts the
// new pixels' centres at -1/4, 1/4, 3/4 and 5/4 of the old (half-pixel coordinates) and
// mixes the two neighbours, 3:1; at the border there is only one. With aligned corners
// the centres lie at 0, 1/3, 2/3 and 1 instead.
func ExampleUpSampling2D() {
	picture, err := tensor.FromSlice([]float32{0, 12, 24, 36}, 1, 2, 2, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range []nn.Layer{
		nn.UpSampling2D{Method: nn.ResizeNearest},
		nn.UpSampling2D{Method: nn.ResizeBilinear},
		nn.Resize{Size: [2]int{4, 4}, Coordinates: nn.AlignCorners},
	} {
		x := nn.Input("picture", nn.Shape{nn.Any, nn.Any, 1})
		m, err := nn.NewModel(x, nn.Apply(l, x))
		if err != nil {
			fmt.Println(err)
			return
		}
		y, err := m.Predict(context.Background(), picture)
		if err != nil {
			fmt.Println(err)
			return
		}
		for row := range 4 {
			fmt.Printf("%2.0f\n", y.Data[4*row:4*row+4])
		}
		fmt.Println()
	}
	// Output:
	// [ 0  0 12 12]
	// [ 0  0 12 12]
	// [24 24 36 36]
	// [24 24 36 36]
	//
	// [ 0  3  9 12]
	// [ 6  9 15 18]
	// [18 21 27 30]
	// [24 27 33 36]
	//
	// [ 0  4  8 12]
	// [ 8 12 16 20]
	// [16 20 24 28]
	// [24 28 32 36]
}
