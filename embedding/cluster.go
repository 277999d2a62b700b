package embedding

import (
	"context"
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// KMeansOptions are the settings of [KMeans].
type KMeansOptions struct {
	// Clusters is the number of clusters, 1 to N.
	Clusters int
	// Restarts is how many times to begin anew, the best result is kept; default 10.
	Restarts int
	// Iterations bounds the iterations of each start; default 300.
	Iterations int
	// Tolerance ends a start once the centres' squared moves sum to at most this times
	// the mean variance of the axes; default 1e-4.
	Tolerance float64
	// Seed chooses the first centres.
	Seed uint64
	// Workers is the number of processor cores to use, default GOMAXPROCS. The result
	// does not depend on it.
	Workers int
}

// Clusters is what [KMeans] finds.
type Clusters struct {
	// Labels is the cluster of every point, from 0.
	Labels []int32
	// Centres are the means of the clusters, [K, D].
	Centres *tensor.Tensor
	// Inertia is the sum of the points' squared distances from their centres.
	Inertia float64
	// Iterations is how many the best start took.
	Iterations int
}

// KMeans clusters points [N, D] by Lloyd's algorithm from k-means++ centres (Arthur and
// Vassilvitskii 2007, the greedy variant), and returns the start of least inertia. A cluster that loses all
// its points takes the point farthest from its centre; with fewer different points
// than clusters, some stay empty.
func KMeans(ctx context.Context, x *tensor.Tensor, o KMeansOptions) (*Clusters, error) {
	p, err := pointsOf(x, "points")
	if err != nil {
		return nil, err
	}
	setDefault(&o.Restarts, 10)
	setDefault(&o.Iterations, 300)
	setDefault(&o.Tolerance, 1e-4)
	switch {
	case o.Clusters < 1 || o.Clusters > p.n:
		return nil, fmt.Errorf("embedding: %d clusters of %d points; want 1 to %d", o.Clusters, p.n, p.n)
	case o.Restarts < 1 || o.Iterations < 1 || !(o.Tolerance > 0):
		return nil, fmt.Errorf("embedding: k-means with %d restarts, %d iterations, tolerance %v; want positive numbers", o.Restarts, o.Iterations, o.Tolerance)
	}
	team := parallel.Start(o.Workers)
	defer team.Close()
	l := newLloyd(team, p, o.Clusters)
	shift := o.Tolerance * meanVariance(p)
	var best *Clusters
	for restart := range o.Restarts {
		l.begin(rng.New(o.Seed, rng.Hash("embedding/kmeans"), uint64(restart)))
		c, err := l.converge(ctx, o.Iterations, shift)
		if err != nil {
			return nil, err
		}
		if best == nil || c.Inertia < best.Inertia {
			best = c
		}
	}
	return best, nil
}

// meanVariance is the mean over the axes of their variance (divisor n).
func meanVariance(p *points) float64 {
	sum := 0.0
	for j := range p.d {
		var m, squares float64
		for i := range p.n {
			m += p.v[i*p.d+j]
		}
		m /= float64(p.n)
		for i := range p.n {
			d := p.v[i*p.d+j] - m
			squares += d * d
		}
		sum += squares / float64(p.n)
	}
	return sum / float64(p.d)
}

// lloyd is the state of one start of k-means.
type lloyd struct {
	team     *parallel.Team
	p        *points
	centres  points
	labels   []int32
	distance []float64 // squared, of each point from its centre
	work     each
	// Of each chunk: the sums and numbers of the points in every cluster, whether a
	// label changed.
	sums    [][]float64
	counts  [][]int
	changed []bool
}

func newLloyd(team *parallel.Team, p *points, k int) *lloyd {
	l := &lloyd{
		team: team, p: p, centres: points{n: k, d: p.d, v: make([]float64, k*p.d)},
		labels: make([]int32, p.n), distance: make([]float64, p.n),
		work: each{n: p.n, size: 512},
	}
	for range l.work.chunks() {
		l.sums = append(l.sums, make([]float64, k*p.d))
		l.counts = append(l.counts, make([]int, k))
	}
	l.changed = make([]bool, l.work.chunks())
	l.work.do = l.assign
	return l
}

// begin draws the centres: the first evenly, each further one with a probability
// proportional to the squared distance from the nearest centre so far. Of a few such
// draws the one that leaves the smallest sum of distances is taken, as in scikit-learn.
func (l *lloyd) begin(draw rng.Key) {
	for i := range l.labels {
		l.labels[i] = -1
		l.distance[i] = math.Inf(1)
	}
	trials := 2 + int(math.Log(float64(l.centres.n)))
	copy(l.centres.row(0), l.p.row(draw.IntN(0, l.p.n)))
	l.nearer(l.centres.row(0), l.distance)
	best, trial := make([]float64, l.p.n), make([]float64, l.p.n)
	for c := 1; c < l.centres.n; c++ {
		left, least := total(l.distance), math.Inf(1)
		for t := range trials {
			row := l.p.row(l.pick(left * draw.Float64(uint64(c*trials+t))))
			copy(trial, l.distance)
			if sum := l.nearer(row, trial); sum < least {
				least = sum
				copy(l.centres.row(c), row)
				best, trial = trial, best
			}
		}
		copy(l.distance, best)
	}
}

// pick returns the point at which the running sum of the distances exceeds a value.
func (l *lloyd) pick(value float64) int {
	for i, d := range l.distance {
		if value < d {
			return i
		}
		value -= d
	}
	return l.p.n - 1
}

// nearer lowers the points' distances to those from a further centre, where that is
// nearer, and returns their sum.
func (l *lloyd) nearer(centre, distance []float64) float64 {
	sum := 0.0
	for i, d := range distance {
		distance[i] = min(d, squaredDistance(l.p.row(i), centre, d))
		sum += distance[i]
	}
	return sum
}

func (l *lloyd) converge(ctx context.Context, iterations int, shift float64) (*Clusters, error) {
	done := 0
	for done < iterations {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		done++
		if !l.assignAll() {
			return l.result(done), nil
		}
		if l.update() <= shift {
			break
		}
	}
	l.assignAll()
	return l.result(done), nil
}

// assignAll gives every point to its nearest centre and reports whether any changed.
func (l *lloyd) assignAll() bool {
	l.work.run(l.team)
	for _, c := range l.changed {
		if c {
			return true
		}
	}
	return false
}

func (l *lloyd) assign(chunk, lo, hi, _ int) {
	sums, counts := l.sums[chunk], l.counts[chunk]
	clear(sums)
	clear(counts)
	l.changed[chunk] = false
	for i := lo; i < hi; i++ {
		row := l.p.row(i)
		label, least := 0, math.Inf(1)
		for c := range l.centres.n {
			if d := squaredDistance(row, l.centres.row(c), least); d < least {
				label, least = c, d
			}
		}
		if l.labels[i] != int32(label) {
			l.labels[i], l.changed[chunk] = int32(label), true
		}
		l.distance[i] = least
		counts[label]++
		sum := sums[label*l.p.d : (label+1)*l.p.d]
		for j, v := range row {
			sum[j] += v
		}
	}
}

// update moves every centre to the mean of its points and returns by how much, as a sum
// of squares.
func (l *lloyd) update() float64 {
	sums, counts := l.sums[0], l.counts[0]
	for chunk := 1; chunk < len(l.sums); chunk++ {
		for i, v := range l.sums[chunk] {
			sums[i] += v
		}
		for c, n := range l.counts[chunk] {
			counts[c] += n
		}
	}
	l.refill(sums, counts)
	moved := 0.0
	for c, n := range counts {
		if n == 0 {
			continue
		}
		centre := l.centres.row(c)
		for j := range centre {
			mean := sums[c*l.p.d+j] / float64(n)
			moved += (mean - centre[j]) * (mean - centre[j])
			centre[j] = mean
		}
	}
	return moved
}

// refill moves into each empty cluster the point farthest from its centre.
func (l *lloyd) refill(sums []float64, counts []int) {
	for c, n := range counts {
		if n > 0 {
			continue
		}
		far := 0
		for i, d := range l.distance {
			if d > l.distance[far] {
				far = i
			}
		}
		from := int(l.labels[far])
		if l.distance[far] == 0 || counts[from] == 1 {
			return // no cluster can spare a point
		}
		for j, v := range l.p.row(far) {
			sums[from*l.p.d+j] -= v
			sums[c*l.p.d+j] += v
		}
		counts[from]--
		counts[c]++
		l.labels[far], l.distance[far] = int32(c), 0
	}
}

func (l *lloyd) result(iterations int) *Clusters {
	r := &Clusters{
		Labels: append([]int32(nil), l.labels...), Centres: tensor.New(l.centres.n, l.centres.d),
		Inertia: total(l.distance), Iterations: iterations,
	}
	for i, v := range l.centres.v {
		r.Centres.Data[i] = float32(v)
	}
	return r
}

// NMI is the normalised mutual information of two labellings of the same things, from 0
// to 1: their mutual information over the arithmetic mean of their entropies. It is 1
// where both have a single label, as in scikit-learn.
func NMI(a, b []int32) (float64, error) {
	if len(a) != len(b) || len(a) == 0 {
		return 0, fmt.Errorf("embedding: mutual information of %d and %d labels; want equally many, at least 1", len(a), len(b))
	}
	na, nb := numbered(a), numbered(b)
	ka, kb := 1+maxOf(na), 1+maxOf(nb)
	if ka == 1 && kb == 1 {
		return 1, nil
	}
	both, rows, columns := map[int]float64{}, make([]float64, ka), make([]float64, kb)
	for i := range na {
		both[na[i]*kb+nb[i]]++
		rows[na[i]]++
		columns[nb[i]]++
	}
	n := float64(len(a))
	mutual := 0.0
	for at := range ka * kb {
		if c := both[at]; c > 0 {
			mutual += c / n * math.Log(c*n/(rows[at/kb]*columns[at%kb]))
		}
	}
	// What rounding leaves of independent labels is none.
	if mutual <= 0x1p-52 {
		return 0, nil
	}
	return mutual / ((entropy(rows, n) + entropy(columns, n)) / 2), nil
}

// numbered replaces labels by numbers from 0, in the order of their first appearance.
func numbered(labels []int32) []int {
	numbers, out := map[int32]int{}, make([]int, len(labels))
	for i, l := range labels {
		n, known := numbers[l]
		if !known {
			n = len(numbers)
			numbers[l] = n
		}
		out[i] = n
	}
	return out
}

func maxOf(v []int) int {
	top := 0
	for _, x := range v {
		top = max(top, x)
	}
	return top
}

func entropy(counts []float64, n float64) float64 {
	sum := 0.0
	for _, c := range counts {
		sum -= c / n * math.Log(c/n)
	}
	return sum
}
