package nn

import (
	"fmt"
	"path"
	"slices"
	"sync"

	"github.com/hourglass-go/hourglass/internal/hugepage"
	"github.com/hourglass-go/hourglass/internal/rng"
)

// Kind says what happens to a parameter in training.
type Kind uint8

const (
	Trainable Kind = iota // follows its gradient
	Frozen                // stays as it is, and has no gradient
	State                 // is updated by its layer, such as a moving mean
	kinds
)

// String is "trainable", "frozen" or "state".
func (k Kind) String() string { return [...]string{"trainable", "frozen", "state"}[k] }

// Param is a named array of weights in a [Store].
type Param struct {
	Name  string // of its layer and itself: "dense_1/kernel"
	Shape Shape
	Kind  Kind

	spec   ParamSpec
	store  *Store
	offset int // in its kind's vector
}

func newParam(spec ParamSpec) *Param {
	p := &Param{Shape: spec.Shape.Clone(), spec: spec}
	if spec.State {
		p.Kind = State
	}
	return p
}

// Store holds the parameters of one or more models that share weights: one flat vector
// for each [Kind], and one of gradients laid out as the trainable vector is. So an
// optimiser's step is one pass and a checkpoint one write.
//
// Memory is taken when the values are first asked for.
type Store struct {
	mu        sync.Mutex
	params    []*Param
	values    [kinds][]float32
	gradients []float32
	seed      uint64
	layout    int // counts changes of layout, which outdate what was compiled
	forms     forms
	moved     *Store // where everything went when two stores were joined
}

// resolve follows a store to the one it was joined into.
func (s *Store) resolve() *Store {
	for s.moved != nil {
		s = s.moved
	}
	return s
}

// adopt makes the parameters of the handles share one store, joining the stores that
// some of them are in already, and returns it.
func adopt(handles []*Handle) *Store {
	var store *Store
	for _, h := range handles {
		for _, p := range h.params {
			if p.store == nil {
				continue
			}
			switch s := p.store.resolve(); store {
			case nil, s:
				store = s
			default:
				store.join(s)
			}
		}
	}
	if store == nil {
		store = &Store{}
	}
	var fresh []*Param
	for _, h := range handles {
		for i, p := range h.params {
			if p.store == nil {
				p.Name = h.name + "/" + p.spec.Name
				p.store = store
				h.params[i] = p
				fresh = append(fresh, p)
			}
		}
	}
	if len(fresh) > 0 {
		store.relayout(func() { store.params = append(store.params, fresh...) })
	}
	return store
}

// join moves all that is in o into s.
func (s *Store) join(o *Store) {
	held := o.allocated()
	old := make(map[*Param][]float32, len(o.params))
	if held {
		for _, p := range o.params {
			old[p] = o.Value(p)
		}
		s.allocate()
	} else if s.allocated() {
		o.allocate()
		for _, p := range o.params {
			old[p] = o.Value(p)
		}
	}
	s.relayout(func() {
		for _, p := range o.params {
			p.store = s
			s.params = append(s.params, p)
		}
	})
	for p, v := range old {
		copy(s.Value(p), v)
	}
	o.moved, o.params, o.values, o.gradients = s, nil, [kinds][]float32{}, nil
}

// relayout changes the list or the kinds of parameters and lays the vectors out anew;
// values survive, new ones are drawn from the store's seed.
func (s *Store) relayout(change func()) {
	old := map[*Param][]float32{}
	held := s.allocated()
	if held {
		for _, p := range s.params {
			old[p] = s.Value(p)
		}
	}
	change()
	var size [kinds]int
	for _, p := range s.params {
		p.offset = size[p.Kind]
		size[p.Kind] += p.Shape.Elems()
	}
	s.values, s.gradients = [kinds][]float32{}, nil
	s.layout++
	s.Changed()
	if !held {
		return
	}
	s.allocate()
	for p, v := range old {
		copy(s.Value(p), v)
	}
}

func (s *Store) allocated() bool { return s.values[Trainable] != nil }

// allocate takes the memory of the values and initialises them.
func (s *Store) allocate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.allocated() {
		return
	}
	size := s.Sizes()
	var values [kinds][]float32
	for k := range values {
		values[k] = hugepage.Make[float32](size[k])
	}
	initialise(s.params, &values, s.seed)
	s.values = values
}

func initialise(params []*Param, values *[kinds][]float32, seed uint64) {
	for _, p := range params {
		v := values[p.Kind][p.offset : p.offset+p.Shape.Elems()]
		p.spec.Init.fill(v, p.spec, rng.New(seed, rng.Hash("init"), rng.Hash(p.Name)))
	}
}

// Init draws all values anew from a seed. What a parameter gets depends on the seed
// and its name alone.
func (s *Store) Init(seed uint64) {
	s = s.resolve()
	s.seed = seed
	s.Changed()
	if s.allocated() {
		initialise(s.params, &s.values, seed)
		return
	}
	s.allocate()
}

// Params lists the parameters in the order of their first use.
func (s *Store) Params() []*Param { return slices.Clone(s.resolve().params) }

// Sizes counts the values of each kind: trainable, frozen, state.
func (s *Store) Sizes() [3]int {
	var size [kinds]int
	for _, p := range s.resolve().params {
		size[p.Kind] += p.Shape.Elems()
	}
	return size
}

// Values is the flat vector of a kind: the live values, not a copy. It is another one
// after the layout changed: when a model with new layers was built over this store's
// nodes, two stores were joined, or parameters were frozen or thawed.
func (s *Store) Values(k Kind) []float32 {
	s = s.resolve()
	s.allocate()
	s.Changed()
	return s.values[k]
}

// Trainable is the flat vector that an optimiser updates.
func (s *Store) Trainable() []float32 { return s.Values(Trainable) }

// Gradients is the vector that a training step fills, laid out as Trainable is.
func (s *Store) Gradients() []float32 {
	s = s.resolve()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gradients == nil {
		s.gradients = hugepage.Make[float32](s.Sizes()[Trainable])
	}
	return s.gradients
}

// Value is the live values of a parameter.
func (s *Store) Value(p *Param) []float32 {
	n := p.Shape.Elems()
	return s.Values(p.Kind)[p.offset : p.offset+n : p.offset+n]
}

// Gradient is the part of Gradients that belongs to a trainable parameter, nil for
// another.
func (s *Store) Gradient(p *Param) []float32 {
	if p.Kind != Trainable {
		return nil
	}
	n := p.Shape.Elems()
	return s.Gradients()[p.offset : p.offset+n : p.offset+n]
}

// SetFrozen freezes, or thaws, the parameters whose name matches the pattern, as
// path.Match does: "block1_*/*" for all of the layers whose name starts with block1_.
// A layer all of whose parameters are frozen behaves in training as in prediction: batch
// normalisation uses its moving statistics and leaves them alone.
// It returns how many it matched and fails where the pattern is malformed. What was
// compiled before is compiled anew; no training may be under way.
func (s *Store) SetFrozen(pattern string, frozen bool) (int, error) {
	s = s.resolve()
	var hit []*Param
	for _, p := range s.params {
		ok, err := path.Match(pattern, p.Name)
		if err != nil {
			return 0, fmt.Errorf("nn: pattern %q: %w", pattern, err)
		}
		if ok && p.Kind != State {
			hit = append(hit, p)
		}
	}
	kind := Trainable
	if frozen {
		kind = Frozen
	}
	// relayout reads the old vectors by the old kinds, so they change inside it.
	s.relayout(func() {
		for _, p := range hit {
			p.Kind = kind
		}
	})
	return len(hit), nil
}
