package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// mustOver and mustBack make an axis.
func mustOver(s Slide, in int) Window { return mustAxis(s.Over(in)) }
func mustBack(s Slide, in int) Window { return mustAxis(s.Back(in)) }

func mustAxis(a Window, err error) Window {
	if err != nil {
		panic(err)
	}
	return a
}

// convShapes are geometries with H != W, kernels that differ by axis, remainders of
// strides, dilations, groups, and channels beside a vector's width.
func convShapes() []ConvShape {
	shape := func(batch, h, w, in, out, groups int, a, b Slide) ConvShape {
		return ConvShape{Batch: batch, H: mustOver(a, h), W: mustOver(b, w), In: in, Out: out, Groups: groups}
	}
	valid := func(k, s, d int) Slide { return Slide{Kernel: k, Stride: s, Dilation: d} }
	same := func(k, s, d int) Slide { return Slide{Kernel: k, Stride: s, Dilation: d, Rule: PadSame} }
	explicit := func(k, s, d, before, after int) Slide {
		return Slide{Kernel: k, Stride: s, Dilation: d, Rule: PadExplicit, Before: before, After: after}
	}
	list := []ConvShape{
		shape(1, 1, 1, 1, 1, 1, valid(1, 1, 1), valid(1, 1, 1)),
		shape(3, 7, 5, 17, 33, 1, valid(1, 1, 1), valid(1, 1, 1)),
		shape(2, 7, 10, 3, 5, 1, valid(1, 2, 1), valid(1, 3, 1)),
		shape(2, 9, 8, 3, 17, 1, same(3, 1, 1), same(3, 1, 1)),
		shape(3, 10, 7, 17, 3, 1, same(4, 1, 1), same(2, 2, 1)),
		shape(1, 11, 13, 1, 16, 1, same(5, 3, 1), same(1, 4, 1)),
		shape(2, 12, 9, 3, 4, 1, same(3, 2, 2), valid(2, 1, 3)),
		shape(2, 8, 11, 5, 7, 1, explicit(3, 2, 1, 2, 0), explicit(2, 3, 2, 0, 3)),
		shape(2, 6, 5, 4, 3, 1, explicit(1, 1, 1, 3, 4), explicit(2, 5, 1, 1, 1)),
		shape(3, 7, 6, 6, 34, 2, same(3, 1, 1), same(2, 1, 1)),
		shape(2, 7, 6, 9, 6, 3, same(3, 2, 1), explicit(3, 1, 2, 1, 2)),
		shape(2, 6, 7, 17, 17, 17, same(3, 1, 1), same(5, 2, 1)),
		shape(2, 6, 7, 3, 6, 3, same(3, 1, 2), same(2, 1, 1)),
		shape(1, 20, 17, 48, 33, 1, same(3, 1, 1), same(3, 1, 1)),
		shape(9, 2, 3, 100, 40, 1, same(3, 1, 1), same(4, 1, 1)),
		shape(0, 2, 3, 4, 5, 1, same(3, 1, 1), same(4, 1, 1)),
	}
	for _, m := range []Border{BorderReflect, BorderEdge, BorderSymmetric, BorderWrap} {
		for _, groups := range []int{1, 2, 4} {
			s := shape(2, 5, 4, 4, 40, groups, explicit(3, 2, 1, 7, 6), explicit(2, 1, 3, 1, 0))
			s.Border = m
			list = append(list, s)
		}
	}
	for i, m := range []Border{BorderReflect, BorderEdge, BorderSymmetric, BorderWrap} { // for Winograd's algorithm
		s := shape(2, 9+i, 13-2*i, 35, 33, 1, same(3, 1, 1), explicit(3, 1, 1, 2, i%3))
		if s.Border = m; i%2 == 0 {
			s.Parts = []int{16, 19}
		}
		list = append(list, s)
	}
	list = append(list,
		shape(2, 13, 18, 16, 16, 1, explicit(3, 1, 1, 0, 1), explicit(3, 1, 1, 2, 0)),
		shape(1, 30, 27, 37, 70, 1, same(3, 1, 1), valid(3, 1, 1)),
		shape(3, 6, 3, 24, 40, 1, same(3, 1, 1), same(3, 1, 1)))
	// Few channels of the result, many of the input, and the other way round.
	for out := 1; out <= 9; out++ {
		list = append(list, shape(1+out%2, 3, 14+out, 20+out, out, 1, same(3, 1, 1), same(2, 1+out%2, 1)))
		list = append(list, shape(2, 5, 7+out, out, 34, 1, same(3, 2, 1), same(3, 1, 1+out%2)))
	}
	list = append(list,
		shape(2, 4, 3, 40, 40, 40, same(3, 1, 1), same(3, 2, 2)),
		shape(1, 3, 29, 16, 16, 16, same(2, 1, 1), valid(3, 1, 1)),
		shape(1, 30, 3, 2, 2, 1, same(3, 1, 1), same(3, 1, 1)),
		shape(1, 3, 11, 12, 72, 4, same(2, 1, 1), same(3, 1, 1)), // more than a vector, less than a tile
		shape(2, 5, 3, 300, 35, 1, same(3, 1, 1), same(3, 1, 1)), // several partial sums
		shape(2, 5, 4, 1100, 3, 1, same(1, 1, 1), same(2, 1, 1)),
		shape(1, 2, 7, 1024, 20, 1, valid(1, 1, 1), valid(1, 1, 1)),
		shape(1, 2, 300, 40, 5, 1, valid(1, 1, 1), same(5, 1, 1)),
		shape(1, 2, 500, 260, 5, 1, valid(2, 1, 1), same(3, 2, 1)), // several chunks of a row
		shape(2, 3, 4, 5, 6, 1, same(1, 3, 1), same(2, 5, 1)),      // phases without taps
	)
	list = append(list, trimmedShapes()...)
	for _, parts := range [][]int{{16, 32}, {3, 40, 5}} {
		s := shape(1, 9, 7, 48, 33, 1, same(3, 1, 1), same(3, 1, 1))
		s.Parts = parts
		list = append(list, s)
	}
	for i := range list {
		list[i].Act = []Act{{}, {Kind: ReLU}, {Kind: Sigmoid}, {Kind: LeakyReLU, Alpha: .25}}[i%4]
	}
	return list
}

