package embedding

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/tensor"
)

// neighbour is another point and its squared distance.
type neighbour struct {
	distance float64
	index    int32
}

// before orders neighbours by distance, those of equal distance by index.
func (a neighbour) before(b neighbour) bool {
	return a.distance < b.distance || a.distance == b.distance && a.index < b.index
}

func compareNeighbours(a, b neighbour) int {
	switch {
	case a.before(b):
		return -1
	case b.before(a):
		return 1
	}
	return 0
}

// nearest is a max-heap of the k nearest neighbours met so far.
type nearest []neighbour

// offer takes n in where it belongs among the nearest cap(h).
func (h nearest) offer(n neighbour) nearest {
	if len(h) < cap(h) {
		h = append(h, n)
		for i := len(h) - 1; i > 0; {
			parent := (i - 1) / 2
			if !h[parent].before(h[i]) {
				break
			}
			h[parent], h[i] = h[i], h[parent]
			i = parent
		}
		return h
	}
	if !n.before(h[0]) {
		return h
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child].before(h[child+1]) {
			child++
		}
		if !n.before(h[child]) {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = n
	return h
}

// limit is the distance beyond which nothing is taken in any more.
func (h nearest) limit() float64 {
	if len(h) < cap(h) {
		return math.Inf(1)
	}
	return h[0].distance
}

// nearestNeighbours returns the k nearest other points of every point, nearest first:
// those of point i are [i*k, (i+1)*k). The search is exact and compares all pairs, in
// blocks that stay in the first-level cache. K is from 1 to n-1.
func nearestNeighbours(ctx context.Context, team *parallel.Team, p *points, k int) ([]neighbour, error) {
	const queries = 32
	q := spread(p)
	block := max(1, 2048/p.d) // 16 KiB of candidates
	found := make([]neighbour, p.n*k)
	work := &each{n: p.n, size: queries, do: func(_, lo, hi, _ int) {
		if ctx.Err() != nil {
			return
		}
		var heaps [queries]nearest
		for i := lo; i < hi; i++ {
			heaps[i-lo] = nearest(found[i*k : i*k : (i+1)*k])
		}
		for from := 0; from < q.n; from += block {
			to := min(from+block, q.n)
			for i := lo; i < hi; i++ {
				heaps[i-lo] = search(heaps[i-lo], q, i, from, to)
			}
		}
		for i := lo; i < hi; i++ {
			slices.SortFunc(found[i*k:(i+1)*k], compareNeighbours)
		}
	}}
	work.run(team)
	return found, ctx.Err()
}

// search offers the points of [from, to) other than i to the heap of point i.
func search(h nearest, p *points, i, from, to int) nearest {
	a, limit := p.row(i), h.limit()
	for j := from; j < to; j++ {
		if d := squaredDistance(a, p.row(j), limit); d <= limit && j != i {
			h = h.offer(neighbour{d, int32(j)})
			limit = h.limit()
		}
	}
	return h
}

// spread returns the points with their coordinates by falling variance: distances are
// the same, and the sum that squaredDistance forms exceeds its limit sooner.
func spread(p *points) *points {
	variance, order := make([]float64, p.d), make([]int, p.d)
	for j := range order {
		order[j] = j
		var sum, squares float64
		for i := range p.n {
			v := p.v[i*p.d+j] - p.v[j]
			sum += v
			squares += v * v
		}
		variance[j] = squares - sum*sum/float64(p.n)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case variance[a] > variance[b]:
			return -1
		case variance[a] < variance[b]:
			return 1
		}
		return 0
	})
	q := &points{n: p.n, d: p.d, v: make([]float64, len(p.v))}
	for i := range p.n {
		from, to := p.row(i), q.row(i)
		for j, axis := range order {
			to[j] = from[axis]
		}
	}
	return q
}

