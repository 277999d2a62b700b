package nn

import "github.com/hourglass-go/hourglass/tensor"

// A prediction runs a chain of steps on large pictures piece by piece: each step makes some
// rows, the next reads them while they are in a cache, and of what nobody outside the chain
// reads there are never more rows in memory than somebody is still to read. Nothing is
// computed twice. A whole U-Net is one chain: of a skip connection there is what the encoder
// is ahead of the decoder.

// chainLeast is the size of a value, of one sample, from which on it is to pass in pieces: two
// such are more than last-level caches of 32 MiB hold. Tests set it lower.
var chainLeast = 16 << 20

// rowChain is steps first to beyond-1, each of which can make some rows at a time.
type rowChain struct {
	first, beyond int
	windows       map[int]*rowWindow
	routines      [][]Routine // of each step, for the parts of a picture that its pieces make
	pieces        []piece
	elems         int // of the memory that the windows lie in
	memory        int // the plan's buffer for it
}

// piece is a step making some rows.
type piece struct {
	step, op      int
	in            []segment
	out           segment
	before, after []move
}

// segment is elements from to to-1 of a value, a stride further for each sample; or, where it
// is within, of the chain's memory.
type segment struct {
	from, to, stride int
	within           bool
}

// move copies elements within the chain's memory.
type move struct{ dst, src, elems int }

// findChains finds the chains of a prediction: the longest ones through which a large value passes.
func (p *plan) findChains() {
	p.chainOf = make([]*rowChain, len(p.graph.steps))
	if p.training {
		return
	}
	for first := 0; first < len(p.graph.steps); first++ {
		c := &rowChain{first: first, beyond: first}
		for c.beyond < len(p.graph.steps) && p.routines[c.beyond].rows != nil {
			c.beyond++
		}
		if p.cutChain(c) {
			p.chains = append(p.chains, c)
			for i := c.first; i < c.beyond; i++ {
				p.chainOf[i] = c
				p.joinRoutines(c, i)
			}
		}
		first = max(first, c.beyond-1)
	}
}

func (p *plan) sampleBytes(v int) int { return 4 * p.graph.shapes[v].Elems() }

// cutChain divides the work of a chain into pieces, as far as the steps want their parameters in
// one form each, and reports whether that is worth while.
func (p *plan) cutChain(c *rowChain) bool {
	for {
		p.findWindows(c)
		if !p.isLarge(c) {
			return false
		}
		jobs := p.schedule(c)
		odd := p.compileJobs(c, jobs)
		if odd < 0 {
			p.placeWindows(c, jobs)
			p.makePieces(c, jobs)
			return true
		}
		c.beyond = odd
	}
}

// isLarge reports whether a value that is to pass in pieces is large.
func (p *plan) isLarge(c *rowChain) bool {
	for v := range c.windows {
		if p.sampleBytes(v) >= chainLeast {
			return true
		}
	}
	return false
}

// joinRoutines makes a step's routine that of all of its pieces.
func (p *plan) joinRoutines(c *rowChain, step int) {
	r, parts := &p.routines[step], c.routines[step-c.first]
	r.Scratch, r.Saved, r.Form = 0, 0, parts[0].Form
	for _, part := range parts {
		r.Scratch, r.Saved = max(r.Scratch, part.Scratch), max(r.Saved, part.Saved)
	}
}

// begins and ends are the moments from and up to which a value is in use that step i makes, or
// reads: a chain uses what lies outside it from the first piece to the last.
func (p *plan) begins(i int) int {
	if c := p.chainOf[i]; c != nil {
		return c.first
	}
	return i
}

func (p *plan) ends(i int) int {
	if c := p.chainOf[i]; c != nil {
		return c.beyond - 1
	}
	return i
}

// passes reports whether a value has no memory of its own, but passes through a chain's.
func (p *plan) passes(v int) bool {
	for _, c := range p.chains {
		if c.windows[v] != nil {
			return true
		}
	}
	return false
}

// planChains gives each chain its memory.
func (p *plan) planChains() {
	for _, c := range p.chains {
		c.memory = p.buffers.add(lasting(c.elems, c.first, c.beyond-1))
	}
}

// runChain runs a chain, sample by sample, piece by piece, and reports whether a check behind a
// piece has stopped the run.
func (s *session[T]) runChain(c *rowChain, check func(step int) bool) (stopped bool) {
	for n := range s.plan.batch {
		for i := range c.pieces {
			s.runPiece(s.windows[c.first], &c.pieces[i], n)
			if check != nil && check(c.pieces[i].step) {
				return true
			}
		}
	}
	return false
}

func (s *session[T]) runPiece(memory []T, p *piece, n int) {
	step, c := &s.plan.graph.steps[p.step], &s.calls[p.step]
	c.Batch = 1
	s.moveRows(c.Team, memory, p.before)
	for j, v := range step.in {
		c.In[j] = segmentOf(&p.in[j], memory, s.values[v], n)
	}
	c.Out[0] = segmentOf(&p.out, memory, s.values[step.out[0]], n)
	s.rowOps[p.step][p.op].Forward(c)
	s.moveRows(c.Team, memory, p.after)
	s.watch.lap(p.step, forwardPass)
}

func (s *session[T]) moveRows(team *Team, memory []T, moves []move) {
	for _, m := range moves {
		s.copy.run(team, memory[m.dst:m.dst+m.elems], memory[m.src:m.src+m.elems])
	}
}

// segmentOf is the segment of sample n: of the chain's memory, or of the value's.
func segmentOf[T tensor.Float](g *segment, memory, value []T, n int) []T {
	if g.within {
		return memory[g.from:g.to]
	}
	return value[n*g.stride+g.from : n*g.stride+g.to]
}
