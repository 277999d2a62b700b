package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// TestWinogradError measures the rounding errors of each algorithm: the root of the mean
// square of the differences from the direct convolution in float64, as a multiple of those
// of the direct convolution in float32. Inputs are as after a ReLU, kernels as He starts them.
func TestWinogradError(t *testing.T) {
	team := parallel.Start(2)
	defer team.Close()
	slide := Slide{Kernel: 3, Stride: 1, Dilation: 1, Rule: PadSame}
	for _, channels := range []int{32, 64, 256} {
		s := ConvShape{Batch: 1, H: mustOver(slide, 36), W: mustOver(slide, 40), In: channels, Out: 64, Groups: 1}
		r := rand.New(rand.NewPCG(7, uint64(channels)))
		normal := func(n int, scale, floor float64) []float32 {
			x := make([]float32, n)
			for i := range x {
				x[i] = float32(max(r.NormFloat64(), floor) * scale)
			}
			return x
		}
		x := normal(s.pixelsIn()*s.In, 1, 0)
		dy := normal(s.pixelsOut()*s.Out, 1, math.Inf(-1))
		w := normal(s.Weights(), math.Sqrt(2/float64(9*channels)), math.Inf(-1))
		exact := s
		exact.Algorithm = ConvDirect
		want := allPasses(team, exact, wide(x), wide(dy), wide(w))
		var direct [3]float64
		for _, c := range []struct {
			algorithm ConvAlgorithm
			most      float64
		}{{ConvDirect, 1}, {ConvWinograd2, 3}, {ConvWinograd4, 10}} {
			s.Algorithm = c.algorithm
			for i, got := range allPasses(team, s, x, dy, w) {
				e := rms(got, want[i])
				if c.algorithm == ConvDirect {
					direct[i] = e
				}
				times := e / direct[i]
				t.Logf("%d channels, %s by %v: %.3g, %.2f times the direct way's error", channels, [...]string{"y", "dx", "dw"}[i], c.algorithm, e, times)
				if !(times <= c.most) {
					t.Errorf("%d channels, pass %d by %v: %.2f times the direct way's error, at most %v is right", channels, i, c.algorithm, times, c.most)
				}
			}
		}
	}
}

// TestWinogradSlices: the gradient by a large kernel is made slice by slice, and none of it is
// lost between them.
func TestWinogradSlices(t *testing.T) {
	slide := Slide{Kernel: 3, Stride: 1, Dilation: 1, Rule: PadSame}
	s := ConvShape{Batch: 2, H: mustOver(slide, 5), W: mustOver(slide, 4), In: 420, Out: 520, Groups: 1, Algorithm: ConvWinograd4}
	team := parallel.Start(2)
	defer team.Close()
	eachISA(t, func(t *testing.T) {
		if p := newWinogradOuter[float32](&s, 4); p.slice >= p.rowTiles() || p.rowTiles()%p.slice == 0 {
			t.Errorf("slices of %d rows of %d", p.slice, p.rowTiles())
		}
		checkConv[float32](t, team, s)
	})
}

// allPasses returns y, dx and dw.
func allPasses[T Float](team *parallel.Team, s ConvShape, x, dy, w []T) [3][]T {
	sizes := sizesOf[T](&s)
	scratch := make([]T, max(sizes.Fresh, sizes.Backward))
	y, dx, dw := make([]T, len(dy)), make([]T, len(x)), make([]T, len(w))
	c := NewConv[T](s)
	c.Forward(team, y, [][]T{x}, w, nil, nil, scratch)
	c.InputGrad(team, [][]T{dx}, dy, w, scratch)
	c.KernelGrad(team, dw, [][]T{x}, dy, scratch)
	return [3][]T{y, dx, dw}
}

func rms(got []float32, want []float64) float64 {
	sum := 0.0
	for i, v := range got {
		d := float64(v) - want[i]
		sum += d * d
	}
	return math.Sqrt(sum / float64(len(got)))
}

// TestWinogradTransforms holds the assembly against the definition of each transform, with
// channels beside a vector's width and guard values around the result.
func TestWinogradTransforms(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(8, 9))
		for _, size := range []winogradSize{2, 4} {
			for op := range winogradOps {
				for _, n := range []int{1, 7, 8, 15, 16, 17, 33, 40} {
					rows, cols := len(op.matrix(size)), len(op.matrix(size)[0])
					side := size.side()
					src, _ := guarded[float32](t, r, cols*side*n)
					bias, _ := guarded[float32](t, r, n)
					dst, check := guarded[float32](t, r, ((rows-1)*side+rows)*n)
					want := make([]float64, rows*side*n)
					fast := winogradWorker[float32]{isa: active, size: size}
					slow := winogradWorker[float64]{isa: generic, size: size}
					from := square[float32]{data: src, row: side * n, col: n}
					fast.transform(op, square[float32]{data: dst, row: side * n, col: n}, from, n, bias, 0)
					check()
					slow.transform(op, square[float64]{data: want, row: side * n, col: n},
						square[float64]{data: wide(src), row: side * n, col: n}, n, wide(bias), 0)
					for i := range rows {
						for j := range rows {
							for c := range n {
								at := (i*side+j)*n + c
								if d := math.Abs(float64(dst[at]) - want[at]); !(d <= 1e-5) {
									t.Fatalf("F(%d,3), transform %d, %d channels: element %d, %d, %d is %v, want %v", size, op, n, i, j, c, dst[at], want[at])
								}
							}
						}
					}
				}
			}
		}
	})
}

// TestWinogradTileLayout: the assembly reads the fields by offset.
func TestWinogradTileLayout(t *testing.T) {
	var x winogradTile
	for _, f := range []struct {
		name      string
		got, want uintptr
	}{
		{"src", unsafe.Offsetof(x.src), 0}, {"dst", unsafe.Offsetof(x.dst), 8},
		{"srcRow", unsafe.Offsetof(x.srcRow), 16}, {"srcCol", unsafe.Offsetof(x.srcCol), 24},
		{"dstRow", unsafe.Offsetof(x.dstRow), 32}, {"dstCol", unsafe.Offsetof(x.dstCol), 40},
		{"n", unsafe.Offsetof(x.n), 48}, {"bias", unsafe.Offsetof(x.bias), 56}, {"floor", unsafe.Offsetof(x.floor), 64},
	} {
		if f.got != f.want {
			t.Errorf("%s is at %d, the generator says %d", f.name, f.got, f.want)
		}
	}
}
