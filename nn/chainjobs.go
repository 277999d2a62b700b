package nn

import (
	"slices"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// How large the rows should be that a job makes or reads of one value. Large values are to be cut
// finely, so that little waits in skip connections: jobProduct over the size of the chain's
// largest value is what a job has, but at least jobBytes, and at most twice that, so that two such,
// and what passes by, stay in a last-level cache. What is no larger than that quotient is not cut at
// all. Tests set both lower.
var (
	jobBytes   int64 = 2 << 20
	jobProduct int64 = 256 << 40
)

const (
	// jobRows is the least height of a job: of fewer rows, the kernels pass by too often.
	jobRows = 16
	// jobTile is what its height is a multiple of, the tile of Winograd's algorithm.
	jobTile = 4
	// jobFLOPs is the least arithmetic of a job for each byte of its kernel, which comes from
	// memory for every job anew.
	jobFLOPs = 128
)

// rowJob is a step of a chain making rows of its output, out of rows of its inputs.
type rowJob struct {
	step int
	out  kernels.Range
	in   []kernels.Range
}

// scheduler finds the order of a chain's jobs.
type scheduler struct {
	plan   *plan
	chain  *rowChain
	maker  map[int]int // by value, a step of the chain
	height []int       // by step of the chain, of its jobs
	done   []int       // the rows that are there
	jobs   []rowJob
}

// schedule divides the work of a chain into jobs: each, from the last step back, asks for the
// rows that it reads, and whoever makes those makes as many more as are worth a job.
func (p *plan) schedule(c *rowChain) []rowJob {
	s := &scheduler{plan: p, chain: c, maker: map[int]int{}}
	var largest int64
	for i := c.first; i < c.beyond; i++ {
		s.maker[p.graph.steps[i].out[0]] = i
		largest = max(largest, p.passingBytes(i))
	}
	for i := c.first; i < c.beyond; i++ {
		s.height = append(s.height, p.jobHeight(i, largest))
	}
	s.done = make([]int, c.beyond-c.first)
	s.ask(c.beyond-1, p.routines[c.beyond-1].rows.height())
	for i := c.first; i < c.beyond-1; i++ { // what is read outside is made as a whole
		if c.windows[p.graph.steps[i].out[0]] == nil {
			s.ask(i, p.routines[i].rows.height())
		}
	}
	return s.jobs
}

// jobHeight is how many rows of its output a step should make at a time, in a chain whose
// largest value has so many bytes.
func (p *plan) jobHeight(step int, largest int64) int {
	r := &p.routines[step]
	h, bytes, most := int64(r.rows.height()), p.passingBytes(step), jobProduct/largest
	if bytes <= most {
		return int(h)
	}
	rows := max(min(max(most, jobBytes), 2*jobBytes)*h/bytes, jobRows)
	if flops := r.FLOPs / int64(p.batch); flops > 0 {
		rows = max(rows, jobFLOPs*4*int64(r.Form.Elems)*h/flops)
	}
	return int(min(rows/jobTile*jobTile, h))
}

// passingBytes is the size of the largest value that a step makes or reads, of one sample.
func (p *plan) passingBytes(step int) int64 {
	s := &p.graph.steps[step]
	bytes := p.sampleBytes(s.out[0])
	for _, v := range s.in {
		bytes = max(bytes, p.sampleBytes(v))
	}
	return int64(bytes)
}

// ask has rows of a step's output made up to a certain one.
func (s *scheduler) ask(step, to int) {
	k := step - s.chain.first
	m := s.plan.routines[step].rows
	for s.done[k] < to {
		job := rowJob{step: step, out: kernels.Range{From: s.done[k], To: s.next(step, to)}}
		for j, v := range s.plan.graph.steps[step].in {
			rows := m.reads(job.out, j)
			job.in = append(job.in, rows)
			if maker, ok := s.maker[v]; ok {
				s.ask(maker, rows.To)
			}
		}
		s.jobs = append(s.jobs, job)
		s.done[k] = job.out.To
	}
}

// next is where the next job of a step ends of which rows up to a certain one are wanted: what
// is wanted is divided into jobs of about the same height.
func (s *scheduler) next(step, to int) int {
	k := step - s.chain.first
	m, height, done := s.plan.routines[step].rows, s.height[k], s.done[k]
	wanted := max(to-done, height)
	jobs := max((wanted+height/2)/height, 1)
	rows := (wanted + jobs - 1) / jobs
	if jobs > 1 {
		rows = (rows + jobTile - 1) / jobTile * jobTile
	}
	end := m.roundUp(done + rows)
	if m.height()-end < height/4 {
		return m.height()
	}
	return end
}

// compileJobs compiles the steps for the parts of a picture that the jobs make. It returns the
// first step that wants its parameters in several forms, -1 for none.
func (p *plan) compileJobs(c *rowChain, jobs []rowJob) (odd int) {
	c.routines = make([][]Routine, c.beyond-c.first)
	c.pieces = make([]piece, len(jobs))
	made := make([][]kernels.Range, c.beyond-c.first) // by each routine, at first
	odd = -1
	for t, job := range jobs {
		k, rows := job.step-c.first, p.routines[job.step].rows
		op := slices.IndexFunc(made[k], func(r kernels.Range) bool { return rows.alike(r, job.out) })
		if op < 0 {
			op = len(made[k])
			made[k] = append(made[k], job.out)
			c.routines[k] = append(c.routines[k], rows.compile(job.out))
			if c.routines[k][op].Form != c.routines[k][0].Form && (odd < 0 || job.step < odd) {
				odd = job.step
			}
		}
		c.pieces[t] = piece{step: job.step, op: op}
	}
	return odd
}
