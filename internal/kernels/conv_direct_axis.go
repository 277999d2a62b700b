package kernels

// directAxis is how the pixels of the result lie to those of the input along one axis.
// Positions of the input are counted from the lowest one that anything reads.
type directAxis struct {
	phases []directSteps
	move   int     // positions between what neighbouring outputs of a phase read
	span   int     // positions within which an output's taps lie
	source []int32 // the input pixel at each position, -1 for none
}

// directSteps is a phase along one axis: outputs first, first+step, ..., count of them. Tap
// taps[k].tap of output i reads at position i*move + taps[k].at, in ascending order.
type directSteps struct {
	first, step, count int
	taps               []directReach
}

type directReach struct {
	tap, at      int
	class, shift int // along the columns: its list is that of a class from shift on
}

// together says that the taps read neighbouring positions.
func (s *directSteps) together() bool {
	for k := range s.taps {
		if s.taps[k].at != s.taps[0].at+k {
			return false
		}
	}
	return true
}

// gatherAxis is the axis of the gathering pass.
func gatherAxis(w Window, b Border) directAxis {
	s := directSteps{step: 1, count: w.Out}
	for k := range w.Kernel {
		s.taps = append(s.taps, directReach{tap: k, at: k * w.Dilation})
	}
	a := directAxis{phases: []directSteps{s}, move: w.Stride}
	a.finish(-w.Before, w.In, b)
	return a
}

// scatterAxis is that of the scattering pass: position u of its result is reached from
// output o of the window by tap k where o*Stride - Before + k*Dilation = u.
func scatterAxis(w Window) directAxis {
	a := directAxis{move: 1}
	low := 0
	for r := range min(w.Stride, w.In) {
		s := directSteps{first: r, step: w.Stride, count: ceilDiv(w.In-r, w.Stride)}
		for k := w.Kernel - 1; k >= 0; k-- {
			if d := r + w.Before - k*w.Dilation; modulo(d, w.Stride) == 0 {
				at := floorDiv(d, w.Stride)
				s.taps = append(s.taps, directReach{tap: k, at: at})
				low = min(low, at)
			}
		}
		a.phases = append(a.phases, s)
	}
	for _, s := range a.phases {
		for i := range s.taps {
			s.taps[i].at -= low
		}
	}
	a.finish(low, w.Out, BorderExclude)
	return a
}

// finish makes the table of sources; position 0 is at low of n pixels.
func (a *directAxis) finish(low, n int, b Border) {
	most := 0
	for _, s := range a.phases {
		most = max(most, s.count)
		for _, t := range s.taps {
			a.span = max(a.span, t.at+1)
		}
	}
	for i := range (most-1)*a.move + a.span + a.move {
		a.source = append(a.source, int32(b.at(low+i, n)))
	}
}

// count is the number of outputs of the largest phase.
func (a *directAxis) count() int {
	most := 0
	for _, s := range a.phases {
		most = max(most, s.count)
	}
	return most
}
