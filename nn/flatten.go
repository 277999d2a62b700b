package nn

// Flatten makes one axis of all: input [A, B, ...], output [A*B*...]. It copies nothing.
type Flatten struct{}

func init() { Register("flatten", 1, Flatten{}) }

// Infer returns the product of the axes, Any where one of them is.
func (Flatten) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	n := Any
	if in[0].Known() {
		n = in[0].Elems()
	}
	return Signature{Outputs: []Shape{{n}}}, nil
}

// Compile returns a view.
func (Flatten) Compile(int, []Shape) Routine { return Routine{View: true} }
