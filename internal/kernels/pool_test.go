package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

func poolShapes() []PoolShape {
	var list []PoolShape
	for _, s := range []struct {
		h, w       Slide
		inH, inW   int
		batch, chs int
	}{
		{Slide{Kernel: 2, Stride: 2, Dilation: 1}, Slide{Kernel: 2, Stride: 2, Dilation: 1}, 7, 4, 3, 17},
		{Slide{Kernel: 2, Stride: 2, Dilation: 1}, Slide{Kernel: 2, Stride: 2, Dilation: 1}, 6, 9, 2, 40},
		{Slide{Kernel: 2, Stride: 2, Dilation: 1}, Slide{Kernel: 2, Stride: 2, Dilation: 1, Rule: PadSame}, 3, 7, 2, 8},
		{Slide{Kernel: 3, Stride: 2, Dilation: 1, Rule: PadSame}, Slide{Kernel: 2, Stride: 1, Dilation: 1}, 8, 5, 2, 3},
		{Slide{Kernel: 3, Stride: 1, Dilation: 2, Rule: PadExplicit, Before: 1, After: 2}, Slide{Kernel: 4, Stride: 3, Dilation: 1, Rule: PadSame}, 6, 7, 2, 1},
		{Slide{Kernel: 2, Stride: 3, Dilation: 1}, Slide{Kernel: 3, Stride: 2, Dilation: 1, Ceil: true}, 9, 6, 2, 5},
		{Slide{Kernel: 1, Stride: 1, Dilation: 1}, Slide{Kernel: 5, Stride: 1, Dilation: 1, Rule: PadSame}, 2, 3, 1, 2},
	} {
		list = append(list, PoolShape{Batch: s.batch, H: mustOver(s.h, s.inH), W: mustOver(s.w, s.inW), Channels: s.chs})
	}
	return list
}

// taps calls f for each window and channel, in row-major order: y is where its result
// lies, xs where its taps do, -1 for one outside.
func (s PoolShape) taps(f func(y int, xs []int)) {
	for n := range s.Batch {
		for p := range s.H.Out {
			for q := range s.W.Out {
				for c := range s.Channels {
					var xs []int
					for i := range s.H.Kernel {
						for j := range s.W.Kernel {
							row, col := p*s.H.Stride-s.H.Before+i*s.H.Dilation, q*s.W.Stride-s.W.Before+j*s.W.Dilation
							at := ((n*s.H.In+row)*s.W.In+col)*s.Channels + c
							if row < 0 || row >= s.H.In || col < 0 || col >= s.W.In {
								at = -1
							}
							xs = append(xs, at)
						}
					}
					f(((n*s.H.Out+p)*s.W.Out+q)*s.Channels+c, xs)
				}
			}
		}
	}
}

func same[T Float](t *testing.T, name string, got, want []T) {
	t.Helper()
	for i, v := range want {
		if got[i] != v && (got[i] == got[i] || v == v) {
			t.Fatalf("%s[%d] = %v, want %v", name, i, got[i], v)
		}
	}
}

// TestMaxPool holds all passes against the definition, on numbers full of ties, with NaNs
// and infinities among them.
func TestMaxPool(t *testing.T) { eachISA(t, testMaxPool) }

func testMaxPool(t *testing.T) {
	team := parallel.Start(2)
	defer team.Close()
	for _, s := range poolShapes() {
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			x, _ := guarded[float32](t, r, s.elemsIn())
			for i := range x {
				x[i] = float32(r.IntN(3)) - 2
				switch r.IntN(20) {
				case 0:
					x[i] = float32(math.NaN())
				case 1:
					x[i] = float32(math.Inf(-1))
				}
			}
			y, checkY := guarded[float32](t, r, s.elemsOut())
			mask, checkMask := guarded[float32](t, r, s.elemsOut())
			plain, _ := guarded[float32](t, r, s.elemsOut())
			dy, _ := guarded[float32](t, r, s.elemsOut())
			dx, checkX := guarded[float32](t, r, s.elemsIn())
			out, _ := guarded[float32](t, r, s.elemsIn())
			wantY, wantMask, wantX, wantOut := make([]float32, len(y)), make([]float32, len(y)), make([]float32, len(x)), make([]float32, len(x))
			owner := make([]int, len(x))
			s.taps(func(at int, xs []int) {
				best := -1
				for k, i := range xs {
					if i < 0 {
						continue
					}
					switch {
					case best < 0, x[i] > x[xs[best]], x[i] != x[i] && x[xs[best]] == x[xs[best]]:
						best = k
					}
				}
				wantY[at], wantMask[at] = x[xs[best]], float32(best)
				wantX[xs[best]] += dy[at]
				wantOut[xs[best]], owner[xs[best]] = dy[at], at
			})
			p := NewMaxPool[float32](s)
			p.Forward(team, y, mask, x)
			p.Forward(team, plain, nil, x)
			p.Backward(team, dx, dy, mask)
			p.Unpool(team, out, dy, mask)
			checkY()
			checkMask()
			checkX()
			same(t, "y", y, wantY)
			same(t, "y without mask", plain, wantY)
			same(t, "mask", mask, wantMask)
			same(t, "dx", dx, wantX)
			same(t, "unpooled", out, wantOut)
			wantV, dv := make([]float32, len(y)), make([]float32, len(y))
			for i, at := range owner {
				if wantOut[i] != 0 {
					wantV[at] = dx[i]
				}
			}
			p.UnpoolGrad(team, dv, dx, mask)
			same(t, "dv", dv, wantV)
		})
	}
}

