// Package embedding looks at codes: the vectors that an encoder makes of pictures. It
// projects them to the plane ([FitPCA], [TSNE]) and measures how they are arranged
// ([NearestNeighbourAccuracy], [KMeans], [NMI], [Trustworthiness]).
//
// Codes are a tensor [N, D], one code a row; every function checks its shape and that
// all values are finite, and reads it only. Arithmetic is in float64. Results depend on
// the input, the options and the seed alone, not on the number of workers: sums have a
// fixed order, and ties are broken by the lower index.
package embedding

import (
	"errors"
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/tensor"
)

// points is a set of n points of d coordinates: point i is v[i*d : (i+1)*d].
type points struct {
	n, d int
	v    []float64
}

func (p *points) row(i int) []float64 { return p.v[i*p.d : (i+1)*p.d : (i+1)*p.d] }

// pointsOf converts a tensor [N, D] after checking it; what names it in errors.
func pointsOf(x *tensor.Tensor, what string) (*points, error) {
	if x == nil {
		return nil, fmt.Errorf("embedding: no %s", what)
	}
	if len(x.Shape) != 2 || x.Shape[0] < 1 || x.Shape[1] < 1 {
		return nil, fmt.Errorf("embedding: %s have shape %v; want [N D] with at least one of each", what, x.Shape)
	}
	p := &points{n: x.Shape[0], d: x.Shape[1]}
	if p.n > math.MaxInt32 || len(x.Data) != p.n*p.d {
		return nil, fmt.Errorf("embedding: %s of shape %v hold %d values", what, x.Shape, len(x.Data))
	}
	p.v = make([]float64, len(x.Data))
	for i, v := range x.Data {
		p.v[i] = float64(v)
		if math.IsNaN(p.v[i]) || math.IsInf(p.v[i], 0) {
			return nil, fmt.Errorf("embedding: %s: value %d of row %d is %v; every value must be finite", what, i%p.d, i/p.d, v)
		}
	}
	return p, nil
}

// labelled is pointsOf for codes that come with one label each.
func labelled(x *tensor.Tensor, labels []int32) (*points, error) {
	p, err := pointsOf(x, "codes")
	if err == nil && len(labels) != p.n {
		err = fmt.Errorf("embedding: %d labels for %d codes", len(labels), p.n)
	}
	return p, err
}

// errEqual is what a method reports that needs at least two different codes.
var errEqual = errors.New("embedding: all codes are equal, there is nothing to arrange; has the encoder collapsed?")

// allEqual reports whether no two points differ.
func (p *points) allEqual() bool {
	for i, v := range p.v {
		if v != p.v[i%p.d] {
			return false
		}
	}
	return true
}

// squaredDistance is the squared Euclidean distance of two points. It stops early,
// returning a partial sum above the limit, once the distance must exceed it.
func squaredDistance(a, b []float64, limit float64) float64 {
	const block = 16
	sum := 0.0
	for len(a) > block {
		sum += squaredBlock((*[block]float64)(a), (*[block]float64)(b))
		if sum > limit {
			return sum
		}
		a, b = a[block:], b[block:]
	}
	for i, v := range a {
		d := v - b[i]
		sum += d * d
	}
	return sum
}

// squaredBlock sums in four lanes, so that additions do not wait for one another.
func squaredBlock(a, b *[16]float64) float64 {
	var s0, s1, s2, s3 float64
	for i := 0; i < 16; i += 4 {
		d0, d1, d2, d3 := a[i]-b[i], a[i+1]-b[i+1], a[i+2]-b[i+2], a[i+3]-b[i+3]
		s0 += d0 * d0
		s1 += d1 * d1
		s2 += d2 * d2
		s3 += d3 * d3
	}
	return (s0 + s1) + (s2 + s3)
}

// each is a parallel task over [0, n) in chunks that depend on n alone.
type each struct {
	n, size int
	do      func(chunk, lo, hi, worker int)
}

// Do computes one chunk.
func (e *each) Do(chunk, worker int) {
	lo := chunk * e.size
	e.do(chunk, lo, min(lo+e.size, e.n), worker)
}

func (e *each) chunks() int { return (e.n + e.size - 1) / e.size }

func (e *each) run(team *parallel.Team) { team.Run(e.chunks(), e) }
