// Package nn defines, compiles and runs networks.
//
// A network is a graph of layers. [Input] names what goes in, [Apply] adds a layer,
// [NewModel] closes the graph and reports the first mistake made in building it:
//
//	x := nn.Input("image", nn.Shape{28, 28, 1})
//	h := nn.Apply(nn.Flatten{}, x)
//	code := nn.Apply(nn.Dense{Units: 32, Activation: nn.ReLU}, h)
//	h = nn.Apply(nn.Dense{Units: 784, Activation: nn.Sigmoid}, code)
//	y := nn.Apply(nn.Reshape{Shape: nn.Shape{28, 28, 1}}, h)
//	model, err := nn.NewModel(x, y)
//	encoder, err := nn.NewModel(x, code) // shares the weights
//
// # Life of a graph
//
// Shapes are written without the batch axis and may hold [Any]. When a batch of known
// size arrives the graph is compiled: rewritten (rewrite.go: a loss takes logits instead
// of probabilities, activations fuse into the layer before them), scheduled, and laid out
// in one arena by the lifetimes of its buffers (plan.go). A session (session.go) is an
// arena with the layers' arithmetic bound to it; running it allocates nothing.
//
// # Rules for a layer
//
// A layer is a plain struct whose exported fields are its hyperparameters; their JSON is
// what a model file stores. It is an interface of two methods ([Layer]), so that a layer
// or a loss of one's own, from outside this package, is a full citizen; see the package
// example. Its arithmetic comes as a pair, [Op]: Forward sets Out, Backward sets (never
// adds to) DIn and DParam from DOut, which it may destroy. Where a value has several
// consumers, or a parameter several uses, the session adds up. Samples lie one after the
// other, so value n of a batch starts at n times the number of elements of its shape.
//
// Results do not depend on the number of workers. Everything here is safe for concurrent
// use once a model is built, except that training changes the weights others read, and
// that building a model over the nodes of another may move their common weights.
package nn
