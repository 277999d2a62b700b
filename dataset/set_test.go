package dataset

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// ramp returns n pictures of 3x5 with c channels whose values are all different.
func ramp(n, c int) *Images {
	m := &Images{H: 3, W: 5, C: c, Pix: make([]byte, n*15*c)}
	for i := range m.Pix {
		m.Pix[i] = byte(i*11 + i/256)
	}
	return m
}

// filled returns input and target of one sample.
func filled(t testing.TB, s Set, epoch, index int) (in, out []float32) {
	t.Helper()
	inShape, outShape := s.Shapes()
	in, out = make([]float32, inShape.Elems()), make([]float32, outShape.Elems())
	for i := range in {
		in[i] = float32(math.NaN()) // Fill must not rely on what is there
	}
	if err := s.Fill(epoch, index, in, out); err != nil {
		t.Fatal(err)
	}
	return in, out
}

func TestImages(t *testing.T) {
	m := ramp(4, 3)
	m.Labels, m.Names = []int32{4, 5, 6, 7}, []string{"a", "b", "c", "d"}
	if m.Len() != 4 || m.Name(2) != "c" || (&Images{}).Name(2) != "picture 2" || (&Images{}).Len() != 0 {
		t.Errorf("length %d, name %s", m.Len(), m.Name(2))
	}
	x := m.Tensor(1, 3)
	if !x.Shape.Equal(tensor.Shape{2, 3, 5, 3}) || x.At(0, 0, 0, 1) != float32(m.Pix[46])/255 {
		t.Errorf("tensor %v", x.Shape)
	}
	s := m.Select([]int32{3, 0})
	if s.Len() != 2 || s.Labels[0] != 7 || s.Names[1] != "a" || !slices.Equal(s.Bytes(0), m.Bytes(3)) {
		t.Errorf("selected %+v", s)
	}
}

func TestSame(t *testing.T) {
	m := ramp(4, 1)
	in, out := filled(t, Same(m), 0, 2)
	for i, b := range m.Bytes(2) {
		if want := float32(b) / 255; in[i] != want || out[i] != want {
			t.Fatalf("value %d: %v and %v, want %v", i, in[i], out[i], want)
		}
	}
}

func TestPairsAndSlices(t *testing.T) {
	s, err := Pairs(ramp(4, 1), ramp(4, 3))
	if err != nil {
		t.Fatal(err)
	}
	if in, out := s.Shapes(); in.Elems() != 15 || out.Elems() != 45 {
		t.Errorf("shapes %v and %v", in, out)
	}
	if _, out := filled(t, s, 0, 3); out[44] != float32(ramp(4, 3).Pix[179])/255 {
		t.Errorf("last target %v", out[44])
	}
	if _, err := Pairs(ramp(4, 1), ramp(5, 1)); err == nil {
		t.Error("4 inputs were paired with 5 targets")
	}

	x, y := tensor.New(3, 2), tensor.New(3, 1, 4)
	for i := range y.Data {
		y.Data[i] = float32(i)
	}
	s, err = Slices(x, y)
	if err != nil {
		t.Fatal(err)
	}
	if _, out := filled(t, s, 0, 1); !slices.Equal(out, []float32{4, 5, 6, 7}) {
		t.Errorf("target %v", out)
	}
	for _, bad := range []*tensor.Tensor{tensor.New(2, 2), tensor.New(3), tensor.New()} {
		if _, err := Slices(x, bad); err == nil {
			t.Errorf("shape %v was paired with %v", bad.Shape, x.Shape)
		}
	}
}

func TestSubset(t *testing.T) {
	whole := Restoration(ramp(6, 1), 1, false, GaussianNoise{Min: 0.1, Max: 0.5})
	part := Subset(whole, []int32{5, 2})
	a, _ := filled(t, whole, 3, 5)
	b, _ := filled(t, part, 3, 0)
	if !slices.Equal(a, b) || part.Len() != 2 || sampleName(part, 1) != "picture 2" {
		t.Error("a sample of a subset is not the sample of the set")
	}
	if !targetIsInput(Subset(Same(ramp(2, 1)), []int32{1})) || targetIsInput(part) {
		t.Error("a subset must share its target just where the set does")
	}
	defer func() {
		if recover() == nil {
			t.Error("index 6 of 6 did not panic")
		}
	}()
	Subset(whole, []int32{6})
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		n        int
		fraction float64
		val      int
	}{
		{100, 0.1, 10}, {101, 0.25, 25}, {10, 0, 0}, {10, 1, 10}, {10, -3, 0}, {10, 7, 10}, {10, math.NaN(), 0},
		{3, 0.01, 1}, {3, 0.99, 2}, {1, 0.4, 0}, {0, 0.5, 0}, {60000, 1.0 / 6, 10000},
	} {
		train, val := Split(c.n, c.fraction, 7)
		if len(val) != c.val || len(train) != c.n-c.val || !slices.IsSorted(train) || !slices.IsSorted(val) {
			t.Errorf("Split(%d, %v): %d and %d", c.n, c.fraction, len(train), len(val))
		}
		all := append(slices.Clone(train), val...)
		slices.Sort(all)
		for i, v := range all {
			if int(v) != i {
				t.Fatalf("Split(%d, %v) loses or repeats %d", c.n, c.fraction, i)
			}
		}
	}
	_, a := Split(100, 0.2, 1)
	_, b := Split(100, 0.2, 1)
	_, other := Split(100, 0.2, 2)
	if !slices.Equal(a, b) || slices.Equal(a, other) {
		t.Error("a split must depend on the seed, and on it alone")
	}
}

