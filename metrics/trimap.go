package metrics

import (
	"fmt"

	"github.com/hourglass-go/hourglass/tensor"
)

// trimapWidth is how many pixels may lie between one that counts and another class, unless a
// metric's name says otherwise.
const trimapWidth = 3

// trimap is the mean intersection over union of the pixels near borders of the truth: in the
// middle of things every segmentation is good (Kohli, Ladicky and Torr 2009, Robust Higher
// Order Potentials for Enforcing Label Consistency, section 5).
type trimap struct {
	setMetric
	width int
}

func newTrimap(name string, n int) Metric {
	if n < 0 {
		n = trimapWidth
	}
	return &trimap{setMetric{name: name, value: (*Confusion).MeanIoU}, n}
}

func (m *trimap) Add(pred, target *tensor.Tensor) error {
	if err := checkBatch(labelled, pred, target); err != nil {
		return fmt.Errorf("metric %s: %w", m.name, err)
	}
	if len(pred.Shape) != 4 {
		return fmt.Errorf("metric %s: scores %v have no rows and columns; want [N, H, W, C]", m.name, pred.Shape)
	}
	h, w, c := pred.Shape[1], pred.Shape[2], pred.Shape[3]
	if m.matrix == nil {
		m.matrix = NewConfusion(max(c, 2))
	}
	pixels := pred.Shape[0] * h * w
	labels := make([]float32, pixels)
	for i := range labels {
		label, err := m.matrix.truth(target.Data, i, c, pixels)
		if err != nil {
			return fmt.Errorf("metric %s: %w", m.name, err)
		}
		labels[i] = float32(label)
	}
	var scores, truth []float32 // of the pixels that count
	for first := 0; first < pixels; first += h * w {
		for i, near := range nearBorders(labels[first:first+h*w], h, w, m.width+1) {
			if near {
				i += first
				scores, truth = append(scores, pred.Data[i*c:(i+1)*c]...), append(truth, labels[i])
			}
		}
	}
	if err := m.matrix.Add(scores, truth, c); err != nil {
		return fmt.Errorf("metric %s: %w", m.name, err)
	}
	return nil
}

// nearBorders tells of each of h x w pixels whether another label is at most n rows and n
// columns away.
func nearBorders(labels []float32, h, w, n int) []bool {
	low, high := make([]float32, h*w), make([]float32, h*w) // along the row
	for i := range h {
		row := labels[i*w : (i+1)*w]
		for j := range w {
			low[i*w+j], high[i*w+j] = row[j], row[j]
			for _, v := range row[max(j-n, 0):min(j+n+1, w)] {
				low[i*w+j], high[i*w+j] = min(low[i*w+j], v), max(high[i*w+j], v)
			}
		}
	}
	near := make([]bool, h*w)
	for i := range h {
		for j := range w {
			l, u := low[i*w+j], high[i*w+j]
			for k := max(i-n, 0); k < min(i+n+1, h); k++ {
				l, u = min(l, low[k*w+j]), max(u, high[k*w+j])
			}
			near[i*w+j] = l != u
		}
	}
	return near
}
