package metrics

import (
	"math"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/tensor"
)

func TestParts(t *testing.T) {
	got, err := parts([]float32{
		1, 0, 1, 1,
		1, 1, 0, 1,
		0, 0, 1, 0,
	}, 3, 4, 1)
	if want := []int32{1, 0, 2, 2, 1, 1, 0, 2, 0, 0, 3, 0}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	// The end of a row and the beginning of the next are no neighbours.
	if got, _ := parts([]float32{0, 1, 1, 0}, 2, 2, 1); !slices.Equal(got, []int32{0, 1, 2, 0}) {
		t.Errorf("%v", got)
	}
}

// A wall with a hole merges two cells of three pixels: of the 15 pairs within what was predicted
// to be one, 6 are within a true one.
func TestSegmentRandError(t *testing.T) {
	m, err := ByName("segment_rand_error")
	if err != nil {
		t.Fatal(err)
	}
	truth := &tensor.Tensor{Shape: tensor.Shape{1, 3, 3, 1}, Data: []float32{1, 0, 1, 1, 0, 1, 1, 0, 1}}
	for name, c := range map[string]struct {
		pred []float32
		want float64
	}{
		"exact":  {[]float32{.9, .1, .6, .8, .2, .7, .9, .5, 1}, 0},
		"merged": {[]float32{1, 0, 1, 1, 1, 1, 1, 0, 1}, 1 - 2*0.4/(0.4+1)},
	} {
		m.Reset()
		if err := m.Add(&tensor.Tensor{Shape: tensor.Shape{1, 3, 3, 1}, Data: c.pred}, truth); err != nil {
			t.Fatal(err)
		}
		if got := m.Value(); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	// Scores of two classes mean the same.
	m.Reset()
	scores := tensor.New(1, 3, 3, 2)
	for i, v := range truth.Data {
		scores.Data[2*i], scores.Data[2*i+1] = 1-v, v
	}
	if err := m.Add(scores, truth); err != nil || m.Value() != 0 {
		t.Errorf("%v, %v", m.Value(), err)
	}
}
