package nn

import "fmt"

// FeatureLoss compares prediction and target by what a network makes of them (Johnson et al.
// 2016, perceptual loss): it applies features, whose parameters have to be frozen, to both,
// compares each pair of outputs by the loss, and returns the sum of these, each times its
// weight: one number a sample. Without weights they are 1 each. Gradients pass through the
// network to the prediction; the target is a constant.
//
// A layer that behaves otherwise in training, such as BatchNorm, does so here too.
func FeatureLoss(features *Model, loss Layer, prediction, target *Node, weights ...float64) *Node {
	for _, p := range features.Params() {
		if p.Kind == Trainable {
			return &Node{err: fmt.Errorf("nn: the feature network's parameter %q is trainable: freeze it by Store().SetFrozen", p.Name)}
		}
	}
	outs := len(features.outputs)
	if len(weights) == 0 {
		for range outs {
			weights = append(weights, 1)
		}
	}
	if len(weights) != outs {
		return &Node{err: fmt.Errorf("nn: %d weights for the %d outputs of a feature network", len(weights), outs)}
	}
	of, want := features.ApplyAll(prediction), features.ApplyAll(target)
	var terms []*Node
	for i := range of {
		terms = append(terms, Apply(loss, of[i], want[i]))
	}
	return Apply(WeightedSum{Weights: weights}, terms...)
}
