package nn

import (
	"runtime"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/internal/hugepage"
	"github.com/hourglass-go/hourglass/tensor"
)

// TestOneArena: predictions of all sizes one after the other share the memory of the largest.
func TestOneArena(t *testing.T) {
	m := unet(4, 2, false)
	most := 0
	var want []*tensor.Tensor
	sizes := []int{5, 33, 17, 64, 8, 33}
	for _, n := range sizes {
		want = append(want, predict(t, unet(4, 2, false), random(1, 2, n, n+3, 3)))
	}
	for i, n := range sizes {
		if got := predict(t, m, random(1, 2, n, n+3, 3)); !slices.Equal(got.Data, want[i].Data) {
			t.Errorf("size %d: an arena that others used gives another result", n)
		}
		most = max(most, planOf(m, 2, false, Shape{n, n + 3, 3}).arena)
		if len(m.sessions.idle) != 1 || len(m.sessions.idle[0].get().memory) != most {
			t.Fatalf("size %d: %d arenas are kept, want one of %d numbers", n, len(m.sessions.idle), most)
		}
	}
	if n := len(m.sessions.idle[0].get().sessions); n != 3 {
		t.Errorf("%d sessions in the arena, want those of 64, 8 and 33", n)
	}
}

// TestIdleArenas: a large arena is at hand for the next run, but left to the collector; one
// within the limit is kept; the best one is taken.
func TestIdleArenas(t *testing.T) {
	var c sessionCache
	const large = idleBytes/4 + 1
	take := func(n int) (size int) { return len(c.takeArena(n).memory) }
	c.put(&arena{memory: hugepage.Make[float32](large)})
	c.put(&arena{memory: hugepage.Make[float32](1000)})
	c.put(&arena{memory: hugepage.Make[float32](2000)})
	if got := []int{take(900), take(1001), take(1001)}; !slices.Equal(got, []int{1000, 2000, large}) {
		t.Errorf("took arenas of %d", got)
	}
	c.put(&arena{memory: hugepage.Make[float32](large)})
	c.put(&arena{memory: hugepage.Make[float32](1000)})
	runtime.GC()
	if len(c.idle) != 2 || c.idle[0].get() != nil || c.idle[1].get() == nil {
		t.Error("after a collection, the large arena is there or the small one is not")
	}
	if got := take(1500); got != 1500 || len(c.idle) > 1 {
		t.Errorf("took an arena of %d, %d are left", got, len(c.idle))
	}
}

// TestOutputsInPlace: results are computed where the caller gets them, also where outputs
// are inputs, views, read by later layers, or the same.
func TestOutputsInPlace(t *testing.T) {
	x := Input("x", Shape{3, 5, 2})
	y := Apply(Activation{Tanh}, x)
	view := Apply(Flatten{}, y)
	z := Apply(Activation{Sigmoid}, Apply(Dense{Units: 7}, view))
	outs := []*Node{x, y, Apply(Reshape{Shape{10, 3}}, x), view, y, z, Apply(Activation{Sigmoid}, z)}
	m := must(NewModelOf([]*Node{x}, outs))
	g := must(lower(m, []Shape{{3, 5, 2}}))
	g.optimise(false)
	if p := newPlan(g, 2, false, false); !slices.Equal(p.binds, []bool{false, true, false, false, false, true, true}) {
		t.Errorf("bound are %v", p.binds)
	}
	in := random(1, 2*predictBatch+3, 3, 5, 2)
	for range 2 {
		got := must(m.Run(t.Context(), in))
		for i, out := range outs {
			want := must(must(NewModel(x, out)).Run(t.Context(), in))[0]
			if !slices.Equal(got[i].Data, want.Data) {
				t.Errorf("output %d differs from that of a model for it alone", i)
			}
		}
	}
}
