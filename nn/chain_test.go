package nn

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/tensor"
)

// inPieces sets the limits so low that small pictures go piece by piece, until the test ends.
func inPieces(t *testing.T) {
	t.Helper()
	least, bytes, product := chainLeast, jobBytes, jobProduct
	chainLeast, jobBytes, jobProduct = 8<<10, 32<<10, 0
	t.Cleanup(func() { chainLeast, jobBytes, jobProduct = least, bytes, product })
}

// chained are networks with chains: with skips, batch normalisation, residual sums, strides,
// dilation, upsampling with overlap, borders, channels on their own, averages, resizing,
// padding and cropping, and concatenations that are carried out.
func chained() map[string]*Model {
	picture := func() *Node { return Input("x", Shape{Any, Any, 3}) }
	same := func(filters, kernel, stride int) Conv2D {
		return Conv2D{Filters: filters, Kernel: [2]int{kernel, kernel}, Stride: [2]int{stride, stride}, Padding: Same, Activation: ReLU}
	}
	x := picture()
	first := Apply(same(16, 3, 1), x)
	h := Apply(same(16, 3, 1), first)
	h = Apply(same(16, 5, 1), Apply(Activation{Tanh}, Apply(Add{}, Apply(same(16, 3, 1), h), first)))
	residual := must(NewModel(x, Apply(Conv2D{Filters: 2, Kernel: [2]int{1, 1}}, h)))

	x = picture()
	h = Apply(same(8, 3, 2), Apply(same(16, 3, 1), x))
	h = Apply(Conv2DTranspose{Filters: 8, Kernel: [2]int{4, 4}, Stride: [2]int{2, 2}, Padding: Same}, Apply(same(8, 3, 1), h))
	h = Apply(DepthwiseConv2D{Kernel: [2]int{3, 3}, Padding: Same, Border: BorderEdge}, h)
	h = Apply(Conv2D{Filters: 4, Kernel: [2]int{3, 3}, Dilation: [2]int{2, 2}, Activation: Sigmoid}, h)
	strided := must(NewModel(x, h))

	x = picture()
	mirrored := func(filters, kernel int, border Border) Conv2D {
		c := same(filters, kernel, 1)
		c.Border = border
		return c
	}
	skip := Apply(mirrored(16, 3, BorderReflect), Apply(PadToMultiple{Multiple: [2]int{4, 4}}, x))
	h = Apply(mirrored(16, 5, BorderSymmetric), Apply(AvgPool2D{Kernel: [2]int{2, 2}}, skip))
	h = Apply(UpSampling2D{Method: ResizeBilinear}, Apply(mirrored(16, 3, BorderReflect), Apply(AvgPool2D{Kernel: [2]int{2, 2}}, h)))
	h = Apply(Resize{Method: ResizeBicubic}, Apply(UpSampling2D{}, Apply(mirrored(8, 3, BorderReflect), h)), skip)
	h = Apply(Activation{Tanh}, Apply(Concatenate{}, skip, h))
	h = Apply(CropToMatch{}, Apply(mirrored(3, 3, BorderReflect), h), x)
	restoring := must(NewModel(x, Apply(Add{}, x, h)))
	return map[string]*Model{
		"unet": unet(16, 2, false), "unet with batch normalisation": unet(16, 3, true), "residual": residual, "strided": strided,
		"restoring": restoring,
	}
}

