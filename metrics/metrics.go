// Package metrics scores predictions against targets, each score under a protocol that
// its name stands for.
//
// Tensors are batches: the first axis counts the pictures. A metric takes one batch after
// another and reports, as its protocol says, the mean of the scores of every picture, or the
// score of all pixels of the set, in float64; the batch size never matters.
//
// There are three kinds. Metrics of restored pictures compare tensors of one shape with values
// 0 to 1, which are scored as they are: nothing is clipped or rounded but where a protocol
// says so. Metrics of segmentation compare scores [N, H, W, C] with labels [N, H, W, 1]; see
// [Confusion]. Metrics of depth compare maps of one shape where the target is above 0.
package metrics

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
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
	// Parameter is what may follow the name, with N for a number: "_shaveN" makes
	// psnr_y_shave4 of psnr_y. It is empty where nothing may.
	Parameter string
	make      func(name string, n int) Metric // n is -1 without a parameter
}

// A scorer scores one picture of the given shape (without the batch axis).
type scorer func(pred, target []float32, s tensor.Shape) (float64, error)

// perPicture makes the metric of a score of single pictures.
func perPicture(score func() scorer) func(string, int) Metric {
	return func(name string, _ int) Metric { return &mean{name: name, score: score(), fit: sameShape} }
}

// plain is the metric of a function that does not look at the shape.
func plain(f func(pred, target []float32) float64) func(string, int) Metric {
	return perPicture(func() scorer {
		return func(pred, target []float32, _ tensor.Shape) (float64, error) { return f(pred, target), nil }
	})
}

const (
	shave  = "_shaveN"
	ignore = "_ignoreN"
	reach  = "_withinN"
)

var protocols = slices.Concat(pictures, segmentation, depth)

// pictures are the metrics of restored pictures.
var pictures = []Protocol{
	{"bce", "binary cross-entropy in nats, mean over values; predictions clipped to 1e-7 from 0 and 1, as Keras does",
		false, "", plain(BCE)},
	{"mae", "absolute difference, mean over values", false, "", plain(MAE)},
	{"mse", "squared difference, mean over values", false, "", plain(MSE)},
	{"rmse", "root of the mean squared difference of each picture, then the mean", false, "", plain(RMSE)},
	{"psnr", "peak signal-to-noise ratio in dB, maximum 1, of each picture, then the mean; an exact picture counts 100 dB",
		true, "", plain(psnr)},
	{"psnr_rgb", "psnr of pictures of three channels; _shaveN leaves out N pixels along the border", true, shave, newPSNRRGB},
	{"psnr_y", "psnr of the luma (BT.601 as MATLAB's rgb2ycbcr, 16 to 235) rounded to 8 bits; pictures of one channel are " +
		"luma already; _shaveN leaves out N pixels along the border, for super-resolution the scale", true, shave, newPSNRY},
	{"ssim", "structural similarity (Wang et al. 2004), 11x11 Gaussian window of sigma 1.5, K1 .01, K2 .03, maximum 1, " +
		"mean over the windows inside the picture and over channels", true, "", perPicture(newSSIM)},
	{"ssim_y", "ssim of the luma, which is that of psnr_y; _shaveN as there", true, shave, newSSIMY},
	{"ms_ssim", "multi-scale structural similarity (Wang, Simoncelli and Bovik 2003): five scales, windows as in ssim, mean over " +
		"channels; sides of at least 161", true, "", perPicture(newMSSSIM)},
}

// Protocols lists every metric, in the order of their names.
func Protocols() []Protocol {
	return slices.SortedFunc(slices.Values(protocols), func(a, b Protocol) int { return cmp.Compare(a.Name, b.Name) })
}

// Lookup returns the description of the metric with the name, and whether there is one. A
// parameter in the name is kept in that of the description.
func Lookup(name string) (Protocol, bool) {
	p, _, ok := find(name)
	return p, ok
}

// find splits a name into a protocol, whose name it becomes, and a parameter.
func find(name string) (p Protocol, n int, ok bool) {
	for _, p := range protocols {
		if p.Name == name {
			return p, -1, true
		}
		rest, hasName := strings.CutPrefix(name, p.Name)
		digits, hasParameter := strings.CutPrefix(rest, strings.TrimSuffix(p.Parameter, "N"))
		if !hasName || !hasParameter || p.Parameter == "" {
			continue
		}
		// The name is a key: each number is written in one way.
		if n, err := strconv.Atoi(digits); err == nil && n >= 0 && strconv.Itoa(n) == digits {
			p.Name = name
			return p, n, true
		}
	}
	return Protocol{}, 0, false
}

// UnknownError is the error for a name that no metric has.
type UnknownError struct{ Name string }

// Error names the metrics that there are.
func (e *UnknownError) Error() string {
	var names []string
	for _, p := range Protocols() {
		name := p.Name
		if p.Parameter != "" {
			name += "[" + p.Parameter + "]"
		}
		names = append(names, name)
	}
	return fmt.Sprintf("there is no metric %q; there are %s", e.Name, strings.Join(names, ", "))
}

// ByName returns a new metric of the name: that of a [Protocol], with its parameter behind it
// if wanted. Its error is an [*UnknownError].
func ByName(name string) (Metric, error) {
	p, n, ok := find(name)
	if !ok {
		return nil, &UnknownError{name}
	}
	return p.make(name, n), nil
}

// errNothing is a scorer's word for a picture that has nothing to score; it does not count.
var errNothing = errors.New("nothing to score")

// mean is the mean of a score over pictures.
type mean struct {
	name  string
	score scorer
	// fit checks the shapes of a batch.
	fit func(pred, target tensor.Shape) error
	sum float64
	n   int
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
	if err := checkBatch(m.fit, pred, target); err != nil {
		return fmt.Errorf("metric %s: %w", m.name, err)
	}
	shape := pred.Shape[1:]
	size, targets := shape.Elems(), len(target.Data)/pred.Shape[0]
	sum, n := 0., 0
	for i := range pred.Shape[0] {
		switch v, err := m.score(pred.Data[i*size:(i+1)*size], target.Data[i*targets:(i+1)*targets], shape); {
		case errors.Is(err, errNothing):
		case err != nil:
			return fmt.Errorf("metric %s: %w", m.name, err)
		default:
			sum += v
			n++
		}
	}
	m.sum += sum
	m.n += n
	return nil
}

// checkBatch checks two tensors for being batches of pictures that fit.
func checkBatch(fit func(pred, target tensor.Shape) error, pred, target *tensor.Tensor) error {
	for _, t := range []*tensor.Tensor{pred, target} {
		if len(t.Shape) < 2 || t.Shape.Elems() == 0 {
			return fmt.Errorf("a tensor of shape %v is no batch of pictures", t.Shape)
		}
	}
	return fit(pred.Shape, target.Shape)
}

func sameShape(pred, target tensor.Shape) error {
	if !pred.Equal(target) {
		return fmt.Errorf("predictions %v against targets %v; their shapes must be the same", pred, target)
	}
	return nil
}
