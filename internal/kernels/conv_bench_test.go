package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// BenchmarkConv measures the three passes of layers as they occur in networks.
func BenchmarkConv(b *testing.B) {
	team := parallel.Start(0)
	defer team.Close()
	for _, c := range []struct{ batch, size, in, out, groups, kernel, stride int }{
		{1, 128, 64, 64, 1, 3, 1},
		{1, 64, 128, 128, 1, 3, 1},
		{1, 256, 32, 32, 1, 3, 1},
		{8, 16, 256, 512, 1, 3, 1},
		{32, 28, 1, 32, 1, 3, 2},
		{1, 128, 64, 64, 64, 3, 1},
		{1, 64, 256, 128, 1, 1, 1},
	} {
		slide := Slide{Kernel: c.kernel, Stride: c.stride, Dilation: 1, Rule: PadSame}
		s := ConvShape{Batch: c.batch, H: mustOver(slide, c.size), W: mustOver(slide, c.size), In: c.in, Out: c.out, Groups: c.groups}
		x, y, w := make([]float32, s.pixelsIn()*s.In), make([]float32, s.pixelsOut()*s.Out), make([]float32, s.Weights())
		for _, v := range [][]float32{x, y, w} {
			for i := range v {
				v[i] = rand.Float32()
			}
		}
		out := make([]float32, max(len(x), len(y), len(w)))
		sizes := s.Sizes()
		scratch := make([]float32, max(sizes.Forward, sizes.Backward))
		conv, form := NewConv[float32](s), make([]float32, sizes.Form)
		conv.PrepareForward(team, form, w)
		xs, outs := [][]float32{x}, [][]float32{out}
		for _, pass := range []struct {
			name string
			run  func()
		}{
			{"forward", func() { conv.Forward(team, out, xs, w, form, nil, scratch) }},
			{"input", func() { conv.InputGrad(team, outs, y, w, scratch) }},
			{"kernel", func() { conv.KernelGrad(team, out, xs, y, scratch) }},
		} {
			b.Run(fmt.Sprintf("op=conv/pass=%s/k=%d/s=%d/n=%d/size=%d/in=%d/out=%d/g=%d/impl=%s", pass.name,
				c.kernel, c.stride, c.batch, c.size, c.in, c.out, c.groups, ISA()), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					pass.run()
				}
				b.ReportMetric(float64(s.FLOPs())/float64(b.Elapsed().Nanoseconds())*float64(b.N), "GFLOP/s")
			})
		}
	}
}
