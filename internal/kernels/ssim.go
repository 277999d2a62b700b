package kernels

import "math"

// SSIM computes the structural similarity of two planes and its gradient (Wang et al. 2004),
// in double precision, as the variances are differences of close numbers. With a window g
// whose weights sum to 1, and the moments of a place of the window
//
//	mx = sum g*x, my = sum g*y, qx = sum g*x², qy = sum g*y², q = sum g*x*y
//
// it is the mean over all places wholly inside the plane of l*s, with
//
//	l = A1/B1 = (2*mx*my + C1) / (mx² + my² + C1)
//	s = A2/B2 = (2*(q-mx*my) + C2) / (qx-mx² + qy-my² + C2)
//
// An instance is used by one goroutine at a time.
type SSIM struct {
	H, W   int // of the planes
	outH   int
	outW   int
	c1, c2 float64
	window []float64
	sums   []moments // of the places
	rows   []moments // of the windows' rows
}

// moments are the weighted sums over a window; in Gradient, the derivatives by them, where
// those by xx and yy are the same and stand in xx.
type moments struct{ x, y, xx, yy, xy float64 }

// GaussianWindow returns n weights of a Gaussian that sum to 1.
func GaussianWindow(n int, sigma float64) []float64 {
	g := make([]float64, n)
	sum := 0.0
	for i := range g {
		d := float64(i) - float64(n-1)/2
		g[i] = math.Exp(-d * d / (2 * sigma * sigma))
		sum += g[i]
	}
	for i := range g {
		g[i] /= sum
	}
	return g
}

// NewSSIM returns the arithmetic for planes of h by w, with the outer product of window with
// itself as the window. No side may be shorter than the window.
func NewSSIM(h, w int, window []float64, c1, c2 float64) *SSIM {
	s := &SSIM{H: h, W: w, outH: h - len(window) + 1, outW: w - len(window) + 1, c1: c1, c2: c2, window: window}
	if s.outH < 1 || s.outW < 1 {
		panic("kernels: SSIM: the plane is smaller than the window")
	}
	s.sums, s.rows = make([]moments, s.outH*s.outW), make([]moments, h*s.outW)
	return s
}

// Means returns the mean over all places of the structural similarity l*s, and of s alone. It
// keeps the moments for Gradient.
func (s *SSIM) Means(x, y []float64) (ssim, structure float64) {
	s.filter(x, y)
	for i := range s.sums {
		m := &s.sums[i]
		a1, a2, b1, b2 := s.parts(m)
		ssim += a1 * a2 / (b1 * b2)
		structure += a2 / b2
	}
	n := float64(len(s.sums))
	return ssim / n, structure / n
}

func (s *SSIM) parts(m *moments) (a1, a2, b1, b2 float64) {
	a1 = 2*m.x*m.y + s.c1
	a2 = 2*(m.xy-m.x*m.y) + s.c2
	b1 = m.x*m.x + m.y*m.y + s.c1
	b2 = m.xx - m.x*m.x + m.yy - m.y*m.y + s.c2
	return a1, a2, b1, b2
}

// filter computes the moments, first along rows, then along columns.
func (s *SSIM) filter(x, y []float64) {
	for r := range s.H {
		for c := range s.outW {
			var m moments
			at := r*s.W + c
			for k, g := range s.window {
				v, w := x[at+k], y[at+k]
				gv, gw := g*v, g*w
				m.x += gv
				m.y += gw
				m.xx += gv * v
				m.yy += gw * w
				m.xy += gv * w
			}
			s.rows[r*s.outW+c] = m
		}
	}
	for i := range s.sums {
		var m moments
		for k, g := range s.window {
			v := &s.rows[i+k*s.outW]
			m.x += g * v.x
			m.y += g * v.y
			m.xx += g * v.xx
			m.yy += g * v.yy
			m.xy += g * v.xy
		}
		s.sums[i] = m
	}
}

// Gradient adds to dx and dy, of which dy may be nil, the gradients of
//
//	a*ssim + b*structure
//
// by the planes x and y that Means was last called with. By the moments, with S = l*s,
//
//	dS/dmx = 2*my*(A2-A1)/(B1*B2) - 2*mx*S/B1 + 2*mx*S/B2, dS/dqx = dS/dqy = -S/B2, dS/dq = 2*A1/(B1*B2)
//	ds/dmx = (2*mx*s - 2*my)/B2,                          ds/dqx = ds/dqy = -s/B2, ds/dq = 2/B2
//
// and, with the sums over all places of a window that cover a pixel,
//
//	dx = sum g*dmx + 2*x*sum g*dqx + y*sum g*dq
//
// It destroys the moments.
func (s *SSIM) Gradient(dx, dy, x, y []float64, a, b float64) {
	n := float64(len(s.sums))
	a, b = a/n, b/n
	for i := range s.sums {
		m := &s.sums[i]
		a1, a2, b1, b2 := s.parts(m)
		structure := a2 / b2
		sim := a1 / b1 * structure
		cross := 2 * a * (a2 - a1) / (b1 * b2)
		own := 2 * (a*sim*(1/b2-1/b1) + b*structure/b2)
		*m = moments{
			x:  m.y*(cross-2*b/b2) + m.x*own,
			y:  m.x*(cross-2*b/b2) + m.y*own,
			xx: -(a*sim + b*structure) / b2,
			xy: 2 * (a*a1/b1 + b) / b2,
		}
	}
	s.spread(dx, dy, x, y)
}

// spread is the transpose of filter.
func (s *SSIM) spread(dx, dy, x, y []float64) {
	clear(s.rows)
	for i := range s.sums {
		m := &s.sums[i]
		for k, g := range s.window {
			v := &s.rows[i+k*s.outW]
			v.x += g * m.x
			v.y += g * m.y
			v.xx += g * m.xx
			v.xy += g * m.xy
		}
	}
	for r := range s.H {
		for c := range s.outW {
			m := &s.rows[r*s.outW+c]
			at := r*s.W + c
			for k, g := range s.window {
				i := at + k
				square, product := 2*g*m.xx, g*m.xy
				dx[i] += g*m.x + square*x[i] + product*y[i]
				if dy != nil {
					dy[i] += g*m.y + square*y[i] + product*x[i]
				}
			}
		}
	}
}

// Halve sets dst, of (h+1)/2 by (w+1)/2, to the means of the 2 by 2 blocks of src, of h by
// w; an odd side's last row or column is repeated.
func Halve(dst, src []float64, h, w int) {
	outW := (w + 1) / 2
	for i := range dst {
		r, c := 2*(i/outW), 2*(i%outW)
		below, right := min(r+1, h-1), min(c+1, w-1)
		dst[i] = (src[r*w+c] + src[r*w+right] + src[below*w+c] + src[below*w+right]) / 4
	}
}

// HalveGrad adds to dsrc the gradient by the argument of Halve, given that by its result.
func HalveGrad(dsrc, ddst []float64, h, w int) {
	outW := (w + 1) / 2
	for i, d := range ddst {
		r, c := 2*(i/outW), 2*(i%outW)
		below, right := min(r+1, h-1), min(c+1, w-1)
		dsrc[r*w+c] += d / 4
		dsrc[r*w+right] += d / 4
		dsrc[below*w+c] += d / 4
		dsrc[below*w+right] += d / 4
	}
}
