package imageio_test

import (
	"bytes"
	"fmt"

	"github.com/hourglass-go/hourglass/imageio"
)

// A photograph on its way into a network for grey pictures of 28x28 pixels and back. Each
// step that loses something is one that the program asks for.
func Example() {
	photo := imageio.New(640, 480, 3, 8)
	photo.Orientation = 6 // the camera was held upright
	var file bytes.Buffer
	if err := imageio.Encode(&file, photo, imageio.JPEG); err != nil {
		fmt.Println(err)
		return
	}

	p, err := imageio.Decode(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p)
	p = p.Upright()
	fmt.Println(p)
	input := p.Gray().Fit(28, 28).ToTensor()
	fmt.Println(input.Shape)

	restored, err := imageio.FromTensor(input, 16)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(restored)
	fmt.Println(imageio.Encode(&file, restored, imageio.JPEG))
	// Output:
	// 640x480 RGB 8 bits
	// 480x640 RGB 8 bits
	// [28 28 1]
	// 28x28 grey 16 bits
	// JPEG: it cannot hold 16 bits; write PNG, or round to 8 bits (To8)
}
