package metrics

import (
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// Luma returns the luma [H, W, 1] of a picture [H, W, 3], values 0 to 1, as MATLAB's rgb2ycbcr
// computes it of a picture of 8 bits: R, G and B are clipped and rounded to 8 bits, and
//
//	Y = round(16 + (65.481 R + 128.553 G + 24.966 B)/255)
//
// (BT.601, 16 to 235), returned as Y/255. A picture of one channel is taken to be luma already
// and rounded to 8 bits. Super-resolution is scored on luma, and its small pictures are made
// of it. It fails where there are neither one nor three channels.
func Luma(t *tensor.Tensor) (*tensor.Tensor, error) {
	s := t.Shape
	if len(s) != 3 || s[2] != 1 && s[2] != 3 {
		return nil, fmt.Errorf("metrics: the luma of a picture of shape %v; [H W 1] or [H W 3] is needed", s)
	}
	y := tensor.New(s[0], s[1], 1)
	for i, v := range luma(t.Data, s[2]) {
		y.Data[i] = float32(float64(v) / 255)
	}
	return y, nil
}

// eight rounds a value of 0 to 1 to the steps of 8 bits, 0 to 255.
func eight(v float32) float64 { return math.Floor(255*min(max(float64(v), 0), 1) + .5) }

// luma is the Y of pixels of ch channels, whole numbers, which float32 holds exactly.
func luma(x []float32, ch int) []float32 {
	y := make([]float32, len(x)/ch)
	for i := range y {
		px := x[i*ch : (i+1)*ch]
		if ch == 1 {
			y[i] = float32(eight(px[0]))
			continue
		}
		// In thousandths, so that halves are exact.
		sum := 65481*eight(px[0]) + 128553*eight(px[1]) + 24966*eight(px[2])
		y[i] = float32(16 + math.Floor((sum+127500)/255000))
	}
	return y
}

// shaved scores pictures without n pixels along the border. prepare, if not nil, first makes
// one channel of theirs.
func shaved(name string, n int, channels []int, prepare func(x []float32, ch int) []float32, score scorer) Metric {
	n = max(n, 0)
	return &mean{name: name, fit: sameShape, score: func(pred, target []float32, s tensor.Shape) (float64, error) {
		ok := false
		for _, c := range channels {
			ok = ok || len(s) == 3 && s[2] == c
		}
		if !ok {
			return 0, fmt.Errorf("pictures of shape %v; [H W C] is needed with C one of %v", s, channels)
		}
		if 2*n >= min(s[0], s[1]) {
			return 0, fmt.Errorf("pictures of %dx%d pixels have nothing left without %d along the border", s[1], s[0], n)
		}
		ch := s[2]
		if prepare != nil {
			pred, target, ch = prepare(pred, ch), prepare(target, ch), 1
		}
		inner := tensor.Shape{s[0] - 2*n, s[1] - 2*n, ch}
		return score(cut(pred, s[1]*ch, n, inner), cut(target, s[1]*ch, n, inner), inner)
	}}
}

// cut copies the inner part of a picture whose rows have pitch values.
func cut(x []float32, pitch, n int, inner tensor.Shape) []float32 {
	row := inner[1] * inner[2]
	y := make([]float32, 0, inner.Elems())
	for r := range inner[0] {
		at := (r+n)*pitch + n*inner[2]
		y = append(y, x[at:at+row]...)
	}
	return y
}

func newPSNRRGB(name string, n int) Metric {
	return shaved(name, n, []int{3}, nil, func(pred, target []float32, _ tensor.Shape) (float64, error) {
		return psnr(pred, target), nil
	})
}

func newPSNRY(name string, n int) Metric {
	return shaved(name, n, []int{1, 3}, luma, func(pred, target []float32, _ tensor.Shape) (float64, error) {
		return min(-10*math.Log10(MSE(pred, target)/(255*255)), ExactPSNR), nil
	})
}

func newSSIMY(name string, n int) Metric {
	return shaved(name, n, []int{1, 3}, luma, newSSIMOf(255))
}
