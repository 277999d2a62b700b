package models

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/optim"
	"github.com/hourglass-go/hourglass/tensor"
)

// TestSlowWinogradTraining trains a U-Net for 500 steps to take noise out of photographs, with
// the algorithms that the shapes choose and with the direct one pinned to every convolution:
// the squared errors on other photographs must end within 1 % of each other.
func TestSlowWinogradTraining(t *testing.T) {
	if os.Getenv("HOURGLASS_SLOW") == "" {
		t.Skip("trains for minutes: runs where HOURGLASS_SLOW is set")
	}
	folder := filepath.Join(os.Getenv("HOURGLASS_DATA"), "train400")
	files, err := filepath.Glob(filepath.Join(folder, "*.png"))
	if err != nil || len(files) < 100 {
		t.Skipf("%s has no photographs: HOURGLASS_DATA must name the folder of train400", folder)
	}
	var photographs []*imageio.Picture
	for _, f := range files {
		p, err := imageio.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		photographs = append(photographs, p.Gray())
	}
	m, err := UNet{Channels: 1}.Build()
	if err != nil {
		t.Fatal(err)
	}
	graph, err := m.MarshalGraph()
	if err != nil {
		t.Fatal(err)
	}
	convolution := []byte(`"type":"conv_2d","version":1,"config":{`)
	pinned, err := nn.UnmarshalModel(bytes.ReplaceAll(graph, convolution, append(convolution, `"Algorithm":"direct",`...)))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := pinned.MarshalGraph(); err != nil || !bytes.Contains(again, []byte(`"Algorithm":"direct"`)) {
		t.Fatalf("nothing is pinned: %v", err)
	}
	chosen, direct := lossAfter(t, m, photographs), lossAfter(t, pinned, photographs)
	difference := math.Abs(chosen-direct) / direct
	t.Logf("mean squared error after 500 steps: %.6f as chosen, %.6f directly, %.2f %% apart", chosen, direct, 100*difference)
	if !(difference <= 0.01) {
		t.Errorf("the losses are %.2f %% apart", 100*difference)
	}
}

// lossAfter trains for 500 steps on batches of 4 crops, with a rate that falls to 0, and
// returns the loss on 64 crops of the last 50 photographs, which are kept out of training.
func lossAfter(t *testing.T, m *nn.Model, photographs []*imageio.Picture) float64 {
	m.Init(1)
	inputs, total, err := nn.WithLoss(m, nn.MeanSquaredError{})
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := nn.NewTrainer(inputs, total, nn.TrainerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer trainer.Close()
	const steps = 500
	optimizer := &optim.Adam{}
	params, gradients := m.Store().Trainable(), m.Store().Gradients()
	optimizer.Init(len(params))
	held := len(photographs) - 50
	for step := range steps {
		x, target := noisyCrops(photographs[:held], 4, uint64(step))
		if _, err := trainer.Gradient(step, x, target); err != nil {
			t.Fatal(err)
		}
		rate := optimizer.BaseRate() * (1 + math.Cos(math.Pi*float64(step)/steps)) / 2
		optimizer.Step(trainer.Team(), params, gradients, rate)
	}
	x, target := noisyCrops(photographs[held:], 64, steps)
	y, err := m.Predict(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for i, v := range y.Data {
		sum += math.Pow(float64(v-target.Data[i]), 2)
	}
	return sum / float64(len(y.Data))
}

// noisyCrops are n crops, 64x64, with noise of sigma 0.1, and without.
func noisyCrops(photographs []*imageio.Picture, n int, seed uint64) (x, target *tensor.Tensor) {
	const side = 64
	x, target = tensor.New(n, side, side, 1), tensor.New(n, side, side, 1)
	for i := range n {
		key := rng.New(seed, uint64(i))
		draw := key.Fork(1).IntN
		p := photographs[draw(0, len(photographs))]
		top, left := draw(1, p.Height-side+1), draw(2, p.Width-side+1)
		for j := range side * side {
			v := float32(p.At(left+j%side, top+j/side, 0)) / float32(p.Max())
			target.Data[i*side*side+j] = v
			x.Data[i*side*side+j] = v + 0.1*float32(key.Fork(2).Normal(uint64(j)))
		}
	}
	return x, target
}
