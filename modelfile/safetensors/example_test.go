package safetensors_test

import (
	"bytes"
	"fmt"

	"github.com/hourglass-go/hourglass/modelfile/safetensors"
)

func Example() {
	var b bytes.Buffer
	err := safetensors.Write(&b, map[string]string{"task": "denoise"}, []safetensors.Tensor{
		{Name: "dense.kernel", Shape: []int{2, 3}, Data: []float32{1, 2, 3, 4, 5, 6}},
		{Name: "dense.bias", Shape: []int{3}, Data: []float32{-1, 0, 1}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	f, err := safetensors.Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Metadata["task"])
	for _, t := range f.Tensors() {
		values := make([]float32, t.Elems())
		if err := f.ReadFloat32(t.Name, values); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(t.Name, t.DType, t.Shape, values)
	}

	_, err = safetensors.Open(bytes.NewReader(b.Bytes()), int64(b.Len()-1))
	fmt.Println(err)
	// Output:
	// denoise
	// dense.bias F32 [3] [-1 0 1]
	// dense.kernel F32 [2 3] [1 2 3 4 5 6]
	// safetensors: tensor "dense.kernel": ends at byte 36, but the file's data section has only 35
}
