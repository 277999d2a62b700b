package nn

import (
	"fmt"
	"slices"

	"github.com/hourglass-go/hourglass/tensor"
)

// classLabels is how a loss over classes, the last axis of its prediction, reads its
// target: a distribution over the classes for each pixel, or, sparse, a pixel's class.
type classLabels struct {
	classes int
	sparse  bool
	ignore  []int
}

// infer checks the shapes of prediction, target and, if there is a third input, mask. least
// is the number of classes that the loss needs.
func (l classLabels) infer(in []Shape, least int) (Signature, error) {
	if len(in) != 3 {
		if err := wantInputs(in, 2); err != nil {
			return Signature{}, err
		}
	}
	p := in[0]
	switch {
	case len(p) == 0 || p[len(p)-1] == Any:
		return Signature{}, fmt.Errorf("needs a prediction with a last axis of known size, the classes, got %v", p)
	case p[len(p)-1] < least:
		return Signature{}, fmt.Errorf("needs a prediction of at least %d classes, the last axis, got %v", least, p)
	case l.sparse && !perPixel(in[1], p):
		return Signature{}, fmt.Errorf("takes a sparse target of one number a pixel, got %v for %v", in[1], p)
	case !l.sparse && !shapesFit(in[1], p):
		return Signature{}, fmt.Errorf("takes a target of the prediction's shape, got %v for %v; Sparse is for class numbers", in[1], p)
	case !l.sparse && len(l.ignore) > 0:
		return Signature{}, fmt.Errorf("Ignore is %v, which needs a Sparse target; a mask can leave pixels out", l.ignore)
	}
	if err := inferPixelMask(in, 2); err != nil {
		return Signature{}, err
	}
	return Signature{Outputs: []Shape{{}}}, nil
}

// Classes that a label may have beside 0 and up.
const (
	ignored = -1
	invalid = -2 // not a class, and not to be ignored: the loss is not a number
)

// class reads a sparse target's number.
func (l classLabels) class(v float64) int {
	k := int(v)
	switch {
	case float64(k) != v:
		return invalid
	case slices.Contains(l.ignore, k):
		return ignored
	case k < 0 || k >= max(l.classes, 2): // one channel is that of class 1 of two
		return invalid
	}
	return k
}

// targetAt is how much of class c there is in a pixel; label is the pixel's class where the
// target is sparse, and row its distribution where it is not.
func (l classLabels) targetAt(c, label int, row []float64) float64 {
	if !l.sparse {
		return row[c]
	}
	if c == label || l.classes == 1 && label == 1 {
		return 1
	}
	return 0
}

// sparseTarget is the shape of a sparse target for a prediction.
func sparseTarget(p Shape) Shape {
	t := p.Clone()
	if len(t) > 0 {
		t[len(t)-1] = 1
	}
	return t
}

// toFloat64 copies a row into float64.
func toFloat64[T tensor.Float](dst []float64, src []T) []float64 {
	for i, v := range src {
		dst[i] = float64(v)
	}
	return dst[:len(src)]
}