// trimmedShapes are those that the direct algorithm leaves padding out of.
func trimmedShapes() []ConvShape {
	same := func(k, s, d int) Slide { return Slide{Kernel: k, Stride: s, Dilation: d, Rule: PadSame} }
	shape := func(batch, h, w, in, out int, a, b Slide) ConvShape {
		return ConvShape{Batch: batch, H: mustOver(a, h), W: mustOver(b, w), In: in, Out: out, Groups: 1}
	}
	list := []ConvShape{
		shape(3, 4, 4, 70, 67, same(3, 1, 1), same(3, 1, 1)),
		shape(5, 2, 3, 90, 80, same(7, 1, 1), same(5, 1, 1)),  // taps that read nothing but padding
		shape(2, 5, 6, 65, 130, same(3, 1, 4), same(3, 2, 1)), // far apart; phases
		shape(1, 2, 2, 1100, 1050, same(3, 1, 1), same(1, 1, 1)),
	}
	parts := shape(2, 3, 4, 150, 70, same(3, 1, 1), same(3, 1, 1))
	parts.Parts = []int{90, 60}
	return append(list, parts)
}

// TestConvTrims: padding is left out where there is much of it, and not where there is little.
func TestConvTrims(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		for _, s := range trimmedShapes() {
			for _, gathers := range []bool{true, false} {
				if p := planDirect[float32](&s, gathers); !p.trimmed {
					t.Errorf("gathers %v: nothing is left out of %+v", gathers, s)
				}
			}
		}
		same := Slide{Kernel: 3, Stride: 1, Dilation: 1, Rule: PadSame}
		for _, c := range []struct{ size, channels int }{{4, 16}, {64, 256}} {
			s := ConvShape{Batch: 1, H: mustOver(same, c.size), W: mustOver(same, c.size), In: c.channels, Out: c.channels, Groups: 1}
			if p := planDirect[float32](&s, true); p.trimmed {
				t.Errorf("padding is left out of %+v", s)
			}
		}
	})
}

// padded is x with its borders written out, in float64.
type padded struct {
	shape ConvShape
	x     []float64
	h, w  int
}

