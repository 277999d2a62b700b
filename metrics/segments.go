package metrics

import (
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// newSegmentRand makes the scorer of segment_rand_error: adapted Rand errors of the segments that
// class 1 falls into.
func newSegmentRand(name string, _ int) Metric {
	score := func(pred, target []float32, s tensor.Shape) (float64, error) {
		h, w, c := s[0], s[1], s[2]
		predicted, err := parts(pred, h, w, c)
		if err != nil {
			return 0, err
		}
		truth, err := parts(target, h, w, len(target)/(h*w))
		if err != nil {
			return 0, err
		}
		v, _, _ := AdaptedRand(predicted, truth, 0)
		if math.IsNaN(v) {
			return 0, errNothing
		}
		return v, nil
	}
	return &mean{name: name, score: score, fit: labelled}
}

// parts numbers the connected parts of the pixels of class 1, from 1; neighbours share a side.
// Other pixels are 0. Of c channels, one holds the number of the class or its probability.
func parts(scores []float32, h, w, c int) ([]int32, error) {
	of := make([]int32, h*w)
	for i := range of {
		class, err := classOf(scores[i*c : (i+1)*c])
		if err != nil {
			return nil, err
		}
		if class == 1 {
			of[i] = -1 // not numbered yet
		}
	}
	var queue []int
	next := int32(0)
	for start := range of {
		if of[start] != -1 {
			continue
		}
		next++
		of[start] = next
		queue = append(queue[:0], start)
		for len(queue) > 0 {
			i := queue[len(queue)-1]
			queue = queue[:len(queue)-1]
			for _, j := range [4]int{i - w, i + w, i - 1, i + 1} {
				inside := j >= 0 && j < h*w && (j/w == i/w || j%w == i%w)
				if inside && of[j] == -1 {
					of[j] = next
					queue = append(queue, j)
				}
			}
		}
	}
	return of, nil
}
