package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// BenchmarkConv3x3 measures 3x3 convolutions of stride 1 by each algorithm, as multiples of
// the peak of multiply-adds, counted by direct arithmetic.
func BenchmarkConv3x3(b *testing.B) {
	team := parallel.Start(0)
	defer team.Close()
	for _, c := range []struct{ batch, size, in, out int }{
		{1, 256, 32, 32}, {1, 256, 64, 32}, {1, 128, 64, 64}, {1, 512, 64, 64}, {1, 64, 128, 128}, {1, 32, 256, 256}, {1, 16, 512, 512},
		{1, 8, 256, 256}, {1, 4, 512, 512},
		{8, 128, 32, 32}, {8, 64, 64, 64}, {8, 32, 128, 128}, {8, 16, 256, 256}, {8, 8, 512, 512},
	} {
		for _, by := range []struct {
			algorithm ConvAlgorithm
			half      bool
		}{{ConvDirect, false}, {ConvWinograd2, false}, {ConvWinograd4, false}, {ConvWinograd2, true}, {ConvWinograd4, true}} {
			a, name := by.algorithm, by.algorithm.String()
			if by.half {
				name += "-bfloat16"
			}
			slide := Slide{Kernel: 3, Stride: 1, Dilation: 1, Rule: PadSame}
			s := ConvShape{Batch: c.batch, H: mustOver(slide, c.size), W: mustOver(slide, c.size), In: c.in, Out: c.out, Groups: 1, Algorithm: a, BFloat16: by.half}
			x, y, w := make([]float32, s.pixelsIn()*s.In), make([]float32, s.pixelsOut()*s.Out), make([]float32, s.Weights())
			for _, v := range [][]float32{x, y, w} {
				for i := range v {
					v[i] = rand.Float32()
				}
			}
			sizes := s.Sizes()
			scratch := make([]float32, max(sizes.Forward, sizes.Backward))
			conv, form := NewConv[float32](s), make([]float32, sizes.Form)
			conv.PrepareForward(team, form, w)
			xs, outs := [][]float32{x}, [][]float32{make([]float32, len(x))}
			out := make([]float32, max(len(y), len(w)))
			for _, pass := range []struct {
				name string
				run  func()
			}{
				{"forward", func() { conv.Forward(team, out, xs, w, form, nil, scratch) }},
				{"input", func() { conv.InputGrad(team, outs, y, w, scratch) }},
				{"kernel", func() { conv.KernelGrad(team, out, xs, y, scratch) }},
			} {
				b.Run(fmt.Sprintf("op=conv/k=3/pass=%s/by=%s/n=%d/size=%d/in=%d/out=%d/impl=%s", pass.name,
					name, c.batch, c.size, c.in, c.out, ISA()), func(b *testing.B) {
					peak := measuredPeak(team)
					b.ReportAllocs()
					for b.Loop() {
						pass.run()
					}
					flops := float64(s.FLOPs()) / float64(b.Elapsed().Nanoseconds()) * float64(b.N)
					b.ReportMetric(flops, "GFLOP/s")
					b.ReportMetric(100*flops/peak, "%peak")
				})
			}
		}
	}
}

// measuredPeak is what the team's multiply-adds reach now, in GFLOP/s.
func measuredPeak(team *parallel.Team) float64 {
	const turns = 1 << 20
	var flops float64
	f := region(func(int) { flops = PeakFlops(turns) })
	n := team.Workers()
	best := 0.0
	for range 3 {
		start := time.Now()
		team.Run(n, &f)
		best = max(best, float64(n)*flops/float64(time.Since(start).Nanoseconds()))
	}
	return best
}
