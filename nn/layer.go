package nn

import (
	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// Shape is the shape of a value without its batch axis: [H, W, C] for pictures.
type Shape = tensor.Shape

// Any stands for a dimension that is known only when a batch arrives.
const Any = tensor.Any

// Key is a source of random numbers that a layer draws from, and Team the workers that it
// splits its work over: names for writing layers outside this module.
type (
	Key  = rng.Key
	Team = parallel.Team
)

// Layer is an operator with its hyperparameters. It is immutable: its parameters
// live in a [Store].
type Layer interface {
	// Infer checks the shapes of the inputs, which may hold Any, and returns the
	// shapes of the outputs and the parameters the layer needs for them. Its error
	// says what is wrong with which number; the caller adds the layer's name.
	Infer(in []Shape) (Signature, error)
	// Compile returns the arithmetic for a batch of inputs whose shapes have no Any.
	Compile(batch int, in []Shape) Routine
}

// Signature is what a layer is for given inputs.
type Signature struct {
	Outputs []Shape
	Params  []ParamSpec
}

// ParamSpec declares a parameter: "kernel" of shape [in, out], say.
type ParamSpec struct {
	Name  string
	Shape Shape
	// Init is how the values start; FanIn and FanOut are what Glorot's and He's
	// rules scale by.
	Init          Initializer
	FanIn, FanOut int
	// State marks values that training updates without a gradient, such as a moving
	// mean.
	State bool
}

// Routine is a layer compiled for a batch.
type Routine struct {
	// New32 and New64 make the arithmetic in single precision, and in double for
	// gradient checks. Each session has its own instance, used by one goroutine at a
	// time, so an instance may keep what it likes, but must not allocate in a run.
	New32 func() Op[float32]
	New64 func() Op[float64]

	// Scratch is the number of elements of temporary memory that either pass wants,
	// BackwardScratch what Backward wants where that is more; Saved is the number kept from
	// Forward to Backward.
	Scratch, BackwardScratch, Saved int
	// Form, if it has elements, is a form of the parameters that Forward reads, such as
	// packed weights, and that a [Preparer] makes. In prediction it is made once for each set
	// of weights, and sessions share it. In training there is none, and Forward wants
	// FreshScratch, where that is more than Scratch, to do without.
	Form         Form
	FreshScratch int
	// KeepIn and KeepOut say that Backward reads the inputs, the outputs. In spite of KeepIn
	// it does not read the last DropIn inputs.
	KeepIn, KeepOut bool
	DropIn          int
	// InPlace says that Out[0] may be the memory of In[0].
	InPlace bool
	// InputGradLast says that Backward reads Out first, then In, and neither from when it
	// begins to write DIn, which may then lie in their memory.
	InputGradLast bool
	// GradInPlace lists inputs the gradient of one of which may be the memory of DOut[0].
	GradInPlace []int
	// View says that the only output is the first input under another shape, and that
	// other inputs give their size alone; there is no arithmetic, New32 and New64 may be nil.
	View bool
	// FLOPs counts a forward pass, an addition and a multiplication one each.
	FLOPs int64
	// rows, where it is not nil, makes some rows of the output at a time.
	rows rowwise
}

// Op is a layer's arithmetic: a forward pass and its gradient.
type Op[T tensor.Float] interface {
	// Forward sets c.Out from c.In and c.Param.
	Forward(c *Call[T])
	// Backward sets those of c.DIn and c.DParam that are not nil from c.DOut, which
	// it may overwrite.
	Backward(c *Call[T])
}

// Form is a way to keep parameters. Of the same layer, forms of the same name are the same.
type Form struct {
	Name  string
	Elems int
}

// Preparer is an Op whose [Routine] has a Form.
type Preparer[T tensor.Float] interface {
	Op[T]
	// Prepare makes the form of the parameters.
	Prepare(team *Team, form []T, params [][]T)
}

// Call is what an Op sees of a run. Its slices hold the whole batch.
type Call[T tensor.Float] struct {
	Batch   int   // number of samples
	In, Out [][]T // one slice an input, an output
	// DIn and DOut are the gradients of the objective by In and Out. An entry of DIn
	// is nil where nobody needs it; the one of DOut is nil where an output has no
	// influence on the objective.
	DIn, DOut [][]T
	// Param holds the parameters as Infer declared them; DParam their gradients, nil
	// for one that is frozen or state.
	Param, DParam [][]T
	Form          []T // of the parameters, as Prepare made it; nil where there is none yet
	Scratch       []T // contents undefined
	Saved         []T // written by Forward, read by Backward
	// Training is set in a training step: dropout drops, batch statistics are used. It is
	// not set for a layer whose parameters are all frozen: that is as it is in prediction.
	Training bool
	// Draw is set in a training step, and in a run that is to be a sample of what the model
	// describes: layers that stand for a distribution draw from it. Elsewhere they give its mean.
	Draw bool
	// UpdateState is set where Forward is to update parameters marked State. It has no other
	// lasting effect: a step may run it once more, without UpdateState, see
	// [TrainerOptions].Recompute.
	UpdateState bool
	// Random is the source of the layer's draws in this step. Sample n of the batch
	// draws from Random.Fork(First+n), so that the draws do not depend on how a batch
	// is divided.
	Random Key
	First  uint64
	Team   *Team
}

// Stochastic is implemented by a layer that stands for a distribution: where [Call] says Draw,
// it draws from it.
type Stochastic interface {
	Layer
	Stochastic()
}

// Activated is implemented by a layer that can apply an elementwise activation to its
// output while it is still in registers or cache. The compiler uses it to take a built-in
// activation apart, for a loss that wants logits, and to merge a following one. The layer's
// Backward sees only activations whose derivative is a function of the output; in training
// the others stay layers of their own.
type Activated interface {
	Layer
	// Epilogue is the activation that the layer ends in, Linear for none.
	Epilogue() ActivationFunc
	// WithEpilogue is the same layer ending in another activation.
	WithEpilogue(ActivationFunc) Layer
}

// DataReader is implemented by a layer that can save work where its input is what the user
// feeds in, or a view of it: pictures are often black in large part.
type DataReader interface {
	Layer
	// CompileData takes Compile's place then.
	CompileData(batch int, in []Shape) Routine
}

// Logits is implemented by a loss that is better computed from what goes into the
// activation that made the prediction.
type Logits interface {
	Layer
	// FromLogits names that activation and the loss that takes its input.
	FromLogits() (ActivationFunc, Layer)
}

// defaulter is a layer with fields whose zero value stands for a usual default;
// the graph keeps it with every default written out.
type defaulter interface{ withDefaults() Layer }
