package nn

import (
	"math"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// foldable is implemented by a layer that is linear in a kernel, its first parameter, and
// adds a bias, the second, if it has one: y = activation(x * kernel + bias).
type foldable interface {
	Activated
	// withBias is the same layer with a bias, and whether it had one.
	withBias() (l foldable, had bool)
	// kernelLayout is not ok where the kernel has none that can be told.
	kernelLayout(in []Shape) (layout kernelLayout, ok bool)
}

// kernelLayout says of which output an element of a kernel is a factor: element i of output
// i/inner % outputs.
type kernelLayout struct{ elems, outputs, inner int }

// foldNorms merges batch normalisations into the layers before them, where nobody else reads
// what lies between. A prediction knows mean and variance, so all that is left of it is
// another kernel and another bias.
func (g *graph) foldNorms() {
	for i := 0; i < len(g.steps); i++ {
		norm, ok := g.steps[i].layer.(BatchNorm)
		if !ok || g.consumers(g.steps[i].in[0]) != 1 {
			continue
		}
		p := g.producer(g.steps[i].in[0])
		if p < 0 {
			continue
		}
		before, ok := g.steps[p].layer.(foldable)
		if !ok || before.Epilogue() != Linear {
			continue
		}
		if _, ok := before.kernelLayout(g.shapesOf(g.steps[p].in)); !ok {
			continue
		}
		s := graphStep{
			name: g.steps[p].name, use: g.steps[p].use, in: g.steps[p].in, out: g.steps[i].out,
			params: append(g.steps[p].params[:len(g.steps[p].params):len(g.steps[p].params)], g.steps[i].params...),
		}
		biased, had := before.withBias()
		s.layer = normalised{biased, norm.withDefaults().(BatchNorm), had}
		g.steps[p] = s
		g.remove(i)
		i--
	}
}

// normalised is a layer, which has a bias, with the batch normalisation behind it, in
// predictions. Its parameters are those that the layer had, and then the normalisation's.
// Its form holds
//
//	kernel * scale    beta + (bias - moving_mean) * scale    scale = gamma/sqrt(moving_variance+Epsilon)
//
// of which the former is in the form that the layer reads.
type normalised struct {
	foldable
	norm    BatchNorm
	hadBias bool
}

// WithEpilogue is the same in another activation.
func (l normalised) WithEpilogue(f ActivationFunc) Layer {
	l.foldable = l.foldable.WithEpilogue(f).(foldable)
	return l
}

func (l normalised) takesParts(input, of int) bool {
	p, ok := l.foldable.(parted)
	return ok && p.takesParts(input, of)
}

func (l normalised) withAddend() (Layer, bool) {
	a, ok := l.foldable.(adding)
	if !ok {
		return nil, false
	}
	added, could := a.withAddend()
	l.foldable = added.(foldable)
	return l, could
}

// Compile returns the arithmetic of the layer, on other parameters.
func (l normalised) Compile(batch int, in []Shape) Routine {
	return l.routine(l.foldable.Compile(batch, in), in)
}

// routine is that of the layer on other parameters.
func (l normalised) routine(r Routine, in []Shape) Routine {
	kernel, _ := l.kernelLayout(in)
	f := foldedParams{l, kernel}
	new32, new64, hasForm := r.New32, r.New64, r.Form.Elems > 0
	r.New32 = func() Op[float32] { return &foldedOp[float32]{foldedParams: f, inside: new32(), hasForm: hasForm} }
	r.New64 = func() Op[float64] { return &foldedOp[float64]{foldedParams: f, inside: new64()} }
	r.Form = Form{Name: "normalised " + r.Form.Name, Elems: alignUp(kernel.outputs) + max(r.Form.Elems, kernel.elems)}
	if r.rows != nil {
		r.rows = normalisedRows{r.rows, l, in}
	}
	return r
}

// normalisedRows are those of the layer, on other parameters.
type normalisedRows struct {
	rowwise
	layer normalised
	in    []Shape
}

func (r normalisedRows) compile(out kernels.Range) Routine {
	return r.layer.routine(r.rowwise.compile(out), r.in)
}

// foldedParams says what the parameters and the form of a normalised layer consist of.
type foldedParams struct {
	layer  normalised
	kernel kernelLayout
}

// partsOf takes a form apart into the bias and the kernel as the layer reads it.
func partsOf[T tensor.Float](f *foldedParams, form []T) (bias, kernel []T) {
	return form[:f.kernel.outputs], form[alignUp(f.kernel.outputs):]
}

type foldedOp[T tensor.Float] struct {
	foldedParams
	inside  Op[T]
	hasForm bool // inside reads a form of the kernel in its turn; in double precision none does
	call    Call[T]
	params  [2][]T
}

// Prepare makes the form of the parameters.
func (o *foldedOp[T]) Prepare(team *Team, form []T, params [][]T) {
	bias, weights := partsOf(&o.foldedParams, form)
	kernel := &o.kernel
	var had []T
	norm := params[1:]
	if o.layer.hadBias {
		had, norm = params[1], params[2:]
	}
	gamma, beta, moving := splitNorm(o.layer.norm.NoScale, o.layer.norm.NoCenter, norm)
	mean, variance := moving[0], moving[1]
	scale := make([]T, kernel.outputs)
	for i := range scale {
		s, b := 1/math.Sqrt(float64(variance[i])+o.layer.norm.Epsilon), -float64(mean[i])
		if gamma != nil {
			s *= float64(gamma[i])
		}
		if had != nil {
			b += float64(had[i])
		}
		b *= s
		if beta != nil {
			b += float64(beta[i])
		}
		scale[i], bias[i] = T(s), T(b)
	}
	scaled := weights
	if o.hasForm {
		scaled = make([]T, kernel.elems)
	}
	for i := 0; i < kernel.elems; i += kernel.inner {
		s := scale[i/kernel.inner%kernel.outputs]
		for j, w := range params[0][i : i+kernel.inner] {
			scaled[i+j] = w * s
		}
	}
	if o.hasForm {
		o.inside.(Preparer[T]).Prepare(team, weights, [][]T{scaled, bias})
	}
}

func (o *foldedOp[T]) Forward(c *Call[T]) {
	bias, kernel := partsOf(&o.foldedParams, c.Form)
	o.call = *c
	o.call.Form = nil
	if o.hasForm {
		o.call.Form, kernel = kernel, c.Param[0] // which is not read
	}
	o.params = [2][]T{kernel, bias}
	o.call.Param = o.params[:]
	o.inside.Forward(&o.call)
	o.call = Call[T]{}
}

// Backward is never called: training keeps the layers apart.
func (o *foldedOp[T]) Backward(*Call[T]) {}
