package nn

import (
	"sync"

	"github.com/hourglass-go/hourglass/internal/hugepage"
)

// forms are the prepared parameters of a store, see [Form].
type forms struct {
	mu      sync.Mutex
	version uint64 // counts changes of values
	made    map[formKey]madeForm
}

// formKey tells forms apart by the first and the last of the parameters that they are made
// of: a layer's, or those of several that were merged.
type formKey struct {
	first, last *Param
	name        string
}

type madeForm struct {
	version uint64
	data    []float32
}

// Changed says that values have been written, so that predictions prepare them anew. The
// methods that hand out values, a training step and a change of layout say so themselves:
// it is needed by those alone who keep such a slice, predict, and write to it then.
func (s *Store) Changed() {
	f := &s.resolve().forms
	f.mu.Lock()
	f.version++
	f.mu.Unlock()
}

// form returns a prepared form of a step's parameters, made by prepare unless the one that
// is there is still right. What is returned stays as it is when values change.
func (s *Store) form(params []*Param, want Form, prepare func(dst []float32)) []float32 {
	f := &s.forms
	f.mu.Lock()
	defer f.mu.Unlock()
	key := formKey{params[0], params[len(params)-1], want.Name}
	if m, ok := f.made[key]; ok && m.version == f.version && len(m.data) == want.Elems {
		return m.data
	}
	for k, m := range f.made {
		if m.version != f.version { // those of old values, which would only hold memory
			delete(f.made, k)
		}
	}
	if f.made == nil {
		f.made = map[formKey]madeForm{}
	}
	data := hugepage.Make[float32](want.Elems)
	prepare(data)
	f.made[key] = madeForm{f.version, data}
	return data
}
