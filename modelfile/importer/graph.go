package importer

import (
	"slices"

	"github.com/hourglass-go/hourglass/modelfile/onnx"
)

// byGraph collects layers in the order of an ONNX graph's operators: whatever the tensors
// are called, the i-th convolution is the i-th of the VGG.
func (v *VGG) byGraph() error {
	g := newGraph(v.archive)
	switch v.archive.graph.Producer {
	case "pytorch":
		v.names = "torchvision"
	case "tf2onnx", "keras2onnx":
		v.names = "Keras"
	}
	for _, n := range v.archive.graph.Nodes {
		switch n.Op {
		case "Conv":
			if l, ok := g.weights(n, true); ok {
				l.bias = g.biasOf(n, 2)
				v.convs = append(v.convs, l)
			}
		case "BatchNormalization":
			if len(v.convs) > 0 && len(n.Inputs) == 5 {
				l := &v.convs[len(v.convs)-1]
				l.norm = map[string]string{}
				for i, kind := range normParams {
					l.norm[kind] = g.constant(n.Inputs[i+1]).name
				}
				l.epsilon = float64(n.Attributes["epsilon"].Float)
			}
		case "Gemm", "MatMul":
			l, ok := g.weights(n, n.Attributes["transB"].Int == 1)
			if !ok {
				continue
			}
			l.bias = g.biasOf(n, 2)
			l.channelsFirst = len(v.dense) == 0 && !g.behindTranspose(n.Inputs[0])
			v.dense = append(v.dense, l)
		}
	}
	return nil
}

// constant is an array of the file that an edge carries, perhaps transposed on the way.
type constant struct {
	name       string
	transposed bool
}

// graph is an ONNX graph by its edges.
type graph struct {
	archive   *Archive
	producers map[string]onnx.Node
	consumers map[string][]onnx.Node
}

func newGraph(a *Archive) *graph {
	g := &graph{archive: a, producers: map[string]onnx.Node{}, consumers: map[string][]onnx.Node{}}
	for _, n := range a.graph.Nodes {
		for _, out := range n.Outputs {
			g.producers[out] = n
		}
		for _, in := range n.Inputs {
			g.consumers[in] = append(g.consumers[in], n)
		}
	}
	return g
}

// maxSteps bounds how far an edge is followed: a graph of outside may go round in circles.
const maxSteps = 64

// constant follows an edge to the array that it carries; its name is empty if there is none.
func (g *graph) constant(edge string) constant {
	var c constant
	for range maxSteps {
		if _, ok := g.archive.shapes[edge]; ok {
			c.name = edge
			return c
		}
		n, ok := g.producers[edge]
		if !ok || len(n.Inputs) == 0 {
			break
		}
		switch {
		case n.Op == "Identity", n.Op == "Cast":
		case n.Op == "Transpose" && slices.Equal(n.Attributes["perm"].Ints, []int64{1, 0}):
			c.transposed = !c.transposed
		default:
			return constant{}
		}
		edge = n.Inputs[0]
	}
	return constant{}
}

// weights are those of an operator whose second input is an array.
func (g *graph) weights(n onnx.Node, outFirst bool) (layer, bool) {
	if len(n.Inputs) < 2 {
		return layer{}, false
	}
	c := g.constant(n.Inputs[1])
	if c.name == "" {
		return layer{}, false
	}
	return layer{kernel: c.name, shape: g.archive.shapes[c.name], outFirst: outFirst != c.transposed}, true
}

// biasOf is the operator's input of that number or, where it has none, what is added to its
// output.
func (g *graph) biasOf(n onnx.Node, input int) string {
	if len(n.Inputs) > input && n.Inputs[input] != "" {
		return g.constant(n.Inputs[input]).name
	}
	if len(n.Outputs) == 0 {
		return ""
	}
	for _, next := range g.consumers[n.Outputs[0]] {
		if next.Op != "Add" || len(next.Inputs) != 2 {
			continue
		}
		for _, in := range next.Inputs {
			if c := g.constant(in); c.name != "" && len(g.archive.shapes[c.name]) == 1 {
				return c.name
			}
		}
	}
	return ""
}

// behindTranspose reports whether what an edge carries was flattened from [h, w, c]: whether
// a transposition of channels to the end comes after the last pooling or convolution.
func (g *graph) behindTranspose(edge string) bool {
	for range maxSteps {
		n, ok := g.producers[edge]
		if !ok || len(n.Inputs) == 0 {
			return false
		}
		switch n.Op {
		case "Transpose":
			return slices.Equal(n.Attributes["perm"].Ints, []int64{0, 2, 3, 1})
		case "MaxPool", "Conv":
			return false
		}
		edge = n.Inputs[0]
	}
	return false
}
