package models

import (
	"bytes"
	"math"
	"os"
	"testing"

	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/optim"
	"github.com/hourglass-go/hourglass/tensor"
)

// TestSlowWinogradTraining trains a U-Net for 500 steps to find shapes in noise, with the
// algorithms that the shapes choose and with the direct one pinned to every convolution: the
// losses must end within 1 % of each other.
func TestSlowWinogradTraining(t *testing.T) {
	if os.Getenv("HOURGLASS_SLOW") == "" {
		t.Skip("trains for a minute or two: runs where HOURGLASS_SLOW is set")
	}
	m, err := UNet{}.Build()
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
	chosen, direct := lossAfter(t, m), lossAfter(t, pinned)
	difference := math.Abs(chosen-direct) / direct
	t.Logf("mean loss of steps 451 to 500: %.5f as chosen, %.5f directly, %.2f %% apart", chosen, direct, 100*difference)
	if !(difference <= 0.01) {
		t.Errorf("the losses are %.2f %% apart", 100*difference)
	}
}

// lossAfter trains for 500 steps on batches of 4 pictures, 64x64, and returns the mean loss
// of the last 50.
func lossAfter(t *testing.T, m *nn.Model) float64 {
	m.Init(1)
	inputs, total, err := nn.WithLoss(m, nn.BinaryCrossEntropy{Logits: true})
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := nn.NewTrainer(inputs, total, nn.TrainerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer trainer.Close()
	optimizer := &optim.Adam{}
	params, gradients := m.Store().Trainable(), m.Store().Gradients()
	optimizer.Init(len(params))
	sum := 0.0
	for step := range 500 {
		x, target := rectangles(uint64(step))
		loss, err := trainer.Gradient(step, x, target)
		if err != nil {
			t.Fatal(err)
		}
		optimizer.Step(trainer.Team(), params, gradients, optimizer.BaseRate())
		if step >= 450 {
			sum += loss / 50
		}
	}
	return sum
}

// rectangles are pictures of noise, each with a brighter rectangle, and where that is.
func rectangles(seed uint64) (x, target *tensor.Tensor) {
	const n, side = 4, 64
	x, target = tensor.New(n, side, side, 3), tensor.New(n, side, side, 1)
	for i := range n {
		key := rng.New(seed, uint64(i))
		draw := func(c uint64, most int) int { return int(key.Fork(9).Float64(c) * float64(most)) }
		top, left, height, width := draw(0, side/2), draw(1, side/2), 8+draw(2, side/2-8), 8+draw(3, side/2-8)
		for p := range side * side {
			row, col := p/side, p%side
			inside := row >= top && row < top+height && col >= left && col < left+width
			if inside {
				target.Data[i*side*side+p] = 1
			}
			for c := range 3 {
				v := float32(key.Float64(uint64(3*p + c)))
				if inside {
					v = 0.25 + 0.75*v
				}
				x.Data[(i*side*side+p)*3+c] = v
			}
		}
	}
	return x, target
}
