// Package metrics scores predictions against targets, each score under a protocol that
// its name stands for.
//
// Tensors are batches: the first axis counts the pictures, values are 0 to 1. A metric
// takes one batch after another, scores every picture by itself in float64 and reports
// the mean over all pictures, so the batch size never matters. Values are scored as
// they are: nothing is clipped or rounded but where a protocol says so.
package metrics

import (
	"fmt"
	"math"
	"strings"

	"github.com/hourglass-go/hourglass/tensor"
)

// Metric accumulates the score of a data set. It is not safe for concurrent use.
type Metric interface {
	// Name is the protocol's name, the key under which the figure is printed.
	Name() string
	// Add scores a batch [N, ...] of predictions against targets of the same shape. On
	// an error nothing of the batch has been counted.
	Add(pred, target *tensor.Tensor) error
	// Value is the mean over all pictures added since the last Reset; NaN where there
	// were none.
	Value() float64
	// Reset forgets all pictures.
	Reset()
}

// Protocol describes a metric.
type Protocol struct {
	Name           string
	Description    string
	HigherIsBetter bool
	score          func() scorer
}

// A scorer scores one picture of the given shape (without the batch axis).
type scorer func(pred, target []float32, s tensor.Shape) (float64, error)

// plain is the scorer of a function that does not look at the shape.
func plain(f func(pred, target []float32) float64) func() scorer {
	return func() scorer {
		return func(pred, target []float32, _ tensor.Shape) (float64, error) { return f(pred, target), nil }
	}
}

var protocols = []Protocol{
	{"bce", "binary cross-entropy in nats, mean over values; predictions clipped to 1e-7 from 0 and 1, as Keras does",
		false, plain(BCE)},
	{"mae", "absolute difference, mean over values", false, plain(MAE)},
	{"mse", "squared difference, mean over values", false, plain(MSE)},
	{"psnr", "peak signal-to-noise ratio in dB, maximum 1, of each picture, then the mean; an exact picture counts 100 dB",
		true, plain(func(pred, target []float32) float64 { return min(PSNR(pred, target), ExactPSNR) })},
	{"ssim", "structural similarity (Wang et al. 2004), 11x11 Gaussian window of sigma 1.5, K1 .01, K2 .03, maximum 1, " +
		"mean over the windows inside the picture and over channels", true, newSSIM},
}

// Protocols lists every metric, in the order of their names.
func Protocols() []Protocol { return append([]Protocol(nil), protocols...) }

// Lookup returns the description of the metric with the name, and whether there is one.
func Lookup(name string) (Protocol, bool) {
	for _, p := range protocols {
		if p.Name == name {
			return p, true
		}
	}
	return Protocol{}, false
}

// UnknownError is the error for a name that no metric has.
type UnknownError struct{ Name string }

// Error names the metrics that there are.
func (e *UnknownError) Error() string {
	var names []string
	for _, p := range protocols {
		names = append(names, p.Name)
	}
	return fmt.Sprintf("there is no metric %q; there are %s", e.Name, strings.Join(names, ", "))
}

// ByName returns a new metric of the name. Its error is an [*UnknownError].
func ByName(name string) (Metric, error) {
	p, ok := Lookup(name)
	if !ok {
		return nil, &UnknownError{name}
	}
	return &mean{name: name, score: p.score()}, nil
}

// mean is the one implementation of Metric: the mean of a score over pictures.
type mean struct {
	name  string
	score scorer
	sum   float64
	n     int
}

func (m *mean) Name() string { return m.name }

func (m *mean) Reset() { m.sum, m.n = 0, 0 }

func (m *mean) Value() float64 {
	if m.n == 0 {
		return math.NaN()
	}
	return m.sum / float64(m.n)
}

func (m *mean) Add(pred, target *tensor.Tensor) error {
	if !pred.Shape.Equal(target.Shape) {
		return fmt.Errorf("metric %s: predictions %v against targets %v; their shapes must be the same", m.name, pred.Shape, target.Shape)
	}
	if len(pred.Shape) < 2 || pred.Shape.Elems() == 0 {
		return fmt.Errorf("metric %s: a tensor of shape %v is no batch of pictures", m.name, pred.Shape)
	}
	shape := pred.Shape[1:]
	size := shape.Elems()
	sum := 0.
	for i := range pred.Shape[0] {
		v, err := m.score(pred.Data[i*size:(i+1)*size], target.Data[i*size:(i+1)*size], shape)
		if err != nil {
			return fmt.Errorf("metric %s: %w", m.name, err)
		}
		sum += v
	}
	m.sum += sum
	m.n += pred.Shape[0]
	return nil
}