// TestMaxPoolStrangeMasks: nothing in a mask makes a pass fail.
func TestMaxPoolStrangeMasks(t *testing.T) {
	strange := []float64{-1, -.5, 1e30, math.Inf(1), math.Inf(-1), math.NaN(), 5.5, 0}
	for _, s := range poolShapes() {
		mask := make([]float64, s.elemsOut())
		for i := range mask {
			mask[i] = strange[i%len(strange)]
		}
		p := NewMaxPool[float64](s)
		x, v := make([]float64, s.elemsIn()), make([]float64, s.elemsOut())
		p.Unpool(nil, x, v, mask)
		p.UnpoolGrad(nil, v, x, mask)
		p.Backward(nil, x, v, mask)
	}
}

func TestPoolAxis(t *testing.T) {
	for _, s := range poolShapes() {
		for _, w := range []Window{s.H, s.W} {
			for d := range DivideNot + 1 {
				a := w.PoolAxis(d)
				for o := range w.Out {
					inside, padded, sum := 0., 0., 0.
					for k := range w.Kernel {
						at := o*w.Stride - w.Before + k*w.Dilation
						if at >= 0 && at < w.In {
							inside++
						}
						if at >= -w.Before && at < w.In+w.After {
							padded++
						}
					}
					for k := a.start[o]; k < a.start[o+1]; k++ {
						sum += a.weight[k]
					}
					if want := [...]float64{1, inside / padded, inside}[d]; math.Abs(sum-want) > 1e-15*want {
						t.Errorf("%+v: weights of window %d sum to %v, want %v", w, o, sum, want)
					}
				}
			}
		}
	}
}

func TestGlobalMax(t *testing.T) {
	team := parallel.Start(2)
	defer team.Close()
	nan := math.NaN()
	x := []float64{1, 5, nan, 3, 5, 2, 3, 4, nan /* second picture */, 0, -1, -2, 0, -3, -1, 0, -1, -1}
	y, dx := make([]float64, 6), make([]float64, len(x))
	g := NewGlobalMax[float64](2, 3, 3)
	g.Forward(team, y, x)
	same(t, "y", y, []float64{3, 5, nan, 0, -1, -1})
	g.Backward(team, dx, []float64{1, 2, 3, 4, 5, 6})
	same(t, "dx", dx, []float64{0, 2, 3, 1, 0, 0, 0, 0, 0, 4, 5, 0, 0, 0, 6, 0, 0, 0})
}

// TestConvAndPoolAllocateNothing runs every pass on two workers.
func TestConvAndPoolAllocateNothing(t *testing.T) {
	team := parallel.Start(2)
	defer team.Close()
	var steps []func()
	for _, s := range convShapes() {
		if s.Weights()*s.pixelsOut() > 1e5 {
			continue
		}
		c := NewConv[float32](s)
		e := NewEpilogueGrad[float32](s.pixelsOut(), s.Out, s.Act)
		x, y, w := make([]float32, s.pixelsIn()*s.In), make([]float32, s.pixelsOut()*s.Out), make([]float32, s.Weights())
		sizes := s.Sizes()
		b, scratch := make([]float32, s.Out), make([]float32, max(sizes.Fresh, sizes.Backward, EpilogueScratch(s.pixelsOut(), s.Out)))
		xs := split(&s, x)
		steps = append(steps, func() {
			c.Forward(team, y, xs, w, nil, b, scratch)
			e.Run(team, b, y, y, scratch)
			c.InputGrad(team, xs, y, w, scratch)
			c.KernelGrad(team, w, xs, y, scratch)
		})
	}
	for _, s := range poolShapes() {
		p := NewMaxPool[float32](s)
		x, y, mask := make([]float32, s.elemsIn()), make([]float32, s.elemsOut()), make([]float32, s.elemsOut())
		steps = append(steps, func() {
			p.Forward(team, y, mask, x)
			p.Backward(team, x, y, mask)
			p.Unpool(team, x, y, mask)
			p.UnpoolGrad(team, y, x, mask)
		})
	}
	run := func() {
		for _, step := range steps {
			step()
		}
	}
	run()
	const turns = 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range turns {
		run()
	}
	runtime.ReadMemStats(&after)
	// The runtime itself may allocate a few objects when a goroutine parks.
	if n := after.Mallocs - before.Mallocs; n > 20 {
		t.Errorf("%d turns made %d allocations", turns, n)
	}
}
