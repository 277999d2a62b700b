package kernels

import (
	"strings"
	"testing"
)

// slides calls f for every slide with small numbers.
func slides(f func(s Slide)) {
	for kernel := 1; kernel <= 5; kernel++ {
		for stride := 1; stride <= 6; stride++ {
			for dilation := 1; dilation <= 3; dilation++ {
				for _, rule := range []PadRule{PadValid, PadSame, PadSameLower, PadExplicit} {
					s := Slide{Kernel: kernel, Stride: stride, Dilation: dilation, Rule: rule}
					if rule != PadExplicit {
						f(s)
						continue
					}
					for s.Before = 0; s.Before <= 3; s.Before++ {
						for s.After = 0; s.After <= 3; s.After++ {
							f(s)
						}
					}
				}
			}
		}
	}
}

// bruteForce pads an input of marks and lays windows on it one by one.
func bruteForce(s Slide, in, before, after int) (out int) {
	padded := before + in + after
	for at := 0; ; at += s.Stride {
		last := at
		for range s.Kernel - 1 {
			last += s.Dilation
		}
		fits := last < padded
		if s.Ceil {
			// The windows that fit are followed by one over what they leave over. All begin
			// before the padding behind the input does.
			fits = at < before+in && last-s.Stride < padded-1
		}
		if !fits {
			return out
		}
		out++
	}
}

// TestSizes holds every small geometry against windows laid one by one.
func TestSizes(t *testing.T) {
	count := 0
	slides(func(s Slide) {
		for in := 1; in <= 13; in++ {
			for _, ceil := range []bool{false, true} {
				s.Ceil = ceil
				a, err := s.Over(in)
				count++
				switch s.Rule {
				case PadSame, PadSameLower:
					checkSame(t, s, in, a, err)
				default:
					want := bruteForce(s, in, s.Before, s.After)
					if want == 0 && err == nil || want > 0 && (err != nil || a.Out != want) {
						t.Fatalf("%+v over %d: %d windows, error %v; by hand %d", s, in, a.Out, err, want)
					}
				}
			}
		}
	})
	if count < 10000 {
		t.Errorf("only %d geometries", count)
	}
}

// checkSame checks the definition: one window for every stride begun, the least padding
// that allows for them, and that padding divided as evenly as it can be.
func checkSame(t *testing.T, s Slide, in int, a Window, err error) {
	t.Helper()
	out := 0
	for at := 0; at < in; at += s.Stride {
		out++
	}
	if err != nil || a.Out != out {
		t.Fatalf("%+v over %d: %d windows, error %v; want %d", s, in, a.Out, err, out)
	}
	s.Ceil = false
	if got := bruteForce(s, in, a.Before, a.After); got < out {
		t.Fatalf("%+v over %d: padding %d, %d has room for %d windows of %d", s, in, a.Before, a.After, got, out)
	}
	if total := a.Before + a.After; total > 0 && bruteForce(s, in, 0, total-1) >= out {
		t.Fatalf("%+v over %d: padding %d is more than needed", s, in, total)
	}
	odd := a.After - a.Before
	if s.Rule == PadSameLower {
		odd = -odd
	}
	if odd != 0 && odd != 1 {
		t.Fatalf("%+v over %d: padding %d before, %d after", s, in, a.Before, a.After)
	}
}

// TestSizesBack: the convolution that a transposed one is the adjoint of leads from its
// result's size back to its input's, and the result is as long as what the input touches.
func TestSizesBack(t *testing.T) {
	slides(func(s Slide) {
		for in := 1; in <= 9; in++ {
			for s.OutputPadding = 0; s.OutputPadding < s.Stride; s.OutputPadding++ {
				a, err := s.Back(in)
				reached := 0 // counted from the first input's first tap
				for o := range in {
					for k := range s.Kernel {
						reached = max(reached, o*s.Stride+k*s.Dilation+1)
					}
				}
				want := 0
				switch {
				case s.Rule == PadExplicit:
					want = reached - s.Before - s.After + s.OutputPadding
				case s.OutputPadding > 0:
				case s.Rule == PadValid:
					want = max(reached, in*s.Stride)
				default:
					want = in * s.Stride
				}
				if want < 1 && err == nil || want >= 1 && (err != nil || a.In != want || a.Out != in) {
					t.Fatalf("%+v back from %d: %+v, error %v; want %d", s, in, a, err, want)
				}
				if err != nil {
					continue
				}
				there := s
				if s.Rule == PadValid && a.In < s.Extent() {
					continue
				}
				b, err := there.Over(a.In)
				if err != nil || b.Out != in || b.Before != a.Before {
					t.Fatalf("%+v back from %d to %d, and there: %+v, error %v", s, in, a.In, b, err)
				}
			}
		}
	})
}

func TestImpossibleSlides(t *testing.T) {
	ok := Slide{Kernel: 3, Stride: 2, Dilation: 2, Rule: PadExplicit}
	for _, c := range []struct {
		change func(s *Slide)
		back   bool
		want   string
	}{
		{func(s *Slide) { s.Kernel = 0 }, false, "kernel is 0"},
		{func(s *Slide) { s.Stride = -1 }, false, "stride is -1"},
		{func(s *Slide) { s.Dilation = 1 << 20 }, false, "dilation is 1048576, want 1 to 32767"},
		{func(s *Slide) { s.Kernel, s.Dilation = 1<<14, 1<<14 }, false, "spans 268419073"},
		{func(s *Slide) { s.Before = -1 }, false, "-1 before"},
		{func(s *Slide) {}, false, "a kernel of 3, dilated by 2 to span 5, does not fit into 4 padded by 0 and 0"},
		{func(s *Slide) { s.OutputPadding = 2 }, true, "output padding is 2, want less than the stride 2"},
		{func(s *Slide) { s.Rule, s.OutputPadding = PadSame, 1 }, true, "goes with explicit padding"},
		{func(s *Slide) { s.Before, s.After = 6, 5 }, true, "nothing is left of 11 after 6 are cut off before and 5 after"},
	} {
		s := ok
		c.change(&s)
		run := s.Over
		if c.back {
			run = s.Back
		}
		if _, err := run(4); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one with %q", s, err, c.want)
		}
	}
}

func TestReaders(t *testing.T) {
	a, err := Slide{Kernel: 3, Stride: 2, Dilation: 2, Rule: PadSame}.Over(7)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []Border{BorderZero, BorderReflect, BorderEdge} {
		sources := a.sources(m)
		r := invert(sources, a.In)
		seen := 0
		for i := range a.In {
			for k, e := range r.of(i) {
				if int(sources[e]) != i || k > 0 && e <= r.of(i)[k-1] {
					t.Errorf("border %d: position %d is read by %v", m, i, r.of(i))
				}
				seen++
			}
		}
		for _, s := range sources {
			if s >= 0 {
				seen--
			}
		}
		if seen != 0 {
			t.Errorf("border %d: %d entries too many", m, seen)
		}
	}
}