func pad(s ConvShape, x []float64) padded {
	p := padded{shape: s, h: 40 + s.H.In, w: 40 + s.W.In} // 20 on each side are enough
	p.x = make([]float64, s.Batch*p.h*p.w*s.In)
	for n := range s.Batch {
		for i := range p.h {
			for j := range p.w {
				y, x0 := s.Border.at(i-20, s.H.In), s.Border.at(j-20, s.W.In)
				if y >= 0 && x0 >= 0 {
					copy(p.x[((n*p.h+i)*p.w+j)*s.In:][:s.In], x[((n*s.H.In+y)*s.W.In+x0)*s.In:])
				}
			}
		}
	}
	return p
}

// terms calls f for every product in the definition of a convolution.
func terms(s ConvShape, f func(y, x, w int)) {
	in, out := s.In/s.Groups, s.Out/s.Groups
	for n := range s.Batch {
		for p := range s.H.Out {
			for q := range s.W.Out {
				for o := range s.Out {
					for i := range s.H.Kernel {
						for j := range s.W.Kernel {
							for c := range in {
								row := 20 + p*s.H.Stride - s.H.Before + i*s.H.Dilation
								col := 20 + q*s.W.Stride - s.W.Before + j*s.W.Dilation
								f(((n*s.H.Out+p)*s.W.Out+q)*s.Out+o,
									((n*(40+s.H.In)+row)*(40+s.W.In)+col)*s.In+o/out*in+c,
									((i*s.W.Kernel+j)*in+c)*s.Out+o)
							}
						}
					}
				}
			}
		}
	}
}

// wide converts to float64.
func wide[T Float](x []T) []float64 {
	w := make([]float64, len(x))
	for i, v := range x {
		w[i] = float64(v)
	}
	return w
}

func TestConv(t *testing.T) {
	eachISA(t, testConv[float32])
	t.Run("float64", testConv[float64])
}

func testConv[T Float](t *testing.T) {
	team := parallel.Start(2)
	defer team.Close()
	for _, s := range convShapes() {
		if testing.Short() && s.Weights()*s.pixelsOut() > 1e6 {
			continue
		}
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
			for _, a := range []ConvAlgorithm{ConvAuto, ConvLoop, ConvPatch, ConvDirect, ConvWinograd2, ConvWinograd4} {
				s.Algorithm = a
				checkConv[T](t, team, s)
			}
		})
	}
}

// checkConv holds a shape's passes against the definition, two workers against one, and
// looks for writes out of bounds. The layer and its transpose have bias and activation
// between them on either side. The bound of an error grows with the length of the sum.
func checkConv[T Float](t *testing.T, team *parallel.Team, s ConvShape) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	sizeX, sizeY := s.pixelsIn()*s.In, s.pixelsOut()*s.Out
	x, _ := guarded[T](t, r, sizeX)
	y, _ := guarded[T](t, r, sizeY)
	w, _ := guarded[T](t, r, s.Weights())
	biasX, _ := guarded[T](t, r, s.In)
	biasY, _ := guarded[T](t, r, s.Out)
	back := s
	back.Transposed = true
	sizes, backSizes := sizesOf[T](&s), sizesOf[T](&back)
	scratch, checkScratch := guarded[T](t, r, max(sizes.Fresh, sizes.Forward, sizes.Backward, backSizes.Fresh))
	c, transposed := NewConv[T](s), NewConv[T](back)
	run := func(name string, size, length int, want []float64, f func(team *parallel.Team, out []T)) {
		t.Helper()
		out, check := guarded[T](t, r, size)
		f(team, out)
		check()
		checkScratch()
		alone := make([]T, size)
		f(nil, alone)
		tol := 2 * epsilon[T]() * math.Sqrt(float64(length)+4) * math.Sqrt(float64(length)+4)
		for i, v := range out {
			if v != alone[i] {
				t.Fatalf("%s[%d] = %v with two workers, %v with one", name, i, v, alone[i])
			}
			if d := math.Abs(float64(v) - want[i]); !(d <= tol) {
				t.Fatalf("%s[%d] = %v, want %v within %.3g", name, i, v, want[i], tol)
			}
		}
	}
	p := pad(s, wide(x))
	wantY, wantW, wantPad := make([]float64, sizeY), make([]float64, len(w)), make([]float64, len(p.x))
	for i := range wantY {
		wantY[i] = float64(biasY[i%s.Out])
	}
	terms(s, func(a, b, k int) {
		wantY[a] += p.x[b] * float64(w[k])
		wantW[k] += p.x[b] * float64(y[a])
		wantPad[b] += float64(y[a]) * float64(w[k])
	})
	wantX := make([]float64, sizeX)
	for i := range wantX {
		wantX[i] = float64(biasX[i%s.In])
	}
	unpad(s, wantX, wantPad)
	patch := s.taps() * s.groupIn()
	run("dx", sizeX, patch*s.Out, less(wantX, biasX), func(team *parallel.Team, out []T) {
		parts := split(&s, out)
		c.InputGrad(team, parts, y, w, scratch)
		join(&s, out, parts)
	})
	sumX, sumY := slices.Clone(wantX), slices.Clone(wantY)
	addX, addY := added[T](t, r, sumX, s.Act), added[T](t, r, sumY, s.Act)
	activateGeneric(s.Act, wantY, wantY)
	activateGeneric(s.Act, wantX, wantX)
	form := make([]T, sizes.Form)
	c.PrepareForward(team, form, w)
	parts := split(&s, x)
	run("y", sizeY, patch, wantY, func(team *parallel.Team, out []T) { c.Forward(team, out, parts, w, nil, biasY, scratch) })
	run("y, prepared", sizeY, patch, wantY, func(team *parallel.Team, out []T) { c.Forward(team, out, parts, w, form, biasY, scratch) })
	s.Adds = true
	c = NewConv[T](s)
	run("y, added to", sizeY, patch, sumY, func(team *parallel.Team, out []T) {
		c.ForwardAdd(team, out, parts, addY, w, form, biasY, scratch)
	})
	run("dw", len(w), s.pixelsOut(), wantW, func(team *parallel.Team, out []T) { c.KernelGrad(team, out, parts, y, scratch) })
	if s.Parts == nil {
		run("x", sizeX, patch*s.Out, wantX, func(team *parallel.Team, out []T) {
			transposed.Forward(team, out, [][]T{y}, w, nil, biasX, scratch)
		})
		back.Adds = true
		transposed = NewConv[T](back)
		run("x, added to", sizeX, patch*s.Out, sumX, func(team *parallel.Team, out []T) {
			transposed.ForwardAdd(team, out, [][]T{y}, addX, w, nil, biasX, scratch)
		})
	}
}

