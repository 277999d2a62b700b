package nn

import (
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/tensor"
)

// Embedding turns one number a sample, a condition such as a class or a step of a
// diffusion, into a vector. Input: [] or [1]; output: [Units].
//
// With Entries = 0 the vector holds sines and cosines of the number t, which may be any
// (Vaswani et al. 2017, 3.5): with half = Units/2 and
//
//	w_i = MaxPeriod^(-i/(half-Shift)), i = 0..half-1
//	y = sin(t*w_0), ..., sin(t*w_half-1), cos(t*w_0), ..., cos(t*w_half-1)
//
// Gradient: dt = sum_i w_i*(dsin_i*cos(t*w_i) - dcos_i*sin(t*w_i)).
//
// Otherwise it is a row of the parameter table [Entries, Units], the one whose number t is,
// rounded to the nearest; a number that names no row gives NaN. Gradient: that row's is
// the sum of dy over the samples that took it; t gets 0.
type Embedding struct {
	Units     int     // length of the vector; even where it is of sines and cosines
	Entries   int     // rows of the table; 0 for sines and cosines
	MaxPeriod float64 // 10000 where it is 0
	// Shift is 0 as in Vaswani et al.'s paper or 1 as in Ho et al. 2020, which makes the
	// last wavelength 2*pi*MaxPeriod.
	Shift float64
	// CosineFirst puts the cosines before the sines.
	CosineFirst bool
	TableInit   Initializer // Glorot uniform where it is not set
}

func init() { Register("embedding", 1, Embedding{}) }

func (e Embedding) withDefaults() Layer {
	if e.MaxPeriod == 0 {
		e.MaxPeriod = 10000
	}
	e.TableInit = e.TableInit.or(GlorotUniform)
	return e
}

// Infer returns [Units].
func (e Embedding) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	e = e.withDefaults().(Embedding)
	if len(in[0]) > 1 || len(in[0]) == 1 && in[0][0] != 1 {
		return Signature{}, fmt.Errorf("takes one number a sample, [] or [1], got %v", in[0])
	}
	if e.Units < 1 || e.Entries < 0 {
		return Signature{}, fmt.Errorf("Units is %d and Entries %d, want at least 1 and 0", e.Units, e.Entries)
	}
	sig := Signature{Outputs: []Shape{{e.Units}}}
	if e.Entries > 0 {
		sig.Params = []ParamSpec{{Name: "table", Shape: Shape{e.Entries, e.Units}, Init: e.TableInit, FanIn: e.Entries, FanOut: e.Units}}
		return sig, nil
	}
	if e.Units%2 != 0 {
		return Signature{}, fmt.Errorf("Units is %d, want an even number: half are sines, half cosines", e.Units)
	}
	if !(e.MaxPeriod > 0) || !(float64(e.Units/2) > e.Shift) || math.IsInf(e.Shift, 0) {
		return Signature{}, fmt.Errorf("MaxPeriod is %v and Shift %v, want more than 0 and less than Units/2 = %d", e.MaxPeriod, e.Shift, e.Units/2)
	}
	return sig, nil
}

// Compile returns the arithmetic.
func (e Embedding) Compile(batch int, _ []Shape) Routine {
	e = e.withDefaults().(Embedding)
	if e.Entries > 0 {
		return Routine{
			New32:  func() Op[float32] { return tableOp[float32](e) },
			New64:  func() Op[float64] { return tableOp[float64](e) },
			KeepIn: true,
		}
	}
	return Routine{
		New32:  func() Op[float32] { return newWavesOp[float32](e) },
		New64:  func() Op[float64] { return newWavesOp[float64](e) },
		KeepIn: true,
		FLOPs:  int64(2 * batch * e.Units),
	}
}

type tableOp[T tensor.Float] Embedding

// row is the number of the row that t names.
func (o tableOp[T]) row(t T) (int, bool) {
	r := math.Round(float64(t))
	if !(r >= 0 && r < float64(o.Entries)) {
		return 0, false
	}
	return int(r), true
}

func (o tableOp[T]) Forward(c *Call[T]) {
	for n, t := range c.In[0] {
		y := c.Out[0][n*o.Units:][:o.Units]
		if r, ok := o.row(t); ok {
			copy(y, c.Param[0][r*o.Units:])
			continue
		}
		for i := range y {
			y[i] = T(math.NaN())
		}
	}
}

func (o tableOp[T]) Backward(c *Call[T]) {
	if c.DIn[0] != nil {
		clear(c.DIn[0])
	}
	d := c.DParam[0]
	if d == nil {
		return
	}
	clear(d)
	for n, t := range c.In[0] {
		if r, ok := o.row(t); ok {
			addRow(d[r*o.Units:][:o.Units], c.DOut[0][n*o.Units:][:o.Units])
		}
	}
}

type wavesOp[T tensor.Float] struct {
	frequency []float64
	sin, cos  int // where each half begins
}

func newWavesOp[T tensor.Float](e Embedding) *wavesOp[T] {
	half := e.Units / 2
	o := &wavesOp[T]{frequency: make([]float64, half), cos: half}
	if e.CosineFirst {
		o.sin, o.cos = half, 0
	}
	for i := range o.frequency {
		o.frequency[i] = math.Pow(e.MaxPeriod, -float64(i)/(float64(half)-e.Shift))
	}
	return o
}

func (o *wavesOp[T]) Forward(c *Call[T]) {
	for n, t := range c.In[0] {
		y := sampleOf(c.Out[0], n, c.Batch)
		for i, w := range o.frequency {
			sin, cos := math.Sincos(float64(t) * w)
			y[o.sin+i], y[o.cos+i] = T(sin), T(cos)
		}
	}
}

func (o *wavesOp[T]) Backward(c *Call[T]) {
	if c.DIn[0] == nil {
		return
	}
	for n, t := range c.In[0] {
		dy, sum := sampleOf(c.DOut[0], n, c.Batch), 0.0
		for i, w := range o.frequency {
			sin, cos := math.Sincos(float64(t) * w)
			sum += w * (float64(dy[o.sin+i])*cos - float64(dy[o.cos+i])*sin)
		}
		c.DIn[0][n] = T(sum)
	}
}
