package metrics

import (
	"fmt"
	"math"
	"slices"

	"github.com/hourglass-go/hourglass/tensor"
)

// Confusion counts the pixels of each class that were predicted to be of each class. All that
// is said of a segmentation of single pixels follows from it (Long et al. 2015, section 5).
// It is not safe for concurrent use.
type Confusion struct {
	classes int
	ignore  []int
	counts  []int64 // by class of the truth, then of the prediction
}

// NewConfusion returns an empty matrix for classes 0 to classes-1. Pixels whose true label is
// among ignore are not counted. It panics where classes is below 1.
func NewConfusion(classes int, ignore ...int) *Confusion {
	if classes < 1 {
		panic(fmt.Sprintf("metrics: a confusion matrix of %d classes", classes))
	}
	return &Confusion{classes: classes, ignore: slices.Clone(ignore), counts: make([]int64, classes*classes)}
}

// Add counts pixels by their scores, C for each one after another, and targets. The predicted
// class is that of the largest score, the first where scores are equal. There are as many
// targets as pixels, their labels, or as many as scores, of which the class is found the same
// way. With C = 1 the classes are two: 1 where a score or target is above 0.5, else 0. It fails, with
// nothing counted, on a label that is neither a class nor ignored, and on a score that is
// not a number.
func (m *Confusion) Add(scores, targets []float32, c int) error {
	if c < 1 || len(scores)%c != 0 || max(c, 2) != m.classes {
		return fmt.Errorf("%d scores, %d a pixel, for %d classes", len(scores), c, m.classes)
	}
	pixels := len(scores) / c
	if len(targets) != pixels && len(targets) != len(scores) {
		return fmt.Errorf("%d targets for %d pixels of %d scores", len(targets), pixels, c)
	}
	added := make([]int64, len(m.counts))
	for i := range pixels {
		truth, err := m.truth(targets, i, c, pixels)
		if err != nil {
			return err
		}
		pred, err := classOf(scores[i*c : (i+1)*c])
		if err != nil {
			return err
		}
		if truth >= 0 {
			added[truth*m.classes+pred]++
		}
	}
	for i, n := range added {
		m.counts[i] += n
	}
	return nil
}

// truth is the class of pixel i, -1 where it is ignored.
func (m *Confusion) truth(targets []float32, i, c, pixels int) (int, error) {
	if len(targets) != pixels {
		return classOf(targets[i*c : (i+1)*c])
	}
	v := targets[i]
	label := int(v)
	switch {
	case float32(label) == v && slices.Contains(m.ignore, label):
		return -1, nil
	case c == 1 && v >= 0 && v <= 1:
		return classOf(targets[i : i+1])
	case float32(label) != v || label < 0 || label >= m.classes:
		return 0, fmt.Errorf("the label %v is neither a class, 0 to %d, nor ignored", v, m.classes-1)
	}
	return label, nil
}

// classOf is the class of a pixel's scores.
func classOf(scores []float32) (int, error) {
	best := 0
	for c, v := range scores {
		if v != v {
			return 0, fmt.Errorf("a score of class %d is not a number", c)
		}
		if v > scores[best] {
			best = c
		}
	}
	if len(scores) == 1 && scores[0] > .5 {
		return 1, nil
	}
	return best, nil
}

// Classes is the number of classes.
func (m *Confusion) Classes() int { return m.classes }

// Count is the number of pixels of class truth that were predicted to be of class pred.
func (m *Confusion) Count(truth, pred int) int64 { return m.counts[truth*m.classes+pred] }

// Reset forgets all pixels.
func (m *Confusion) Reset() { clear(m.counts) }

// sums are the pixels of a class that are right, true and predicted.
func (m *Confusion) sums(class int) (right, truth, pred int64) {
	for k := range m.classes {
		truth += m.Count(class, k)
		pred += m.Count(k, class)
	}
	return m.Count(class, class), truth, pred
}

// IoU is the intersection of truth and prediction of a class over their union, NaN where the
// class is in neither.
func (m *Confusion) IoU(class int) float64 {
	right, truth, pred := m.sums(class)
	return float64(right) / float64(truth+pred-right)
}

// Dice is twice the intersection of truth and prediction of a class over the sum of both, NaN
// where the class is in neither.
func (m *Confusion) Dice(class int) float64 {
	right, truth, pred := m.sums(class)
	return 2 * float64(right) / float64(truth+pred)
}

// Recall is the part of a class's pixels that were predicted to be of it, NaN where the class
// is not in the truth.
func (m *Confusion) Recall(class int) float64 {
	right, truth, _ := m.sums(class)
	return float64(right) / float64(truth)
}

// meanOf is the mean over classes of what is a number.
func (m *Confusion) meanOf(f func(class int) float64) float64 {
	sum, n := 0., 0.
	for k := range m.classes {
		if v := f(k); !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	return sum / n
}

// MeanIoU is the mean of IoU over the classes that are in the truth or the prediction; NaN
// where nothing was counted, as for the following.
func (m *Confusion) MeanIoU() float64 { return m.meanOf(m.IoU) }

// MeanDice is the mean of Dice over the classes that are in the truth or the prediction.
func (m *Confusion) MeanDice() float64 { return m.meanOf(m.Dice) }

// ClassAccuracy is the mean of Recall over the classes that are in the truth.
func (m *Confusion) ClassAccuracy() float64 { return m.meanOf(m.Recall) }

// PixelAccuracy is the part of all pixels whose class was predicted right.
func (m *Confusion) PixelAccuracy() float64 {
	right, all := int64(0), int64(0)
	for k := range m.classes {
		n, truth, _ := m.sums(k)
		right += n
		all += truth
	}
	return float64(right) / float64(all)
}

// labelled checks a batch of scores [N, ..., C] for labels [N, ...] or [N, ..., 1], or for
// targets of their own shape.
func labelled(pred, target tensor.Shape) error {
	pixels := pred[:len(pred)-1]
	if target.Equal(pred) || target.Equal(pixels) || len(target) == len(pred) && target[len(pixels)] == 1 && target[:len(pixels)].Equal(pixels) {
		return nil
	}
	return fmt.Errorf("scores %v against labels %v; the labels' shape must be the scores' with 1 or nothing for the last axis", pred, target)
}
