package nn

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// SSIMLoss is 1 less the structural similarity (Wang et al. 2004) of prediction and target,
// the mean over all places of a Gaussian window inside the picture and over channels. With
// the means m, variances v and covariance v_pt under the window,
//
//	ssim = (2*m_p*m_t + C1)*(2*v_pt + C2) / ((m_p² + m_t² + C1)*(v_p + v_t + C2))
//	C1 = (K1*MaxValue)², C2 = (K2*MaxValue)²
//
// Inputs: prediction and target [H, W, C]; output: one number a sample. The gradient is
// given at [kernels.SSIM]. No side may be shorter than Window.
type SSIMLoss struct {
	MaxValue float64 // the largest value minus the smallest possible; 1 where it is 0
	Window   int     // side of the window; 11 where it is 0
	Sigma    float64 // of the Gaussian, in pixels; 1.5 where it is 0
	K1, K2   float64 // 0.01 and 0.03 where they are 0
}

func init() { Register("ssim_loss", 1, SSIMLoss{}) }

func (l SSIMLoss) withDefaults() Layer {
	l.MaxValue = cmp.Or(l.MaxValue, 1)
	l.Sigma = cmp.Or(l.Sigma, 1.5)
	l.K1 = cmp.Or(l.K1, .01)
	l.K2 = cmp.Or(l.K2, .03)
	l.Window = cmp.Or(l.Window, 11)
	return l
}

// Infer returns one number a sample.
func (l SSIMLoss) Infer(in []Shape) (Signature, error) {
	return l.withDefaults().(SSIMLoss).infer(in, 1)
}

// infer checks the pictures, which are to be halved levels-1 times.
func (l SSIMLoss) infer(in []Shape, levels int) (Signature, error) {
	if !(l.MaxValue > 0 && l.Sigma > 0 && l.K1 > 0 && l.K2 > 0) || l.Window < 1 {
		return Signature{}, fmt.Errorf("MaxValue is %v, Sigma %v, K1 %v, K2 %v and Window %d, want all more than 0", l.MaxValue, l.Sigma, l.K1, l.K2, l.Window)
	}
	sig, err := inferLoss(in)
	if err != nil {
		return sig, err
	}
	if len(in[0]) != 3 {
		return Signature{}, fmt.Errorf("takes pictures [H W C], got %v", in[0])
	}
	for axis := range 2 {
		if d := in[0][axis]; d != Any && halvedSide(d, levels-1) < l.Window {
			if levels == 1 {
				return Signature{}, fmt.Errorf("a picture of %dx%d is smaller than the window, %dx%[3]d", in[0][0], in[0][1], l.Window)
			}
			return Signature{}, fmt.Errorf("a picture of %dx%d, halved %d times, is smaller than the window, %dx%[4]d: its sides must be at least %d",
				in[0][0], in[0][1], levels-1, l.Window, (l.Window-1)<<(levels-1)+1)
		}
	}
	if in[0][2] == Any {
		return Signature{}, errors.New("needs a known number of channels")
	}
	return sig, nil
}

// halvedSide is the side of a picture after the given number of halvings, each rounded up.
func halvedSide(d, times int) int {
	for range times {
		d = (d + 1) / 2
	}
	return d
}

// Compile returns the arithmetic.
func (l SSIMLoss) Compile(batch int, in []Shape) Routine {
	return compileSSIM(l.withDefaults().(SSIMLoss), nil, batch, in[0])
}

func compileSSIM(l SSIMLoss, weights []float64, batch int, s Shape) Routine {
	return Routine{
		New32:  func() Op[float32] { return newSSIMOp[float32](l, weights, batch, s) },
		New64:  func() Op[float64] { return newSSIMOp[float64](l, weights, batch, s) },
		KeepIn: true,
		FLOPs:  int64(20 * l.Window * batch * s.Elems()),
	}
}

// ssimOp is the arithmetic of both losses of structural similarity; weights are those of
// the scales, nil for one scale.
type ssimOp[T tensor.Float] struct {
	loss              SSIMLoss
	weights           []float64
	shape             Shape
	call              *Call[T]
	window            []float64
	values            []float64 // by sample and channel
	pyramids          []*ssimPyramid
	forward, backward workerTiles
}

func newSSIMOp[T tensor.Float](l SSIMLoss, weights []float64, batch int, s Shape) *ssimOp[T] {
	o := &ssimOp[T]{
		loss: l, weights: weights, shape: s,
		window: kernels.GaussianWindow(l.Window, l.Sigma), values: make([]float64, batch*s[2]),
	}
	o.forward, o.backward = o.plane, o.gradPlane
	return o
}

// begin makes room for each of the team's workers; only a first run allocates.
func (o *ssimOp[T]) begin(c *Call[T]) {
	o.call = c
	for len(o.pyramids) < c.Team.Workers() {
		o.pyramids = append(o.pyramids, newSSIMPyramid(o.loss, o.window, o.weights, o.shape[0], o.shape[1]))
	}
}

func (o *ssimOp[T]) Forward(c *Call[T]) {
	o.begin(c)
	c.Team.Run(len(o.values), &o.forward)
	ch := o.shape[2]
	for n := range c.Out[0] {
		sum := 0.0
		for _, v := range o.values[n*ch : (n+1)*ch] {
			sum += v
		}
		c.Out[0][n] = T(1 - sum/float64(ch))
	}
}

func (o *ssimOp[T]) Backward(c *Call[T]) {
	o.begin(c)
	c.Team.Run(len(o.values), &o.backward)
}

// load copies one channel of a sample of both inputs into the pyramid.
func (o *ssimOp[T]) load(tile int, y *ssimPyramid) (n, channel int) {
	ch := o.shape[2]
	n, channel = tile/ch, tile%ch
	p, t := sampleOf(o.call.In[0], n, o.call.Batch), sampleOf(o.call.In[1], n, o.call.Batch)
	for i := range y.levels[0].x {
		y.levels[0].x[i] = float64(p[i*ch+channel])
		y.levels[0].y[i] = float64(t[i*ch+channel])
	}
	return n, channel
}

func (o *ssimOp[T]) plane(tile, worker int) {
	y := o.pyramids[worker]
	o.load(tile, y)
	o.values[tile] = y.value()
}

func (o *ssimOp[T]) gradPlane(tile, worker int) {
	c, y, ch := o.call, o.pyramids[worker], o.shape[2]
	n, channel := o.load(tile, y)
	v := y.value()
	y.gradient(v, -float64(c.DOut[0][n])/float64(ch))
	dp, dt := sampleOf(c.DIn[0], n, c.Batch), sampleOf(c.DIn[1], n, c.Batch)
	for i := range y.levels[0].x {
		if dp != nil {
			dp[i*ch+channel] = T(y.levels[0].dx[i])
		}
		if dt != nil {
			dt[i*ch+channel] = T(y.levels[0].dy[i])
		}
	}
}
