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

// inBands sets the limits so low that small pictures go in bands, until the test ends.
func inBands(t *testing.T, least, bytes int) {
	t.Helper()
	oldLeast, oldBytes := chainLeast, bandBytes
	chainLeast, bandBytes = least, bytes
	t.Cleanup(func() { chainLeast, bandBytes = oldLeast, oldBytes })
}

// chained are networks with chains: with skips, batch normalisation, residual sums, strides,
// dilation, upsampling with overlap, a border and channels on their own.
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
	return map[string]*Model{
		"unet": unet(16, 2, false), "unet with batch normalisation": unet(16, 3, true), "residual": residual, "strided": strided,
	}
}

// TestBands: what goes in bands is what it is without, to rounding, and the same bits at any
// number of workers; odd sizes, several samples, and pictures of less than a band included.
func TestBands(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for name, m := range chained() {
		m.Init(3)
		for _, size := range [][3]int{{1, 160, 96}, {3, 133, 57}, {2, 20, 33}} {
			x := random(uint64(size[1]), size[0], size[1], size[2], 3)
			run := func(workers int) *tensor.Tensor {
				runtime.GOMAXPROCS(workers)
				m.sessions.idle = nil // compiled under other limits
				return must(m.Predict(t.Context(), x))
			}
			whole := run(2)
			t.Run(fmt.Sprintf("%s/%v", name, size), func(t *testing.T) {
				inBands(t, 8<<10, 64<<10)
				p := planOf(m, size[0], false, Shape{size[1], size[2], 3})
				if size[1] > 100 && len(p.chains) == 0 {
					t.Errorf("%s: nothing of %v goes in bands", name, size)
				}
				bands := run(2)
				for _, workers := range []int{1, 5} {
					if got := run(workers); !slices.Equal(got.Data, bands.Data) {
						t.Errorf("%s of %v: other bits with %d workers", name, size, workers)
					}
				}
				for i, v := range bands.Data {
					if d := math.Abs(float64(v - whole.Data[i])); !(d <= 2e-5*(1+math.Abs(float64(whole.Data[i])))) {
						t.Fatalf("%s of %v: element %d is %v, %v without bands", name, size, i, v, whole.Data[i])
					}
				}
			})
		}
	}
}

// TestBandsArena: a U-Net's prediction has hardly more memory than its skip connections and
// what is made of them, and a run in bands allocates nothing.
func TestBandsArena(t *testing.T) {
	p := planOf(unet(32, 4, false), 1, false, Shape{1024, 1024, 3})
	const mebi = 1 << 18
	t.Logf("arena %.1f MiB, %d chains", float64(p.arena)/mebi, len(p.chains))
	if p.arena > 310*mebi || len(p.chains) == 0 {
		t.Errorf("an arena of %.1f MiB, %d chains", float64(p.arena)/mebi, len(p.chains))
	}
	for _, c := range p.chains {
		t.Logf("steps %d to %d, %d bands of %d", c.first, c.beyond-1, len(c.bands), c.height)
	}
	inBands(t, 8<<10, 64<<10)
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
		t.Fatal("nothing goes in bands")
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
