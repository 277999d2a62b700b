package embedding

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/tensor"
)

// affinities are the joint probabilities p_ij of t-SNE, a symmetric matrix with sum 1 of
// which only the entries between near neighbours are kept (van der Maaten 2014, 4.1), in
// compressed rows: those of row i are [start[i], start[i+1]).
type affinities struct {
	start []int
	index []int32
	p     []float32
}

// neighboursFor is how many neighbours stand for all others at a perplexity.
func neighboursFor(perplexity float64, n int) int { return min(int(3*perplexity+1), n-1) }

func checkPerplexity(perplexity float64, n int) error {
	if !(perplexity > 1) {
		return fmt.Errorf("embedding: perplexity %v; want more than 1, usually 5 to 50", perplexity)
	}
	if need := 3*perplexity + 1; float64(n) < need {
		return fmt.Errorf("embedding: %d codes are too few for perplexity %v, which needs %.0f; use more codes, or a perplexity of at most %.4g", n, perplexity, math.Ceil(need), float64(n-1)/3)
	}
	return nil
}

// newAffinities calibrates the conditional probabilities of every point's neighbours to
// the perplexity and makes them joint: p_ij = (p_j|i + p_i|j) / 2N.
func newAffinities(ctx context.Context, team *parallel.Team, p *points, perplexity float64) (*affinities, error) {
	k := neighboursFor(perplexity, p.n)
	found, err := nearestNeighbours(ctx, team, p, k)
	if err != nil {
		return nil, err
	}
	conditional := make([]float64, len(found))
	work := &each{n: p.n, size: 64, do: func(_, lo, hi, _ int) {
		for i := lo; i < hi; i++ {
			calibrate(conditional[i*k:(i+1)*k], found[i*k:(i+1)*k], perplexity)
		}
	}}
	work.run(team)
	return symmetric(found, conditional, p.n, k), nil
}

// calibrate fills p with the probabilities exp(-beta*d) / sum of a point's neighbours at
// squared distances d, where beta is found by bisection such that their entropy is the
// logarithm of the perplexity to within 1e-5 (van der Maaten and Hinton 2008, 2). Where
// more than perplexity neighbours are equally near no beta does that: those share all.
func calibrate(p []float64, found []neighbour, perplexity float64) {
	const tolerance, steps = 1e-5, 100
	// Only differences of distances matter; counted from the nearest, some term of the
	// sum is 1, and nothing underflows as a whole.
	nearest, mean := found[0].distance, 0.0
	for _, n := range found {
		mean += n.distance - nearest
	}
	mean /= float64(len(found))
	if mean == 0 {
		for j := range p {
			p[j] = 1 / float64(len(p))
		}
		return
	}
	target := math.Log(perplexity)
	beta, low, high := 1/mean, 0.0, math.Inf(1)
	for range steps {
		sum, weighted := 0.0, 0.0
		for j, n := range found {
			d := n.distance - nearest
			p[j] = math.Exp(-beta * d)
			sum += p[j]
			weighted += d * p[j]
		}
		for j := range p {
			p[j] /= sum
		}
		difference := math.Log(sum) + beta*weighted/sum - target
		switch {
		case math.Abs(difference) <= tolerance:
			return
		case difference < 0:
			high = beta
			beta = (low + high) / 2
		case math.IsInf(high, 1):
			low, beta = beta, 2*beta
		default:
			low = beta
			beta = (low + high) / 2
		}
	}
}

// symmetric adds the n x k sparse matrix to its transpose and scales the sum to 1.
func symmetric(found []neighbour, conditional []float64, n, k int) *affinities {
	// The transpose, its rows in rising order since they are filled in that order.
	start := make([]int, n+1)
	for _, f := range found {
		start[f.index+1]++
	}
	for i := range n {
		start[i+1] += start[i]
	}
	type entry struct {
		index int32
		p     float64
	}
	transpose, end := make([]entry, len(found)), slices.Clone(start)
	for at, f := range found {
		transpose[end[f.index]] = entry{int32(at / k), conditional[at]}
		end[f.index]++
	}
	a := &affinities{start: make([]int, 1, n+1)}
	row := make([]entry, k)
	add := func(e entry) {
		a.index = append(a.index, e.index)
		a.p = append(a.p, float32(e.p/float64(2*n)))
	}
	for i := range n {
		for j := range row {
			row[j] = entry{found[i*k+j].index, conditional[i*k+j]}
		}
		slices.SortFunc(row, func(a, b entry) int { return int(a.index - b.index) })
		own, other := row, transpose[start[i]:start[i+1]]
		for len(own) > 0 && len(other) > 0 {
			switch {
			case own[0].index < other[0].index:
				add(own[0])
				own = own[1:]
			case own[0].index > other[0].index:
				add(other[0])
				other = other[1:]
			default:
				add(entry{own[0].index, own[0].p + other[0].p})
				own, other = own[1:], other[1:]
			}
		}
		for _, e := range own {
			add(e)
		}
		for _, e := range other {
			add(e)
		}
		a.start = append(a.start, len(a.index))
	}
	return a
}

// divergence is the part of the Kullback-Leibler divergence that rows [lo, hi) add, in
// nats: the sum of p_ij log(p_ij/q_ij), q_ij = 1/(z (1+|y_i-y_j|^2)). Entries that were
// left out of p, or are too small for a float32, add nothing.
func (a *affinities) divergence(y []vec, z float64, lo, hi int) float64 {
	sum := 0.0
	for i := lo; i < hi; i++ {
		for e := a.start[i]; e < a.start[i+1]; e++ {
			if p := float64(a.p[e]); p > 0 {
				dx, dy := y[i].x-y[a.index[e]].x, y[i].y-y[a.index[e]].y
				sum += p * math.Log(p*z*(1+dx*dx+dy*dy))
			}
		}
	}
	return sum
}

// Divergence is the Kullback-Leibler divergence of a map [N, 2] of the codes [N, D] from
// their affinities at the perplexity, in nats, with the exact normalisation over all
// pairs: what [TSNE] minimises. Only the affinities of about 3*perplexity neighbours
// a point are counted, as there.
func Divergence(ctx context.Context, codes, plane *tensor.Tensor, perplexity float64) (float64, error) {
	p, err := pointsOf(codes, "codes")
	if err != nil {
		return 0, err
	}
	y, err := planeOf(plane, p.n)
	if err != nil {
		return 0, err
	}
	if err := checkPerplexity(perplexity, p.n); err != nil {
		return 0, err
	}
	team := parallel.Start(0)
	defer team.Close()
	a, err := newAffinities(ctx, team, p, perplexity)
	if err != nil {
		return 0, err
	}
	z := newAllPairs(p.n).repel(team, y)
	return a.divergence(y, z, 0, p.n), ctx.Err()
}
