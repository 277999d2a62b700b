package metrics

import (
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// msssimWeights are the scales' exponents, the finest first (Wang et al. 2003, section 3.2).
var msssimWeights = [...]float64{.0448, .2856, .3001, .2363, .1333}

// msssimLeast is the shortest side that still holds a window after all halvings.
const msssimLeast = (ssimWindow-1)<<(len(msssimWeights)-1) + 1

// MSSSIM returns the multi-scale structural similarity of two pictures of shape [H, W] or
// [H, W, C] with values 0 to 1 (Wang, Simoncelli and Bovik 2003). With s_j the mean over the
// windows of scale j of the second factor of [SSIM], and ssim_5 the mean similarity of the
// coarsest,
//
//	MS-SSIM = s_1^.0448 s_2^.2856 s_3^.3001 s_4^.2363 ssim_5^.1333
//
// averaged over channels. Between scales pictures are halved, to the means of 2x2 blocks, an
// odd side's last row or column repeated, as in the authors' code and in
// tf.image.ssim_multiscale; as there, a factor below 0 counts as 0. It fails where a side is
// below 161.
func MSSSIM(pred, target []float32, s tensor.Shape) (float64, error) {
	return newMSSSIM()(pred, target, s)
}

func newMSSSIM() scorer {
	plane := newSSIMPlane()
	room := planes{peak: 1}
	return func(pred, target []float32, s tensor.Shape) (float64, error) {
		return room.perChannel(pred, target, s, msssimLeast, func(x, y []float64, h, w int) float64 {
			v := 1.
			for j, weight := range msssimWeights {
				if j > 0 {
					halve(x, h, w)
					halve(y, h, w)
					h, w = (h+1)/2, (w+1)/2
				}
				similarity, factor := plane(x[:h*w], y[:h*w], h, w)
				if j == len(msssimWeights)-1 {
					factor = similarity
				}
				v *= math.Pow(max(factor, 0), weight)
			}
			return v
		})
	}
}

// halve replaces a plane of h by w by that of the means of its 2x2 blocks. Blocks are read
// before what they hold is overwritten.
func halve(x []float64, h, w int) {
	i := 0
	for r := 0; r < h; r += 2 {
		for c := 0; c < w; c += 2 {
			below, right := min(r+1, h-1), min(c+1, w-1)
			x[i] = (x[r*w+c] + x[r*w+right] + x[below*w+c] + x[below*w+right]) / 4
			i++
		}
	}
}
