package kernels

import (
	"testing"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// TestConvOuterPlans: shapes that are divided in every way give what the definition does.
func TestConvOuterPlans(t *testing.T) {
	slide := func(kernel, stride, dilation int) Slide {
		return Slide{Kernel: kernel, Stride: stride, Dilation: dilation, Rule: PadSame}
	}
	for _, c := range []struct {
		name  string
		shape ConvShape
		holds func(p *outerPlan) bool
	}{
		{"groups of chunks", ConvShape{Batch: 1, H: mustOver(slide(3, 1, 1), 61), W: mustOver(slide(3, 1, 1), 43), In: 16, Out: 15, Groups: 1},
			func(p *outerPlan) bool { return p.groups > 1 && p.parts[1] > 1 && !p.padded && !p.turned }},
		{"several chunks in a group", ConvShape{Batch: 11, H: mustOver(slide(3, 1, 1), 9), W: mustOver(slide(2, 1, 1), 13), In: 9, Out: 9, Groups: 1},
			func(p *outerPlan) bool { return p.groups > 0 && p.chunks > p.groups && p.parts[0] > 1 }},
		{"parts of rows", ConvShape{Batch: 2, H: mustOver(slide(2, 1, 1), 3), W: mustOver(slide(3, 1, 1), 1111), In: 9, Out: 8, Groups: 1},
			func(p *outerPlan) bool { return p.parts[2] > 1 && !p.padded }},
		{"parts of rows with borders", ConvShape{Batch: 2, H: mustOver(slide(2, 1, 1), 3), W: mustOver(slide(3, 2, 1), 2111), In: 3, Out: 5, Groups: 1},
			func(p *outerPlan) bool { return p.parts[2] > 1 && p.merged }},
		{"parts of panels", ConvShape{Batch: 1, H: mustOver(slide(3, 1, 1), 15), W: mustOver(slide(3, 1, 1), 13), In: 97, Out: 65, Groups: 1},
			func(p *outerPlan) bool { return p.tasks > 1 && p.groups == 1 }},
		{"parts of a panel's rows", ConvShape{Batch: 1, H: mustOver(slide(3, 1, 1), 15), W: mustOver(slide(3, 1, 1), 13), In: 397, Out: 16, Groups: 1},
			func(p *outerPlan) bool { return p.splits > 1 }},
		{"turned round", ConvShape{Batch: 2, H: mustOver(slide(4, 1, 1), 9), W: mustOver(slide(3, 1, 2), 14), In: 100, Out: 9, Groups: 1},
			func(p *outerPlan) bool { return p.turned && !p.padded }},
		{"turned round and merged", ConvShape{Batch: 2, H: mustOver(slide(3, 1, 2), 9), W: mustOver(slide(4, 1, 1), 14), In: 40, Out: 2, Groups: 1, Parts: []int{17, 23}},
			func(p *outerPlan) bool { return p.turned && p.merged }},
		{"turned round, in groups", ConvShape{Batch: 5, H: mustOver(slide(3, 1, 1), 32), W: mustOver(slide(3, 1, 1), 31), In: 64, Out: 3, Groups: 1},
			func(p *outerPlan) bool { return p.turned && p.groups > 1 }},
		{"merged parts", ConvShape{Batch: 2, H: mustOver(slide(3, 1, 1), 9), W: mustOver(slide(7, 2, 1), 14), In: 5, Out: 40, Groups: 1, Parts: []int{2, 3}},
			func(p *outerPlan) bool { return p.merged && len(p.rows) > 1 }},
		{"borders and parts", ConvShape{Batch: 2, H: mustOver(slide(3, 1, 3), 5), W: mustOver(slide(3, 2, 1), 9), In: 19, Out: 18, Groups: 1, Parts: []int{3, 16}, Border: BorderReflect},
			func(p *outerPlan) bool { return p.padded && !p.merged }},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachISA(t, func(t *testing.T) {
				if p := planOuter(&c.shape, active); !c.holds(&p) {
					t.Errorf("the plan has parts %v, %d groups of %d chunks, %d tasks, %d splits, %d row tiles; turned %t, padded %t, merged %t",
						p.parts, p.groups, p.chunks, p.tasks, p.splits, len(p.rows), p.turned, p.padded, p.merged)
				}
			})
			s := c.shape
			s.Algorithm = ConvDirect
			team := parallel.Start(2)
			defer team.Close()
			eachISA(t, func(t *testing.T) { checkConv[float32](t, team, s) })
		})
	}
}
