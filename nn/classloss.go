package nn

import (
	"math"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// classPixels is the number of pixels whose sums make one tile; the tiles' sums are added
// in order, so that a result does not depend on the number of workers.
const classPixels = 256

// classLoss is the arithmetic of cross-entropy over classes and of its focal form. With
// a_c = w_c*s_c, a pixel's loss is
//
//	f = sum_c -a_c * (1-p_c)^gamma * log(p_c)
//
// and its gradients are, with u_c = p_c*df/dp_c = a_c*(gamma*p_c*(1-p_c)^(gamma-1)*log(p_c)
// - (1-p_c)^gamma), df/dp_c = u_c/p_c and df/dz_c = u_c - p_c*sum_k(u_k).
type classLoss[T tensor.Float] struct {
	classLabels
	classConfig
	weights []float64
	pixels  int // of a sample
	tiles   int // of a sample

	call                *Call[T]
	sums, totals        []float64 // by tile
	sampleSums, divisor []float64 // by sample; divisor is the factor 1/divisor
	coupling            []float64 // by sample: what an input that the divisor depends on gets
	rows                []classRow
	forward, backward   workerTiles
}

// classRow is a worker's room for a pixel.
type classRow struct{ target, log, u []float64 }

func newClassLoss[T tensor.Float](k classConfig, batch int, in []Shape) *classLoss[T] {
	classes := in[0][len(in[0])-1]
	o := &classLoss[T]{
		classLabels: classLabels{classes, k.loss.Sparse, k.loss.Ignore}, classConfig: k,
		weights: k.loss.ClassWeights, pixels: in[0].Elems() / classes,
		sampleSums: make([]float64, batch), divisor: make([]float64, batch), coupling: make([]float64, batch),
	}
	if len(o.weights) == 0 {
		o.weights = make([]float64, classes)
		kernels.Fill(o.weights, 1)
	}
	o.tiles = (o.pixels + classPixels - 1) / classPixels
	o.sums, o.totals = make([]float64, batch*o.tiles), make([]float64, batch*o.tiles)
	o.forward, o.backward = o.sumTile, o.gradTile
	return o
}

// begin makes room for each of the team's workers; only a first run allocates.
func (o *classLoss[T]) begin(c *Call[T]) {
	o.call = c
	for len(o.rows) < c.Team.Workers() {
		room := make([]float64, 3*o.classes)
		o.rows = append(o.rows, classRow{room[:o.classes], room[o.classes : 2*o.classes], room[2*o.classes:]})
	}
}

func (o *classLoss[T]) Forward(c *Call[T]) {
	o.begin(c)
	c.Team.Run(len(o.sums), &o.forward)
	all := 0.0
	for n := range o.sampleSums {
		sum, total := 0.0, 0.0
		for tile := n * o.tiles; tile < (n+1)*o.tiles; tile++ {
			sum += o.sums[tile]
			total += o.totals[tile]
		}
		o.sampleSums[n], o.divisor[n] = sum, meanFactor(1, total)
		all += total
	}
	if !o.loss.PerSample {
		kernels.Fill(o.divisor, meanFactor(c.Batch, all))
	}
	for n, sum := range o.sampleSums {
		c.Out[0][n] = T(sum * o.divisor[n])
	}
}

// pixel is what one pixel has to do with the loss.
type pixel struct {
	label  int // of a sparse target
	mask   float64
	target []float64 // of a dense one
}

// read returns pixel i of sample n, and whether it counts.
func (o *classLoss[T]) read(n, i int, row *classRow) (px pixel, counts bool) {
	px.mask = 1
	if m := maskOf(o.call, 2, n); m != nil {
		if px.mask = float64(m[i]); px.mask == 0 {
			return px, false
		}
	}
	t := sampleOf(o.call.In[1], n, o.call.Batch)
	if o.sparse {
		px.label = o.class(float64(t[i]))
		return px, px.label != ignored
	}
	px.target = toFloat64(row.target, t[i*o.classes:(i+1)*o.classes])
	return px, true
}

// share is a_c of a pixel.
func (o *classLoss[T]) share(c int, px *pixel) float64 {
	e := o.loss.LabelSmoothing
	return o.weights[c] * ((1-e)*o.targetAt(c, px.label, px.target) + e/float64(o.classes))
}

// logs fills dst with log(p) of a pixel, given its prediction x and, from logits, their
// softmax p.
func (o *classLoss[T]) logs(dst []float64, x, p []T) {
	if !o.loss.Logits {
		for c, v := range x {
			dst[c] = math.Log(min(max(float64(v), bceEpsilon), 1-bceEpsilon))
		}
		return
	}
	// The largest probability is at least 1/C, so that its logarithm is exact.
	top := 0
	for c, v := range x {
		if v > x[top] {
			top = c
		}
	}
	logTop := math.Log(float64(p[top]))
	for c, v := range x {
		dst[c] = float64(v-x[top]) + logTop
	}
}

// bounds is the part of sample n that a tile covers.
func (o *classLoss[T]) bounds(tile int) (n, lo, hi int) {
	n = tile / o.tiles
	lo = tile % o.tiles * classPixels
	return n, lo, min(lo+classPixels, o.pixels)
}

func (o *classLoss[T]) sumTile(tile, worker int) {
	c, row := o.call, &o.rows[worker]
	n, lo, hi := o.bounds(tile)
	x := sampleOf(c.In[0], n, c.Batch)
	var p []T
	if o.loss.Logits {
		p = sampleOf(c.Saved, n, c.Batch)
		kernels.Softmax(p[lo*o.classes:hi*o.classes], x[lo*o.classes:hi*o.classes], o.classes)
	}
	sum, total := 0.0, 0.0
	for i := lo; i < hi; i++ {
		px, counts := o.read(n, i, row)
		if !counts {
			continue
		}
		if px.label == invalid {
			sum = math.NaN()
			break
		}
		at, end := i*o.classes, (i+1)*o.classes
		o.logs(row.log, x[at:end], partOf(p, at, end))
		weight := 1.0
		if o.loss.Divisor == WeightSum {
			weight = o.weightSum(&px)
		}
		total += px.mask * weight
		sum += px.mask * o.pixelLoss(&px, row.log)
	}
	o.sums[tile], o.totals[tile] = sum, total
}

// weightSum is the class weight of a pixel.
func (o *classLoss[T]) weightSum(px *pixel) float64 {
	if o.sparse {
		return o.weights[px.label]
	}
	sum := 0.0
	for c, t := range px.target {
		sum += o.weights[c] * t
	}
	return sum
}

func (o *classLoss[T]) pixelLoss(px *pixel, logs []float64) float64 {
	sum := 0.0
	for c, log := range logs {
		if a := o.share(c, px); a != 0 {
			sum -= a * o.focus(log) * log
		}
	}
	return sum
}

// focus is (1-p)^gamma, from log(p).
func (o *classLoss[T]) focus(log float64) float64 {
	if o.gamma == 0 {
		return 1
	}
	return math.Pow(-math.Expm1(log), o.gamma)
}

func (o *classLoss[T]) Backward(c *Call[T]) {
	o.begin(c)
	o.couple(c)
	c.Team.Run(len(o.sums), &o.backward)
	clearGrads(c, 2)
	if o.sparse {
		clear(c.DIn[1])
	}
}

// couple works out the gradient by each sample's part of the divisor: of sum_i*N/total, it
// is -sum_i*N/total², for each sample that shares the divisor.
func (o *classLoss[T]) couple(c *Call[T]) {
	all := 0.0
	for n, sum := range o.sampleSums {
		d := o.divisor[n]
		o.coupling[n] = -float64(c.DOut[0][n]) * sum * d * d
		all += o.coupling[n] / float64(c.Batch)
	}
	if !o.loss.PerSample {
		kernels.Fill(o.coupling, all)
	}
}

func (o *classLoss[T]) gradTile(tile, worker int) {
	c, row := o.call, &o.rows[worker]
	n, lo, hi := o.bounds(tile)
	x := sampleOf(c.In[0], n, c.Batch)
	dx, dt := sampleOf(c.DIn[0], n, c.Batch), sampleOf(c.DIn[1], n, c.Batch)
	var p []T
	if o.loss.Logits {
		p = sampleOf(c.Saved, n, c.Batch)
	}
	if o.sparse {
		dt = nil
	}
	scale := float64(c.DOut[0][n]) * o.divisor[n]
	for i := lo; i < hi; i++ {
		at, end := i*o.classes, (i+1)*o.classes
		px, counts := o.read(n, i, row)
		if !counts {
			clear(partOf(dx, at, end))
			clear(partOf(dt, at, end))
			continue
		}
		o.logs(row.log, x[at:end], partOf(p, at, end))
		if dx != nil {
			o.gradPrediction(dx[at:end], x[at:end], partOf(p, at, end), scale*px.mask, &px, row)
		}
		if dt != nil {
			o.gradTarget(dt[at:end], scale*px.mask, px.mask*o.coupling[n], row)
		}
	}
}

func (o *classLoss[T]) gradPrediction(dx, x, p []T, scale float64, px *pixel, row *classRow) {
	sum := 0.0
	for c, log := range row.log {
		row.u[c] = 0
		a := o.share(c, px)
		if a == 0 {
			continue
		}
		row.u[c] = -a * o.focus(log)
		if rest := -math.Expm1(log); o.gamma != 0 && rest > 0 {
			row.u[c] += a * o.gamma * math.Exp(log) * math.Pow(rest, o.gamma-1) * log
		}
		sum += row.u[c]
	}
	if o.loss.Logits {
		for c, u := range row.u {
			dx[c] = T(scale * (u - float64(p[c])*sum))
		}
		return
	}
	for c, u := range row.u {
		dx[c] = 0
		if v := float64(x[c]); v >= bceEpsilon && v <= 1-bceEpsilon {
			dx[c] = T(scale * u / v)
		}
	}
}

// gradTarget is the gradient by a dense target: of the sum, and of a divisor that depends
// on it.
func (o *classLoss[T]) gradTarget(dt []T, scale, coupling float64, row *classRow) {
	for c, log := range row.log {
		g := -scale * o.weights[c] * (1 - o.loss.LabelSmoothing) * o.focus(log) * log
		if o.loss.Divisor == WeightSum {
			g += coupling * o.weights[c]
		}
		dt[c] = T(g)
	}
}
