package dataset

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// Team is the workers that fill a batch together: a name for those written outside this
// module.
type Team = parallel.Team

// LoaderOptions says in what order, by whom, and how far ahead, a [Loader] makes batches.
type LoaderOptions struct {
	Seed     uint64
	Shuffle  bool // a new order each epoch, from (Seed, epoch); else the set's own
	DropLast bool // leave out a last batch that is not full
	// Team, if set, fills each batch when it is asked for, its samples split over the
	// workers. Training does so with the team of its steps: the processors are then
	// never shared with goroutines that work ahead, and one epoch runs at a time.
	// Workers and Ahead are of no account then.
	Team *Team
	// Workers is the number of goroutines that fill batches; 0 means one, which keeps
	// ahead of training on small pictures.
	Workers int
	// Ahead is the number of batches made before they are asked for; 0 means
	// Workers+1.
	Ahead int
}

// Batch is a part of an epoch. Its tensors and its index belong to the loader and are
// overwritten after the next call of Next or Stop.
type Batch struct {
	Number        int            // its place in the epoch, counted from 0
	Input, Target *tensor.Tensor // [n, ...]; the same tensor where the set is an autoencoder's
	Index         []int32        // which sample of the set each row is
}

// Loader cuts a set into batches. Its methods are safe for concurrent use.
type Loader struct {
	set           Set
	batch         int
	o             LoaderOptions
	input, target tensor.Shape
	key           rng.Key

	mu   sync.Mutex
	idle *ring // the buffers of the last epoch, for the next one
}

// ring is what one running epoch writes to: buffers that are used in turn, and the order
// of the samples.
type ring struct {
	slots []slot
	order []int32
}

type slot struct {
	batch         Batch
	input, target tensor.Tensor
	in, out       []float32
	err           error
	filling       filling
}

// NewLoader returns a loader of batches of the given number of samples. It fails where
// the set is empty or of unknown shape, or the batch has no samples.
func NewLoader(set Set, batch int, o LoaderOptions) (*Loader, error) {
	input, target := set.Shapes()
	switch {
	case batch < 1:
		return nil, fmt.Errorf("dataset: a batch of %d samples, want at least 1", batch)
	case set.Len() < 1:
		return nil, fmt.Errorf("dataset: the set has no samples")
	case o.DropLast && set.Len() < batch:
		return nil, fmt.Errorf("dataset: %d samples do not fill one batch of %d", set.Len(), batch)
	case !input.Known() || !target.Known():
		return nil, fmt.Errorf("dataset: samples of shape %v and %v, want every dimension known", input, target)
	case o.Workers < 0 || o.Ahead < 0:
		return nil, fmt.Errorf("dataset: %d workers and %d batches ahead, want 0 or more", o.Workers, o.Ahead)
	}
	o.Workers = max(o.Workers, 1)
	if o.Ahead == 0 {
		o.Ahead = o.Workers + 1
	}
	if o.Team != nil {
		o.Workers, o.Ahead = 0, 0
	}
	return &Loader{
		set: set, batch: min(batch, set.Len()), o: o, input: input, target: target,
		key: rng.New(o.Seed, rng.Hash("shuffle")),
	}, nil
}

// Batches returns the number of batches in an epoch.
func (l *Loader) Batches() int {
	if l.o.DropLast {
		return l.set.Len() / l.batch
	}
	return (l.set.Len() + l.batch - 1) / l.batch
}

// Len returns the number of samples in an epoch.
func (l *Loader) Len() int { return min(l.set.Len(), l.Batches()*l.batch) }

// Bytes returns the memory of the batch buffers of one running epoch.
func (l *Loader) Bytes() int64 {
	values := l.input.Elems()
	if !targetIsInput(l.set) {
		values += l.target.Elems()
	}
	return int64(l.o.Ahead+1)*int64(l.batch)*int64(4*values+4) + int64(4*l.set.Len())
}

// newRing allocates one buffer more than are made ahead: the caller holds one.
func (l *Loader) newRing() *ring {
	r := &ring{slots: make([]slot, l.o.Ahead+1), order: make([]int32, l.set.Len())}
	for i := range r.slots {
		s := &r.slots[i]
		s.in = make([]float32, l.batch*l.input.Elems())
		s.input.Shape = append(tensor.Shape{0}, l.input...)
		s.batch = Batch{Input: &s.input, Target: &s.input}
		if !targetIsInput(l.set) {
			s.out = make([]float32, l.batch*l.target.Elems())
			s.target.Shape = append(tensor.Shape{0}, l.target...)
			s.batch.Target = &s.target
		}
		s.filling.errs = make([]error, l.batch)
	}
	return r
}

// borrow returns the idle ring, or a new one while another epoch runs.
func (l *Loader) borrow() *ring {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.idle
	l.idle = nil
	if r == nil {
		r = l.newRing()
	}
	return r
}

func (l *Loader) giveBack(r *ring) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = r
}

// Epoch starts making the batches of an epoch, from batch startBatch on: what a run
// that was interrupted there still has to see, in the same order and with the same
// content. Whoever starts an epoch calls Stop at its end, or reads it to its end.
func (l *Loader) Epoch(ctx context.Context, epoch, startBatch int) *Epoch {
	e := &Epoch{ctx: ctx, loader: l, epoch: epoch, next: startBatch, count: l.Batches(), held: -1}
	if startBatch < 0 || startBatch > e.count {
		e.failed = fmt.Errorf("dataset: epoch %d has batches 0 to %d, it cannot start at %d", epoch, e.count-1, startBatch)
		return e
	}
	e.ring = l.borrow()
	for i := range e.ring.order {
		e.ring.order[i] = int32(i)
	}
	if l.o.Shuffle {
		l.key.Fork(uint64(epoch)).Shuffle(e.ring.order)
	}
	e.claim = startBatch
	e.stop = make(chan struct{})
	e.free = make(chan int, len(e.ring.slots))
	e.ready = make([]chan int, len(e.ring.slots))
	for i := range e.ring.slots {
		e.free <- i
		e.ready[i] = make(chan int, 1)
	}
	for range l.o.Workers {
		e.workers.Go(e.work)
	}
	return e
}

