package train_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/optim"
	"github.com/hourglass-go/hourglass/train"
)

// An autoencoder is trained, with its files in a folder, and its model read back.
func ExampleRun() {
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	x := nn.Input("picture", nn.Shape{5, 7, 1})
	code := nn.Apply(nn.Dense{Units: 12, Activation: nn.ReLU}, nn.Apply(nn.Flatten{}, x))
	y := nn.Apply(nn.Dense{Units: 35, Activation: nn.Sigmoid}, code)
	model, err := nn.NewModel(x, nn.Apply(nn.Reshape{Shape: nn.Shape{5, 7, 1}}, y))
	if err != nil {
		panic(err)
	}
	run := train.Run{
		Model: model, Loss: nn.BinaryCrossEntropy{}, Optimizer: &optim.Adam{LearningRate: 0.01},
		Train: dataset.Same(pictures(200, 1)), Validation: dataset.Same(pictures(50, 2)),
		Metrics: []string{"psnr"}, Monitor: "val_psnr",
		Epochs: 20, BatchSize: 20, Dir: dir,
		Meta: modelfile.Metadata{Task: "reconstruct"},
	}
	history, err := run.Fit(context.Background())
	if err != nil {
		panic(err)
	}
	first, last := history.Epochs[0].Metrics, history.Final()
	fmt.Println("better:", last["val_psnr"] > first["val_psnr"]+3)

	saved, meta, err := modelfile.Load(filepath.Join(dir, train.ModelFile))
	if err != nil {
		panic(err)
	}
	scores, err := train.Evaluate(context.Background(), saved, run.Validation, 20, "psnr")
	if err != nil {
		panic(err)
	}
	fmt.Println(meta.Task, scores["psnr"] == meta.Scores[0].Value)
	// Output:
	// better: true
	// reconstruct true
}