func TestRestoration(t *testing.T) {
	m := ramp(3, 3)
	steps := []Corruption{GaussianNoise{Min: 0.2, Max: 0.6}, SaltPepper{P: 0.1}, Poisson{Peak: 30}, Erase{Min: 0.3, Max: 0.5}}
	anew, fixed := Restoration(m, 5, false, steps...), Restoration(m, 5, true, steps...)
	a, clean := filled(t, anew, 0, 1)
	for i, b := range m.Bytes(1) {
		if clean[i] != float32(b)/255 {
			t.Fatalf("target value %d is %v", i, clean[i])
		}
	}
	for i, v := range a {
		if !(v >= 0 && v <= 1) {
			t.Fatalf("input value %d is %v", i, v)
		}
	}
	differs := map[string][]float32{}
	differs["the next epoch"], _ = filled(t, anew, 1, 1)
	differs["another picture"], _ = filled(t, anew, 0, 2)
	differs["another seed"], _ = filled(t, Restoration(m, 6, false, steps...), 0, 1)
	differs["fixed noise"], _ = filled(t, fixed, 0, 1)
	for what, b := range differs {
		if slices.Equal(a, b) {
			t.Errorf("%s has the same corruption", what)
		}
	}
	again, _ := filled(t, Restoration(m, 5, false, steps...), 0, 1)
	f0, _ := filled(t, fixed, 0, 1)
	f9, _ := filled(t, fixed, 9, 1)
	if !slices.Equal(a, again) || !slices.Equal(f0, f9) {
		t.Error("the same corruption came out differently")
	}
	if plain, clean := filled(t, Restoration(m, 5, false), 0, 1); !slices.Equal(plain, clean) {
		t.Error("without corruptions the input is not the target")
	}
}

// Two corruptions of one kind must not draw the same numbers.
func TestCorruptionsDrawTheirOwn(t *testing.T) {
	m := &Images{H: 40, W: 50, C: 1, Pix: slices.Repeat([]byte{128}, 2000)}
	g := GaussianNoise{Min: 0.1, Max: 0.1}
	in, clean := filled(t, Restoration(m, 1, true, g, g), 0, 0)
	var squares float64
	for i := range in {
		squares += math.Pow(float64(in[i]-clean[i]), 2) / float64(len(in))
	}
	if want := 0.1 * math.Sqrt2; math.Abs(math.Sqrt(squares)-want) > 0.01 {
		t.Errorf("sigma of two noises of 0.1 is %v, want %v", math.Sqrt(squares), want)
	}
}

func TestRestorationInvalid(t *testing.T) {
	nan := math.NaN()
	for _, c := range []Corruption{
		GaussianNoise{Min: -0.1, Max: 1}, GaussianNoise{Min: 0.5, Max: 0.1}, GaussianNoise{Min: nan}, GaussianNoise{Max: math.Inf(1)},
		SaltPepper{P: 1.1}, SaltPepper{P: nan}, Poisson{}, Poisson{Peak: nan}, Poisson{Peak: 1e9},
		Erase{}, Erase{Min: 0.5, Max: 0.2}, Erase{Min: 0.5, Max: 1.5}, Erase{Count: -1, Min: 0.1, Max: 0.2}, Erase{Min: 0.1, Max: 0.2, Value: 2},
	} {
		err := Restoration(ramp(1, 1), 0, false, c).Fill(0, 0, make([]float32, 15), make([]float32, 15))
		if err == nil || !strings.Contains(err.Error(), "want") {
			t.Errorf("%T %+v: error %v", c, c, err)
		}
		if Validate(c) == nil {
			t.Errorf("%T %+v counts as valid", c, c)
		}
	}
	if err := Validate(custom{}); err != nil {
		t.Errorf("a corruption without Validate: %v", err)
	}
}

type custom struct{}

func (custom) Corrupt(rng.Key, []float32, tensor.Shape) {}

