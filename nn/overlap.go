package nn

import (
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// overlapConfig is what the losses of overlap between a predicted region and a true one
// have in common. For each sample and class, with sums over pixels weighed by the mask,
// I = sum(p*t), P = sum(p), T = sum(t), or P = sum(p²), T = sum(t²) where squared,
//
//	overlap = (I + smooth) / (I + alpha*(P-I) + beta*(T-I) + smooth)
//
// is the Tversky index: P-I are the false positives and T-I the false negatives. Alpha =
// beta = 1/2 make it Dice's coefficient, 2I/(P+T), alpha = beta = 1 Jaccard's, I/(P+T-I).
// The loss of a sample is 1 less the mean over the classes that are in the truth, T > 0; 0
// where there are none.
//
// Gradient, with the overlap A/B: by p, (t*B - A*((1-alpha-beta)*t + alpha))/B² (for squares
// 2*p in place of the last 1 beside alpha), times -1/classes; by t alike.
type overlapConfig struct {
	labels              classLabels
	alpha, beta, smooth float64
	squared             bool
}

func (k overlapConfig) compile(batch int, in []Shape) Routine {
	k.labels.classes = in[0][len(in[0])-1]
	return Routine{
		New32:  func() Op[float32] { return newOverlap[float32](k, batch) },
		New64:  func() Op[float64] { return newOverlap[float64](k, batch) },
		KeepIn: true,
		FLOPs:  int64(6 * batch * in[0].Elems()),
	}
}

type overlapOp[T tensor.Float] struct {
	overlapConfig
	call              *Call[T]
	sums              [][]overlapSums // by sample and class
	present           []int           // by sample, the number of classes in the truth
	rows              [][]float64     // by worker, a pixel's target
	forward, backward workerTiles
}

// overlapSums are those of a sample and class.
type overlapSums struct{ both, pred, truth float64 }

func newOverlap[T tensor.Float](k overlapConfig, batch int) *overlapOp[T] {
	o := &overlapOp[T]{overlapConfig: k, present: make([]int, batch)}
	for range batch {
		o.sums = append(o.sums, make([]overlapSums, k.labels.classes))
	}
	o.forward, o.backward = o.sample, o.gradSample
	return o
}

func (o *overlapOp[T]) begin(c *Call[T]) {
	o.call = c
	for len(o.rows) < c.Team.Workers() {
		o.rows = append(o.rows, make([]float64, o.labels.classes))
	}
}

func (o *overlapOp[T]) Forward(c *Call[T]) {
	o.begin(c)
	c.Team.Run(c.Batch, &o.forward)
}

func (o *overlapOp[T]) Backward(c *Call[T]) {
	o.begin(c)
	c.Team.Run(c.Batch, &o.backward)
	clearGrads(c, 2)
	if o.labels.sparse {
		clear(c.DIn[1])
	}
}

// read sets row to the target of pixel i and returns its weight: 0 for one that does not
// count, not a number for one without a class.
func (o *overlapOp[T]) read(row []float64, t, mask []T, i int) (weight float64) {
	weight = 1
	if mask != nil {
		if weight = float64(mask[i]); weight == 0 {
			return 0
		}
	}
	if !o.labels.sparse {
		toFloat64(row, t[i*len(row):(i+1)*len(row)])
		return weight
	}
	label := o.labels.class(float64(t[i]))
	for c := range row {
		row[c] = o.labels.targetAt(c, label, nil)
	}
	switch label {
	case ignored:
		return 0
	case invalid:
		return math.NaN()
	}
	return weight
}

func (o *overlapOp[T]) sample(n, worker int) {
	c, row, sums := o.call, o.rows[worker], o.sums[n]
	clear(sums)
	p, t, mask := sampleOf(c.In[0], n, c.Batch), sampleOf(c.In[1], n, c.Batch), maskOf(c, 2, n)
	for i := range len(p) / len(row) {
		w := o.read(row, t, mask, i)
		if w == 0 {
			continue
		}
		for k, v := range p[i*len(row) : (i+1)*len(row)] {
			y, s := float64(v), &sums[k]
			s.both += w * y * row[k]
			if o.squared {
				s.pred += w * y * y
				s.truth += w * row[k] * row[k]
			} else {
				s.pred += w * y
				s.truth += w * row[k]
			}
		}
	}
	total := 0.0
	o.present[n] = 0
	for _, s := range sums {
		if s.truth == 0 {
			continue
		}
		o.present[n]++
		if a, b := o.ratio(s); b != 0 {
			total += a / b
		}
	}
	c.Out[0][n] = 0
	if o.present[n] > 0 {
		c.Out[0][n] = T(1 - total/float64(o.present[n]))
	}
}

// ratio is the numerator and the denominator of the overlap.
func (o *overlapOp[T]) ratio(s overlapSums) (a, b float64) {
	return s.both + o.smooth, s.both + o.alpha*(s.pred-s.both) + o.beta*(s.truth-s.both) + o.smooth
}

func (o *overlapOp[T]) gradSample(n, worker int) {
	c, row := o.call, o.rows[worker]
	p, t, mask := sampleOf(c.In[0], n, c.Batch), sampleOf(c.In[1], n, c.Batch), maskOf(c, 2, n)
	dp, dt := sampleOf(c.DIn[0], n, c.Batch), sampleOf(c.DIn[1], n, c.Batch)
	clear(dp)
	clear(dt)
	if o.labels.sparse {
		dt = nil
	}
	scale := -float64(c.DOut[0][n]) / float64(max(o.present[n], 1))
	for i := range len(p) / len(row) {
		w := o.read(row, t, mask, i)
		if w == 0 {
			continue
		}
		for k, s := range o.sums[n] {
			a, b := o.ratio(s)
			if s.truth == 0 || b == 0 {
				continue
			}
			at := i*len(row) + k
			y, truth := float64(p[at]), row[k]
			gp, gt := 1.0, 1.0 // of pred and truth by this pixel
			if o.squared {
				gp, gt = 2*y, 2*truth
			}
			rest := 1 - o.alpha - o.beta
			if dp != nil {
				dp[at] = T(scale * w * (truth*b - a*(rest*truth+o.alpha*gp)) / (b * b))
			}
			if dt != nil {
				dt[at] = T(scale * w * (y*b - a*(rest*y+o.beta*gt)) / (b * b))
			}
		}
	}
}
