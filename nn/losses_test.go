package nn

import (
	"math"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// preparedLoss is a layer whose inputs are first mapped, once, from uniform draws in [0, 1) to what
// it takes there, such as class labels.
type preparedLoss struct {
	Layer
	inputs map[int]func(u float64) float64
}

func (l preparedLoss) withDefaults() Layer {
	if d, ok := l.Layer.(defaulter); ok {
		l.Layer = d.withDefaults()
	}
	return l
}

func (l preparedLoss) Compile(batch int, in []Shape) Routine {
	r := l.Layer.Compile(batch, in)
	inner := r.New64
	r.New64 = func() Op[float64] { return &preparedLossOp{Op: inner(), inputs: l.inputs} }
	return r
}

type preparedLossOp struct {
	Op[float64]
	inputs map[int]func(u float64) float64
	done   bool
}

func (o *preparedLossOp) Forward(c *Call[float64]) {
	if !o.done {
		for i, f := range o.inputs {
			for k, u := range c.In[i] {
				c.In[i][k] = f(u)
			}
		}
		o.done = true
	}
	o.Op.Forward(c)
}

type lossInputs = map[int]func(u float64) float64

// lossLabels draws classes, and the label 255 every tenth time.
func lossLabels(classes int) func(u float64) float64 {
	return func(u float64) float64 {
		if u > .9 {
			return 255
		}
		return math.Floor(u / .9 * float64(classes))
	}
}

func lossMask(u float64) float64 { return math.Floor(4*u) / 2 } // 0, 0.5, 1, 1.5

func lossRange(lo, hi float64) func(u float64) float64 {
	return func(u float64) float64 { return lo + (hi-lo)*u }
}

// lossGradient is a case of a gradient check.
type lossGradient struct {
	name   string
	layer  Layer
	inputs []Shape
	fixed  []int // inputs without a gradient
	maps   lossInputs
}

func checkLossGradients(t *testing.T, cases []lossGradient) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			check := GradientCheck{Batch: 3, Inputs: c.inputs, Low: 0, High: 1, Fixed: c.fixed}
			worst, err := check.Run(preparedLoss{c.layer, c.maps})
			if err != nil {
				t.Fatal(err)
			}
			if !(worst <= 1e-6) {
				t.Errorf("error of the gradient is %.3g of its maximum", worst)
			}
		})
	}
}

