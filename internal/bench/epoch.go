package bench

import (
	"context"
	"fmt"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/internal/rng"
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

// epoch trains the recipe's network on as many random pictures as MNIST has. What the
// pixels show has no influence on the time.
func epoch(ctx context.Context, workers int) (*work, error) {
	model, err := models.Autoencoder{}.Build()
	if err != nil {
		return nil, err
	}
	summary, err := model.Summary()
	if err != nil {
		return nil, err
	}
	images := &dataset.Images{H: 28, W: 28, C: 1, Pix: make([]byte, epochPictures*28*28)}
	key := rng.New(1)
	for i := range images.Pix {
		images.Pix[i] = byte(key.Uint64(uint64(i)))
	}
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