// Epoch hands out the batches of one running epoch. It is used by one goroutine.
type Epoch struct {
	ctx    context.Context
	loader *Loader
	ring   *ring // nil once stopped
	epoch  int
	next   int // the batch that Next returns next
	count  int
	held   int // the slot that the caller holds, or -1
	failed error

	workers sync.WaitGroup
	stopped atomic.Bool
	stop    chan struct{}
	free    chan int   // slots to fill
	ready   []chan int // at number % len: the slot that holds this batch
	mu      sync.Mutex
	claim   int // the batch to be filled next
}

// Next returns the next batch, valid until the next call, or io.EOF after the last. Any
// other error is the context's, or that of the sample it names; the epoch is then over.
func (e *Epoch) Next() (*Batch, error) {
	if e.failed == nil {
		e.failed = e.ctx.Err()
	}
	if e.failed == nil && e.next >= e.count {
		e.failed = io.EOF
	}
	if e.failed != nil {
		e.Stop()
		return nil, e.failed
	}
	s, err := e.take()
	if err == nil {
		err = s.err
	}
	if err != nil {
		e.failed = err
		e.Stop()
		return nil, e.failed
	}
	e.next++
	return &s.batch, nil
}

// take returns the slot that holds the next batch.
func (e *Epoch) take() (*slot, error) {
	if team := e.loader.o.Team; team != nil {
		s := &e.ring.slots[0]
		s.err = e.fill(s, e.next, team)
		return s, nil
	}
	if e.held >= 0 {
		e.free <- e.held
		e.held = -1
	}
	select {
	case e.held = <-e.ready[e.next%len(e.ready)]:
		return &e.ring.slots[e.held], nil
	case <-e.ctx.Done():
		return nil, e.ctx.Err()
	}
}

// Stop ends the epoch early, and waits until its goroutines have ended. It may be called
// again, and after the end.
func (e *Epoch) Stop() {
	if e.ring == nil {
		return
	}
	e.stopped.Store(true)
	close(e.stop)
	e.workers.Wait()
	e.loader.giveBack(e.ring)
	e.ring = nil
	if e.failed == nil {
		e.failed = io.EOF
	}
}

// work fills batches until none is left. A free slot is taken before a batch is claimed:
// then no more batches than there are slots are under way, and they are consecutive.
func (e *Epoch) work() {
	for {
		var i int
		select {
		case i = <-e.free:
		case <-e.stop:
			return
		}
		e.mu.Lock()
		number := e.claim
		e.claim++
		e.mu.Unlock()
		if number >= e.count || e.stopped.Load() {
			return
		}
		s := &e.ring.slots[i]
		s.err = e.fill(s, number, nil)
		e.ready[number%len(e.ready)] <- i
	}
}

// fill makes batch number in the slot, on the team or, where it is nil, alone.
func (e *Epoch) fill(s *slot, number int, team *Team) error {
	l := e.loader
	lo := number * l.batch
	index := e.ring.order[lo:min(lo+l.batch, len(e.ring.order))]
	in, out := l.input.Elems(), l.target.Elems()
	s.batch.Number, s.batch.Index = number, index
	s.input.Shape[0], s.input.Data = len(index), s.in[:len(index)*in]
	if s.out != nil {
		s.target.Shape[0], s.target.Data = len(index), s.out[:len(index)*out]
	}
	f := &s.filling
	f.epoch, f.slot, f.rows = e, s, max(1, fillElems/max(in, out, 1))
	tiles := (len(index) + f.rows - 1) / f.rows
	f.errs = f.errs[:tiles]
	team.Run(tiles, f)
	f.epoch = nil
	for _, err := range f.errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// filling fills the rows of a batch, so many to a tile.
type filling struct {
	epoch *Epoch
	slot  *slot
	rows  int
	errs  []error // of each tile: what is reported is the first in order, not in time
}

// fillElems is about how many values a tile fills: some microseconds' worth.
const fillElems = 1 << 13

// Do implements [parallel.Task].
func (f *filling) Do(tile, _ int) {
	lo := tile * f.rows
	f.errs[tile] = nil
	for row := lo; row < min(lo+f.rows, len(f.slot.batch.Index)); row++ {
		if f.errs[tile] = f.row(row); f.errs[tile] != nil {
			return
		}
	}
}

func (f *filling) row(row int) error {
	e, s, l := f.epoch, f.slot, f.epoch.loader
	if e.stopped.Load() {
		return context.Canceled
	}
	in, out := l.input.Elems(), l.target.Elems()
	input := s.input.Data[row*in : (row+1)*in : (row+1)*in]
	target := input
	if s.out != nil {
		target = s.target.Data[row*out : (row+1)*out : (row+1)*out]
	}
	sample := int(s.batch.Index[row])
	if err := l.set.Fill(e.epoch, sample, input, target); err != nil {
		return fmt.Errorf("dataset: %s: %w", sampleName(l.set, sample), err)
	}
	return nil
}