func TestLossGradients(t *testing.T) {
	type shapes = []Shape
	logits, probability := lossRange(-3, 3), lossRange(.05, .95)
	img, imgMask := Shape{7, 4, 3}, Shape{7, 4, 1}
	checkLossGradients(t, []lossGradient{
		{"Charbonnier", Charbonnier{}, shapes{img, img}, nil, nil},
		{"Charbonnier masked by pixel", Charbonnier{Epsilon: .1}, shapes{img, img, imgMask}, []int{2}, lossInputs{2: lossMask}},
		{"Charbonnier masked by element", Charbonnier{Epsilon: .1}, shapes{img, img, img}, []int{2}, lossInputs{2: lossMask}},
		{"L1 masked", MeanAbsoluteError{}, shapes{img, img, imgMask}, []int{2}, lossInputs{2: lossMask}},
		{"L2 masked", MeanSquaredError{}, shapes{img, img, img}, []int{2}, lossInputs{2: lossMask}},
		{"Huber masked", Huber{Delta: .3}, shapes{img, img, {7, 4}}, []int{2}, lossInputs{2: lossMask}},
		{"binary cross-entropy masked", BinaryCrossEntropy{}, shapes{img, img, imgMask}, []int{2}, lossInputs{0: probability, 2: lossMask}},
		{"binary cross-entropy from logits, masked", BinaryCrossEntropy{Logits: true}, shapes{img, img, imgMask}, []int{2}, lossInputs{0: logits, 2: lossMask}},
		{"binary focal", BinaryFocal{}, shapes{img, img}, nil, lossInputs{0: probability}},
		{"binary focal balanced, masked", BinaryFocal{Gamma: 1.5, Alpha: .25}, shapes{img, img, {7, 4}}, []int{2}, lossInputs{0: probability, 2: lossMask}},
		{"binary focal from logits", BinaryFocal{Alpha: .3, Logits: true}, shapes{img, img}, nil, lossInputs{0: logits}},
		{"adversarial BCE real", AdversarialBCE{Real}, shapes{img}, nil, lossInputs{0: logits}},
		{"adversarial BCE fake", AdversarialBCE{Fake}, shapes{img}, nil, lossInputs{0: logits}},
		{"adversarial BCE fool", AdversarialBCE{Fool}, shapes{{}}, nil, lossInputs{0: logits}},
		{"adversarial least squares real", AdversarialLeastSquares{Real}, shapes{img}, nil, lossInputs{0: logits}},
		{"adversarial least squares fake", AdversarialLeastSquares{Fake}, shapes{img}, nil, lossInputs{0: logits}},
		{"adversarial hinge real", AdversarialHinge{Real}, shapes{img}, nil, lossInputs{0: logits}},
		{"adversarial hinge fake", AdversarialHinge{Fake}, shapes{img}, nil, lossInputs{0: logits}},
		{"adversarial hinge fool", AdversarialHinge{Fool}, shapes{img}, nil, lossInputs{0: logits}},
		{"KL to a normal", KLNormal{}, shapes{{17}, {17}}, nil, lossInputs{0: logits, 1: logits}},

		{"SSIM", SSIMLoss{}, shapes{{12, 13, 1}, {12, 13, 1}}, nil, nil},
		{"SSIM of an even window", SSIMLoss{Window: 4, Sigma: 1, MaxValue: 2}, shapes{{5, 9, 3}, {5, 9, 3}}, nil, nil},
		{"MS-SSIM", MSSSIMLoss{Window: 3, Sigma: 1, Weights: []float64{.2, .3, .5}}, shapes{{11, 9, 2}, {11, 9, 2}}, nil,
			lossInputs{0: lossRange(.3, .5), 1: lossRange(.3, .5)}},
		{"MS-SSIM of one scale", MSSSIMLoss{Window: 5, Weights: []float64{.5}}, shapes{{7, 6, 1}, {7, 6, 1}}, nil,
			lossInputs{0: lossRange(.5, .51), 1: lossRange(.5, .51)}},
		{"scale-invariant log", ScaleInvariantLog{}, shapes{img, img}, nil, lossInputs{0: lossRange(.5, 9), 1: lossRange(.5, 9)}},
		{"scale-invariant log, masked", ScaleInvariantLog{Lambda: 1}, shapes{img, img, imgMask}, []int{2}, lossInputs{0: lossRange(.5, 9), 1: lossRange(-1, 9), 2: lossMask}},
		{"scale-invariant log of a log", ScaleInvariantLog{Lambda: .85, LogPrediction: true}, shapes{img, img}, nil, lossInputs{0: logits, 1: lossRange(.5, 9)}},
		{"gradient difference", GradientDifference{}, shapes{img, img}, nil, nil},
		{"gradient difference squared, masked", GradientDifference{Power: 2}, shapes{img, img, imgMask}, []int{2}, lossInputs{2: lossMask}},
		{"gradient difference of a row", GradientDifference{Power: 1.5}, shapes{{1, 8, 2}, {1, 8, 2}}, nil, nil},
		{"total variation", TotalVariation{}, shapes{img}, nil, nil},
		{"total variation squared, masked", TotalVariation{Power: 2}, shapes{img, {7, 4}}, []int{1}, lossInputs{1: lossMask}},
		{"total variation of a column", TotalVariation{Power: 1.5}, shapes{{8, 1, 17}}, nil, nil},
	})
}

