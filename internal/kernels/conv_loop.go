package kernels

import "github.com/hourglass-go/hourglass/internal/parallel"

// convLoop computes convolutions of any geometry by plain loops. It is what the other way
// is held against, and the better one where a group has few channels.
type convLoop[T Float] struct {
	shape ConvShape
	windowTables
	x, y, w, bias []T

	gatherRow, scatterRow, outerTap region
}

func newConvLoop[T Float](s ConvShape) *convLoop[T] {
	c := &convLoop[T]{shape: s, windowTables: newWindowTables(s.H, s.W, s.Border)}
	c.gatherRow, c.scatterRow, c.outerTap = c.gatherOne, c.scatterOne, c.outerOne
	return c
}

func (c *convLoop[T]) gather(team *parallel.Team, y, x, w, bias, _ []T) {
	c.x, c.y, c.w, c.bias = x, y, w, bias
	team.Run(c.shape.Batch*c.shape.H.Out, &c.gatherRow)
	c.x, c.y, c.w, c.bias = nil, nil, nil, nil
}

func (c *convLoop[T]) scatter(team *parallel.Team, x, y, w, bias, _ []T) {
	c.x, c.y, c.w, c.bias = x, y, w, bias
	team.Run(c.shape.Batch*c.shape.H.In, &c.scatterRow)
	c.x, c.y, c.w, c.bias = nil, nil, nil, nil
}

func (c *convLoop[T]) outer(team *parallel.Team, dw, x, y, _ []T) {
	c.x, c.y, c.w = x, y, dw
	team.Run(c.shape.taps(), &c.outerTap)
	c.x, c.y, c.w = nil, nil, nil
}

// xAt and yAt are the channels of a pixel, given the number of its row in the batch.
func (c *convLoop[T]) xAt(row, col int) []T {
	return c.x[(row*c.shape.W.In+col)*c.shape.In:][:c.shape.In]
}

func (c *convLoop[T]) yAt(row, col int) []T {
	return c.y[(row*c.shape.W.Out+col)*c.shape.Out:][:c.shape.Out]
}

// tap is the part of the kernel that belongs to tap i, j: [In/Groups, Out].
func (c *convLoop[T]) tap(i, j int) []T {
	n := c.shape.groupIn() * c.shape.Out
	return c.w[(i*c.shape.W.Kernel+j)*n:][:n]
}

// gatherOne computes a row of y.
func (c *convLoop[T]) gatherOne(row int) {
	s := &c.shape
	n, p := row/s.H.Out, row%s.H.Out
	out := c.y[row*s.W.Out*s.Out:][:s.W.Out*s.Out]
	startRow(out, c.bias)
	for q := range s.W.Out {
		y := c.yAt(row, q)
		for i, from := range c.rows[p*s.H.Kernel:][:s.H.Kernel] {
			if from < 0 {
				continue
			}
			for j, col := range c.cols[q*s.W.Kernel:][:s.W.Kernel] {
				if col >= 0 {
					c.forward(y, c.xAt(n*s.H.In+int(from), int(col)), c.tap(i, j))
				}
			}
		}
	}
	act, _ := s.acts()
	Activate(act, out, out)
}

// scatterOne computes a row of x from all that read it, in order.
func (c *convLoop[T]) scatterOne(row int) {
	s := &c.shape
	n := row / s.H.In
	out := c.x[row*s.W.In*s.In:][:s.W.In*s.In]
	startRow(out, c.bias)
	for _, e := range c.readers.of(row % s.H.In) {
		p, i := int(e)/s.H.Kernel, int(e)%s.H.Kernel
		for q := range s.W.Out {
			y := c.yAt(n*s.H.Out+p, q)
			for j, col := range c.cols[q*s.W.Kernel:][:s.W.Kernel] {
				if col >= 0 {
					c.backward(c.xAt(row, int(col)), y, c.tap(i, j))
				}
			}
		}
	}
	_, act := s.acts()
	Activate(act, out, out)
}

// outerOne computes one tap of the kernel's gradient.
func (c *convLoop[T]) outerOne(tap int) {
	s := &c.shape
	i, j := tap/s.W.Kernel, tap%s.W.Kernel
	dw := c.tap(i, j)
	clear(dw)
	for row := range s.Batch * s.H.Out {
		n, p := row/s.H.Out, row%s.H.Out
		from := c.rows[p*s.H.Kernel+i]
		if from < 0 {
			continue
		}
		for q := range s.W.Out {
			if col := c.cols[q*s.W.Kernel+j]; col >= 0 {
				c.gradient(dw, c.xAt(n*s.H.In+int(from), int(col)), c.yAt(row, q))
			}
		}
	}
}

// forward adds one tap's product to a pixel: y[o] += sum over c of x[c]*w[c,o].
func (c *convLoop[T]) forward(y, x, w []T) {
	if len(x) == len(y) && len(x) == len(w) { // one channel to one
		for o, v := range x {
			y[o] += v * w[o]
		}
		return
	}
	in, out := c.shape.groupIn(), c.shape.groupOut()
	for i, v := range x {
		o := i / in * out
		axpyGeneric(v, y[o:o+out], w[i%in*len(y)+o:])
	}
}

// backward adds the adjoint: x[c] += sum over o of w[c,o]*y[o].
func (c *convLoop[T]) backward(x, y, w []T) {
	if len(x) == len(y) && len(x) == len(w) {
		for o, v := range y {
			x[o] += v * w[o]
		}
		return
	}
	in, out := c.shape.groupIn(), c.shape.groupOut()
	for i := range x {
		o := i / in * out
		x[i] += dotGeneric(y[o:o+out], w[i%in*len(y)+o:])
	}
}

// gradient adds the outer product: dw[c,o] += x[c]*y[o].
func (c *convLoop[T]) gradient(dw, x, y []T) {
	if len(x) == len(y) && len(x) == len(dw) {
		for o, v := range x {
			dw[o] += v * y[o]
		}
		return
	}
	in, out := c.shape.groupIn(), c.shape.groupOut()
	for i, v := range x {
		o := i / in * out
		axpyGeneric(v, dw[i%in*len(y)+o:][:out], y[o:])
	}
}

// The passes of a [convLoop], each as an algorithm of its own.
type convLoopGather[T Float] struct{ *convLoop[T] }

func (p convLoopGather[T]) form() int                        { return 0 }
func (p convLoopGather[T]) name() string                     { return "" }
func (p convLoopGather[T]) prepare(*parallel.Team, []T, []T) {}
func (p convLoopGather[T]) scratch() int                     { return 0 }
func (p convLoopGather[T]) run(team *parallel.Team, out, in [][]T, w, bias, scratch []T) {
	p.gather(team, out[0], in[0], w, bias, scratch)
}

type convLoopScatter[T Float] struct{ *convLoop[T] }

func (p convLoopScatter[T]) form() int                        { return 0 }
func (p convLoopScatter[T]) name() string                     { return "" }
func (p convLoopScatter[T]) prepare(*parallel.Team, []T, []T) {}
func (p convLoopScatter[T]) scratch() int                     { return 0 }
func (p convLoopScatter[T]) run(team *parallel.Team, out, in [][]T, w, bias, scratch []T) {
	p.scatter(team, out[0], in[0], w, bias, scratch)
}

type convLoopOuter[T Float] struct{ *convLoop[T] }

func (p convLoopOuter[T]) scratch() int { return 0 }
func (p convLoopOuter[T]) run(team *parallel.Team, dw []T, x [][]T, y, scratch []T) {
	p.outer(team, dw, x[0], y, scratch)
}
