package metrics

import (
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

const (
	ssimWindow = 11
	ssimSigma  = 1.5
	ssimC1     = .01 * .01 // (K1 L)^2 with a dynamic range L of 1
	ssimC2     = .03 * .03
)

// SSIM returns the structural similarity of two pictures of shape [H, W] or [H, W, C]
// with values 0 to 1 (Wang, Bovik, Sheikh and Simoncelli 2004). With g the Gaussian
// window, normalised to 1, and mx = sum g x, vx = sum g x^2 - mx^2,
// vxy = sum g x y - mx my over a window,
//
//	SSIM = (2 mx my + C1) (2 vxy + C2) / ((mx^2 + my^2 + C1) (vx + vy + C2))
//
// averaged over the windows that lie wholly inside the picture, then over channels. It
// equals scikit-image's structural_similarity(gaussian_weights=True, sigma=1.5,
// use_sample_covariance=False, data_range=1). It fails where a side is below 11.
func SSIM(pred, target []float32, s tensor.Shape) (float64, error) {
	return newSSIM()(pred, target, s)
}

// newSSIM returns a scorer that keeps its scratch from one picture to the next.
func newSSIM() scorer {
	var window [ssimWindow]float64
	sum := 0.
	for i := range window {
		d := float64(i - ssimWindow/2)
		window[i] = math.Exp(-d * d / (2 * ssimSigma * ssimSigma))
		sum += window[i]
	}
	for i := range window {
		window[i] /= sum
	}
	var scratch []moments
	return func(pred, target []float32, s tensor.Shape) (float64, error) {
		ch := 1
		if len(s) == 3 {
			ch = s[2]
		} else if len(s) != 2 {
			return 0, fmt.Errorf("pictures of shape %v; [H W] or [H W C] is needed", s)
		}
		h, w := s[0], s[1]
		if h < ssimWindow || w < ssimWindow {
			return 0, fmt.Errorf("pictures of %dx%d pixels are smaller than the window, %[3]dx%[3]d", w, h, ssimWindow)
		}
		if n := h * (w - ssimWindow + 1); cap(scratch) < n {
			scratch = make([]moments, n)
		}
		sum := 0.
		for c := range ch {
			sum += ssimChannel(pred[c:], target[c:], h, w, ch, &window, scratch)
		}
		return sum / float64(ch), nil
	}
}

// moments are the weighted sums of x, y, x^2, y^2 and xy over a window.
type moments struct{ x, y, xx, yy, xy float64 }

// ssimChannel is the mean over the windows of one channel, whose pixels lie pitch apart.
// The Gaussian is separable: rows first, into scratch, then columns.
func ssimChannel(pred, target []float32, h, w, pitch int, window *[ssimWindow]float64, scratch []moments) float64 {
	outW, outH := w-ssimWindow+1, h-ssimWindow+1
	for r := range h {
		for c := range outW {
			var m moments
			at := (r*w + c) * pitch
			for _, g := range window {
				x, y := float64(pred[at]), float64(target[at])
				gx, gy := g*x, g*y
				m.x += gx
				m.y += gy
				m.xx += gx * x
				m.yy += gy * y
				m.xy += gx * y
				at += pitch
			}
			scratch[r*outW+c] = m
		}
	}
	sum := 0.
	for r := range outH {
		for c := range outW {
			var m moments
			for k, g := range window {
				v := &scratch[(r+k)*outW+c]
				m.x += g * v.x
				m.y += g * v.y
				m.xx += g * v.xx
				m.yy += g * v.yy
				m.xy += g * v.xy
			}
			vx, vy, vxy := m.xx-m.x*m.x, m.yy-m.y*m.y, m.xy-m.x*m.y
			sum += (2*m.x*m.y + ssimC1) * (2*vxy + ssimC2) / ((m.x*m.x + m.y*m.y + ssimC1) * (vx + vy + ssimC2))
		}
	}
	return sum / float64(outW*outH)
}
