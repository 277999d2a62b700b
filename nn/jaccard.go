package nn

// JaccardLoss is 1 less Jaccard's coefficient, intersection over union, for each sample the
// mean over the classes that are in the truth; one that is not is skipped. For each sample
// and class (Rahman and Wang 2016),
//
//	jaccard = (sum(p*t) + Smooth) / (sum(p) + sum(t) - sum(p*t) + Smooth)
//
// Squared sums p² and t² in the divisor. Inputs and output are as in [DiceLoss].
//
// Gradient by p, for a class with divisor B and coefficient j: (j*(1-t) - t)/B over the
// number of classes, (j*(2p-t) - t)/B where Squared.
type JaccardLoss struct {
	Sparse  bool
	Ignore  []int   `json:",omitempty"` // labels of pixels that do not count; Sparse only
	Smooth  float64 // at least 0; makes the coefficients of small regions less steep
	Squared bool
}

func init() { Register("jaccard_loss", 1, JaccardLoss{}) }

func (l JaccardLoss) config() overlapConfig {
	return overlapConfig{
		labels: classLabels{sparse: l.Sparse, ignore: l.Ignore}, squared: l.Squared,
		alpha: 1, beta: 1, smooth: l.Smooth,
	}
}

// TargetShape is the shape of the target for a prediction.
func (l JaccardLoss) TargetShape(prediction Shape) Shape { return overlapTarget(l.Sparse, prediction) }

// Infer returns one number a sample.
func (l JaccardLoss) Infer(in []Shape) (Signature, error) {
	return inferOverlap(l.config(), l.Smooth, in)
}

// Compile returns the arithmetic.
func (l JaccardLoss) Compile(batch int, in []Shape) Routine { return l.config().compile(batch, in) }
