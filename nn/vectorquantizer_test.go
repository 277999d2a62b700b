package nn

import (
	"context"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hourglass-go/hourglass/internal/hugepage"
	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/internal/rng"
)

// TestVectorQuantizerNearest: every vector gets the nearest code, the first of equals, also where
// there are more vectors than are handled at once, and codes that lie closer to each other than a
// matrix product tells apart.
func TestVectorQuantizerNearest(t *testing.T) {
	for _, c := range []struct {
		name              string
		h, w, size, codes int
		offset            float32 // of everything from the origin
		spread            float64 // of the codes
	}{
		{"one code", 3, 2, 4, 1, 0, 1},
		{"one number", 5, 7, 1, 9, 0, 1},
		{"codes of 17", 7, 3, 17, 33, 0, 1},
		{"many vectors", 67, 65, 3, 20, 0, 1},
		{"far from the origin", 9, 5, 6, 40, 300, 1},
		{"codes close together", 9, 5, 6, 40, 30, 1e-3},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := Input("x", Shape{c.h, c.w, c.size})
			m := must(NewModelOf([]*Node{x}, Named("quantized", VectorQuantizer{Codes: c.codes, CodebookInit: Uniform(c.spread)}).ApplyAll(x)))
			m.Init(1)
			book := m.Store().Value(m.Params()[0])
			for i := range book {
				book[i] += c.offset
			}
			copy(book[len(book)-c.size:], book) // the last code is the first once more
			z := random(2, 2, c.h, c.w, c.size)
			for i := range z.Data {
				z.Data[i] = z.Data[i]*float32(c.spread) + c.offset
			}
			out := must(m.Run(context.Background(), z))
			for row := range len(z.Data) / c.size {
				best, least := 0, math.Inf(1)
				for k := range c.codes {
					d := 0.0
					for i := range c.size {
						diff := float64(z.Data[row*c.size+i]) - float64(book[k*c.size+i])
						d += diff * diff
					}
					if d < least {
						best, least = k, d
					}
				}
				if got := int(out[2].Data[row]); got != best {
					t.Fatalf("vector %d gets code %d, want %d", row, got, best)
				}
				want := book[best*c.size:][:c.size]
				for _, o := range out[:2] {
					if diff := cmp.Diff(want, o.Data[row*c.size:][:c.size]); diff != "" {
						t.Fatalf("vector %d: %s", row, diff)
					}
				}
			}
		})
	}
}

// gradientsOf runs a model in double precision, with cotangents at its outputs, and returns
// them, the gradients by its inputs and those by its parameters.
func gradientsOf(m *Model, w *weights[float64], inputs, cotangents [][]float64, batch int) (outs, dIn [][]float64, dParam []float64) {
	var shapes []Shape
	for _, n := range m.inputs {
		shapes = append(shapes, n.shape)
	}
	g := must(lower(m, shapes))
	g.optimise(true)
	p := newPlan(g, batch, true, true)
	s := newSession(p, hugepage.Make[float64](p.arena), w, func(r Routine) Op[float64] { return r.New64() })
	team := parallel.Start(2)
	defer team.Close()
	s.bind(inputs)
	s.forward(&runState{training: true, team: team})
	for i, v := range g.outputs {
		outs = append(outs, append([]float64(nil), s.values[v]...))
		if s.gradients[v] != nil {
			copy(s.gradients[v], cotangents[i])
		}
	}
	s.backward()
	for _, v := range g.inputs {
		dIn = append(dIn, append([]float64(nil), s.gradients[v]...))
	}
	return outs, dIn, append([]float64(nil), w.gradients...)
}

