package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// BenchmarkKernelGrad measures the weight gradient, with every instruction set.
func BenchmarkKernelGrad(b *testing.B) {
	team := parallel.Start(0)
	defer team.Close()
	for _, c := range []struct{ batch, size, in, out, groups, kernel, stride, dilation int }{
		{8, 128, 64, 64, 1, 3, 1, 1},
		{8, 64, 128, 128, 1, 3, 1, 1},
		{8, 16, 256, 512, 1, 3, 1, 1},
		{8, 8, 512, 512, 1, 3, 1, 1},
		{8, 128, 32, 32, 1, 3, 1, 1},
		{8, 128, 3, 32, 1, 3, 1, 1},
		{8, 64, 64, 128, 1, 3, 2, 1},
		{8, 64, 64, 64, 1, 3, 1, 2},
		{8, 128, 32, 64, 1, 2, 2, 1},
		{8, 128, 64, 3, 1, 3, 1, 1},
		{8, 128, 32, 1, 1, 1, 1, 1},
		{8, 64, 256, 128, 1, 1, 1, 1},
		{8, 128, 64, 64, 64, 3, 1, 1},
		{1, 48, 512, 21, 1, 1, 1, 1},
	} {
		slide := Slide{Kernel: c.kernel, Stride: c.stride, Dilation: c.dilation, Rule: PadSame}
		s := ConvShape{Batch: c.batch, H: mustOver(slide, c.size), W: mustOver(slide, c.size), In: c.in, Out: c.out, Groups: c.groups, Algorithm: ConvDirect}
		x, y, dw := make([]float32, s.pixelsIn()*s.In), make([]float32, s.pixelsOut()*s.Out), make([]float32, s.Weights())
		for _, v := range [][]float32{x, y} {
			for i := range v {
				v[i] = rand.Float32()
			}
		}
		name := fmt.Sprintf("op=kernelgrad/k=%d/s=%d/d=%d/n=%d/size=%d/in=%d/out=%d/g=%d", c.kernel, c.stride, c.dilation,
			c.batch, c.size, c.in, c.out, c.groups)
		benchISA(b, name, func(b *testing.B) {
			conv, xs := NewConv[float32](s), [][]float32{x}
			scratch := make([]float32, sizesOf[float32](&s).Backward)
			b.ReportAllocs()
			for b.Loop() {
				conv.KernelGrad(team, dw, xs, y, scratch)
			}
			b.ReportMetric(float64(s.FLOPs())/float64(b.Elapsed().Nanoseconds())*float64(b.N), "GFLOP/s")
		})
	}
}
