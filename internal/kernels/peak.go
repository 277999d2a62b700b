package kernels

// PeakFlops runs turns of a loop of multiply-adds on registers alone, and returns the
// number of floating-point operations that were done: the measure of what the
// processor can do at best with the variant in use. In plain Go there is no such loop,
// and it returns 0.
func PeakFlops(turns int) float64 {
	if active == generic {
		return 0
	}
	return float64(turns) * active.peak(turns)
}