// added returns a picture and adds it to what is wanted before the activation.
func added[T Float](t *testing.T, r *rand.Rand, want []float64, act Act) []T {
	add, _ := guarded[T](t, r, len(want))
	for i, v := range add {
		want[i] += float64(v)
	}
	activateGeneric(act, want, want)
	return add
}

// less is x without its bias.
func less[T Float](x []float64, bias []T) []float64 {
	y := slices.Clone(x)
	for i := range y {
		y[i] -= float64(bias[i%len(bias)])
	}
	return y
}

// split divides pictures into the shape's parts; where it has none, it returns x itself.
func split[T Float](s *ConvShape, x []T) [][]T {
	if s.Parts == nil {
		return [][]T{x}
	}
	parts := make([][]T, len(s.Parts))
	at := 0
	for i, n := range s.Parts {
		parts[i] = make([]T, s.pixelsIn()*n)
		for p := range s.pixelsIn() {
			copy(parts[i][p*n:][:n], x[p*s.In+at:])
		}
		at += n
	}
	return parts
}

// join puts parts together again.
func join[T Float](s *ConvShape, x []T, parts [][]T) {
	at := 0
	for i := range s.Parts {
		n := s.Parts[i]
		for p := range s.pixelsIn() {
			copy(x[p*s.In+at:][:n], parts[i][p*n:])
		}
		at += n
	}
}

// unpad is the adjoint of pad: it adds what the borders hold to what they were read from.
func unpad(s ConvShape, x, padded []float64) {
	h, w := 40+s.H.In, 40+s.W.In
	for n := range s.Batch {
		for i := range h {
			for j := range w {
				y, x0 := s.Border.at(i-20, s.H.In), s.Border.at(j-20, s.W.In)
				for c := 0; y >= 0 && x0 >= 0 && c < s.In; c++ {
					x[((n*s.H.In+y)*s.W.In+x0)*s.In+c] += padded[((n*h+i)*w+j)*s.In+c]
				}
			}
		}
	}
}

