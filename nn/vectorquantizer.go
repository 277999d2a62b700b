package nn

import (
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// VectorQuantizer replaces every vector along the last axis by the nearest one of a code book
// (van den Oord et al. 2017, 3.1). Input z: [..., D]; parameter: codebook [Codes, D]. Three
// outputs, for k the number of the code nearest to z in Euclidean distance, the first of equals:
//
//	q [..., D]      codebook_k, with the gradient of z
//	e [..., D]      codebook_k, with the gradient of the code book
//	k [..., 1]      the number itself, from 0, which has no gradient
//
// Gradients, which are defined, as the derivative of k is 0 almost everywhere: dz = dq, straight
// through, as if q were z and a constant; dcodebook_k is the sum of de over the vectors whose code it is.
// The code book is trained by a penalty on e, such as the mean squared error between
// [StopGradient] of z and e; the same with the gradient stopped at e keeps z close to its code.
type VectorQuantizer struct {
	Codes int // vectors in the code book, from 1 to 2^24
	// CodebookInit is how the code book begins; uniform between -1/Codes and 1/Codes where it is
	// not set.
	CodebookInit Initializer
}

func init() { Register("vector_quantizer", 1, VectorQuantizer{}) }

const (
	maxCodes = 1 << 24 // a number up to which is exact in single precision
	// vqRows is how many vectors' products with the code book are held at once.
	vqRows = 1 << 12
)

func (v VectorQuantizer) withDefaults() Layer {
	v.CodebookInit = v.CodebookInit.or(Uniform(1 / float64(max(v.Codes, 1))))
	return v
}

// Infer returns the three shapes.
func (v VectorQuantizer) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	if v.Codes < 1 || v.Codes > maxCodes {
		return Signature{}, fmt.Errorf("Codes is %d, want from 1 to %d", v.Codes, maxCodes)
	}
	if len(in[0]) == 0 || lastAxis(in[0]) == Any {
		return Signature{}, fmt.Errorf("takes vectors of known size along a last axis, got %v", in[0])
	}
	d, numbers := lastAxis(in[0]), in[0].Clone()
	numbers[len(numbers)-1] = 1
	v = v.withDefaults().(VectorQuantizer)
	return Signature{
		Outputs: []Shape{in[0].Clone(), in[0].Clone(), numbers},
		Params:  []ParamSpec{{Name: "codebook", Shape: Shape{v.Codes, d}, Init: v.CodebookInit, FanIn: d, FanOut: d}},
	}, nil
}

// Compile returns the arithmetic: a matrix product for the distances.
func (v VectorQuantizer) Compile(batch int, in []Shape) Routine {
	d := lastAxis(in[0])
	rows := batch * in[0].Elems() / d
	return Routine{
		New32:   func() Op[float32] { return newVectorQuantizer[float32](v.Codes, d, rows, 0x1p-23) },
		New64:   func() Op[float64] { return newVectorQuantizer[float64](v.Codes, d, rows, 0x1p-52) },
		Scratch: min(rows, vqRows) * v.Codes,
		Saved:   rows,
		FLOPs:   int64(rows) * int64(v.Codes) * int64(2*d+2),
	}
}

type vectorQuantizerOp[T tensor.Float] struct {
	codes, size, rows int
	products          [2]*kernels.Gemm[T] // of vqRows vectors, and of those that are left
	squares           []float64           // of the codes' lengths
	longest           float64             // the greatest of them
	epsilon           float64
	call              *Call[T]
	first             int // the number of the first row whose products are there
	nearest           tiles
}

func newVectorQuantizer[T tensor.Float](codes, size, rows int, epsilon float64) *vectorQuantizerOp[T] {
	o := &vectorQuantizerOp[T]{codes: codes, size: size, rows: rows, epsilon: epsilon, squares: make([]float64, codes)}
	for i, m := range []int{min(rows, vqRows), rows % vqRows} {
		o.products[i] = kernels.NewGemm[T](kernels.GemmShape{M: m, N: codes, K: size, TransB: true})
	}
	o.nearest = o.tile
	return o
}

// vqTile is the number of vectors in a tile of the search.
const vqTile = 64

func (o *vectorQuantizerOp[T]) Forward(c *Call[T]) {
	o.call = c
	o.longest = 0
	for k := range o.squares {
		o.squares[k] = squareOf(c.Param[0][k*o.size:][:o.size])
		o.longest = max(o.longest, o.squares[k])
	}
	for o.first = 0; o.first < o.rows; o.first += vqRows {
		n, product := min(vqRows, o.rows-o.first), o.products[0]
		if n < min(o.rows, vqRows) {
			product = o.products[1]
		}
		product.Run(c.Team, c.Scratch[:n*o.codes], c.In[0][o.first*o.size:][:n*o.size], c.Param[0], nil)
		c.Team.Run((n+vqTile-1)/vqTile, &o.nearest)
	}
}

func squareOf[T tensor.Float](x []T) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}

// tile finds the codes of vqTile vectors. By the product, |z-e|² is |z|² - 2*z·e + |e|², whose
// rounding errors may be larger than the difference between two codes: those that come within them of
// the least are compared by the distances themselves.
func (o *vectorQuantizerOp[T]) tile(tile int) {
	c := o.call
	for row := o.first + tile*vqTile; row < min(o.first+(tile+1)*vqTile, o.first+vqRows, o.rows); row++ {
		products := c.Scratch[(row-o.first)*o.codes:][:o.codes]
		least := math.Inf(1)
		for k, p := range products {
			least = min(least, o.squares[k]-2*float64(p))
		}
		z := c.In[0][row*o.size:][:o.size]
		// A sum of D products is off by at most D*epsilon times the sum of their sizes.
		margin := 4 * o.epsilon * float64(o.size) * math.Sqrt(squareOf(z)*o.longest)
		best, distance := 0, math.Inf(1)
		for k, p := range products {
			if o.squares[k]-2*float64(p) <= least+margin {
				if d := o.distance(z, k); d < distance {
					best, distance = k, d
				}
			}
		}
		code := c.Param[0][best*o.size:][:o.size]
		copy(c.Out[0][row*o.size:], code)
		copy(c.Out[1][row*o.size:], code)
		c.Out[2][row], c.Saved[row] = T(best), T(best)
	}
}

func (o *vectorQuantizerOp[T]) distance(z []T, k int) float64 {
	sum := 0.0
	for i, e := range o.call.Param[0][k*o.size:][:o.size] {
		d := float64(z[i]) - float64(e)
		sum += d * d
	}
	return sum
}

func (o *vectorQuantizerOp[T]) Backward(c *Call[T]) {
	if dz := c.DIn[0]; dz != nil {
		if c.DOut[0] == nil {
			clear(dz)
		} else {
			copy(dz, c.DOut[0])
		}
	}
	if c.DParam[0] == nil {
		return
	}
	clear(c.DParam[0])
	if c.DOut[1] == nil {
		return
	}
	for row, k := range c.Saved {
		d := c.DParam[0][int(k)*o.size:][:o.size]
		kernels.Add(d, d, c.DOut[1][row*o.size:][:o.size])
	}
}
