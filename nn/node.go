package nn

import (
	"fmt"
	"slices"
)

// Node is a value in a graph: an input, or an output of a layer applied to others.
type Node struct {
	name  string // of an input; a layer's output is called after its handle
	shape Shape
	app   *application // nil for an input
	index int          // which output of app
	err   error        // the first mistake made on the way here
}

// application is one use of a handle.
type application struct {
	handle *Handle
	in     []*Node
	out    []*Node
}

// Handle is a layer with its parameters. Applied twice, it shares them.
type Handle struct {
	name   string
	layer  Layer
	params []*Param // nil until first applied
	built  bool
}

// Input starts a graph: a value called name of the shape, without the batch axis.
// A dimension may be Any.
func Input(name string, shape Shape) *Node {
	n := &Node{name: name, shape: shape.Clone()}
	for _, d := range shape {
		if d < 1 && d != Any {
			n.err = fmt.Errorf("nn: input %q: dimension %d of shape %v is not positive", name, d, shape)
		}
	}
	if n.err == nil {
		n.err = wrapInput(name, within(shape))
	}
	if name == "" {
		n.err = fmt.Errorf("nn: an input of shape %v has no name", shape)
	}
	return n
}

// Named gives a layer a name, and a handle to apply it by.
func Named(name string, l Layer) *Handle {
	if d, ok := l.(defaulter); ok {
		l = d.withDefaults()
	}
	return &Handle{name: name, layer: l}
}

// Apply adds a layer, named after its type, to the graph and returns its first output.
// A mistake is kept in the node and reported by [NewModel].
func Apply(l Layer, in ...*Node) *Node { return Named("", l).Apply(in...) }

// Apply adds a use of the handle's layer and returns its first output.
func (h *Handle) Apply(in ...*Node) *Node { return h.ApplyAll(in...)[0] }

// ApplyAll adds a use of the handle's layer and returns all its outputs.
func (h *Handle) ApplyAll(in ...*Node) []*Node {
	app := &application{handle: h, in: in}
	shapes, err := h.infer(in)
	if err != nil {
		app.out = []*Node{{app: app, err: err}}
		return app.out
	}
	for i, s := range shapes {
		app.out = append(app.out, &Node{shape: s, app: app, index: i})
	}
	return app.out
}

// infer computes the output shapes for the inputs and, at the first use, declares the
// parameters; a later use has to agree with them.
func (h *Handle) infer(in []*Node) ([]Shape, error) {
	shapes := make([]Shape, len(in))
	for i, n := range in {
		if n == nil {
			return nil, fmt.Errorf("nn: layer %s: input %d is nil", h.label(), i)
		}
		if n.err != nil {
			return nil, n.err
		}
		shapes[i] = n.shape
	}
	if h.layer == nil {
		return nil, fmt.Errorf("nn: layer %s is nil", h.label())
	}
	sig, err := inferWithin(h.layer, shapes)
	if err != nil {
		return nil, fmt.Errorf("nn: layer %s on %s: %w", h.label(), describe(in), err)
	}
	if !h.built {
		for _, spec := range sig.Params {
			h.params = append(h.params, newParam(spec))
		}
		h.built = true
		return sig.Outputs, nil
	}
	for i, spec := range sig.Params {
		if i >= len(h.params) || !h.params[i].Shape.Equal(spec.Shape) {
			return nil, fmt.Errorf("nn: layer %s on %s: its %s would be %v, but an earlier use made it %v",
				h.label(), describe(in), spec.Name, spec.Shape, h.params[i].Shape)
		}
	}
	return sig.Outputs, nil
}

func (h *Handle) label() string {
	if h.name != "" {
		return fmt.Sprintf("%q (%s)", h.name, TypeName(h.layer))
	}
	return TypeName(h.layer)
}

func describe(in []*Node) string {
	s := ""
	for i, n := range in {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%s %v", n.Name(), n.shape)
	}
	if s == "" {
		return "no input"
	}
	return s
}

// Name is the input's name, or that of the layer whose output the node is.
func (n *Node) Name() string {
	if n.app == nil {
		return n.name
	}
	name := n.app.handle.name
	if name == "" {
		name = TypeName(n.app.handle.layer)
	}
	if n.index > 0 {
		name = fmt.Sprintf("%s:%d", name, n.index)
	}
	return name
}

// Shape is the node's shape without the batch axis.
func (n *Node) Shape() Shape { return n.shape.Clone() }

// Err is the first mistake made in building the node, nil if there is none.
func (n *Node) Err() error { return n.err }

// Layer is the layer whose output the node is, nil for an input.
func (n *Node) Layer() Layer {
	if n.app == nil {
		return nil
	}
	return n.app.handle.layer
}

// Inputs are the nodes that the node's layer reads, none for an input.
func (n *Node) Inputs() []*Node {
	if n.app == nil {
		return nil
	}
	return slices.Clone(n.app.in)
}
