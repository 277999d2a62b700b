package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// someAxes are maps of every kind from n samples.
func someAxes(n int) map[string]*Axis {
	axes := map[string]*Axis{}
	for b := BorderZero; b <= BorderWrap; b++ {
		axes[fmt.Sprintf("pad/%d", b)] = NewPadAxis(n, 2*n+3, 1, b)
	}
	axes["identity"] = NewPadAxis(n, 0, 0, BorderZero)
	if n > 2 {
		axes["crop"] = NewPadAxis(n, -1, -1, BorderZero)
	}
	for m := InterpolateNearest; m <= InterpolateHamming; m++ {
		for b, border := range []Border{BorderExclude, BorderEdge, BorderSymmetric} {
			r := Resampling{Interpolation: m, Border: border, CubicA: -.75, Antialias: b != 1}
			axes[fmt.Sprintf("up/%d/%d", m, border)] = NewResampleAxis(n, 2*n+1, r)
			axes[fmt.Sprintf("down/%d/%d", m, border)] = NewResampleAxis(n, (n+1)/2, r)
			r.Coordinates, r.From, r.To = Region, -.3, 1.2
			axes[fmt.Sprintf("region/%d/%d", m, border)] = NewResampleAxis(n, n+2, r)
		}
	}
	return axes
}

func dense(a *Axis) [][]float64 {
	m := make([][]float64, a.Out)
	for i := range m {
		m[i] = make([]float64, a.In)
		for k := a.start[i]; k < a.start[i+1]; k++ {
			m[i][a.index[k]] += a.weight[k]
		}
	}
	return m
}

// TestSeparable holds the map against its definition as a product of dense matrices, and
// that of the transposes against the adjoint identity.
func TestSeparable(t *testing.T) {
	const batch, h, w = 3, 4, 5
	rng := rand.New(rand.NewPCG(4, 2))
	team := parallel.Start(3)
	defer team.Close()
	rows := NewResampleAxis(h, 7, Resampling{Interpolation: InterpolateCubic, CubicA: -.5, Border: BorderEdge})
	for name, cols := range someAxes(w) {
		for _, c := range []int{1, 3, 33} {
			for _, y := range []*Axis{rows, NewPadAxis(h, 1, 2, BorderZero), NewResampleAxis(h, 8, Resampling{})} {
				s := NewSeparable[float64, float64](batch, y, cols, c, 0)
				src, dst := randomOf(rng, batch*h*w*c), make([]float64, batch*y.Out*cols.Out*c)
				scratch := make([]float64, max(SeparableScratch(batch, y.Out, w*c), SeparableScratch(batch, h, cols.Out*c)))
				s.Run(team, dst, src, scratch)
				compareDense(t, name, dst, src, dense(y), dense(cols), c)

				other, back := randomOf(rng, len(dst)), make([]float64, len(src))
				NewSeparable[float64, float64](batch, y.Transpose(), cols.Transpose(), c, 0).Run(team, back, other, scratch)
				if a, b := Dot(dst, other), Dot(src, back); math.Abs(a-b) > 1e-10*(1+math.Abs(a)) {
					t.Errorf("%s, %d channels: <Ax, y> = %v, <x, Aᵀy> = %v", name, c, a, b)
				}
			}
		}
	}
}

func randomOf(rng *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = 2*rng.Float64() - 1
	}
	return x
}

func compareDense(t *testing.T, name string, got, src []float64, rows, cols [][]float64, c int) {
	t.Helper()
	h, w := len(rows[0]), len(cols[0])
	for i, v := range got {
		ch, x, y, n := i%c, i/c%len(cols), i/c/len(cols)%len(rows), i/c/len(cols)/len(rows)
		want := 0.
		for j, a := range rows[y] {
			for k, b := range cols[x] {
				want += a * b * src[((n*h+j)*w+k)*c+ch]
			}
		}
		if math.Abs(v-want) > 1e-12 {
			t.Fatalf("%s, %d channels: element %d is %v, want %v", name, c, i, v, want)
		}
	}
}

// TestSeparableTypes holds the sums of other types against those in float64, and the
// constant, in every variant.
func TestSeparableTypes(t *testing.T) { eachISA(t, testSeparableTypes) }