func TestClassLossGradients(t *testing.T) {
	type shapes = []Shape
	logits, probability := lossRange(-3, 3), lossRange(.05, .95)
	ignore := []int{255}
	weights := []float64{.5, 2, 1, 0, 3}
	img, map5, map5labels := Shape{7, 4, 3}, Shape{5, 3, 5}, Shape{5, 3}
	checkLossGradients(t, []lossGradient{
		{"cross-entropy sparse", CategoricalCrossEntropy{Sparse: true, Logits: true, Ignore: ignore},
			shapes{map5, map5labels}, []int{1}, lossInputs{0: logits, 1: lossLabels(5)}},
		{"cross-entropy sparse, weights, smoothed", CategoricalCrossEntropy{Sparse: true, Logits: true, Ignore: ignore, ClassWeights: weights, LabelSmoothing: .1, Divisor: WeightSum},
			shapes{map5, {5, 3, 1}}, []int{1}, lossInputs{0: logits, 1: lossLabels(5)}},
		{"cross-entropy sparse, per sample, masked", CategoricalCrossEntropy{Sparse: true, Ignore: ignore, ClassWeights: weights, PerSample: true},
			shapes{map5, map5labels, map5labels}, []int{1, 2}, lossInputs{0: probability, 1: lossLabels(5), 2: lossMask}},
		{"cross-entropy sparse of 17 classes", CategoricalCrossEntropy{Sparse: true, Logits: true},
			shapes{{17}, {}}, []int{1}, lossInputs{0: logits, 1: func(u float64) float64 { return math.Floor(17 * u) }}},
		{"cross-entropy of many pixels", CategoricalCrossEntropy{Sparse: true, Logits: true, Ignore: ignore, Divisor: WeightSum, ClassWeights: []float64{1, 2}},
			shapes{{257, 1, 2}, {257, 1}}, []int{1}, lossInputs{0: logits, 1: lossLabels(2)}},
		{"cross-entropy dense", CategoricalCrossEntropy{Logits: true}, shapes{map5, map5}, nil, lossInputs{0: logits}},
		{"cross-entropy dense, weight sum", CategoricalCrossEntropy{Logits: true, ClassWeights: weights, LabelSmoothing: .2, Divisor: WeightSum},
			shapes{map5, map5, {5, 3, 1}}, []int{2}, lossInputs{0: logits, 2: lossMask}},
		{"cross-entropy dense, weight sum per sample", CategoricalCrossEntropy{ClassWeights: weights, Divisor: WeightSum, PerSample: true},
			shapes{map5, map5}, nil, lossInputs{0: probability}},
		{"focal sparse", CategoricalFocal{Sparse: true, Logits: true, Ignore: ignore, ClassWeights: weights},
			shapes{map5, map5labels}, []int{1}, lossInputs{0: logits, 1: lossLabels(5)}},
		{"focal dense, smoothed", CategoricalFocal{Gamma: .7, Logits: true, LabelSmoothing: .1}, shapes{map5, map5}, nil, lossInputs{0: logits}},
		{"focal from probabilities", CategoricalFocal{Gamma: 3}, shapes{map5, map5}, nil, lossInputs{0: probability}},

		{"Dice dense", DiceLoss{}, shapes{map5, map5}, nil, nil},
		{"Dice squared, smooth, masked", DiceLoss{Squared: true, Smooth: 1}, shapes{map5, map5, {5, 3, 1}}, []int{2}, lossInputs{2: lossMask}},
		{"Dice sparse", DiceLoss{Sparse: true, Ignore: ignore}, shapes{map5, map5labels}, []int{1}, lossInputs{1: lossLabels(5)}},
		{"Dice of one class", DiceLoss{Sparse: true, Ignore: ignore, Smooth: .1}, shapes{{5, 3, 1}, {5, 3, 1}}, []int{1}, lossInputs{1: lossLabels(2)}},
		{"Jaccard dense", JaccardLoss{Smooth: .5}, shapes{img, img}, nil, nil},
		{"Jaccard squared, sparse", JaccardLoss{Squared: true, Sparse: true, Ignore: ignore}, shapes{map5, map5labels}, []int{1}, lossInputs{1: lossLabels(5)}},
		{"Tversky", TverskyLoss{Alpha: .3, Beta: .7}, shapes{map5, map5}, nil, nil},
		{"Tversky sparse, masked", TverskyLoss{Beta: 1, Sparse: true, Ignore: ignore}, shapes{map5, map5labels, map5labels}, []int{1, 2}, lossInputs{1: lossLabels(5), 2: lossMask}},
		{"Lovasz", LovaszSoftmax{Ignore: ignore}, shapes{map5, map5labels}, []int{1}, lossInputs{1: lossLabels(5)}},
		{"Lovasz per sample, masked", LovaszSoftmax{Ignore: ignore, PerSample: true}, shapes{map5, {5, 3, 1}, map5labels}, []int{1, 2}, lossInputs{1: lossLabels(5), 2: lossMask}},
		{"Lovasz of one class", LovaszSoftmax{}, shapes{{5, 3, 1}, map5labels}, []int{1}, lossInputs{1: func(u float64) float64 { return math.Floor(2 * u) }}},
	})
}

