package kernels

import "github.com/hourglass-go/hourglass/internal/parallel"

// GlobalMax takes the maximum of every channel over all pixels of a picture, x
// [Batch, Pixels, Channels] to y [Batch, Channels]. Of equal maxima the first counts, and
// a NaN counts for more than any number. One goroutine uses a GlobalMax at a time; it
// allocates in NewGlobalMax only.
type GlobalMax[T Float] struct {
	batch, pixels, channels int
	at                      []int32 // [Batch, Channels], the pixel of the maximum
	x, y                    []T
	forward, backward       region
}

// NewGlobalMax prepares the passes.
func NewGlobalMax[T Float](batch, pixels, channels int) *GlobalMax[T] {
	g := &GlobalMax[T]{batch: batch, pixels: pixels, channels: channels, at: make([]int32, batch*channels)}
	g.forward, g.backward = g.forwardSample, g.backwardSample
	return g
}

// Forward sets y to the maxima of x.
func (g *GlobalMax[T]) Forward(team *parallel.Team, y, x []T) { g.run(team, &g.forward, x, y) }

// Backward sets dx for what the last Forward saw: dy where the maximum was, else 0.
func (g *GlobalMax[T]) Backward(team *parallel.Team, dx, dy []T) { g.run(team, &g.backward, dx, dy) }

func (g *GlobalMax[T]) run(team *parallel.Team, pass *region, x, y []T) {
	need("GlobalMax", "x", len(x), g.batch*g.pixels*g.channels)
	need("GlobalMax", "y", len(y), g.batch*g.channels)
	g.x, g.y = x, y
	team.Run(g.batch, pass)
	g.x, g.y = nil, nil
}

func (g *GlobalMax[T]) sample(n int) (x, y []T, at []int32) {
	size := g.pixels * g.channels
	lo, hi := n*g.channels, (n+1)*g.channels
	return g.x[n*size:][:size], g.y[lo:hi], g.at[lo:hi]
}

func (g *GlobalMax[T]) forwardSample(n int) {
	x, y, at := g.sample(n)
	copy(y, x)
	clear(at)
	for p := 1; p < g.pixels; p++ {
		for c, v := range x[p*g.channels:][:g.channels] {
			if best := y[c]; v > best || v != v && best == best {
				y[c], at[c] = v, int32(p)
			}
		}
	}
}

func (g *GlobalMax[T]) backwardSample(n int) {
	x, y, at := g.sample(n)
	clear(x)
	for c, p := range at {
		x[int(p)*g.channels+c] = y[c]
	}
}
