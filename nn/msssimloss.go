package nn

import (
	"fmt"
	"math"
	"slices"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// MSSSIMLoss is 1 less the multi-scale structural similarity (Wang, Simoncelli and Bovik
// 2003) of prediction and target. Between scales both are halved, to the means of 2x2
// blocks, an odd side's last row or column repeated. With s_j the mean structure part of
// scale j and ssim_M the mean structural similarity of the coarsest, as in [SSIMLoss],
//
//	msssim = s_1^w_1 * ... * s_{M-1}^w_{M-1} * ssim_M^w_M
//
// for each channel, then the mean over channels. A factor below 0 counts as 0, as in
// tf.image.ssim_multiscale; the product is then 0, and its gradient too.
//
// Inputs: prediction and target [H, W, C]; output: one number a sample. With the five weights
// of the paper no side may be shorter than 161; fewer weights suit smaller pictures.
type MSSSIMLoss struct {
	Weights  []float64 // of the scales, the finest first; Wang's five where it is empty
	MaxValue float64   // the largest value minus the smallest possible; 1 where it is 0
	Window   int       // side of the window; 11 where it is 0
	Sigma    float64   // of the Gaussian, in pixels; 1.5 where it is 0
	K1, K2   float64   // 0.01 and 0.03 where they are 0
}

func init() { Register("ms_ssim_loss", 1, MSSSIMLoss{}) }

func (l MSSSIMLoss) withDefaults() Layer {
	s := l.base()
	l.MaxValue, l.Window, l.Sigma, l.K1, l.K2 = s.MaxValue, s.Window, s.Sigma, s.K1, s.K2
	if len(l.Weights) == 0 {
		l.Weights = []float64{.0448, .2856, .3001, .2363, .1333}
	}
	return l
}

func (l MSSSIMLoss) base() SSIMLoss {
	s := SSIMLoss{MaxValue: l.MaxValue, Window: l.Window, Sigma: l.Sigma, K1: l.K1, K2: l.K2}
	return s.withDefaults().(SSIMLoss)
}

// Infer returns one number a sample.
func (l MSSSIMLoss) Infer(in []Shape) (Signature, error) {
	l = l.withDefaults().(MSSSIMLoss)
	if i := slices.IndexFunc(l.Weights, func(w float64) bool { return !(w > 0) }); i >= 0 || len(l.Weights) > 30 {
		return Signature{}, fmt.Errorf("Weights are %v, want at most 30, each more than 0", l.Weights)
	}
	return l.base().infer(in, len(l.Weights))
}

// Compile returns the arithmetic.
func (l MSSSIMLoss) Compile(batch int, in []Shape) Routine {
	l = l.withDefaults().(MSSSIMLoss)
	return compileSSIM(l.base(), l.Weights, batch, in[0])
}

// ssimPyramid holds two planes at all scales. Without weights there is one scale, whose
// similarity may be below 0.
type ssimPyramid struct {
	levels  []ssimLevel
	weights []float64
}

type ssimLevel struct {
	ssim         *kernels.SSIM
	x, y, dx, dy []float64
	factor       float64
}

func newSSIMPyramid(l SSIMLoss, window, weights []float64, h, w int) *ssimPyramid {
	c1, c2 := math.Pow(l.K1*l.MaxValue, 2), math.Pow(l.K2*l.MaxValue, 2)
	y := &ssimPyramid{weights: weights}
	for range max(len(weights), 1) {
		n := h * w
		room := make([]float64, 4*n)
		y.levels = append(y.levels, ssimLevel{
			ssim: kernels.NewSSIM(h, w, window, c1, c2),
			x:    room[:n], y: room[n : 2*n], dx: room[2*n : 3*n], dy: room[3*n:],
		})
		h, w = (h+1)/2, (w+1)/2
	}
	return y
}

// value is the similarity of the planes in the first level.
func (y *ssimPyramid) value() float64 {
	v := 1.0
	for j := range y.levels {
		l := &y.levels[j]
		if j > 0 {
			f := &y.levels[j-1]
			kernels.Halve(l.x, f.x, f.ssim.H, f.ssim.W)
			kernels.Halve(l.y, f.y, f.ssim.H, f.ssim.W)
		}
		sim, structure := l.ssim.Means(l.x, l.y)
		if l.factor = structure; j == len(y.levels)-1 {
			l.factor = sim
		}
		if len(y.weights) == 0 {
			return l.factor
		}
		v *= math.Pow(max(l.factor, 0), y.weights[j])
	}
	return v
}

// gradient sets the first level's dx and dy to scale times the gradient of value, which has
// returned v.
func (y *ssimPyramid) gradient(v, scale float64) {
	last := len(y.levels) - 1
	for j := last; j >= 0; j-- {
		l := &y.levels[j]
		clear(l.dx)
		clear(l.dy)
		if j < last {
			d := &y.levels[j+1]
			kernels.HalveGrad(l.dx, d.dx, l.ssim.H, l.ssim.W)
			kernels.HalveGrad(l.dy, d.dy, l.ssim.H, l.ssim.W)
		}
		g := scale
		switch {
		case len(y.weights) == 0:
		case l.factor <= 0:
			g = 0
		default:
			g *= v * y.weights[j] / l.factor
		}
		if j == last {
			l.ssim.Gradient(l.dx, l.dy, l.x, l.y, g, 0)
		} else {
			l.ssim.Gradient(l.dx, l.dy, l.x, l.y, 0, g)
		}
	}
}
