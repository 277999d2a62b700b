package kernels

// PeakFlops runs turns of a loop of multiply-adds on registers alone, and returns the
// number of floating-point operations that were done: the measure of what the
// processor can do at best with the variant in use.
func PeakFlops(turns int) float64 {
	if active == generic {
		peakSink = peakGeneric(turns)
		return float64(turns) * 8 * 2
	}
	return float64(turns) * active.peak(turns)
}

// peakSink keeps the compiler from leaving out the loop.
var peakSink float32

func peakGeneric(turns int) float32 {
	var a, b, c, d, e, f, g, h float32
	const x, y = .5, .25
	for range turns {
		a, b, c, d = a*x+y, b*x+y, c*x+y, d*x+y
		e, f, g, h = e*x+y, f*x+y, g*x+y, h*x+y
	}
	return a + b + c + d + e + f + g + h
}
