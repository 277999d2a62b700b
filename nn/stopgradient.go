package nn

// StopGradient hands its input on and lets no gradient back: what is behind it takes the
// value for a constant. Input and output: any shape. It copies nothing.
type StopGradient struct{}

func init() { Register("stop_gradient", 1, StopGradient{}) }

// Infer returns the input's shape.
func (StopGradient) Infer(in []Shape) (Signature, error) {
	if err := wantInputs(in, 1); err != nil {
		return Signature{}, err
	}
	return Signature{Outputs: []Shape{in[0].Clone()}}, nil
}

// Compile returns a view. That no gradient passes is seen to by the plan, which gives the
// output none.
func (StopGradient) Compile(int, []Shape) Routine { return Routine{View: true} }
