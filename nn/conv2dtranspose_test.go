package nn

import (
	"math"
	"testing"

	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// zeroInsertion is the transposed convolution by its textbook recipe: put stride-1 zeros
// between the rows and columns of x [batch, H, W, Cin], pad by extent-1-before, and convolve
// at stride 1 with the kernel [KH, KW, Cout/Groups, Cin] turned by 180 degrees.
func zeroInsertion(l Conv2DTranspose, x, kernel []float64, batch int, in, out Shape) []float64 {
	s := l.convolution().sliding
	rows, cols := s.windows(in)
	h, w := (in[0]-1)*rows.Stride+1, (in[1]-1)*cols.Stride+1
	wide := make([]float64, batch*h*w*in[2])
	for n := range batch {
		for i := range in[0] {
			for j := range in[1] {
				copy(wide[((n*h+i*rows.Stride)*w+j*cols.Stride)*in[2]:][:in[2]], x[((n*in[0]+i)*in[1]+j)*in[2]:])
			}
		}
	}
	extentH, extentW := (rows.Kernel-1)*rows.Dilation+1, (cols.Kernel-1)*cols.Dilation+1
	groups := max(l.Groups, 1)
	perIn, perOut := in[2]/groups, out[2]/groups
	y := make([]float64, batch*out.Elems())
	for at := range y {
		f, pixel := at%out[2], at/out[2]
		n, v, u := pixel/out[1]/out[0], pixel/out[1]%out[0], pixel%out[1]
		for i := range rows.Kernel {
			for j := range cols.Kernel {
				r, c := v+i*rows.Dilation-(extentH-1-rows.Before), u+j*cols.Dilation-(extentW-1-cols.Before)
				if r < 0 || r >= h || c < 0 || c >= w {
					continue
				}
				turned := ((rows.Kernel-1-i)*cols.Kernel + cols.Kernel - 1 - j) * perOut
				for ch := f / perOut * perIn; ch < (f/perOut+1)*perIn; ch++ {
					y[at] += wide[((n*h+r)*w+c)*in[2]+ch] * kernel[(turned+f%perOut)*in[2]+ch]
				}
			}
		}
	}
	return y
}

// TestZeroInsertion holds the transposed convolution against its textbook recipe.
func TestZeroInsertion(t *testing.T) {
	const batch = 2
	count := 0
	for kernel := range 5 {
		for stride := range 4 {
			for dilation := range 3 {
				for mode, p := range []Padding{Valid, Same, SameLower, Explicit(0, 1, 1, 0), Explicit(2, 0, -1, 1)} {
					l := Conv2DTranspose{
						Filters: 4, Kernel: [2]int{kernel + 1, (kernel+2)%5 + 1}, Stride: [2]int{stride + 1, (stride+1)%4 + 1},
						Dilation: [2]int{dilation + 1, (dilation+1)%3 + 1}, Padding: p, Groups: 1 + (kernel+stride)%2, NoBias: true,
					}
					if mode >= 3 {
						l.OutputPadding = [2]int{stride / 2, (stride + 1) % 4}
					}
					in := Shape{3, 4, 2}
					sig, err := l.Infer([]Shape{in})
					if err != nil {
						continue // nothing is left of so small a picture
					}
					count++
					x := uniform(batch*in.Elems(), -1, 1, rng.New(1))
					k := uniform(sig.Params[0].Shape.Elems(), -1, 1, rng.New(2))
					got, _ := linear(t, l, k, in, batch, x, nil)
					for i, want := range zeroInsertion(l, x, k, batch, in, sig.Outputs[0]) {
						if math.Abs(got[i]-want) > 1e-12 {
							t.Fatalf("%+v: element %d is %v, want %v", l, i, got[i], want)
						}
					}
				}
			}
		}
	}
	if count < 250 {
		t.Errorf("only %d geometries", count)
	}
}

// TestBilinearKernel: a transposed convolution with a bilinear kernel enlarges as bilinear
// resizing does, inside; grouped by channel it does the same, in whatever order it sums.
func TestBilinearKernel(t *testing.T) {
	x := random(1, 2, 5, 6, 3)
	for factor := 2; factor <= 5; factor++ {
		k := 2*factor - factor%2
		up := Conv2DTranspose{
			Filters: 3, Kernel: [2]int{k, k}, Stride: [2]int{factor, factor}, Padding: Same, KernelInit: Bilinear, NoBias: true,
		}
		got := chain(t, x, up)
		up.Groups = 3
		for i, g := range chain(t, x, up) {
			if math.Abs(float64(g-got[i])) > 1e-6 {
				t.Fatalf("factor %d: element %d is %v depthwise, %v in full", factor, i, g, got[i])
			}
		}
		want := chain(t, x, UpSampling2D{Factor: [2]int{factor, factor}, Method: ResizeBilinear})
		out := tensor.Tensor{Shape: Shape{2, 5 * factor, 6 * factor, 3}}
		for n := range 2 {
			for i := factor / 2; i < 5*factor-factor/2; i++ {
				for j := factor / 2; j < 6*factor-factor/2; j++ {
					for c := range 3 {
						at := out.Offset(n, i, j, c)
						if math.Abs(float64(got[at]-want[at])) > 1e-6 {
							t.Fatalf("factor %d: pixel %d,%d is %v, want %v", factor, i, j, got[at], want[at])
						}
					}
				}
			}
		}
	}
}
