package kernels

// narrowGroup is the number of output channels below which a group is not worth a matrix
// product of its own.
const narrowGroup = 8

// choose picks the algorithm of the passes in single or in double precision: by the shape
// and the instruction set, never by a measurement, so that results can be repeated.
func (s *ConvShape) choose(single bool) ConvAlgorithm {
	simd := single && active != generic
	switch a := s.Algorithm; {
	case a.winograd() > 0 && s.winogradFits():
		return a
	case a == ConvLoop || a == ConvPatch:
		return a
	case a == ConvAuto && simd && s.winogradFits() && s.wide():
		if best := s.winogradBest(); best != ConvAuto {
			return best
		}
	}
	if s.Groups > 1 && (s.groupIn() == 1 || s.groupOut() < narrowGroup) {
		return ConvLoop
	}
	return ConvPatch
}

// wide says whether all channels fill vectors, which the transforms in assembly want.
func (s *ConvShape) wide() bool {
	lanes := vectorSets[active].lanes
	for _, n := range s.parts() {
		if n < lanes {
			return false
		}
	}
	return s.Out >= lanes
}

// The model of costs counts, for each pair of an input and an output channel, the vector
// multiply-adds of a direct convolution, and for Winograd's those of the products and of the
// transforms, as docs/decisions/0010-winograd.md measured them.
const (
	directCost    = 1 / 0.9  // of a multiply-add
	winogradCost  = 1 / 0.85 // of a multiply-add in the products
	transformCost = 3.5      // of a number that a transform of a tile makes or reads
)

// winogradBest is the tile with the lowest cost, ConvAuto where that is the direct way's.
func (s *ConvShape) winogradBest() ConvAlgorithm {
	best, least := ConvAuto, directCost*9*float64(s.pixelsOut())
	for _, a := range []ConvAlgorithm{ConvWinograd2, ConvWinograd4} {
		m := int(a.winograd())
		tiles := float64(s.Batch * ceilDiv(s.H.Out, m) * ceilDiv(s.W.Out, m))
		perPair := winogradCost + transformCost*(1/float64(s.In)+1/float64(s.Out))
		if cost := tiles * float64(a.winograd().planes()) * perPair; cost < least {
			best, least = a, cost
		}
	}
	return best
}