// TestConvTransposed: the activation is that of the scattering pass, and the layer's
// methods turn round.
func TestConvTransposed(t *testing.T) {
	for _, k := range []int{1, 3} {
		slide := Slide{Kernel: k, Stride: min(k, 2), Dilation: 1, Rule: PadSame}
		s := ConvShape{Batch: 2, H: mustBack(slide, 3), W: mustBack(slide, 2), In: 5, Out: 4, Groups: 1, Transposed: true, Act: Act{Kind: Tanh}}
		plain := s
		plain.Transposed, plain.Act = false, Act{}
		r := rand.New(rand.NewPCG(3, 4))
		in, _ := guarded[float64](t, r, s.pixelsOut()*s.Out)
		w, _ := guarded[float64](t, r, s.Weights())
		bias, _ := guarded[float64](t, r, s.In)
		got, want := make([]float64, s.pixelsIn()*s.In), make([]float64, s.pixelsIn()*s.In)
		a, b := sizesOf[float64](&s), sizesOf[float64](&plain)
		scratch := make([]float64, max(a.Fresh, a.Backward, b.Fresh, b.Backward))
		one := func(x []float64) [][]float64 { return [][]float64{x} }
		c, p := NewConv[float64](s), NewConv[float64](plain)
		c.Forward(nil, got, one(in), w, nil, bias, scratch)
		p.InputGrad(nil, one(want), in, w, scratch)
		for i := range want {
			if v := math.Tanh(want[i] + bias[i%s.In]); math.Abs(v-got[i]) > 1e-14 {
				t.Fatalf("out[%d] = %v, want %v", i, got[i], v)
			}
		}
		dIn, dWant := make([]float64, len(in)), make([]float64, len(in))
		c.InputGrad(nil, one(dIn), got, w, scratch)
		p.Forward(nil, dWant, one(got), w, nil, nil, scratch)
		dw, dwWant := make([]float64, len(w)), make([]float64, len(w))
		c.KernelGrad(nil, dw, one(in), got, scratch)
		p.KernelGrad(nil, dwWant, one(got), in, scratch)
		for _, pair := range [][2][]float64{{dIn, dWant}, {dw, dwWant}} {
			for i, v := range pair[1] {
				if pair[0][i] != v {
					t.Fatalf("gradient %d is %v, want %v", i, pair[0][i], v)
				}
			}
		}
	}
}

func TestEpilogueGrad(t *testing.T) {
	team := parallel.Start(2)
	defer team.Close()
	for _, rows := range []int{0, 1, 511, 512, 1300} {
		for _, act := range []Act{{}, {Kind: ReLU}, {Kind: Tanh}} {
			const cols = 7
			r := rand.New(rand.NewPCG(5, uint64(rows)))
			dy, check := guarded[float64](t, r, rows*cols)
			y, _ := guarded[float64](t, r, rows*cols)
			scratch, checkScratch := guarded[float64](t, r, EpilogueScratch(rows, cols))
			want := make([]float64, rows*cols)
			activateGradGeneric(act, want, dy, y)
			sums := make([]float64, cols)
			for i, v := range want {
				sums[i%cols] += v
			}
			got, checkSums := guarded[float64](t, r, cols)
			NewEpilogueGrad[float64](rows, cols, act).Run(team, got, dy, y, scratch)
			check()
			checkScratch()
			checkSums()
			for i, v := range want {
				if dy[i] != v {
					t.Fatalf("%d rows, %v: dz[%d] = %v, want %v", rows, act, i, dy[i], v)
				}
			}
			for i, v := range sums {
				if math.Abs(got[i]-v) > 1e-12 {
					t.Fatalf("%d rows, %v: dbias[%d] = %v, want %v", rows, act, i, got[i], v)
				}
			}
		}
	}
}

// TestConvBands: a shape of several bands, the last one shorter, gives what the loop gives.
func TestConvBands(t *testing.T) {
	slide := Slide{Kernel: 3, Stride: 1, Dilation: 1, Rule: PadSame}
	for _, groups := range []int{1, 2} {
		s := ConvShape{Batch: 1, H: mustOver(slide, 97), W: mustOver(slide, 83), In: 36, Out: 2, Groups: groups}
		p := planConvGemm(&s)
		if s.Groups == 1 && (p.band >= p.pixels || p.pixels%p.band == 0) {
			t.Fatalf("bands of %d pixels of %d", p.band, p.pixels)
		}
		s.Algorithm = ConvPatch
		checkConv[float64](t, nil, s)
	}
}
