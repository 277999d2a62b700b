package kernels

import (
	"slices"
	"testing"
)

// TestWindowParts: the parts of a window read, and stamp, what the whole does.
func TestWindowParts(t *testing.T) {
	for _, s := range []Slide{
		{Kernel: 3, Stride: 1, Dilation: 1, Rule: PadSame}, {Kernel: 3, Stride: 2, Dilation: 1, Rule: PadSame},
		{Kernel: 2, Stride: 2, Dilation: 1}, {Kernel: 4, Stride: 2, Dilation: 1, Rule: PadSame},
		{Kernel: 5, Stride: 1, Dilation: 2, Rule: PadSameLower}, {Kernel: 2, Stride: 3, Dilation: 1},
		{Kernel: 3, Stride: 1, Dilation: 1, Rule: PadExplicit, Before: 4, After: 5},
		{Kernel: 3, Stride: 1, Dilation: 1, Rule: PadExplicit, Before: 20, After: 40},
	} {
		for _, b := range []Border{BorderZero, BorderEdge, BorderReflect, BorderSymmetric} {
			w, err := s.Over(17)
			if err != nil {
				t.Fatal(err)
			}
			whole := w.sources(b)
			for from := range w.Out {
				for to := from + 1; to <= w.Out; to++ {
					in := w.Reads(Range{from, to}, b)
					got := w.Part(in, Range{from, to}).sources(b)
					for i := range got {
						if got[i] >= 0 {
							got[i] += int32(in.From)
						}
					}
					if !slices.Equal(got, whole[from*w.Kernel:to*w.Kernel]) {
						t.Fatalf("%+v, border %d: outputs %d to %d read %v of %v", s, b, from, to, got, in)
					}
				}
			}
		}
		w, err := s.Over(17)
		if err != nil {
			t.Fatal(err)
		}
		for from := range w.In {
			for to := from + 1; to <= w.In; to++ {
				checkStamps(t, w, Range{from, to})
			}
		}
	}
}

// checkStamps compares the taps between a range of inputs and outputs with those of its part.
func checkStamps(t *testing.T, w Window, in Range) {
	t.Helper()
	out := w.Stamps(in)
	taps := func(w Window, in0, out0 int) (all [][3]int) {
		for o := range w.Out {
			for k := range w.Kernel {
				if i := w.At(o, k) + in0; i >= in.From && i < in.To {
					all = append(all, [3]int{i, o + out0, k})
				}
			}
		}
		return all
	}
	if got, want := taps(w.Part(in, out), in.From, out.From), taps(w, 0, 0); !slices.Equal(got, want) {
		t.Fatalf("%+v: positions %v are stamped by %v, want %v", w, in, got, want)
	}
}

// TestAxisParts: the parts of a map are the whole's rows.
func TestAxisParts(t *testing.T) {
	window, err := Slide{Kernel: 3, Stride: 2, Dilation: 1, Rule: PadSame}.Over(17)
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]*Axis{
		"averages": window.PoolAxis(DivideInside), "padding": NewPadAxis(9, 3, 4, BorderReflect),
		"cropping": NewPadAxis(20, -3, -4, BorderZero), "zeros": NewPadAxis(5, 7, 7, BorderZero),
	} {
		whole := a.dense()
		for from := range a.Out {
			for to := from + 1; to <= a.Out; to++ {
				in, part := a.Reads(Range{from, to}), a.Part(Range{from, to})
				if part.In != in.Len() || part.Out != to-from || !part.Equal(a.Part(Range{from, to})) {
					t.Fatalf("%s: outputs %d to %d are a map from %d to %d of %v", name, from, to, part.In, part.Out, in)
				}
				for i, row := range part.dense() {
					want := slices.Clone(whole[from+i])
					clear(want[in.From:in.To])
					if slices.ContainsFunc(want, func(w float64) bool { return w != 0 }) || !slices.Equal(row, whole[from+i][in.From:in.To]) {
						t.Fatalf("%s: output %d of those from %d to %d: %v of %v, want %v", name, from+i, from, to, row, in, whole[from+i])
					}
				}
			}
		}
	}
	if a := NewPadAxis(9, 3, 4, BorderReflect); !a.Part(Range{4, 6}).Equal(a.Part(Range{5, 7})) || a.Part(Range{2, 4}).Equal(a.Part(Range{5, 7})) {
		t.Error("which parts are equal is wrong")
	}
}

// dense is the map as a matrix.
func (a *Axis) dense() [][]float64 {
	rows := make([][]float64, a.Out)
	for i := range rows {
		rows[i] = make([]float64, a.In)
		for k := a.start[i]; k < a.start[i+1]; k++ {
			rows[i][a.index[k]] += a.weight[k]
		}
	}
	return rows
}
