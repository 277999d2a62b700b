package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestPiecesOfRandomNetworks: whatever layers follow one another, a network's prediction piece by
// piece is what it is as a whole, to rounding, and reads nothing that it has not made.
func TestPiecesOfRandomNetworks(t *testing.T) {
	networks := 60
	if testing.Short() {
		networks = 15
	}
	chains := 0
	for seed := range networks {
		r := rand.New(rand.NewPCG(uint64(seed), 14))
		size := Shape{1 + r.IntN(60), 1 + r.IntN(30), 1 + r.IntN(4)}
		if r.IntN(3) == 0 {
			size[0] = 200 + r.IntN(400)
		}
		m, about := randomNetwork(r, size)
		if m == nil {
			continue
		}
		m.Init(uint64(seed))
		x := random(uint64(seed), 1+r.IntN(2), size[0], size[1], size[2])
		whole := must(m.Run(t.Context(), x))
		func() {
			least, bytes, product := chainLeast, jobBytes, jobProduct
			defer func() { chainLeast, jobBytes, jobProduct = least, bytes, product }()
			chainLeast, jobBytes, jobProduct = 1, int64(1+r.IntN(20000)), 0
			chains += len(planOf(m, 1, false, size).chains)
			m.sessions.idle = nil // compiled under other limits
			must(m.Run(t.Context(), x))
			for _, idle := range m.sessions.idle {
				for i := range idle.kept.memory {
					idle.kept.memory[i] = float32(math.NaN())
				}
			}
			for k, out := range must(m.Run(t.Context(), x)) {
				for i, v := range out.Data {
					if d := math.Abs(float64(v - whole[k].Data[i])); !(d <= 1e-4*(1+math.Abs(float64(whole[k].Data[i])))) {
						t.Fatalf("network %d of %v, %v: output %d, element %d is %v, %v as a whole", seed, size, about, k, i, v, whole[k].Data[i])
					}
				}
			}
		}()
	}
	if chains < networks/2 {
		t.Errorf("only %d chains in %d networks", chains, networks)
	}
}

// randomNetwork is up to twelve layers, each on one of the values before it, with the values that
// nobody reads, and some others, as outputs; nil where nothing fits.
func randomNetwork(r *rand.Rand, size Shape) (m *Model, about []string) {
	x := Input("x", size)
	values, read := []*Node{x}, map[*Node]bool{}
	for range 3 + r.IntN(10) {
		from := values[len(values)-1]
		if r.IntN(4) == 0 {
			from = values[r.IntN(len(values))]
		}
		in, layer := []*Node{from}, randomLayer(r)
		if r.IntN(4) == 0 {
			for _, other := range values {
				if other.Shape().Equal(from.Shape()) && r.IntN(2) == 0 {
					in, layer = []*Node{from, other}, []Layer{Add{}, Concatenate{}, Multiply{}}[r.IntN(3)]
				}
			}
		}
		y := Apply(layer, in...)
		if y.Err() != nil || y.Shape().Elems() > 1<<18 {
			continue
		}
		for _, n := range in {
			read[n] = true
		}
		values = append(values, y)
		about = append(about, fmt.Sprintf("%T%+v of %v", layer, layer, from.Shape()))
	}
	var outputs []*Node
	for i, v := range values {
		if i > 0 && (!read[v] || r.IntN(8) == 0) {
			outputs = append(outputs, v)
		}
	}
	if len(outputs) == 0 {
		return nil, nil
	}
	return must(NewModelOf([]*Node{x}, outputs)), about
}

// randomLayer is one on pictures; it may not fit.
func randomLayer(r *rand.Rand) Layer {
	some := func(most int) [2]int { return [2]int{1 + r.IntN(most), 1 + r.IntN(most)} }
	borders := []Border{BorderZero, BorderZero, BorderEdge, BorderReflect, BorderSymmetric, BorderWrap}
	padding := []Padding{Same, Same, Valid}[r.IntN(3)]
	methods := []ResizeMethod{ResizeNearest, ResizeBilinear, ResizeBicubic}
	switch r.IntN(12) {
	case 0:
		return MaxPool2D{Kernel: some(3), Stride: some(3), Padding: padding}
	case 1:
		return AvgPool2D{Kernel: some(3), Stride: some(3), Padding: padding}
	case 2, 3:
		return Conv2DTranspose{Filters: 1 + r.IntN(17), Kernel: some(4), Stride: some(3), Padding: padding}
	case 4:
		return DepthwiseConv2D{Kernel: some(4), Padding: padding, Border: borders[r.IntN(len(borders))]}
	case 5:
		return UpSampling2D{Factor: some(3), Method: methods[r.IntN(len(methods))]}
	case 6:
		return Resize{Size: some(40), Method: methods[r.IntN(len(methods))], Antialias: r.IntN(2) == 0}
	case 7:
		return PadToMultiple{Multiple: some(8), Border: borders[r.IntN(len(borders))]}
	case 8:
		return Activation{[]ActivationFunc{ReLU, Tanh, Softmax}[r.IntN(3)]}
	}
	c := Conv2D{Filters: 1 + r.IntN(20), Kernel: some(5), Padding: padding, Border: borders[r.IntN(len(borders))], Activation: ReLU}
	switch r.IntN(4) {
	case 0:
		c.Stride = some(3)
	case 1:
		c.Dilation = some(3)
	default:
		c.Kernel = [2]int{3, 3}
	}
	return c
}
