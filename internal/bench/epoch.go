package bench

import (
	"context"
	"fmt"
	"slices"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/dataset/digits"
	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/optim"
	"github.com/hourglass-go/hourglass/train"
)

// The training of the recipe mnist-autoencoder.
const (
	epochPictures = 60000
	epochBatch    = 128
)

// epoch trains the recipe's network on the embedded digits, over and over until they are
// as many as MNIST has. Black pixels count: their products are left out.
func epoch(ctx context.Context, workers int) (*work, error) {
	model, err := models.Autoencoder{}.Build()
	if err != nil {
		return nil, err
	}
	summary, err := model.Summary()
	if err != nil {
		return nil, err
	}
	images, _, err := digits.Load()
	if err != nil {
		return nil, err
	}
	pixels := len(images.Pix) / images.Len()
	images.Pix = slices.Repeat(images.Pix, epochPictures/images.Len()+1)[:epochPictures*pixels]
	once := func() error {
		run := train.Run{
			Model: model, Loss: nn.BinaryCrossEntropy{}, Optimizer: &optim.Adam{}, Train: dataset.Same(images),
			Epochs: 1, BatchSize: epochBatch, Workers: workers,
		}
		if _, err := run.Fit(ctx); err != nil {
			return fmt.Errorf("training: %w", err)
		}
		return nil
	}
	return &work{flops: epochPictures * trainingFLOPs(summary), time: wall(once), end: func() {}}, nil
}
