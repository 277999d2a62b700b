package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// unary generates dst[i] = f(x[i], alpha).
func (g *generator) unary(name string, f func(x, alpha Op) Op) {
	g.streamFunc(name, "func(dst, x *float32, n int, alpha float32)", []string{"dst", "x"}, []string{"alpha"}, nil,
		func(s *stream) { s.store("dst", f(s.load("x"), s.scalar["alpha"])) }, nil)
}

// binary generates dst[i] = f(a[i], b[i], alpha).
func (g *generator) binary(name string, f func(a, b, alpha Op) Op) {
	g.streamFunc(name, "func(dst, a, b *float32, n int, alpha float32)", []string{"dst", "a", "b"}, []string{"alpha"}, nil,
		func(s *stream) { s.store("dst", f(s.load("a"), s.load("b"), s.scalar["alpha"])) }, nil)
}

// elementwise generates the passes without state.
func elementwise(g *generator) {
	g.binary("add", func(a, b, _ Op) Op { return g.add(a, b) })
	g.binary("mul", func(a, b, _ Op) Op { return g.mul(a, b) })
	g.unary("scale", func(x, alpha Op) Op { return g.mul(x, alpha) })
	g.unary("exp", func(x, alpha Op) Op { return g.exp(g.sub(x, alpha)) })
	g.streamFunc("axpy", "func(dst, x *float32, n int, alpha float32)", []string{"dst", "x"}, []string{"alpha"}, nil,
		func(s *stream) {
			y := s.load("dst")
			g.VFMADD231PS(s.load("x"), s.scalar["alpha"], y)
			s.store("dst", y)
		}, nil)
}

// activations generates the activation functions and, from their outputs y, the
// gradients dy*act'(x).
func activations(g *generator) {
	g.unary("relu", func(x, _ Op) Op { return g.maxNaN(g.none(), x) })
	g.binary("reluGrad", func(dy, y, _ Op) Op { return g.where(y, lessOrEqual, g.none(), g.none(), dy) })

	g.unary("leaky", func(x, alpha Op) Op { return g.where(x, lessOrEqual, g.none(), g.mul(x, alpha), x) })
	g.binary("leakyGrad", func(dy, y, alpha Op) Op {
		return g.where(y, lessOrEqual, g.none(), g.mul(dy, alpha), dy)
	})

	g.unary("elu", func(x, alpha Op) Op {
		zero := g.none()
		return g.where(x, lessOrEqual, zero, g.mul(g.expm1(g.minNaN(zero, x)), alpha), x)
	})
	g.binary("eluGrad", func(dy, y, alpha Op) Op {
		return g.where(y, lessOrEqual, g.none(), g.mul(dy, g.add(y, alpha)), dy)
	})

	g.unary("sigmoid", func(x, _ Op) Op { _, y := g.sigmoidParts(x); return y })
	g.binary("sigmoidGrad", func(dy, y, _ Op) Op {
		return g.mul(g.mul(dy, y), g.sub(g.copy(g.constant(1)), y))
	})

	g.unary("tanh", func(x, _ Op) Op { return g.tanh(x) })
	g.binary("tanhGrad", func(dy, y, _ Op) Op {
		d := g.copy(g.constant(1))
		g.VFNMADD231PS(y, y, d)
		return g.mul(dy, d)
	})

	g.unary("softplus", func(x, _ Op) Op {
		return g.add(g.maxNaN(g.none(), x), g.log1p(g.exp(g.negAbs(x))))
	})
	g.binary("softplusGrad", func(dy, y, _ Op) Op {
		return g.mul(dy, g.sub(g.none(), g.expm1(g.sub(g.none(), y))))
	})
}

