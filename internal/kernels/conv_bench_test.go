package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// convCase is a layer as it occurs in networks.
type convCase struct {
	batch, h, w, in, out, groups int
	slide                        Slide
	transposed                   bool
}

// convCases are the layers that BenchmarkConv measures.
func convCases() []convCase {
	k := func(kernel, stride, dilation int) Slide {
		return Slide{Kernel: kernel, Stride: stride, Dilation: dilation, Rule: PadSame}
	}
	return []convCase{
		{1, 256, 256, 32, 32, 1, k(3, 1, 1), false},
		{1, 128, 128, 64, 64, 1, k(3, 1, 1), false},
		{1, 64, 64, 128, 128, 1, k(3, 1, 1), false},
		{1, 32, 32, 256, 256, 1, k(3, 1, 1), false},
		{1, 16, 16, 512, 512, 1, k(3, 1, 1), false},
		{1, 24, 32, 512, 512, 1, k(3, 1, 1), false},
		{8, 16, 16, 256, 512, 1, k(3, 1, 1), false},
		{1, 64, 64, 256, 128, 1, k(1, 1, 1), false},
		{1, 256, 256, 64, 32, 1, k(1, 1, 1), false},
		{1, 256, 256, 32, 1, 1, k(1, 1, 1), false},
		{1, 256, 256, 3, 32, 1, k(3, 1, 1), false},
		{1, 384, 512, 3, 64, 1, k(3, 1, 1), false},
		{1, 512, 512, 1, 64, 1, k(3, 1, 1), false},
		{1, 512, 512, 64, 1, 1, k(3, 1, 1), false},
		{1, 256, 256, 32, 3, 1, k(3, 1, 1), false},
		{32, 28, 28, 1, 32, 1, k(3, 2, 1), false},
		{1, 128, 128, 64, 64, 1, k(3, 2, 1), false},
		{1, 64, 64, 128, 128, 1, k(3, 1, 2), false},
		{1, 32, 32, 64, 128, 1, k(4, 2, 1), true},
		{1, 64, 64, 32, 64, 1, k(4, 2, 1), true},
		{1, 128, 128, 32, 64, 1, k(2, 2, 1), true},
		{1, 16, 16, 256, 512, 1, k(2, 2, 1), true},
		{1, 48, 64, 21, 21, 1, k(16, 8, 1), true},
		{1, 12, 16, 512, 4096, 1, k(7, 1, 1), false},
		{1, 12, 16, 4096, 4096, 1, k(1, 1, 1), false},
		{1, 12, 16, 4096, 21, 1, k(1, 1, 1), false},
		{1, 128, 128, 64, 64, 64, k(3, 1, 1), false},
		{1, 64, 64, 128, 128, 4, k(3, 1, 1), false},
		{1, 64, 64, 128, 128, 32, k(3, 1, 1), false},
	}
}

func (c *convCase) shape() ConvShape {
	s := ConvShape{Batch: c.batch, In: c.in, Out: c.out, Groups: c.groups, Transposed: c.transposed, Algorithm: ConvDirect}
	if c.transposed {
		s.H, s.W = mustBack(c.slide, c.h), mustBack(c.slide, c.w)
	} else {
		s.H, s.W = mustOver(c.slide, c.h), mustOver(c.slide, c.w)
	}
	return s
}

// BenchmarkConv measures the three passes of layers as they occur in networks, with the
// share of the multiply-add units' peak that they reach.
func BenchmarkConv(b *testing.B) {
	team := parallel.Start(0)
	defer team.Close()
	for _, c := range convCases() {
		s := c.shape()
		x, y, w := make([]float32, s.pixelsIn()*s.In), make([]float32, s.pixelsOut()*s.Out), make([]float32, s.Weights())
		for _, v := range [][]float32{x, y, w} {
			for i := range v {
				v[i] = rand.Float32()
			}
		}
		in, out := x, y
		if s.Transposed {
			in, out = y, x
		}
		dw := make([]float32, len(w))
		sizes := s.Sizes()
		scratch := make([]float32, max(sizes.Forward, sizes.Backward))
		conv, form := NewConv[float32](s), make([]float32, sizes.Form)
		conv.PrepareForward(team, form, w)
		ins := [][]float32{in}
		for _, pass := range []struct {
			name string
			run  func()
		}{
			{"forward", func() { conv.Forward(team, out, ins, w, form, nil, scratch) }},
			{"input", func() { conv.InputGrad(team, ins, out, w, scratch) }},
			{"kernel", func() { conv.KernelGrad(team, dw, ins, out, scratch) }},
		} {
			op := "conv"
			if s.Transposed {
				op = "convT"
			}
			b.Run(fmt.Sprintf("op=%s/pass=%s/k=%d/s=%d/d=%d/n=%d/size=%dx%d/in=%d/out=%d/g=%d/impl=%s", op, pass.name, c.slide.Kernel,
				c.slide.Stride, c.slide.Dilation, c.batch, c.h, c.w, c.in, c.out, c.groups, ISA()), func(b *testing.B) {
				b.ReportAllocs()
				pass.run()
				peak := measurePeak(team)
				for b.Loop() {
					pass.run()
				}
				peak = max(peak, measurePeak(team))
				speed := float64(s.FLOPs()) / float64(b.Elapsed().Nanoseconds()) * float64(b.N)
				b.ReportMetric(speed, "GFLOP/s")
				if peak > 0 {
					b.ReportMetric(100*speed/peak, "%peak")
				}
			})
		}
	}
}

// measurePeak returns the team's peak in GFLOP/s, 0 in plain Go.
func measurePeak(team *parallel.Team) float64 {
	const turns, tiles = 1 << 17, 8
	task := region(func(int) { PeakFlops(turns) })
	operations := float64(tiles*team.Workers()) * PeakFlops(turns)
	begin := time.Now()
	team.Run(tiles*team.Workers(), &task)
	return operations / float64(time.Since(begin).Nanoseconds())
}