// statistics of a corruption over many grey values.
func corrupted(c Corruption, value float32, n int) (x []float32, mean, deviation float64) {
	x = slices.Repeat([]float32{value}, n)
	c.Corrupt(rng.New(77), x, tensor.Shape{n / 100, 100, 1})
	for _, v := range x {
		mean += float64(v) / float64(n)
	}
	for _, v := range x {
		deviation += math.Pow(float64(v)-mean, 2) / float64(n)
	}
	return x, mean, math.Sqrt(deviation)
}

func TestGaussianNoise(t *testing.T) {
	if _, mean, dev := corrupted(GaussianNoise{Min: 0.1, Max: 0.1}, 0.5, 40000); math.Abs(mean-0.5) > 0.003 || math.Abs(dev-0.1) > 0.002 {
		t.Errorf("mean %v, deviation %v", mean, dev)
	}
	x, _, _ := corrupted(GaussianNoise{Min: 0.5, Max: 0.5}, 0, 40000)
	zeros := 0
	for _, v := range x {
		if v == 0 {
			zeros++
		}
	}
	if math.Abs(float64(zeros)/40000-0.5) > 0.015 {
		t.Errorf("%d of 40000 black values stay black under clipped noise, want half", zeros)
	}
	// Sigma is drawn uniformly from the range, once for each picture.
	var low, high, sum float64 = 1, 0, 0
	const pictures = 300
	for p := range uint64(pictures) {
		x := slices.Repeat([]float32{0.5}, 3000)
		GaussianNoise{Min: 0.02, Max: 0.1}.Corrupt(rng.New(1, p), x, tensor.Shape{30, 100, 1})
		var squares float64
		for _, v := range x {
			squares += math.Pow(float64(v)-0.5, 2) / 3000
		}
		s := math.Sqrt(squares)
		low, high, sum = min(low, s), max(high, s), sum+s/pictures
	}
	if low < 0.0185 || low > 0.025 || high > 0.106 || high < 0.095 || math.Abs(sum-0.06) > 0.005 {
		t.Errorf("sigma from %v to %v, mean %v; want 0.02 to 0.1", low, high, sum)
	}
}

func TestSaltPepper(t *testing.T) {
	x := slices.Repeat([]float32{0.25, 0.5, 0.75}, 20000)
	SaltPepper{P: 0.2}.Corrupt(rng.New(3), x, tensor.Shape{100, 200, 3})
	var salt, pepper int
	for i := 0; i < len(x); i += 3 {
		p := [3]float32(x[i : i+3])
		switch p {
		case [3]float32{1, 1, 1}:
			salt++
		case [3]float32{0, 0, 0}:
			pepper++
		case [3]float32{0.25, 0.5, 0.75}:
		default:
			t.Fatalf("pixel %v: channels must go together", p)
		}
	}
	if math.Abs(float64(salt)-2000) > 220 || math.Abs(float64(pepper)-2000) > 220 {
		t.Errorf("%d white and %d black of 20000, want about 2000 each", salt, pepper)
	}
	if x, _, _ := corrupted(SaltPepper{}, 0.5, 1000); slices.Min(x) != 0.5 || slices.Max(x) != 0.5 {
		t.Error("probability 0 changes something")
	}
}

// Mean and variance of Poisson numbers are both the mean; both algorithms are tried.
func TestPoisson(t *testing.T) {
	for _, mean := range []float64{0.01, 0.7, 3, 9.9, 10, 10.5, 40, 1000, 5e5} {
		const n = 60000
		var sum, squares float64
		for i := range uint64(n) {
			v := poisson(rng.New(8, i), mean)
			if v < 0 || v != math.Floor(v) {
				t.Fatalf("mean %v gave %v", mean, v)
			}
			sum += v
			squares += (v - mean) * (v - mean)
		}
		if got := sum / n; math.Abs(got-mean) > 5*math.Sqrt(mean/n) {
			t.Errorf("mean %v, want %v", got, mean)
		}
		bound := 5 * math.Sqrt((mean+2*mean*mean)/n) // the variance of (v-mean)^2 is mean + 2 mean^2
		if got := squares / n; math.Abs(got-mean) > bound {
			t.Errorf("variance %v, want %v within %v", got, mean, bound)
		}
	}
	// The probabilities themselves, on both sides of the border between the algorithms.
	for _, mean := range []float64{4, 12} {
		const n = 100000
		var counts [40]int
		for i := range uint64(n) {
			counts[min(int(poisson(rng.New(9, i), mean)), 39)]++
		}
		p := math.Exp(-mean)
		for k := range 30 {
			if got := float64(counts[k]); math.Abs(got-n*p) > 5*math.Sqrt(n*p)+1 {
				t.Errorf("mean %v: %d came %v times, want about %.1f", mean, k, got, n*p)
			}
			p *= mean / float64(k+1)
		}
	}
	if x, _, _ := corrupted(Poisson{Peak: 10}, 0, 1000); slices.Max(x) != 0 {
		t.Error("black yields photons")
	}
	if _, mean, dev := corrupted(Poisson{Peak: 100}, 0.5, 40000); math.Abs(mean-0.5) > 0.002 || math.Abs(dev-math.Sqrt(0.005)) > 0.002 {
		t.Errorf("mean %v, deviation %v", mean, dev)
	}
}

