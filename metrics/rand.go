package metrics

import (
	"fmt"
	"slices"
)

// AdaptedRand compares two divisions of a picture into segments, given by each pixel's segment
// number (Arganda-Carreras et al. 2015). With n_ij the pixels of the true segment i and the
// predicted j, without those whose true segment is among ignore, and the pairs of pixels
//
//	both = sum n_ij² - n, truth = sum (sum_j n_ij)² - n, pred = sum (sum_i n_ij)² - n
//
// that lie in one segment in both, in truth and in prediction, its values are
//
//	error = 1 - 2 both/(truth + pred), precision = both/pred, recall = both/truth
//
// that is, error = 1 - F of precision and recall. Precision falls where segments are merged,
// recall where they are split. Error equals scikit-image's adapted_rand_error, which returns
// the other two in the other order. They are NaN where no segment has a pair. It panics where
// the lengths differ.
func AdaptedRand(pred, truth []int32, ignore ...int32) (failure, precision, recall float64) {
	if len(pred) != len(truth) {
		panic(fmt.Sprintf("metrics: AdaptedRand of %d and %d pixels", len(pred), len(truth)))
	}
	type pair struct{ truth, pred int32 }
	cells := map[pair]float64{}
	rows, cols := map[int32]float64{}, map[int32]float64{}
	n := 0.
	for i, t := range truth {
		if slices.Contains(ignore, t) {
			continue
		}
		cells[pair{t, pred[i]}]++
		rows[t]++
		cols[pred[i]]++
		n++
	}
	both, inTruth, inPred := squares(cells)-n, squares(rows)-n, squares(cols)-n
	return 1 - 2*both/(inTruth+inPred), both / inPred, both / inTruth
}

// squares sums whole numbers' squares: exactly, whatever the order.
func squares[K comparable](m map[K]float64) float64 {
	sum := 0.
	for _, v := range m {
		sum += v * v
	}
	return sum
}
