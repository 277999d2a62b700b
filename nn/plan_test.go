package nn

import (
	"fmt"
	"testing"
)

// unet is the U-Net of models, which this package cannot import.
func unet(width, depth int, batchNorm bool) *Model {
	square := func(n int) [2]int { return [2]int{n, n} }
	conv := func(filters int, x *Node) *Node {
		c := Conv2D{Filters: filters, Kernel: square(3), Padding: Same}
		if !batchNorm {
			c.Activation = ReLU
			return Apply(c, x)
		}
		c.NoBias = true
		return Apply(Activation{ReLU}, Apply(BatchNorm{}, Apply(c, x)))
	}
	picture := Input("picture", Shape{Any, Any, 3})
	x := Apply(PadToMultiple{Multiple: square(1 << depth)}, picture)
	var skips []*Node
	for level := range depth {
		x = conv(width<<level, conv(width<<level, x))
		skips = append(skips, x)
		x = Apply(MaxPool2D{Kernel: square(2)}, x)
	}
	x = conv(width<<depth, conv(width<<depth, x))
	for level := depth - 1; level >= 0; level-- {
		x = Apply(Conv2DTranspose{Filters: width << level, Kernel: square(2), Stride: square(2)}, x)
		x = conv(width<<level, conv(width<<level, Apply(Concatenate{}, skips[level], x)))
	}
	x = Apply(Conv2D{Filters: 1, Kernel: square(1), Padding: Same}, x)
	return must(NewModel(picture, Apply(CropToMatch{}, x, picture)))
}

// planOf compiles a model for a prediction, or for training with a loss.
func planOf(m *Model, batch int, training bool, in ...Shape) *plan {
	if training {
		inputs, total, err := WithLoss(m, BinaryCrossEntropy{Logits: true})
		m, in = must(NewModelOf(inputs, []*Node{must(total, err)})), append(in, append(in[0][:2:2], 1))
	}
	g := must(lower(m, in))
	g.optimise(training)
	return newPlan(g, batch, training, false)
}

// TestArena: the arena of a U-Net is at most 5 % larger than what is alive at once.
func TestArena(t *testing.T) {
	for _, c := range []struct {
		batch, size         int
		training, batchNorm bool
	}{
		{1, 256, false, false}, {1, 1024, false, false}, {8, 128, true, false}, {1, 256, true, false}, {8, 128, true, true},
	} {
		p := planOf(unet(32, 4, c.batchNorm), c.batch, c.training, Shape{c.size, c.size, 3})
		live, when := p.live()
		name := fmt.Sprintf("batch=%d/size=%d/training=%v/norm=%v", c.batch, c.size, c.training, c.batchNorm)
		const mebi = 1 << 18 // numbers in a MiB
		t.Logf("%s: arena %.1f MiB, alive at once %.1f MiB, in step %d", name, float64(p.arena)/mebi, float64(live)/mebi, when)
		if p.arena > live+live/20 {
			t.Errorf("%s: the arena is %.3f times what is alive at once", name, float64(p.arena)/float64(live))
		}
	}
}
