package embedding

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/hourglass-go/hourglass/tensor"
)

// PCA is a principal component analysis: an orthogonal projection onto the directions
// of largest variance.
type PCA struct {
	// Mean is the mean of the fitted points, D values.
	Mean []float64
	// Components are unit vectors of D values, by falling variance. The sign of each
	// is such that its entry of largest magnitude (the first of equals) is positive.
	Components [][]float64
	// Variance is the unbiased variance (divisor N-1) along each component, and
	// VarianceRatio its share of the variance along all D axes (0 where that is 0).
	Variance, VarianceRatio []float64
}

// FitPCA finds the principal components of points [N, D], in number from 1 to
// min(N, D), by the eigenvectors of the smaller of the covariance and the Gram matrix.
// Components without variance, of points that span fewer dimensions, are zero vectors.
func FitPCA(x *tensor.Tensor, components int) (*PCA, error) {
	p, err := pointsOf(x, "points")
	if err != nil {
		return nil, err
	}
	return fitPCA(p, components)
}

func fitPCA(p *points, components int) (*PCA, error) {
	if components < 1 || components > min(p.n, p.d) {
		return nil, fmt.Errorf("embedding: %d principal components of %d points in %d dimensions; want 1 to %d", components, p.n, p.d, min(p.n, p.d))
	}
	mean := make([]float64, p.d)
	for i := range p.n {
		for j, v := range p.row(i) {
			mean[j] += v
		}
	}
	for j := range mean {
		mean[j] /= float64(p.n)
	}
	centred := mat.NewDense(p.n, p.d, nil)
	for i := range p.n {
		row := centred.RawRowView(i)
		for j, v := range p.row(i) {
			row[j] = v - mean[j]
		}
	}
	// With fewer points than dimensions the Gram matrix has the same eigenvalues, and
	// the components are its eigenvectors taken back through the points.
	gram := p.n < p.d
	var scatter mat.SymDense
	if gram {
		scatter.SymOuterK(1, centred)
	} else {
		scatter.SymOuterK(1, centred.T())
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(&scatter, true) {
		return nil, fmt.Errorf("embedding: the eigenvalues of %d points in %d dimensions did not converge", p.n, p.d)
	}
	values := eigen.Values(nil) // rising
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	total := 0.0
	for _, v := range values {
		total += max(v, 0)
	}
	fit := &PCA{Mean: mean}
	// Below this a direction's variance is rounding.
	floor := values[len(values)-1] * 1e-14 * float64(len(values))
	for c := range components {
		at := len(values) - 1 - c
		value := values[at]
		var axis mat.VecDense
		switch {
		case value <= floor:
			value = 0
			axis.CloneFromVec(mat.NewVecDense(p.d, nil))
		case gram:
			axis.MulVec(centred.T(), vectors.ColView(at))
			axis.ScaleVec(1/mat.Norm(&axis, 2), &axis)
		default:
			axis.CloneFromVec(vectors.ColView(at))
		}
		ratio := 0.0
		if value > 0 {
			ratio = value / total
		}
		fit.Components = append(fit.Components, positive(axis.RawVector().Data))
		fit.Variance = append(fit.Variance, value/float64(max(p.n-1, 1)))
		fit.VarianceRatio = append(fit.VarianceRatio, ratio)
	}
	return fit, nil
}

// positive turns v, in place, so that its entry of largest magnitude is positive.
func positive(v []float64) []float64 {
	top := 0.0
	for _, x := range v {
		if math.Abs(x) > math.Abs(top) {
			top = x
		}
	}
	if top < 0 {
		for i := range v {
			v[i] = -v[i]
		}
	}
	return v
}

// Transform projects points [N, D] to [N, components].
func (f *PCA) Transform(x *tensor.Tensor) (*tensor.Tensor, error) {
	p, err := pointsOf(x, "points")
	if err != nil {
		return nil, err
	}
	if p.d != len(f.Mean) {
		return nil, fmt.Errorf("embedding: points have %d dimensions, the components were fitted to %d", p.d, len(f.Mean))
	}
	out := tensor.New(p.n, len(f.Components))
	for i, v := range f.project(p) {
		out.Data[i] = float32(v)
	}
	return out, nil
}

// project returns the coordinates along the components, row by row.
func (f *PCA) project(p *points) []float64 {
	out := make([]float64, 0, p.n*len(f.Components))
	for i := range p.n {
		row := p.row(i)
		for _, axis := range f.Components {
			sum := 0.0
			for j, v := range row {
				sum += (v - f.Mean[j]) * axis[j]
			}
			out = append(out, sum)
		}
	}
	return out
}
