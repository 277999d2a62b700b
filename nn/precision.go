package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// Precision is what predictions compute in.
type Precision string

const (
	Float32 Precision = "float32" // the default
	// BFloat16 rounds the inputs and the kernels of 3x3 convolutions to 8 bits, where the
	// processor has products of such numbers (AVX512_BF16) and they are faster; sums stay
	// float32, and so does everything else. The error of a convolution is about 1.2 % of
	// its result then, five times that of bfloat16 without Winograd's algorithm; float32 has
	// 0.0001 %. Where quality counts, stay with that.
	BFloat16 Precision = "bfloat16"
)

// WithPrecision is the model with the same weights, whose predictions compute in another
// precision. It fails where the processor has no instructions for it.
func (m *Model) WithPrecision(p Precision) (*Model, error) {
	if err := oneOf("the precision", p, Float32, BFloat16); err != nil {
		return nil, fmt.Errorf("nn: %w", err)
	}
	if p == BFloat16 && !kernels.HasBFloat16() {
		return nil, fmt.Errorf("nn: this processor has no products of bfloat16 (AVX512_BF16), or they are switched off; predict in float32")
	}
	return &Model{
		inputs: m.inputs, outputs: m.outputs, apps: m.apps, penalties: m.penalties, costApps: m.costApps,
		store: m.store, precision: p,
	}, nil
}

// reduce lets convolutions use the precision.
func (g *graph) reduce(p Precision) {
	for i := range g.steps {
		if l, ok := g.steps[i].layer.(Conv2D); ok && p == BFloat16 {
			l.bfloat16 = true
			g.steps[i].layer = l
		}
	}
}