// lossOf runs a loss on a batch in double precision and returns its numbers and, for an
// objective that is their sum weighed by cotangent, the gradients by the inputs.
func lossOf(t *testing.T, l Layer, batch int, shapes []Shape, inputs [][]float64, cotangent []float64) (out []float64, grads [][]float64) {
	t.Helper()
	return runLoss(t, l, batch, shapes, inputs, cotangent, 2, func(r Routine) Op[float64] { return r.New64() })
}

// TestLossLimits: what the formulas leave open has the value that the documentation says.
func TestLossLimits(t *testing.T) {
	nan := math.NaN()
	two := []Shape{{2, 2}, {2}}       // two pixels of two classes, their labels
	half := []float64{.5, .5, .5, .5} // probabilities, and as logits too
	cases := []struct {
		name   string
		layer  Layer
		shapes []Shape
		inputs [][]float64
		want   float64
	}{
		{"all pixels ignored", CategoricalCrossEntropy{Sparse: true, Ignore: []int{255}}, two, [][]float64{half, {255, 255}}, 0},
		{"an invalid label", CategoricalCrossEntropy{Sparse: true}, two, [][]float64{half, {0, 2}}, nan},
		{"a label of -1", CategoricalCrossEntropy{Sparse: true, Logits: true}, two, [][]float64{half, {0, -1}}, nan},
		{"a label between classes", CategoricalFocal{Sparse: true}, two, [][]float64{half, {.5, 0}}, nan},
		{"an invalid label under a mask", CategoricalCrossEntropy{Sparse: true}, []Shape{{2, 2}, {2}, {2}}, [][]float64{half, {0, 9}, {1, 0}}, math.Ln2},
		{"huge logits", CategoricalCrossEntropy{Sparse: true, Logits: true}, two, [][]float64{{1e4, -1e4, 1e4, -1e4}, {0, 1}}, 1e4},
		{"certain focal logits", CategoricalFocal{Gamma: .5, Sparse: true, Logits: true}, two, [][]float64{{1e4, -1e4, 1e4, -1e4}, {0, 0}}, 0},
		{"binary focal of certain logits", BinaryFocal{Gamma: .5, Logits: true}, []Shape{{2}, {2}}, [][]float64{{800, -800}, {1, 0}}, 0},
		{"a batch masked altogether", Charbonnier{}, []Shape{{2}, {2}, {2}}, [][]float64{{1, nan}, {2, nan}, {0, 0}}, 0},
		{"what is masked may be no number", Charbonnier{Epsilon: 1e-9}, []Shape{{2}, {2}, {2}}, [][]float64{{1, nan}, {2, nan}, {1, 0}}, 1},
		{"Dice of an absent class", DiceLoss{}, []Shape{{2, 2}, {2, 2}}, [][]float64{half, {1, 0, 1, 0}}, 1 - 2./3},
		{"Dice without any class", DiceLoss{}, []Shape{{2, 1}, {2, 1}}, [][]float64{{.5, .5}, {0, 0}}, 0},
		{"Dice of an invalid label", DiceLoss{Sparse: true}, two, [][]float64{half, {7, 0}}, nan},
		{"Jaccard of an invalid label", JaccardLoss{Sparse: true}, two, [][]float64{half, {7, 0}}, nan},
		{"Lovasz of an absent class", LovaszSoftmax{}, two, [][]float64{half, {0, 0}}, .5},
		{"Lovasz of ignored pixels", LovaszSoftmax{Ignore: []int{255}}, two, [][]float64{half, {255, 255}}, 0},
		{"Lovasz of an invalid label", LovaszSoftmax{}, two, [][]float64{half, {7, 0}}, nan},
		{"depth nowhere", ScaleInvariantLog{}, []Shape{{2}, {2}}, [][]float64{{1, 2}, {0, -1}}, 0},
		{"depth predicted as 0", ScaleInvariantLog{Epsilon: 1, Lambda: 1}, []Shape{{2}, {2}}, [][]float64{{0, -3}, {1, 1}}, 0},
		{"gradient difference of one pixel", GradientDifference{}, []Shape{{1, 1, 1}, {1, 1, 1}}, [][]float64{{1}, {2}}, 0},
		{"MS-SSIM of a negative structure", MSSSIMLoss{Window: 2, Weights: []float64{.5, .5}}, []Shape{{3, 3, 1}, {3, 3, 1}},
			[][]float64{{0, 1, 0, 1, 0, 1, 0, 1, 0}, {1, 0, 1, 0, 1, 0, 1, 0, 1}}, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out, grads := lossOf(t, c.layer, 1, c.shapes, c.inputs, []float64{1})
			if math.Abs(out[0]-c.want) > 1e-9 || math.IsNaN(out[0]) != math.IsNaN(c.want) {
				t.Errorf("loss is %v, want %v", out[0], c.want)
			}
			for i, g := range grads {
				if !math.IsNaN(c.want) && !finite(g) {
					t.Errorf("gradient by input %d is %v", i, g)
				}
			}
		})
	}
}

