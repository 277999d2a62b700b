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

func newSSIM() scorer { return newSSIMOf(1) }

// newSSIMOf returns a scorer of values 0 to peak that keeps its scratch from one picture to the
// next.
func newSSIMOf(peak float64) scorer {
	plane := newSSIMPlane()
	room := planes{peak: peak}
	return func(pred, target []float32, s tensor.Shape) (float64, error) {
		return room.perChannel(pred, target, s, ssimWindow, func(x, y []float64, h, w int) float64 {
			similarity, _ := plane(x, y, h, w)
			return similarity
		})
	}
}

// planes is room for one channel of both pictures, brought from 0 to peak to 0 to 1.
type planes struct {
	peak float64
	x, y []float64
}

// perChannel is the mean over a picture's channels of a score of planes of h by w, whose sides
// have to be at least least.
func (p *planes) perChannel(pred, target []float32, s tensor.Shape, least int, score func(x, y []float64, h, w int) float64) (float64, error) {
	ch := 1
	if len(s) == 3 {
		ch = s[2]
	} else if len(s) != 2 {
		return 0, fmt.Errorf("pictures of shape %v; [H W] or [H W C] is needed", s)
	}
	h, w := s[0], s[1]
	switch {
	case min(h, w) >= least:
	case least == ssimWindow:
		return 0, fmt.Errorf("pictures of %dx%d pixels are smaller than the window, %[3]dx%[3]d", w, h, least)
	default:
		return 0, fmt.Errorf("pictures of %dx%d pixels are too small to be halved %d times: %[4]dx%[4]d are needed", w, h, len(msssimWeights)-1, least)
	}
	if len(p.x) != h*w {
		p.x, p.y = make([]float64, h*w), make([]float64, h*w)
	}
	sum := 0.
	for c := range ch {
		for i := range p.x {
			p.x[i], p.y[i] = float64(pred[i*ch+c])/p.peak, float64(target[i*ch+c])/p.peak
		}
		sum += score(p.x, p.y, h, w)
	}
	return sum / float64(ch), nil
}

// moments are the weighted sums of x, y, x^2, y^2 and xy over a window.
type moments struct{ x, y, xx, yy, xy float64 }

// newSSIMPlane returns a function of two planes of h by w: the means over all windows of the
// structural similarity, and of its second factor, of contrast and structure, alone.
func newSSIMPlane() func(x, y []float64, h, w int) (similarity, structure float64) {
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
	return func(x, y []float64, h, w int) (similarity, structure float64) {
		if n := h * (w - ssimWindow + 1); cap(scratch) < n {
			scratch = make([]moments, n)
		}
		return ssimPlane(x, y, h, w, &window, scratch)
	}
}

// ssimPlane filters rows first, into scratch, then columns: the Gaussian is separable.
func ssimPlane(x, y []float64, h, w int, window *[ssimWindow]float64, scratch []moments) (similarity, structure float64) {
	outW, outH := w-ssimWindow+1, h-ssimWindow+1
	for r := range h {
		for c := range outW {
			var m moments
			at := r*w + c
			for k, g := range window {
				gx, gy := g*x[at+k], g*y[at+k]
				m.x += gx
				m.y += gy
				m.xx += gx * x[at+k]
				m.yy += gy * y[at+k]
				m.xy += gx * y[at+k]
			}
			scratch[r*outW+c] = m
		}
	}
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
			s := (2*vxy + ssimC2) / (vx + vy + ssimC2)
			structure += s
			similarity += s * (2*m.x*m.y + ssimC1) / (m.x*m.x + m.y*m.y + ssimC1)
		}
	}
	n := float64(outW * outH)
	return similarity / n, structure / n
}
