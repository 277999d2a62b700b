package metrics

import (
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// depth are the metrics of depth maps (Eigen et al. 2014). Pixels whose true depth is 0 or less
// are unknown and do not count; pictures without any known one do not either.
var depth = []Protocol{
	{"rmse_valid", "root of the mean squared difference where the target is above 0, of each picture, then the mean", false, "",
		overValid(func(p, t float64) float64 { return (p - t) * (p - t) }, math.Sqrt)},
	{"mae_valid", "absolute difference where the target is above 0, mean of each picture, then the mean", false, "",
		overValid(func(p, t float64) float64 { return math.Abs(p - t) }, nil)},
	{"abs_rel", "absolute difference over the target where it is above 0, mean of each picture, then the mean", false, "",
		overValid(func(p, t float64) float64 { return math.Abs(p-t) / t }, nil)},
	{"log10", "absolute difference of the decimal logarithms where the target is above 0, mean of each picture, then the mean; " +
		"infinite where a prediction is not above 0", false, "", overValid(log10, nil)},
	{"delta1", "part of the pixels whose prediction and target, where above 0, are within a factor of 1.25, of each picture, then the mean",
		true, "", within(1)},
	{"delta2", "as delta1, within a factor of 1.25^2", true, "", within(2)},
	{"delta3", "as delta1, within a factor of 1.25^3", true, "", within(3)},
}

// overValid makes the metric of a picture's mean over the pixels that are known, finished by a
// function if there is one.
func overValid(f func(p, t float64) float64, finish func(float64) float64) func(string, int) Metric {
	return perPicture(func() scorer {
		return func(pred, target []float32, _ tensor.Shape) (float64, error) {
			sum, n := 0., 0
			for i, t := range target {
				if t != t || t > 0 {
					sum += f(float64(pred[i]), float64(t))
					n++
				}
			}
			if n == 0 {
				return 0, errNothing
			}
			v := sum / float64(n)
			if finish != nil {
				v = finish(v)
			}
			return v, nil
		}
	})
}

func log10(p, t float64) float64 {
	if p <= 0 {
		return math.Inf(1)
	}
	return math.Abs(math.Log10(p) - math.Log10(t))
}

// within is the metric of max(p/t, t/p) < 1.25^n.
func within(n int) func(string, int) Metric {
	limit := math.Pow(1.25, float64(n))
	return overValid(func(p, t float64) float64 {
		switch ratio := max(p/t, t/p); {
		case math.IsNaN(ratio):
			return ratio
		case p > 0 && ratio < limit:
			return 1
		}
		return 0
	}, nil)
}
