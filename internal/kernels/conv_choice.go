package kernels

// choose picks the algorithm of the passes in single or in double precision: by the shape
// and the instruction set, never by a measurement, so that results can be repeated.
func (s *ConvShape) choose(single bool) ConvAlgorithm {
	simd := single && active != generic
	switch a := s.Algorithm; {
	case a.winograd() > 0 && s.winogradFits():
		return a
	case a == ConvLoop || a == ConvPatch || a == ConvDirect:
		return a
	case a == ConvAuto && simd && s.winogradFits() && s.wide():
		if best := s.winogradBest(); best != ConvAuto {
			return best
		}
	}
	return ConvDirect
}

// narrowGroup is the number of output channels below which a group is not worth a matrix
// product of its own.
const narrowGroup = 8

// chooseOuter chooses the algorithm of the kernel's gradient.
func (s *ConvShape) chooseOuter(single bool) ConvAlgorithm {
	if a := s.choose(single); a != ConvDirect && a != ConvPatch {
		return a
	}
	if s.Groups > 1 && (s.groupIn() == 1 || s.groupOut() < narrowGroup) {
		return ConvLoop
	}
	return ConvDirect
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

// The model of costs counts what two cores take, in vector multiply-adds of one core, for
// each pair of an input and an output channel. docs/decisions/0012-winograd.md has the
// measurements that it stands on.
const (
	directCost    = 1 / 0.9  // of a multiply-add
	winogradCost  = 1 / 0.85 // of a multiply-add in the products
	transformCost = 8        // of a number that a transform of a tile makes or reads
	// kernelCost is that of an element of the kernel, or of its transformed form, which
	// comes from memory: a network's weights do not stay in a cache from run to run.
	kernelCost = 1.25
)

// winogradBest is the tile with the lowest cost, ConvAuto where that is the direct way's.
// bfloat16 halves the cost of products and of the kernel.
func (s *ConvShape) winogradBest() ConvAlgorithm {
	lanes := float64(vectorSets[active].lanes)
	best, least := ConvAuto, directCost*float64(s.directProducts())/lanes+9*kernelCost
	for _, a := range []ConvAlgorithm{ConvWinograd2, ConvWinograd4} {
		m := int(a.winograd())
		part := 1.0
		if s.inPairs() {
			part = 0.5
		}
		tiles := float64(s.Batch * ceilDiv(s.H.Out, m) * ceilDiv(s.W.Out, m))
		perTile := part*winogradCost + transformCost*(1/float64(s.In)+1/float64(s.Out))
		if cost := float64(a.winograd().planes()) * (tiles*perTile/lanes + part*kernelCost); cost < least {
			best, least = a, cost
		}
	}
	return best
}

// directProducts is how many multiplications a pair of channels takes, of a kernel of 3x3,
// without the padding that the direct algorithm leaves out on small pictures.
func (s *ConvShape) directProducts() int {
	if s.W.Out < 2*directReaches[active].rows {
		return s.Batch * s.H.reads() * s.W.reads()
	}
	return 9 * s.pixelsOut()
}

// inPairs says whether the forward pass, by Winograd's algorithm, is to work, and can, with
// pairs of bfloat16.
func (s *ConvShape) inPairs() bool {
	for _, n := range s.parts() {
		if n%2 != 0 {
			return false
		}
	}
	return s.BFloat16 && !s.Transposed && s.wide() && HasBFloat16()
}
