package dataset_test

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/dataset/digits"
)

// Digits drowned in noise as inputs, clean ones as targets, in shuffled batches.
func Example() {
	train, _, err := digits.Load()
	if err != nil {
		fmt.Println(err)
		return
	}
	noisy := dataset.Restoration(train, 1, false, dataset.GaussianNoise{Min: 0.3, Max: 0.6})
	learn, validate := dataset.Split(noisy.Len(), 0.1, 1)
	loader, err := dataset.NewLoader(dataset.Subset(noisy, learn), 128, dataset.LoaderOptions{Seed: 1, Shuffle: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(loader.Batches(), "batches,", len(validate), "digits for validation")

	epoch := loader.Epoch(context.Background(), 0, 0)
	defer epoch.Stop()
	for {
		batch, err := epoch.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		if batch.Number == 0 || len(batch.Index) < 128 {
			fmt.Println("batch", batch.Number, batch.Input.Shape, "to", batch.Target.Shape)
		}
	}
	// Output:
	// 71 batches, 1000 digits for validation
	// batch 0 [128 28 28 1] to [128 28 28 1]
	// batch 70 [40 28 28 1] to [40 28 28 1]
}