// TestStraightThrough holds the gradients of a network with a quantizer and its two penalties against
// central differences of what they are defined to be the gradient of: the same network in which the
// choice of the codes, and each value that a gradient stops at, is a constant,
//
//	decoder(z + c1) + |c2 - codebook[k]|²/K + beta*|z - c3|²/K
//
// with k the numbers of the codes, c1 = codebook[k] - z, c2 = z and c3 = codebook[k] as they are.
func TestStraightThrough(t *testing.T) {
	const batch, size, codes, beta = 3, 4, 6, .25
	shape := Shape{2, 3, size}
	x := Input("x", shape)
	encoder, decoder := Named("encoder", Dense{Units: size, Activation: Tanh}), Named("decoder", Dense{Units: 2, Activation: Tanh})
	z := encoder.Apply(x)
	q := Named("quantized", VectorQuantizer{Codes: codes, CodebookInit: Uniform(1)}).ApplyAll(z)
	stop := func(n *Node) *Node { return Apply(StopGradient{}, n) }
	m := must(NewModelOf([]*Node{x}, []*Node{
		decoder.Apply(q[0]), Apply(MeanSquaredError{}, q[1], stop(z)), Apply(MeanSquaredError{}, z, stop(q[1])), q[2],
	}))
	m.Init(3)
	w := wideWeights(m.Store(), 3)
	key := rng.New(9)
	in := uniform(batch*shape.Elems(), -1, 1, key)
	cot := uniform(batch*12, -1, 1, key.Fork(1))
	ones := func(v float64) []float64 { return []float64{v, v, v} }
	outs, dIn, dParam := gradientsOf(m, w, [][]float64{in}, [][]float64{cot, ones(1), ones(beta), nil}, batch)

	// The values, by another network, before anything is moved.
	values := must(NewModelOf([]*Node{x}, []*Node{z, q[1]}))
	base, _, _ := gradientsOf(values, w, [][]float64{in}, [][]float64{make([]float64, len(in)), make([]float64, len(in))}, batch)
	zAt, eAt, numbers := base[0], base[1], outs[3]
	seen := map[float64]bool{}
	for _, k := range numbers {
		seen[k] = true
	}
	if len(seen) < 3 {
		t.Fatalf("only %d codes are in use", len(seen))
	}
	surrogate := func() float64 {
		now, _, _ := gradientsOf(values, w, [][]float64{in}, [][]float64{make([]float64, len(in)), make([]float64, len(in))}, batch)
		moved := make([]float64, len(in))
		sum := 0.0
		var book []float64
		for _, p := range m.Params() {
			if p.Name == "quantized/codebook" {
				book = w.value(p)
			}
		}
		for i, v := range now[0] {
			moved[i] = v + eAt[i] - zAt[i]
			e := book[int(numbers[i/size])*size+i%size]
			sum += (zAt[i] - e) * (zAt[i] - e) / float64(len(in)/batch)
			sum += beta * (v - eAt[i]) * (v - eAt[i]) / float64(len(in)/batch)
		}
		y, _, _ := gradientsOf(decoding(decoder, shape), w, [][]float64{moved}, [][]float64{cot}, batch)
		return sum + dot(y[0], cot)
	}
	const h = 1e-6
	check := func(what string, x, got []float64) {
		worst, scale := 0.0, 0.0
		for i, old := range x {
			x[i] = old + h
			up := surrogate()
			x[i] = old - h
			down := surrogate()
			x[i] = old
			want := (up - down) / (2 * h)
			worst, scale = max(worst, math.Abs(want-got[i])), max(scale, math.Abs(want))
		}
		if !(worst <= 1e-6*scale) {
			t.Errorf("the gradient by %s is off by %.3g of its maximum", what, worst/scale)
		}
	}
	check("the input", in, dIn[0])
	for _, p := range m.Params() {
		check(p.Name, w.value(p), dParam[p.offset:][:p.Shape.Elems()])
	}
}

// decoding is a model of the handle alone.
func decoding(decoder *Handle, shape Shape) *Model {
	q := Input("q", shape)
	return must(NewModel(q, decoder.Apply(q)))
}

// TestStopGradient: what is behind it has no part in a gradient, and costs no backward pass.
func TestStopGradient(t *testing.T) {
	x := Input("x", Shape{3})
	h := Named("a", Dense{Units: 3}).Apply(x)
	m := must(NewModel(x, Apply(Multiply{}, Apply(StopGradient{}, h), x)))
	w := wideWeights(m.Store(), 1)
	in := []float64{1, 2, 3}
	outs, dIn, dParam := gradientsOf(m, w, [][]float64{in}, [][]float64{{1, 1, 1}}, 1)
	for i := range in {
		if got, want := dIn[0][i], outs[0][i]/in[i]; math.Abs(got-want) > 1e-12 {
			t.Errorf("gradient %d is %v, want the stopped value %v", i, got, want)
		}
	}
	for _, d := range dParam {
		if d != 0 {
			t.Errorf("a gradient of %v has passed", d)
		}
	}
}

func TestVectorQuantizerRefuses(t *testing.T) {
	for _, c := range []struct {
		layer VectorQuantizer
		in    Shape
	}{
		{VectorQuantizer{}, Shape{3}}, {VectorQuantizer{Codes: 1<<24 + 1}, Shape{3}},
		{VectorQuantizer{Codes: 4}, Shape{}}, {VectorQuantizer{Codes: 4}, Shape{3, Any}},
	} {
		if _, err := c.layer.Infer([]Shape{c.in}); err == nil {
			t.Errorf("%+v takes %v", c.layer, c.in)
		}
	}
	if _, err := (VectorQuantizer{Codes: 4}).Infer([]Shape{{Any, Any, 3}}); err != nil {
		t.Error(err)
	}
}