// reductions generates sums; they return float32.
func reductions(g *generator) {
	returnSum := func(sum *reg.VecVirtual) func(*stream) {
		return func(*stream) { g.Store(g.sum(*sum), g.ReturnIndex(0)) }
	}
	var sum reg.VecVirtual
	start := func(*stream) { sum = g.none() }

	g.streamFunc("sum", "func(x *float32, n int) float32", []string{"x"}, nil, start,
		func(s *stream) { s.accumulate(sum, s.load("x")) }, returnSum(&sum))

	g.streamFunc("dot", "func(x, y *float32, n int) float32", []string{"x", "y"}, nil, start,
		func(s *stream) { g.VFMADD231PS(s.load("x"), s.load("y"), sum) }, returnSum(&sum))

	// Binary cross-entropy: max(z,0) - z*t + log1p(e) with e = exp(-|z|). One logarithm
	// serves a whole lane: that of the product of all 1+e, of which 1 less is kept, so
	// that small ones are not lost. It stays below 2^64 as package kernels calls these.
	var product reg.VecVirtual
	begin := func(*stream) { sum, product = g.none(), g.none() }
	loss := func(s *stream, z, t, e Op) {
		linear := g.maxNaN(g.none(), z)
		g.VFNMADD231PS(z, t, linear)
		g.VADDPS(linear, sum, sum) // of 0 in masked lanes
		g.VFMADD231PS(s.masked(e), g.add(product, g.constant(1)), product)
	}
	end := func(*stream) { g.Store(g.sum(g.add(sum, g.log1pLarge(product))), g.ReturnIndex(0)) }
	g.streamFunc("bce", "func(z, t *float32, n int) float32", []string{"z", "t"}, nil, begin,
		func(s *stream) {
			z := s.load("z")
			loss(s, z, s.load("t"), g.exp(g.negAbs(z)))
		}, end)
	g.streamFunc("bceGrad", "func(dz, z, t *float32, n int, scale float32) float32",
		[]string{"dz", "z", "t"}, []string{"scale"}, begin,
		func(s *stream) {
			z, t := s.load("z"), s.load("t")
			e, y := g.sigmoidParts(z)
			s.store("dz", g.mul(g.sub(y, t), s.scalar["scale"]))
			loss(s, z, t, e)
		}, end)
}

// adam generates the optimiser's pass with a way to store the parameters.
func adam(g *generator, name string, store func(s *stream, x Op)) {
	g.streamFunc(name, "func(p, grad, m, v *float32, n int, keep, alpha, c1, c2, epsilon float32)",
		[]string{"p", "grad", "m", "v"}, []string{"keep", "alpha", "c1", "c2", "epsilon"}, nil,
		func(s *stream) {
			grad, m, v := s.load("grad"), s.load("m"), s.load("v")
			g.VFMADD231PS(g.sub(grad, m), s.scalar["c1"], m)
			s.store("m", m)
			g.VFMADD231PS(g.sub(g.mul(grad, grad), v), s.scalar["c2"], v)
			s.store("v", v)
			step := g.div(g.mul(m, s.scalar["alpha"]), g.add(g.root(v), s.scalar["epsilon"]))
			store(s, g.sub(g.mul(s.load("p"), s.scalar["keep"]), step))
		}, func(*stream) {
			if name == "adamPast" {
				g.SFENCE()
			}
		})
}

// optimizers generates the optimisers' passes; package kernels has the formulas.
func optimizers(g *generator) {
	adam(g, "adam", func(s *stream, x Op) { s.store("p", x) })
	adam(g, "adamPast", func(s *stream, x Op) { s.storePast("p", x) })

	g.streamFunc("rmsprop", "func(p, grad, v *float32, n int, rate, rho, rest, epsilon float32)",
		[]string{"p", "grad", "v"}, []string{"rate", "rho", "rest", "epsilon"}, nil,
		func(s *stream) {
			grad := s.load("grad")
			v := g.mul(s.load("v"), s.scalar["rho"])
			g.VFMADD231PS(g.mul(grad, grad), s.scalar["rest"], v)
			s.store("v", v)
			step := g.div(g.mul(grad, s.scalar["rate"]), g.sqrt(g.add(v, s.scalar["epsilon"])))
			s.store("p", g.sub(s.load("p"), step))
		}, nil)

	momentum := func(nesterov bool) func(s *stream) {
		return func(s *stream) {
			d := g.mul(s.load("grad"), s.scalar["rate"])
			m := g.sub(g.mul(s.load("m"), s.scalar["momentum"]), d)
			s.store("m", m)
			if nesterov {
				m = g.sub(g.mul(m, s.scalar["momentum"]), d)
			}
			s.store("p", g.add(s.load("p"), m))
		}
	}
	arrays, scalars := []string{"p", "grad", "m"}, []string{"rate", "momentum"}
	const signature = "func(p, grad, m *float32, n int, rate, momentum float32)"
	g.streamFunc("momentum", signature, arrays, scalars, nil, momentum(false), nil)
	g.streamFunc("nesterov", signature, arrays, scalars, nil, momentum(true), nil)

	g.streamFunc("ema", "func(avg, p *float32, n int, c float32)", []string{"avg", "p"}, []string{"c"}, nil,
		func(s *stream) {
			avg := s.load("avg")
			g.VFMADD231PS(g.sub(s.load("p"), avg), s.scalar["c"], avg)
			s.store("avg", avg)
		}, nil)
}
