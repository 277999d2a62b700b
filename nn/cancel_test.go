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