// NearestNeighbourAccuracy is the share of the codes [N, D] whose label is the majority
// of the labels of their k nearest other codes (leave-one-out, Euclidean distance,
// uniform votes). Among labels with equally many votes the smallest wins, as in
// scikit-learn. K is from 1 to N-1.
func NearestNeighbourAccuracy(ctx context.Context, codes *tensor.Tensor, labels []int32, k int) (float64, error) {
	p, err := labelled(codes, labels)
	if err != nil {
		return 0, err
	}
	if err := checkNeighbours(k, p.n); err != nil {
		return 0, err
	}
	team := parallel.Start(0)
	defer team.Close()
	found, err := nearestNeighbours(ctx, team, p, k)
	if err != nil {
		return 0, err
	}
	right, votes := 0, map[int32]int{}
	for i, label := range labels {
		clear(votes)
		for _, n := range found[i*k : (i+1)*k] {
			votes[labels[n.index]]++
		}
		if majority(votes) == label {
			right++
		}
	}
	return float64(right) / float64(p.n), nil
}

func checkNeighbours(k, n int) error {
	if k < 1 || k > n-1 {
		return fmt.Errorf("embedding: %d nearest neighbours among %d codes; want 1 to %d", k, n, n-1)
	}
	return nil
}

func majority(votes map[int32]int) int32 {
	best, most := int32(0), 0
	for label, n := range votes {
		if n > most || n == most && label < best {
			best, most = label, n
		}
	}
	return best
}

// Trustworthiness tells, from 0 to 1, how far neighbours in a map [N, M] are neighbours
// among the codes [N, D] as well (Venna and Kaski 2001): 1 - 2/(N k (2N-3k-1)) times
// the sum, over each point's k nearest in the map, of by how much their rank among the
// codes exceeds k. K is from 1 to below N/2.
func Trustworthiness(ctx context.Context, codes, plane *tensor.Tensor, k int) (float64, error) {
	p, err := pointsOf(codes, "codes")
	if err != nil {
		return 0, err
	}
	m, err := pointsOf(plane, "map points")
	if err != nil {
		return 0, err
	}
	if m.n != p.n {
		return 0, fmt.Errorf("embedding: %d map points for %d codes", m.n, p.n)
	}
	if k < 1 || 2*k >= p.n {
		return 0, fmt.Errorf("embedding: trustworthiness of %d neighbours among %d codes; want 1 to %d", k, p.n, (p.n-1)/2)
	}
	team := parallel.Start(0)
	defer team.Close()
	found, err := nearestNeighbours(ctx, team, m, k)
	if err != nil {
		return 0, err
	}
	excess := make([]int, p.n)
	work := &each{n: p.n, size: 32, do: func(_, lo, hi, _ int) {
		for i := lo; i < hi && ctx.Err() == nil; i++ {
			excess[i] = rankExcess(p, i, found[i*k:(i+1)*k])
		}
	}}
	work.run(team)
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	sum := 0
	for _, e := range excess {
		sum += e
	}
	n, kf := float64(p.n), float64(k)
	return 1 - 2*float64(sum)/(n*kf*(2*n-3*kf-1)), nil
}

// rankExcess sums by how much the ranks among p of the neighbours of i, the nearest of
// which has rank 1, exceed their number.
func rankExcess(p *points, i int, neighbours []neighbour) int {
	a := p.row(i)
	sorted := make([]neighbour, len(neighbours))
	for s, n := range neighbours {
		sorted[s] = neighbour{squaredDistance(a, p.row(int(n.index)), math.Inf(1)), n.index}
	}
	slices.SortFunc(sorted, compareNeighbours)
	// closer[s] counts the points between neighbours s-1 and s.
	closer := make([]int, len(sorted)+1)
	limit := sorted[len(sorted)-1].distance
	for j := range p.n {
		if j == i {
			continue
		}
		n := neighbour{squaredDistance(a, p.row(j), limit), int32(j)}
		s, _ := slices.BinarySearchFunc(sorted, n, compareNeighbours)
		closer[s]++
	}
	excess, rank := 0, 0
	for s := range sorted {
		rank += closer[s] // this neighbour itself among them
		excess += max(0, rank-len(sorted))
	}
	return excess
}
