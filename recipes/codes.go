package recipes

import (
	"context"
	"math"

	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

// encode returns the codes of pictures [N, H, W, C] as lists of numbers [N, D], and the
// shape that the decoder takes one in.
func encode(ctx context.Context, encoder *nn.Model, pictures *tensor.Tensor) (*tensor.Tensor, tensor.Shape, error) {
	n, elements := pictures.Shape[0], pictures.Shape[1:].Elems()
	var codes *tensor.Tensor
	var shape tensor.Shape
	for lo := 0; lo < n; lo += evaluationBatch {
		hi := min(lo+evaluationBatch, n)
		batch := &tensor.Tensor{Shape: append(tensor.Shape{hi - lo}, pictures.Shape[1:]...), Data: pictures.Data[lo*elements : hi*elements]}
		part, err := encoder.Predict(ctx, batch)
		if err != nil {
			return nil, nil, err
		}
		if codes == nil {
			shape = part.Shape[1:]
			codes = tensor.New(n, shape.Elems())
		}
		copy(codes.Data[lo*shape.Elems():], part.Data)
	}
	return codes, shape, nil
}

// decodeCodes returns the pictures of codes [N, D], each taken in a shape.
func decodeCodes(ctx context.Context, decoder *nn.Model, codes *tensor.Tensor, shape tensor.Shape) (*tensor.Tensor, error) {
	shaped, err := codes.Reshape(append([]int{codes.Shape[0]}, shape...)...)
	if err != nil {
		return nil, err
	}
	return decoder.Predict(ctx, shaped)
}

// distribution is what codes are drawn from: a normal one.
type distribution struct {
	mean []float64
	// spread has a row a picture: its code less the mean, over the root of one less than their
	// number. A sum of the rows, each times a standard normal number, has the codes' own covariance.
	// Nil stands for independent numbers of variance 1.
	spread *tensor.Tensor
	// low and high are the least and the greatest values that occur.
	low, high []float64
}

// standardNormal is the distribution that a variational autoencoder's codes are trained to have.
func standardNormal(size int) *distribution {
	d := &distribution{mean: make([]float64, size), low: make([]float64, size), high: make([]float64, size)}
	for c := range size {
		d.low[c], d.high[c] = math.Inf(-1), math.Inf(1)
	}
	return d
}

// fitNormal is the normal distribution with the mean and the covariance of codes [N, D], N at
// least 2, cut off at the least and the greatest value of each number.
func fitNormal(codes *tensor.Tensor) *distribution {
	n, size := codes.Shape[0], codes.Shape[1]
	d := standardNormal(size)
	copy(d.low, d.high)
	for c := range size {
		d.low[c], d.high[c] = math.Inf(1), math.Inf(-1)
	}
	for i, v := range codes.Data {
		c, v := i%size, float64(v)
		d.mean[c] += v / float64(n)
		d.low[c], d.high[c] = min(d.low[c], v), max(d.high[c], v)
	}
	d.spread = tensor.New(n, size)
	for i, v := range codes.Data {
		d.spread.Data[i] = float32((float64(v) - d.mean[i%size]) / math.Sqrt(float64(n-1)))
	}
	return d
}

// draw draws n codes.
func (d *distribution) draw(n int, key rng.Key) *tensor.Tensor {
	size := len(d.mean)
	drawn := tensor.New(n, size)
	v := make([]float64, size)
	for i := range n {
		sample := key.Fork(uint64(i))
		copy(v, d.mean)
		if d.spread == nil {
			for c := range v {
				v[c] += sample.Normal(uint64(c))
			}
		} else {
			for k := range d.spread.Shape[0] {
				z := sample.Normal(uint64(k))
				for c, s := range d.spread.Data[k*size : (k+1)*size] {
					v[c] += z * float64(s)
				}
			}
		}
		for c := range v {
			drawn.Data[i*size+c] = float32(min(max(v[c], d.low[c]), d.high[c]))
		}
	}
	return drawn
}

// plane lays codes of two numbers out in a square: row by row those at equal steps of the
// distribution's probability, the first number to the right and the second upwards, as Kingma and
// Welling 2014 show their codes (appendix A).
func (d *distribution) plane(side int) *tensor.Tensor {
	deviation := []float64{1, 1}
	if d.spread != nil {
		clear(deviation)
		for i, s := range d.spread.Data {
			deviation[i%2] += float64(s) * float64(s)
		}
		deviation[0], deviation[1] = math.Sqrt(deviation[0]), math.Sqrt(deviation[1])
	}
	codes := tensor.New(side*side, 2)
	for i := range side * side {
		for c, step := range []int{i % side, side - 1 - i/side} {
			p := (float64(step) + 0.5) / float64(side)
			v := d.mean[c] + deviation[c]*math.Sqrt2*math.Erfinv(2*p-1)
			codes.Data[2*i+c] = float32(min(max(v, d.low[c]), d.high[c]))
		}
	}
	return codes
}