func testSeparableTypes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, cols := range someAxes(6) {
		const h, c = 5, 25
		rows := NewPadAxis(h, 1, 0, BorderZero)
		src64, dst64 := randomOf(rng, h*6*c), make([]float64, 6*cols.Out*c)
		src, dst, mixed := make([]float32, len(src64)), make([]float32, len(dst64)), make([]float32, len(dst64))
		for i := range src {
			src[i] = float32(src64[i])
			src64[i] = float64(src[i])
		}
		n := SeparableScratch(1, 6, 6*c)
		NewSeparable[float64, float64](1, rows, cols, c, .5).Run(nil, dst64, src64, make([]float64, n))
		scratch := make([]float32, n)
		single := NewSeparable[float32, float32](1, rows, cols, c, .5)
		single.Run(nil, dst, src, scratch)
		NewSeparable[float64, float32](1, rows, cols, c, .5).Run(nil, mixed, src, make([]float64, n))
		again, team := make([]float32, len(dst)), parallel.Start(3)
		single.Run(team, again, src, scratch)
		team.Close()
		if !slices.Equal(dst, again) {
			t.Errorf("%s: three workers compute something else than one", name)
		}
		if n := testing.AllocsPerRun(3, func() { single.Run(nil, dst, src, scratch) }); n > 0 {
			t.Errorf("%s: a run allocates %v times", name, n)
		}
		for i, v := range dst64 {
			if i < cols.Out*c && v != .5 {
				t.Fatalf("%s: the constant is %v", name, v)
			}
			if math.Abs(float64(dst[i])-v) > 2e-6 || mixed[i] != float32(v) {
				t.Fatalf("%s: element %d is %v and %v, want %v", name, i, dst[i], mixed[i], v)
			}
		}
	}
}

func TestBorders(t *testing.T) {
	for _, c := range []struct {
		b    Border
		n    int
		want []int
	}{
		{BorderZero, 3, []int{-1, -1, -1, -1, 0, 1, 2, -1, -1, -1}},
		{BorderEdge, 3, []int{0, 0, 0, 0, 0, 1, 2, 2, 2, 2}},
		{BorderSymmetric, 3, []int{2, 2, 1, 0, 0, 1, 2, 2, 1, 0}},
		{BorderReflect, 3, []int{0, 1, 2, 1, 0, 1, 2, 1, 0, 1}},
		{BorderReflect, 1, []int{0, 0, 0, 0, 0, 0}},
		{BorderWrap, 3, []int{2, 0, 1, 2, 0, 1, 2, 0, 1, 2}},
	} {
		for i, want := range c.want {
			if got := c.b.at(i-4, c.n); got != want {
				t.Errorf("border %d, %d samples: position %d is %d, want %d", c.b, c.n, i-4, got, want)
			}
		}
	}
}

// TestResampleWeights: weights add up to 1, and a whole factor of area is a plain mean.
func TestResampleWeights(t *testing.T) {
	for _, in := range []int{1, 2, 3, 7, 30} {
		for out := 1; out < 40; out++ {
			for m := InterpolateNearest; m <= InterpolateHamming; m++ {
				for c := HalfPixel; c < Region; c++ {
					a := NewResampleAxis(in, out, Resampling{Interpolation: m, Coordinates: c, CubicA: -.5, Antialias: out%2 == 0})
					for i, row := range dense(a) {
						sum := 0.
						for _, w := range row {
							sum += w
						}
						if math.Abs(sum-1) > 1e-12 {
							t.Fatalf("%d to %d, interpolation %d, coordinates %d: weights of %d add up to %v", in, out, m, c, i, sum)
						}
					}
				}
			}
		}
	}
	for _, m := range []Interpolation{InterpolateArea, InterpolateAdaptive, InterpolateBox} {
		for i, row := range dense(NewResampleAxis(12, 3, Resampling{Interpolation: m, Antialias: true})) {
			for j, w := range row {
				if want := map[bool]float64{true: .25}[j/4 == i]; w != want {
					t.Errorf("interpolation %d: weight (%d, %d) is %v", m, i, j, w)
				}
			}
		}
	}
}

func BenchmarkSeparable(b *testing.B) {
	const batch, h, w = 4, 64, 64
	kinds := map[string]Interpolation{"nearest": InterpolateNearest, "bilinear": InterpolateLinear, "bicubic": InterpolateCubic}
	for _, name := range []string{"nearest", "bilinear", "bicubic"} {
		for _, c := range []int{1, 3, 16, 64} {
			up := NewResampleAxis(h, 2*h, Resampling{Interpolation: kinds[name], CubicA: -.5})
			src, dst := make([]float32, batch*h*w*c), make([]float32, 4*batch*h*w*c)
			scratch := make([]float32, max(SeparableScratch(batch, 2*h, w*c), SeparableScratch(batch, h, 2*w*c)))
			forward := NewSeparable[float32, float32](batch, up, up, c, 0)
			backward := NewSeparable[float32, float32](batch, up.Transpose(), up.Transpose(), c, 0)
			b.Run(fmt.Sprintf("op=up/method=%s/c=%d/pass=forward", name, c), func(b *testing.B) {
				b.SetBytes(int64(4 * len(dst)))
				for b.Loop() {
					forward.Run(nil, dst, src, scratch)
				}
			})
			b.Run(fmt.Sprintf("op=up/method=%s/c=%d/pass=backward", name, c), func(b *testing.B) {
				b.SetBytes(int64(4 * len(dst)))
				for b.Loop() {
					backward.Run(nil, src, dst, scratch)
				}
			})
		}
	}
}
