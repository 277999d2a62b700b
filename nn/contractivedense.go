package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/tensor"
)

// ContractiveDense is a [Dense] layer with a sigmoid that also tells how far it is from ignoring
// its input: the squared Frobenius norm of its Jacobian, which for one layer has a closed form
// (Rifai et al. 2011, equation 6). Input: [In]; outputs: h [Units] and one number a sample,
//
//	h = sigmoid(x·kernel + bias)
//	p = sum over j of (h_j*(1-h_j))² * sum over i of kernel_ij²
//
// Paid for as a penalty, p makes the code insensitive to all changes of the input but those
// that the reconstruction needs. Parameters: kernel [In, Units], bias [Units].
//
// Gradients, with s_j = h_j*(1-h_j) and q_j = sum over i of kernel_ij²: what reaches h is
// dh_j + dp*2*s_j*(1-2*h_j)*q_j, from where all is as in Dense; dkernel_ij has beside that the
// sum over the samples of dp*2*s_j²*kernel_ij.
type ContractiveDense struct {
	Units      int         // number of outputs, at least 1
	KernelInit Initializer // Glorot uniform where it is not set
	BiasInit   Initializer // zeros where it is not set
}

func init() { Register("contractive_dense", 1, ContractiveDense{}) }

func (d ContractiveDense) withDefaults() Layer {
	d.KernelInit = d.KernelInit.or(GlorotUniform)
	d.BiasInit = d.BiasInit.or(Zeros)
	return d
}

func (d ContractiveDense) dense() Dense {
	return Dense{Units: d.Units, Activation: Sigmoid, KernelInit: d.KernelInit, BiasInit: d.BiasInit}
}

// Infer is that of the dense layer, with the norm for a second output.
func (d ContractiveDense) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	if len(in[0]) != 1 {
		return Signature{}, fmt.Errorf("takes a list of numbers, got %v", in[0])
	}
	sig, err := d.dense().Infer(in)
	if err != nil {
		return Signature{}, err
	}
	sig.Outputs = append(sig.Outputs, Shape{})
	return sig, nil
}

// Compile returns the arithmetic.
func (d ContractiveDense) Compile(batch int, in []Shape) Routine {
	r := d.dense().Compile(batch, in)
	k := in[0][0]
	return Routine{
		New32: func() Op[float32] {
			return newContractive(batch, d.Units, newDenseOp[float32](d.dense(), batch, k, false))
		},
		New64: func() Op[float64] {
			return newContractive(batch, d.Units, newDenseOp[float64](d.dense(), batch, k, false))
		},
		Scratch: batch * d.Units, // for dh where nobody reads h
		KeepIn:  true,
		KeepOut: true,
		FLOPs:   r.FLOPs + int64(2*k*d.Units) + int64(4*batch*d.Units),
	}
}

type contractiveOp[T tensor.Float] struct {
	dense     *denseOp[T]
	units     int
	norms     []float64 // q
	weights   []float64 // of kernel_ij in its own gradient, by column
	inner     Call[T]   // of the dense layer's backward pass
	dh        [1][]T
	call      *Call[T]
	penalties tiles
}

func newContractive[T tensor.Float](batch, units int, dense *denseOp[T]) *contractiveOp[T] {
	o := &contractiveOp[T]{dense: dense, units: units, norms: make([]float64, units), weights: make([]float64, units)}
	o.penalties = func(n int) {
		sum := 0.0
		for j, h := range sampleOf(o.call.Out[0], n, batch) {
			s := float64(h) * (1 - float64(h))
			sum += s * s * o.norms[j]
		}
		o.call.Out[1][n] = T(sum)
	}
	return o
}

func (o *contractiveOp[T]) Forward(c *Call[T]) {
	o.dense.Forward(c)
	clear(o.norms)
	for row := range len(c.Param[0]) / o.units {
		for j, w := range c.Param[0][row*o.units:][:o.units] {
			o.norms[j] += float64(w) * float64(w)
		}
	}
	o.call = c
	c.Team.Run(c.Batch, &o.penalties)
}

func (o *contractiveOp[T]) Backward(c *Call[T]) {
	o.inner = *c
	o.dh[0] = c.DOut[0]
	if o.dh[0] == nil {
		o.dh[0] = c.Scratch[:c.Batch*o.units]
		clear(o.dh[0])
	}
	o.inner.DOut = o.dh[:]
	dp := c.DOut[1]
	if dp != nil {
		o.spread(c, dp)
	}
	o.dense.Backward(&o.inner)
	if dw := c.DParam[0]; dp != nil && dw != nil {
		for row := range len(dw) / o.units {
			w := c.Param[0][row*o.units:][:o.units]
			for j, g := range dw[row*o.units:][:o.units] {
				dw[row*o.units+j] = g + T(o.weights[j]*float64(w[j]))
			}
		}
	}
}

// spread adds the norm's gradient to that of h, and sums up what the kernel's own will be.
func (o *contractiveOp[T]) spread(c *Call[T], dp []T) {
	clear(o.weights)
	for n := range c.Batch {
		h, dh, d := sampleOf(c.Out[0], n, c.Batch), sampleOf(o.dh[0], n, c.Batch), float64(dp[n])
		for j, v := range h {
			s := float64(v) * (1 - float64(v))
			dh[j] += T(d * 2 * s * (1 - 2*float64(v)) * o.norms[j])
			o.weights[j] += d * 2 * s * s
		}
	}
}
