package metrics

import (
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// segmentation are the metrics of classes of pixels.
var segmentation = []Protocol{
	{"miou", "intersection over union of each class, from one confusion matrix of the whole set, mean over the classes in truth or " +
		"prediction; _ignoreN leaves out pixels labelled N", true, ignore, overSet((*Confusion).MeanIoU)},
	{"miou_border", "miou of the pixels with at most 3 pixels, along rows and columns, between them and another true class; _withinN makes it N",
		true, reach, newTrimap},
	{"pixel_accuracy", "part of the pixels of the whole set whose class is right; _ignoreN as in miou", true, ignore, overSet((*Confusion).PixelAccuracy)},
	{"class_accuracy", "part of each class's pixels, over the whole set, that are found, mean over the classes in the truth; _ignoreN as in miou",
		true, ignore, overSet((*Confusion).ClassAccuracy)},
	{"dice", "Dice's coefficient of hard labels, of each picture the mean over the classes in truth or prediction (of one channel: of class 1), " +
		"then the mean over the pictures that have any; _ignoreN as in miou", true, ignore, newDice},
	{"adapted_rand_error", "adapted Rand error (Arganda-Carreras et al. 2015) of two maps of segment numbers, pixels of true segment 0 left out, " +
		"of each picture, then the mean; as scikit-image's adapted_rand_error", false, "", perPicture(newAdaptedRand)},
	{"segment_rand_error", "adapted Rand error of the segments that the pixels of class 1 fall into, neighbours sharing a side, pixels of " +
		"another true class left out, of each picture, then the mean", false, "", newSegmentRand},
}

// overSet makes the metric of a number that follows from the confusion matrix of a whole set.
func overSet(value func(*Confusion) float64) func(string, int) Metric {
	return func(name string, n int) Metric { return &setMetric{name: name, ignore: ignored(n), value: value} }
}

// ignored lists the label that a metric's parameter names.
func ignored(n int) []int {
	if n < 0 {
		return nil
	}
	return []int{n}
}

type setMetric struct {
	name   string
	ignore []int
	value  func(*Confusion) float64
	matrix *Confusion // nil before the first batch, which tells the number of classes
}

func (m *setMetric) Name() string { return m.name }

func (m *setMetric) Reset() { m.matrix = nil }

func (m *setMetric) Value() float64 {
	if m.matrix == nil {
		return math.NaN()
	}
	return m.value(m.matrix)
}

func (m *setMetric) Add(pred, target *tensor.Tensor) error {
	if err := checkBatch(labelled, pred, target); err != nil {
		return fmt.Errorf("metric %s: %w", m.name, err)
	}
	c := pred.Shape[len(pred.Shape)-1]
	matrix := m.matrix
	if matrix == nil {
		matrix = NewConfusion(max(c, 2), m.ignore...)
	}
	if err := matrix.Add(pred.Data, target.Data, c); err != nil {
		return fmt.Errorf("metric %s: %w", m.name, err)
	}
	m.matrix = matrix
	return nil
}

func newDice(name string, n int) Metric {
	score := func(pred, target []float32, s tensor.Shape) (float64, error) {
		c := s[len(s)-1]
		matrix := NewConfusion(max(c, 2), ignored(n)...)
		if err := matrix.Add(pred, target, c); err != nil {
			return 0, err
		}
		v := matrix.MeanDice()
		if c == 1 {
			v = matrix.Dice(1)
		}
		if math.IsNaN(v) {
			return 0, errNothing
		}
		return v, nil
	}
	return &mean{name: name, score: score, fit: labelled}
}

func newAdaptedRand() scorer {
	return func(pred, target []float32, _ tensor.Shape) (float64, error) {
		p, err := segments(pred)
		if err != nil {
			return 0, err
		}
		t, err := segments(target)
		if err != nil {
			return 0, err
		}
		v, _, _ := AdaptedRand(p, t, 0)
		if math.IsNaN(v) {
			return 0, errNothing
		}
		return v, nil
	}
}

// segments reads segment numbers, which float32 holds exactly up to 2^24.
func segments(x []float32) ([]int32, error) {
	s := make([]int32, len(x))
	for i, v := range x {
		if s[i] = int32(v); float32(s[i]) != v || v < 0 || v > 1<<24 {
			return nil, fmt.Errorf("%v is not the number of a segment, 0 to 16777216", v)
		}
	}
	return s, nil
}
