package nn

import "fmt"

// Reshape gives a sample another shape with the same number of elements, in row-major
// order. It copies nothing. The gradient is reshaped back.
type Reshape struct {
	Shape Shape // of the output, without the batch axis and without Any
}

func init() { Register("reshape", 1, Reshape{}) }

// Infer returns Shape and fails where it counts another number of elements.
func (r Reshape) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	for _, d := range r.Shape {
		if d < 1 {
			return Signature{}, fmt.Errorf("Shape %v has a dimension below 1", r.Shape)
		}
	}
	if err := within(r.Shape); err != nil {
		return Signature{}, err
	}
	if in[0].Known() && in[0].Elems() != r.Shape.Elems() {
		return Signature{}, fmt.Errorf("cannot make %v (%d elements) of %v (%d elements)", r.Shape, r.Shape.Elems(), in[0], in[0].Elems())
	}
	return Signature{Outputs: []Shape{r.Shape.Clone()}}, nil
}

// Compile returns a view.
func (Reshape) Compile(int, []Shape) Routine { return Routine{View: true} }
