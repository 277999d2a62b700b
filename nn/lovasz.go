package nn

import (
	"cmp"
	"math"
	"slices"

	"github.com/hourglass-go/hourglass/tensor"
)

// LovaszSoftmax is the Lovász extension of 1 less the Jaccard coefficient, a convex surrogate
// that can be trained by gradient (Berman et al. 2018). For a class, the error of a pixel is
// e = 1-p where the pixel is of the class and p where it is not. With the pixels in the order
// of falling errors and J_k the Jaccard loss of mistaking the first k,
//
//	loss = sum over k of e_k * (J_k - J_{k-1}), J_k = 1 - (G - g_k)/(G + k - g_k)
//
// where G pixels are of the class, g_k of them among the first k. The mean is taken over the
// classes that are in the truth. Ties stand in the order of the pixels.
//
// Inputs: prediction, probabilities [..., C]; target, the number of the pixel's class, [...] or
// [..., 1]; a mask if wanted, [...] or [..., 1]: a pixel counts where it is not 0. A single
// channel is that of class 1 of two. Output: one number a sample. As in the authors' code all
// pixels of the batch are taken together, sample i of N contributing N times what its pixels
// add to the sum; PerSample takes every sample alone. It is 0 where no class is in the truth.
//
// Gradient by p: J_k - J_{k-1} of the pixel's rank, negative where it is of the class, over
// the number of classes.
type LovaszSoftmax struct {
	Ignore    []int `json:",omitempty"` // labels of pixels that do not count
	PerSample bool
}

func init() { Register("lovasz_softmax", 1, LovaszSoftmax{}) }

// TargetShape is the shape of the target for a prediction.
func (l LovaszSoftmax) TargetShape(prediction Shape) Shape { return sparseTarget(prediction) }

// Infer returns one number a sample.
func (l LovaszSoftmax) Infer(in []Shape) (Signature, error) {
	return classLabels{sparse: true, ignore: l.Ignore}.infer(in, 1)
}

// Compile returns the arithmetic.
func (l LovaszSoftmax) Compile(batch int, in []Shape) Routine {
	return Routine{
		New32:  func() Op[float32] { return newLovasz[float32](l, batch, in) },
		New64:  func() Op[float64] { return newLovasz[float64](l, batch, in) },
		KeepIn: true,
		Saved:  batch * in[0].Elems(), // the gradients
		FLOPs:  int64(8 * batch * in[0].Elems()),
	}
}

type lovaszOp[T tensor.Float] struct {
	classLabels
	perSample bool
	pixels    int // of a group: a sample, or the batch
	groups    int
	call      *Call[T]
	sums      [][]float64    // by class and sample
	present   [][]bool       // by group and class
	broken    []bool         // by sample: has a label that is no class
	rooms     [][]lovaszItem // by worker
	class     workerTiles
}

// lovaszItem is a pixel that counts.
type lovaszItem struct {
	err   float64
	pixel int32
	inIt  bool
}

func newLovasz[T tensor.Float](l LovaszSoftmax, batch int, in []Shape) *lovaszOp[T] {
	classes := in[0][len(in[0])-1]
	o := &lovaszOp[T]{
		classLabels: classLabels{classes, true, l.Ignore}, perSample: l.PerSample,
		pixels: batch * in[0].Elems() / classes, groups: 1, broken: make([]bool, batch),
	}
	if l.PerSample {
		o.pixels, o.groups = o.pixels/batch, batch
	}
	for range classes {
		o.sums = append(o.sums, make([]float64, batch))
	}
	for range o.groups {
		o.present = append(o.present, make([]bool, classes))
	}
	o.class = o.classTile
	return o
}

func (o *lovaszOp[T]) Forward(c *Call[T]) {
	o.call = c
	for len(o.rooms) < c.Team.Workers() {
		o.rooms = append(o.rooms, make([]lovaszItem, 0, o.pixels))
	}
	o.findBroken()
	clear(c.Saved)
	for _, s := range o.sums {
		clear(s)
	}
	c.Team.Run(o.groups*o.classes, &o.class)
	for n := range c.Out[0] {
		sum := 0.0
		for k := range o.sums {
			sum += o.sums[k][n]
		}
		c.Out[0][n] = T(sum * o.scale(n))
		if o.broken[n] {
			c.Out[0][n] = T(math.NaN())
		}
	}
}

// scale is the factor of a sample's sum: over the classes that are there, times the number
// of samples that share the sum.
func (o *lovaszOp[T]) scale(n int) float64 {
	group, samples := 0, o.call.Batch
	if o.perSample {
		group, samples = n, 1
	}
	classes := 0
	for _, there := range o.present[group] {
		if there {
			classes++
		}
	}
	return float64(samples) / float64(max(classes, 1))
}

func (o *lovaszOp[T]) findBroken() {
	c := o.call
	clear(o.broken)
	for px, v := range c.In[1] {
		if o.counts(px) && o.classLabels.class(float64(v)) == invalid {
			o.broken[px*c.Batch/len(c.In[1])] = true
		}
	}
}

// counts reports whether the mask leaves a pixel in.
func (o *lovaszOp[T]) counts(px int) bool { return len(o.call.In) < 3 || o.call.In[2][px] != 0 }

// classTile sorts the errors of one class of a group, and leaves its samples' sums and the
// gradients by their probabilities.
func (o *lovaszOp[T]) classTile(tile, worker int) {
	c, group, k := o.call, tile/o.classes, tile%o.classes
	first := group * o.pixels
	items, total := o.items(o.rooms[worker][:0], first, k)
	o.present[group][k] = total > 0
	if total == 0 {
		return
	}
	slices.SortFunc(items, func(a, b lovaszItem) int {
		return cmp.Or(cmp.Compare(b.err, a.err), cmp.Compare(a.pixel, b.pixel))
	})
	perSample := len(c.In[1]) / c.Batch
	found, before := 0, 0.0
	for i, it := range items {
		if it.inIt {
			found++
		}
		jaccard := 1 - float64(total-found)/float64(total+i+1-found)
		step := jaccard - before
		before = jaccard
		px := first + int(it.pixel)
		o.sums[k][px/perSample] += it.err * step
		if it.inIt {
			step = -step
		}
		c.Saved[px*o.classes+k] = T(step)
	}
}

// items lists the pixels of a group that count, and how many are of class k.
func (o *lovaszOp[T]) items(items []lovaszItem, first, k int) (_ []lovaszItem, total int) {
	c := o.call
	for i := range o.pixels {
		px := first + i
		label := o.classLabels.class(float64(c.In[1][px]))
		if label < 0 || !o.counts(px) {
			continue
		}
		it := lovaszItem{err: float64(c.In[0][px*o.classes+k]), pixel: int32(i), inIt: o.targetAt(k, label, nil) == 1}
		if it.inIt {
			it.err = 1 - it.err
			total++
		}
		items = append(items, it)
	}
	return items, total
}

func (o *lovaszOp[T]) Backward(c *Call[T]) {
	o.call = c
	clearGrads(c, 1)
	if c.DIn[0] == nil {
		return
	}
	for n := range c.Batch {
		scale := T(float64(c.DOut[0][n]) * o.scale(n))
		dp := sampleOf(c.DIn[0], n, c.Batch)
		for i, step := range sampleOf(c.Saved, n, c.Batch) {
			dp[i] = scale * step
		}
	}
}