// TestLossShapes: inputs that do not fit are refused, with the numbers.
func TestLossShapes(t *testing.T) {
	img := Shape{8, 9, 3}
	cases := []struct {
		layer Layer
		in    []Shape
		want  string
	}{
		{Charbonnier{}, []Shape{img, {8, 9, 4}}, "[8 9 3] and [8 9 4]"},
		{Charbonnier{Epsilon: -1}, []Shape{img, img}, "Epsilon is -1"},
		{Charbonnier{}, []Shape{img, img, {8, 8}}, "mask of the prediction's shape or one number a pixel, got [8 8] for [8 9 3]"},
		{Charbonnier{}, []Shape{img, img, img, img}, "takes 2 inputs"},
		{BinaryFocal{Alpha: 1}, []Shape{img, img}, "Alpha 1"},
		{CategoricalCrossEntropy{}, []Shape{img, {8, 9}}, "Sparse is for class numbers"},
		{CategoricalCrossEntropy{Sparse: true}, []Shape{img, img}, "one number a pixel, got [8 9 3]"},
		{CategoricalCrossEntropy{}, []Shape{{8, 9, 1}, {8, 9, 1}}, "at least 2 classes"},
		{CategoricalCrossEntropy{}, []Shape{{8, 9, Any}, {8, 9, 1}}, "known size, the classes, got [8 9 ?]"},
		{CategoricalCrossEntropy{Ignore: []int{1}}, []Shape{img, img}, "needs a Sparse target"},
		{CategoricalCrossEntropy{ClassWeights: []float64{1}}, []Shape{img, img}, "1 numbers for 3 classes"},
		{CategoricalCrossEntropy{ClassWeights: []float64{1, -1, 0}}, []Shape{img, img}, "ClassWeights[1] is -1"},
		{CategoricalCrossEntropy{LabelSmoothing: 1}, []Shape{img, img}, "LabelSmoothing is 1"},
		{CategoricalCrossEntropy{Divisor: "pixels"}, []Shape{img, img}, `"pixel_count" or "weight_sum"`},
		{CategoricalCrossEntropy{}, []Shape{img, img, img}, "mask of one number a pixel, got [8 9 3]"},
		{CategoricalFocal{Gamma: -1}, []Shape{img, img}, "Gamma is -1"},
		{DiceLoss{Smooth: -1}, []Shape{img, img}, "Smooth is -1"},
		{TverskyLoss{Alpha: -1}, []Shape{img, img}, "Alpha is -1"},
		{LovaszSoftmax{}, []Shape{img, img}, "sparse target"},
		{SSIMLoss{}, []Shape{img, img}, "8x9 is smaller than the window, 11x11"},
		{SSIMLoss{Window: 3}, []Shape{{9}, {9}}, "[H W C], got [9]"},
		{SSIMLoss{K1: -1}, []Shape{img, img}, "K1 -1"},
		{MSSSIMLoss{}, []Shape{{161, 160, 1}, {161, 160, 1}}, "161x160, halved 4 times, is smaller than the window, 11x11: its sides must be at least 161"},
		{MSSSIMLoss{Weights: []float64{1, 0}}, []Shape{img, img}, "Weights are [1 0]"},
		{ScaleInvariantLog{Lambda: 2}, []Shape{img, img}, "Lambda is 2"},
		{GradientDifference{Power: -1}, []Shape{img, img}, "Power is -1"},
		{GradientDifference{}, []Shape{{9}, {9}}, "[H W C], got [9]"},
		{GradientDifference{}, []Shape{img}, "takes 2 inputs"},
		{TotalVariation{}, []Shape{img, {8, 3}}, "mask of one number a pixel, got [8 3]"},
		{AdversarialBCE{}, []Shape{img}, `Goal is "", want "real", "fake" or "fool"`},
		{AdversarialHinge{Real}, []Shape{img, img}, "takes 1 inputs, got 2"},
	}
	for _, c := range cases {
		var ins []*Node
		for i, s := range c.in {
			ins = append(ins, Input(string(rune('a'+i)), s))
		}
		_, err := NewModelOf(ins, []*Node{Apply(c.layer, ins...)})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), TypeName(c.layer)) {
			t.Errorf("%s on %v: error %v, want %q", TypeName(c.layer), c.in, err, c.want)
		}
	}
	open := Shape{Any, Any, 3}
	for _, l := range []Layer{Charbonnier{}, CategoricalCrossEntropy{}, DiceLoss{}, SSIMLoss{}, MSSSIMLoss{}, GradientDifference{}} {
		a, b := Input("a", open), Input("b", open)
		if _, err := NewModelOf([]*Node{a, b}, []*Node{Apply(l, a, b)}); err != nil {
			t.Errorf("%s on pictures of any size: %v", TypeName(l), err)
		}
	}
}

