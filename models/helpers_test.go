package models

import "github.com/hourglass-go/hourglass/tensor"

// tensorOfOnes is a tensor filled with ones.
func tensorOfOnes(shape ...int) *tensor.Tensor {
	t := tensor.New(shape...)
	for i := range t.Data {
		t.Data[i] = 1
	}
	return t
}