func TestErase(t *testing.T) {
	seen := map[[2]int]bool{}
	for k := range uint64(500) {
		const h, w, c = 7, 11, 3
		x := slices.Repeat([]float32{1}, h*w*c)
		Erase{Min: 0.3, Max: 0.6, Value: 0.5}.Corrupt(rng.New(k), x, tensor.Shape{h, w, c})
		top, left, bottom, right, n := h, w, -1, -1, 0
		for i, v := range x {
			if v == 0.5 {
				y, col := i/c/w, i/c%w
				top, left, bottom, right, n = min(top, y), min(left, col), max(bottom, y), max(right, col), n+1
			}
		}
		height, width := bottom-top+1, right-left+1
		if n != height*width*c || height < 2 || height > 4 || width < 3 || width > 7 {
			t.Fatalf("key %d erased %d values in %dx%d", k, n, height, width)
		}
		seen[[2]int{top, left}] = true
	}
	if len(seen) < 40 {
		t.Errorf("only %d different places", len(seen))
	}
	x := slices.Repeat([]float32{1}, 15)
	Erase{Count: 3, Min: 1, Max: 1}.Corrupt(rng.New(1), x, tensor.Shape{3, 5, 1})
	if slices.Max(x) != 0 {
		t.Error("sides of 1 do not erase all")
	}
}

func TestFillAllocatesNothing(t *testing.T) {
	s := Restoration(ramp(2, 3), 5, false, GaussianNoise{Min: 0.2, Max: 0.6}, SaltPepper{P: 0.1}, Poisson{Peak: 30}, Erase{Min: 0.3, Max: 0.5})
	in, out := make([]float32, 45), make([]float32, 45)
	if n := testing.AllocsPerRun(20, func() { _ = s.Fill(1, 1, in, out) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestFileError(t *testing.T) {
	e := &FileError{Path: "a/b", Offset: 7, Problem: "too short", Err: errors.ErrUnsupported}
	if e.Error() != "a/b: byte 7: too short: unsupported operation" || !errors.Is(e, errors.ErrUnsupported) {
		t.Error(e)
	}
	if got := problem("", "no %s", "thing").Error(); got != "no thing" {
		t.Error(got)
	}
}

func TestClip(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range [][2]float32{{-inf, 0}, {-1, 0}, {-1e-40, 0}, {0, 0}, {1e-40, 1e-40}, {0.3, 0.3}, {1, 1}, {1.0000001, 1}, {7, 1}, {inf, 1}} {
		if got := clip(c[0]); got != c[1] || math.Signbit(float64(got)) {
			t.Errorf("clip(%v) = %v", c[0], got)
		}
	}
}

func TestToFloat(t *testing.T) {
	for n := range 40 {
		src, dst := make([]byte, n), make([]float32, n+1)
		dst[n] = -1 // a guard
		for i := range src {
			src[i] = byte(255 - 6*i)
		}
		toFloat(dst[:n], src)
		for i, b := range src {
			if dst[i] != float32(b)/255 {
				t.Fatalf("length %d: value %d is %v", n, i, dst[i])
			}
		}
		if dst[n] != -1 {
			t.Fatalf("length %d: written beyond the end", n)
		}
	}
}

// One digit of the denoising recipe: 60,000 of these make an epoch.
func BenchmarkGaussianNoise(b *testing.B) {
	x := make([]float32, 784)
	shape := tensor.Shape{28, 28, 1}
	for i := uint64(0); b.Loop(); i++ {
		GaussianNoise{Min: 0.3, Max: 0.6}.Corrupt(rng.New(i), x, shape)
	}
}

func BenchmarkToFloat(b *testing.B) {
	src, dst := make([]byte, 784), make([]float32, 784)
	for b.Loop() {
		toFloat(dst, src)
	}
}

func TestMemory(t *testing.T) {
	m := &Images{H: 2, W: 3, C: 1, Pix: make([]byte, 24), Labels: make([]int32, 4)}
	x := tensor.New(4, 2, 3, 1)
	slices, err := Slices(x, tensor.New(4, 5))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		set  Set
		want int64
	}{
		"same":        {Same(m), 24 + 16},
		"restoration": {Restoration(m, 1, true), 24 + 16},
		"slices":      {slices, 4 * (24 + 20)},
		"half":        {Subset(Same(m), []int32{1, 3}), 8 + 20},
	} {
		if got := Memory(c.set); got != c.want {
			t.Errorf("%s: %d bytes, want %d", name, got, c.want)
		}
	}
}