// TestLossFromActivation: a prediction out of an activation gives the same loss, computed
// from what went into it.
func TestLossFromActivation(t *testing.T) {
	pred, labels := Shape{2, 3, 4}, Shape{2, 3, 1}
	for _, c := range []struct {
		loss   Logits
		target Shape
	}{
		{CategoricalCrossEntropy{Sparse: true, Ignore: []int{255}}, labels},
		{CategoricalFocal{Sparse: true}, labels},
		{CategoricalCrossEntropy{LabelSmoothing: .1}, pred},
		{BinaryFocal{Alpha: .25}, pred},
	} {
		f, fromLogits := c.loss.FromLogits()
		z, target := Input("z", pred), Input("target", c.target)
		m, err := NewModelOf([]*Node{z, target}, []*Node{Apply(c.loss, Apply(Activation{f}, z), target)})
		if err != nil {
			t.Fatal(err)
		}
		g := must(lower(m, []Shape{pred, c.target}))
		g.optimise(true)
		if len(g.steps) != 1 || TypeName(g.steps[0].layer) != TypeName(fromLogits) {
			t.Errorf("%s: %d steps are left", TypeName(c.loss), len(g.steps))
		}
	}
}

// TestSoftmaxOverOtherAxis: the loss does not take a softmax for its own where the prediction
// was reshaped so that its classes are others.
func TestSoftmaxOverOtherAxis(t *testing.T) {
	z, target := Input("z", Shape{2, 3}), Input("target", Shape{1})
	flat := Apply(Flatten{}, Apply(Activation{Softmax}, z))
	m, err := NewModelOf([]*Node{z, target}, []*Node{Apply(CategoricalCrossEntropy{Sparse: true}, flat, target)})
	if err != nil {
		t.Fatal(err)
	}
	g := must(lower(m, []Shape{{2, 3}, {1}}))
	g.optimise(true)
	for _, s := range g.steps {
		if l, ok := s.layer.(CategoricalCrossEntropy); ok && l.Logits {
			t.Error("the loss was given the logits")
		}
	}
}

// TestTargetShape: a loss of class numbers gets them.
func TestTargetShape(t *testing.T) {
	x := Input("x", Shape{Any, Any, 3})
	m, err := NewModel(x, Apply(Dense{Units: 5, Activation: Softmax}, x))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		loss Layer
		want Shape
	}{
		{CategoricalCrossEntropy{Sparse: true}, Shape{Any, Any, 1}}, {CategoricalCrossEntropy{}, Shape{Any, Any, 5}},
		{CategoricalFocal{Sparse: true}, Shape{Any, Any, 1}}, {DiceLoss{Sparse: true}, Shape{Any, Any, 1}},
		{JaccardLoss{}, Shape{Any, Any, 5}}, {TverskyLoss{Sparse: true}, Shape{Any, Any, 1}}, {LovaszSoftmax{}, Shape{Any, Any, 1}},
	} {
		inputs, _, err := WithLoss(m, c.loss)
		if err != nil {
			t.Fatal(err)
		}
		if !inputs[1].Shape().Equal(c.want) {
			t.Errorf("%s: target %v, want %v", TypeName(c.loss), inputs[1].Shape(), c.want)
		}
	}
}

