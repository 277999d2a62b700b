package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// benchISA runs a benchmark once per SIMD variant, under a name that benchstat can
// take apart.
func benchISA(b *testing.B, name string, f func(b *testing.B)) {
	for _, isa := range isaNames[1:] {
		b.Run(name+"/impl="+isa, func(b *testing.B) {
			restore, err := Force(isa)
			if err != nil {
				b.Skip(err)
			}
			defer restore()
			f(b)
		})
	}
}

func BenchmarkGemm(b *testing.B) {
	team := parallel.Start(0)
	defer team.Close()
	for _, s := range []GemmShape{
		{M: 1024, N: 1024, K: 1024},
		{M: 128, N: 128, K: 784},
		{M: 784, N: 128, K: 128, TransA: true},
		{M: 128, N: 784, K: 128},
		{M: 128, N: 784, K: 128, TransA: true},
		{M: 128, N: 128, K: 784, TransB: true},
		{M: 128, N: 64, K: 128},
		{M: 128, N: 32, K: 64},
	} {
		name := fmt.Sprintf("op=gemm/shape=%dx%dx%d/ta=%t/tb=%t", s.M, s.K, s.N, s.TransA, s.TransB)
		benchISA(b, name, func(b *testing.B) { benchGemm(b, team, s) })
	}
}

func benchGemm(b *testing.B, team *parallel.Team, s GemmShape) {
	x, w, c := make([]float32, s.M*s.K), make([]float32, s.K*s.N), make([]float32, s.M*s.N)
	for i := range x {
		x[i] = rand.Float32()
	}
	for i := range w {
		w[i] = rand.Float32()
	}
	g := NewGemm[float32](s)
	b.ReportAllocs()
	for b.Loop() {
		g.Run(team, c, x, w, nil)
	}
	b.ReportMetric(2*float64(s.M)*float64(s.N)*float64(s.K)/float64(b.Elapsed().Nanoseconds())*float64(b.N), "GFLOP/s")
}

type peakTask struct{ turns int }

func (p *peakTask) Do(int, int) { PeakFlops(p.turns) }

// BenchmarkPeak measures the peak that products are held against.
func BenchmarkPeak(b *testing.B) {
	team := parallel.Start(0)
	defer team.Close()
	benchISA(b, "op=fma", func(b *testing.B) {
		task := &peakTask{turns: 10000}
		for b.Loop() {
			team.Run(8*team.Workers(), task)
		}
		flops := 8 * float64(team.Workers()) * PeakFlops(10000)
		b.ReportMetric(flops/float64(b.Elapsed().Nanoseconds())*float64(b.N), "GFLOP/s")
	})
}

// BenchmarkVector measures passes over slices that fit a second-level cache, on one
// worker.
func BenchmarkVector(b *testing.B) {
	const n = 1 << 14
	x, y, z, w := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	pixels := make([]byte, n)
	for i := range x {
		x[i], y[i] = rand.Float32()*8-4, rand.Float32()
	}
	adam := &Adam{P: x, G: y, M: z, V: w, Alpha: 1e-9, Beta1: .9, Beta2: .999, Epsilon: 1e-7}
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"relu", func() { Activate(Act{Kind: ReLU}, z, x) }},
		{"sigmoid", func() { Activate(Act{Kind: Sigmoid}, z, x) }},
		{"tanh", func() { Activate(Act{Kind: Tanh}, z, x) }},
		{"tanhgrad", func() { ActivateGrad(Act{Kind: Tanh}, z, x, y) }},
		{"bce", func() { BCELogits(z, x, y, 1) }},
		{"add", func() { Add(z, x, y) }},
		{"axpy", func() { Axpy(1e-9, z, x) }},
		{"dot", func() { Dot(x, y) }},
		{"columnsums", func() { ColumnSums(z[:128], x) }},
		{"frombytes", func() { FromBytes(255, z, pixels) }},
		{"adam", func() { adam.Run(nil) }},
	} {
		benchISA(b, "op="+c.name, func(b *testing.B) {
			b.SetBytes(4 * n)
			for b.Loop() {
				c.run()
			}
		})
	}
}
