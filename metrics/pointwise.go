package metrics

import "math"

// ExactPSNR is what a picture without any error counts in the mean of the metric
// "psnr", in dB: one infinite value would make every mean infinite. It is the PSNR of a
// mean squared error of 1e-10, far below what 16 bits can hold.
const ExactPSNR = 100

// MSE returns the mean of (pred-target)^2. The slices have one length, as in all
// functions here, and are not empty.
func MSE(pred, target []float32) float64 {
	sum := 0.
	for i, t := range target {
		d := float64(pred[i]) - float64(t)
		sum += d * d
	}
	return sum / float64(len(target))
}

// MAE returns the mean of |pred-target|.
func MAE(pred, target []float32) float64 {
	sum := 0.
	for i, t := range target {
		sum += math.Abs(float64(pred[i]) - float64(t))
	}
	return sum / float64(len(target))
}

// RMSE returns the root of the mean of (pred-target)^2.
func RMSE(pred, target []float32) float64 { return math.Sqrt(MSE(pred, target)) }

// psnr is what the metric "psnr" counts.
func psnr(pred, target []float32) float64 { return min(PSNR(pred, target), ExactPSNR) }

// PSNR returns 10 log10(1/MSE), in dB, for values whose maximum is 1; +Inf where the
// slices are equal.
func PSNR(pred, target []float32) float64 { return -10 * math.Log10(MSE(pred, target)) }

// BCE returns the mean of -t ln p - (1-t) ln(1-p) for probabilities p and targets t, 0
// to 1, in nats. p is clipped to 1e-7 .. 1-1e-7, as Keras does, so that a certain error
// costs 16.1 and not infinity. Grey targets have a floor above zero: their own entropy.
func BCE(pred, target []float32) float64 {
	const eps = 1e-7
	sum := 0.
	for i, v := range target {
		p, t := min(max(float64(pred[i]), eps), 1-eps), float64(v)
		sum -= t*math.Log(p) + (1-t)*math.Log1p(-p)
	}
	return sum / float64(len(target))
}