// TestLossWorkers: losses do not depend on the number of workers, to the last bit.
func TestLossWorkers(t *testing.T) {
	img := Shape{37, 41, 5}
	layers := []struct {
		layer  Layer
		target Shape
	}{
		{CategoricalCrossEntropy{Logits: true, Divisor: WeightSum}, img},
		{CategoricalFocal{}, img},
		{Charbonnier{}, img},
		{DiceLoss{}, img},
		{LovaszSoftmax{Ignore: []int{0}}, Shape{37, 41}},
		{MSSSIMLoss{Weights: []float64{.5, .5}}, img},
		{GradientDifference{}, img},
		{ScaleInvariantLog{}, img},
	}
	for _, l := range layers {
		shapes := []Shape{img, l.target}
		var inputs [][]float32
		for i, s := range shapes {
			x := make([]float32, 3*s.Elems())
			for k := range x {
				x[k] = float32((k*k*7+k*13+i*5)%251) / 251
				if !l.target.Equal(img) && i == 1 {
					x[k] = float32(int(5 * x[k]))
				}
			}
			inputs = append(inputs, x)
		}
		var first [][]float32
		for _, workers := range []int{1, 3} {
			out, grads := runLoss(t, l.layer, 3, shapes, inputs, []float32{1, 2, -1}, workers, func(r Routine) Op[float32] { return r.New32() })
			all := append([][]float32{out}, grads...)
			if first == nil {
				first = all
			}
			for i := range all {
				for k, v := range all[i] {
					if v != first[i][k] {
						t.Fatalf("%s: value %d differs with %d workers: %v and %v", TypeName(l.layer), k, workers, v, first[i][k])
					}
				}
			}
		}
	}
}

// TestLossAllocations: a run of a loss allocates nothing after the first.
func TestLossAllocations(t *testing.T) {
	img, labels := Shape{25, 24, 3}, Shape{25, 24}
	for _, c := range []struct {
		layer Layer
		in    []Shape
	}{
		{CategoricalCrossEntropy{Sparse: true, Logits: true}, []Shape{img, labels, labels}},
		{Charbonnier{}, []Shape{img, img, labels}},
		{JaccardLoss{Sparse: true}, []Shape{img, labels}},
		{LovaszSoftmax{}, []Shape{img, labels}},
		{MSSSIMLoss{Weights: []float64{.5, .5}}, []Shape{img, img}},
		{ScaleInvariantLog{}, []Shape{img, img}},
		{GradientDifference{}, []Shape{img, img}},
		{TotalVariation{}, []Shape{img}},
		{KLNormal{}, []Shape{img, img}},
		{AdversarialHinge{Real}, []Shape{img}},
	} {
		s, state := lossSession(t, c.layer, 2, c.in, func(r Routine) Op[float32] { return r.New32() })
		var inputs [][]float32
		for _, in := range c.in {
			inputs = append(inputs, make([]float32, 2*in.Elems()))
		}
		state.team = parallel.Start(2)
		run := func() {
			s.bind(inputs)
			s.forward(state)
			s.backward()
		}
		run()
		if n := testing.AllocsPerRun(5, run); n > 0 {
			t.Errorf("%s allocates %v times in a run", TypeName(c.layer), n)
		}
		state.team.Close()
	}
}

// TestLossBehindCrop: cropping does not keep a loss from what went into the activation, and the
// gradient is that of the activation, cropped.
func TestLossBehindCrop(t *testing.T) {
	z, like, target := Input("z", Shape{5, 7, 2}), Input("like", Shape{4, 5, 1}), Input("target", Shape{3, 5, 2})
	h := Apply(CropToMatch{}, Apply(Activation{Sigmoid}, z), like)
	h = Apply(Crop{Margins{Top: 1}}, h)
	m, err := NewModelOf([]*Node{z, like, target}, []*Node{Apply(BinaryCrossEntropy{}, h, target)})
	if err != nil {
		t.Fatal(err)
	}
	g := must(lower(m, []Shape{{5, 7, 2}, {4, 5, 1}, {3, 5, 2}}))
	g.optimise(true)
	if last := g.steps[len(g.steps)-1].layer; len(g.steps) != 3 || last != Layer(BinaryCrossEntropy{Logits: true}) {
		t.Errorf("%d steps are left, the last is %#v", len(g.steps), last)
	}
	check := GradientCheck{Batch: 2, Inputs: []Shape{{5, 7, 2}, {4, 5, 1}, {3, 5, 2}}, Fixed: []int{1}}
	if e := must(check.model(m)); e > 1e-6 {
		t.Errorf("gradient error %v", e)
	}
}