// TestPieces: what goes piece by piece is what it is without, to rounding, and the same bits at
// any number of workers; odd sizes, several samples, and pictures of less than a piece included.
func TestPieces(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for name, m := range chained() {
		m.Init(3)
		for _, size := range [][3]int{{1, 160, 96}, {3, 133, 57}, {2, 20, 33}, {1, 640, 40}} {
			x := random(uint64(size[1]), size[0], size[1], size[2], 3)
			run := func(workers int) *tensor.Tensor {
				runtime.GOMAXPROCS(workers)
				m.sessions.idle = nil // compiled under other limits
				return must(m.Predict(t.Context(), x))
			}
			whole := run(2)
			t.Run(fmt.Sprintf("%s/%v", name, size), func(t *testing.T) {
				inPieces(t)
				p := planOf(m, size[0], false, Shape{size[1], size[2], 3})
				if size[1] > 100 && (len(p.chains) != 1 || len(p.chains[0].routines) != len(p.graph.steps)) {
					t.Errorf("%s: not all of %v goes piece by piece", name, size)
				}
				pieces := run(2)
				for _, workers := range []int{1, 5} {
					if got := run(workers); !slices.Equal(got.Data, pieces.Data) {
						t.Errorf("%s of %v: other bits with %d workers", name, size, workers)
					}
				}
				for i, v := range pieces.Data {
					if d := math.Abs(float64(v - whole.Data[i])); !(d <= 2e-5*(1+math.Abs(float64(whole.Data[i])))) {
						t.Fatalf("%s of %v: element %d is %v, %v as a whole", name, size, i, v, whole.Data[i])
					}
				}
			})
		}
	}
}

// TestPiecesOfUNet: the test above has what a chain can have: rings that begin again, halos,
// and values of a piece that is the whole.
func TestPiecesOfUNet(t *testing.T) {
	inPieces(t)
	p := planOf(unet(16, 2, false), 1, false, Shape{640, 40, 3})
	if len(p.chains) != 1 {
		t.Fatalf("%d chains", len(p.chains))
	}
	rings, runOvers, halos := 0, 0, 0
	for v, w := range p.chains[0].windows {
		if w.ring > 0 && w.ring < p.graph.shapes[v][0] {
			rings++
		}
		if w.halo > 0 {
			halos++
		}
		for _, a := range slices.Concat(w.made, w.read) {
			if len(w.runOver(a.rows, true)) > 0 {
				runOvers++
			}
		}
	}
	if rings < 2 || runOvers < 2 || halos < 4 {
		t.Errorf("%d rings begin again, %d times rows run over the end; %d halos", rings, runOvers, halos)
	}
}

// TestPiecesArena: what a U-Net's prediction has of its skip connections in memory, which are
// 240 MiB as a whole for a picture of 1024x1024, grows with the width alone.
func TestPiecesArena(t *testing.T) {
	const mebi = 1 << 18
	for _, c := range []struct{ h, w, most int }{{1024, 1024, 180}, {2048, 1024, 200}, {4096, 1024, 200}, {2048, 2048, 335}} {
		p := planOf(unet(32, 4, false), 1, false, Shape{c.h, c.w, 3})
		if len(p.chains) != 1 {
			t.Fatalf("%d chains of %dx%d", len(p.chains), c.h, c.w)
		}
		t.Logf("%dx%d: arena %.1f MiB, %d pieces", c.h, c.w, float64(p.arena)/mebi, len(p.chains[0].pieces))
		if p.arena > c.most*mebi {
			t.Errorf("%dx%d: an arena of %.1f MiB, want at most %d", c.h, c.w, float64(p.arena)/mebi, c.most)
		}
	}
}

// TestPiecesAllocateNothing: neither does a run piece by piece.
func TestPiecesAllocateNothing(t *testing.T) {
	inPieces(t)
	m := unet(16, 2, false)
	m.Init(1)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	x := random(1, 2, 130, 70, 3)
	r := must(m.newBatchRun([]*tensor.Tensor{x}))
	team := parallel.Start(2)
	defer team.Close()
	if err := r.do(t.Context(), team, nil); err != nil {
		t.Fatal(err)
	}
	a, s := m.sessions.take(m, r.graph, r.shapes, 2)
	defer m.sessions.put(a)
	if len(s.plan.chains) == 0 {
		t.Fatal("nothing goes piece by piece")
	}
	s.useForms(team, m.store.resolve().form)
	s.bind([][]float32{x.Data})
	s.bindOutputs([][]float32{r.outs[0].Data})
	state := runState{team: team}
	forward := func() { s.forward(&state) }
	least := math.Inf(1)
	for range 10 { // a worker takes its scratch when it gets its first tile
		least = min(least, testing.AllocsPerRun(1, forward))
	}
	if least > 0 {
		t.Errorf("a run makes %v allocations", least)
	}
}
