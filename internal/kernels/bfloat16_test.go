package kernels

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

func TestToBFloat16(t *testing.T) {
	for _, c := range []struct {
		f    float32
		want uint16
	}{
		{0, 0}, {1, 0x3f80}, {-2, 0xc000}, {float32(math.Inf(1)), 0x7f80},
		{1 + 1./256, 0x3f80}, {1 + 3./256, 0x3f82}, {1 + 1.01/256, 0x3f81}, // ties go to the even one
		{math.MaxFloat32, 0x7f80},
	} {
		if got := toBFloat16(c.f); got != c.want {
			t.Errorf("%v is %#x, want %#x", c.f, got, c.want)
		}
	}
	if nan := toBFloat16(float32(math.NaN())); !math.IsNaN(float64(math.Float32frombits(uint32(nan) << 16))) {
		t.Errorf("NaN became %#x", nan)
	}
}

// TestBFloat16 runs convolutions in bfloat16: the error is that of numbers with 8 bits, which
// each algorithm's transforms enlarge, and neither workers nor a kept form change a bit.
func TestBFloat16(t *testing.T) {
	if !HasBFloat16() {
		t.Skip("this processor has no products of bfloat16")
	}
	team := parallel.Start(2)
	defer team.Close()
	slide := Slide{Kernel: 3, Stride: 1, Dilation: 1, Rule: PadSame}
	for _, parts := range [][]int{nil, {16, 18, 30}} {
		for _, c := range []struct {
			algorithm ConvAlgorithm
			out       int
			most      float64 // of the error's share of the result
		}{{ConvWinograd2, 64, .004}, {ConvWinograd2, 37, .004}, {ConvWinograd4, 64, .015}, {ConvWinograd4, 150, .015}} {
			s := ConvShape{
				Batch: 2, H: mustOver(slide, 37), W: mustOver(slide, 22), In: 64, Out: c.out, Groups: 1, Parts: parts,
				BFloat16: true, Algorithm: c.algorithm,
			}
			r := rand.New(rand.NewPCG(3, 4))
			x, _ := guarded[float32](t, r, s.pixelsIn()*s.In)
			w, _ := guarded[float32](t, r, s.Weights())
			want := make([]float64, s.pixelsOut()*s.Out)
			exact := s
			exact.Algorithm, exact.BFloat16, exact.Parts = ConvDirect, false, nil
			direct := sizesOf[float64](&exact)
			NewConv[float64](exact).Forward(team, want, [][]float64{wide(x)}, wide(w), nil, nil, make([]float64, direct.Fresh))
			sizes := sizesOf[float32](&s)
			scratch, checkScratch := guarded[float32](t, r, max(sizes.Fresh, sizes.Forward))
			form, checkForm := guarded[float32](t, r, sizes.Form)
			y, check := guarded[float32](t, r, len(want))
			conv := NewConv[float32](s)
			conv.PrepareForward(team, form, w)
			conv.Forward(team, y, split(&s, x), w, form, nil, scratch)
			check()
			checkForm()
			checkScratch()
			fresh := make([]float32, len(y))
			conv.Forward(nil, fresh, split(&s, x), w, nil, nil, scratch)
			size := 0.0
			for i, v := range want {
				size += v * v
				if fresh[i] != y[i] {
					t.Fatalf("%v: element %d is %v with a form and two workers, %v without and one", s, i, y[i], fresh[i])
				}
			}
			share := rms(y, want) / math.Sqrt(size/float64(len(want)))
			t.Logf("%v, %d to %d channels in parts %v: the error is %.2g of the result", c.algorithm, s.In, s.Out, parts, share)
			if !(share < c.most && share > 1e-5) {
				t.Errorf("%v: the error is %.3g of the result, want less than %v and that of 8 bits", c.algorithm, share, c.most)
			}
		}
	}
}
