package nn

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/tensor"
)

// A fading context is cancelled once it has been asked a number of times.
type fading struct {
	context.Context
	asked, until int
}

func (c *fading) Err() error {
	if c.asked++; c.asked < c.until {
		return nil
	}
	return context.Canceled
}

// A run on one sample ends between two layers, and leaves what it borrowed in order.
func TestPredictIsCancelledBetweenLayers(t *testing.T) {
	x := Input("x", Shape{5})
	y := x
	for range 20 {
		y = Apply(Dense{Units: 5, Activation: Tanh}, y)
	}
	m, err := NewModel(x, y)
	if err != nil {
		t.Fatal(err)
	}
	m.Init(1)
	in := tensor.New(1, 5)
	in.Data[2] = 1
	before, err := m.Predict(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	ctx := &fading{Context: context.Background(), until: 4}
	if _, err := m.Predict(ctx, in); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if ctx.asked > 8 {
		t.Errorf("asked %d times: the layers after the cancellation ran", ctx.asked)
	}
	after, err := m.Predict(context.Background(), in)
	if err != nil || !slices.Equal(before.Data, after.Data) {
		t.Errorf("%v before, %v after, %v", before.Data, after.Data, err)
	}
}

// So does one between two pieces of a chain.
func TestPredictIsCancelledBetweenPieces(t *testing.T) {
	inPieces(t)
	x := Input("x", Shape{Any, Any, 16})
	conv := Conv2D{Filters: 16, Kernel: [2]int{3, 3}, Padding: Same}
	m := must(NewModel(x, Apply(conv, Apply(conv, Apply(conv, x)))))
	m.Init(1)
	in := random(1, 1, 400, 40, 16)
	if p := planOf(m, 1, false, Shape{400, 40, 16}); len(p.chains) != 1 || len(p.chains[0].pieces) < 20 || len(p.graph.steps) != 3 {
		t.Fatalf("%d chains of %d steps, %d pieces in the first", len(p.chains), len(p.graph.steps), len(p.chains[0].pieces))
	}
	before := predict(t, m, in)
	ctx := &fading{Context: context.Background(), until: 4}
	if _, err := m.Predict(ctx, in); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if ctx.asked > 8 {
		t.Errorf("asked %d times: the pieces after the cancellation ran", ctx.asked)
	}
	if ctx.asked < 4 {
		t.Errorf("asked %d times", ctx.asked)
	}
	if after := predict(t, m, in); !slices.Equal(before.Data, after.Data) {
		t.Error("the next run computes something else")
	}
}
