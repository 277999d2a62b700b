package rng

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"
)

// The reference outputs of SplitMix64 seeded with 1234567 (Vigna's splitmix64.c).
func TestUint64IsSplitMix64(t *testing.T) {
	want := []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821}
	for i, w := range want {
		if got := Key(1234567).Uint64(uint64(i)); got != w {
			t.Errorf("draw %d = %d, want %d", i, got, w)
		}
	}
}

// Checkpoints and published figures depend on these: they must never change.
// testdata/keys.py computes the same.
func TestKeysAreStable(t *testing.T) {
	for _, c := range []struct {
		name string
		got  uint64
		want uint64
	}{
		{"New(0)", uint64(New(0)), 0x9ca066f1a4ab2eea},
		{"New(1, 2, 3)", uint64(New(1, 2, 3)), 0x46aec8e9b51fbfff},
		{"Hash(shuffle)", Hash("shuffle"), 0x477c62bf680bf6ae},
		{"Hash of nothing", Hash(""), 0xcbf29ce484222325},
	} {
		if c.got != c.want {
			t.Errorf("%s = %#x, want %#x", c.name, c.got, c.want)
		}
	}
	got := make([]int32, 10)
	for i := range got {
		got[i] = int32(i)
	}
	New(42, 7).Shuffle(got)
	if want := []int32{5, 6, 0, 8, 7, 2, 9, 4, 3, 1}; !slices.Equal(got, want) {
		t.Errorf("shuffle = %v, want %v", got, want)
	}
}

func TestPath(t *testing.T) {
	if New(5, 6).Fork(7) != New(5, 6, 7) {
		t.Error("New(s, a).Fork(b) differs from New(s, a, b)")
	}
	seen := map[Key]string{}
	add := func(k Key, what string) {
		if old, ok := seen[k]; ok {
			t.Fatalf("%s and %s share a key", old, what)
		}
		seen[k] = what
	}
	for a := range uint64(60) {
		add(New(a), "seed")
		for b := range uint64(60) {
			add(New(a, b), "path of one")
			add(New(0, a, b), "path of two")
			add(New(0, a, b, 0), "path of three")
		}
	}
}

// Streams of neighbouring seeds, epochs and samples, and successive draws of one
// stream, must be uncorrelated: |r| stays below 5/sqrt(n).
func TestStreamsAreIndependent(t *testing.T) {
	const n = 20000
	streams := map[string]func(i uint64) float64{
		"draws":         New(1).Float64,
		"next draws":    func(i uint64) float64 { return New(1).Float64(i + 1) },
		"next seed":     New(2).Float64,
		"child":         New(1).Fork(0).Float64,
		"first of keys": func(i uint64) float64 { return New(3, i).Float64(0) },
		"next keys":     func(i uint64) float64 { return New(3, i+1).Float64(0) },
		"other draw":    func(i uint64) float64 { return New(3, i).Float64(1) },
		"other epoch":   func(i uint64) float64 { return New(3, 1, i).Float64(0) },
		"normals":       New(1).Normal,
	}
	for na, a := range streams {
		for nb, b := range streams {
			if na >= nb || na == "draws" && nb == "normals" {
				continue
			}
			var sa, sb, saa, sbb, sab float64
			for i := range uint64(n) {
				x, y := a(i), b(i)
				sa, sb, saa, sbb, sab = sa+x, sb+y, saa+x*x, sbb+y*y, sab+x*y
			}
			r := (sab/n - sa/n*sb/n) / math.Sqrt((saa/n-sa/n*sa/n)*(sbb/n-sb/n*sb/n))
			if math.Abs(r) > 5/math.Sqrt(n) {
				t.Errorf("%q and %q: correlation %.4f", na, nb, r)
			}
		}
	}
}

func TestUniform(t *testing.T) {
	const n, bins = 100000, 50
	k := New(9)
	var counts, ints [bins]int
	var sum, squares float64
	for i := range uint64(n) {
		x, y := k.Float64(i), float64(k.Float32(i))
		if x < 0 || x >= 1 || y < 0 || y >= 1 || math.Abs(x-y) > 0x1p-24 {
			t.Fatalf("draw %d: %v and %v", i, x, y)
		}
		sum, squares = sum+x, squares+x*x
		counts[int(x*bins)]++
		ints[k.IntN(i, bins)]++
	}
	if mean := sum / n; math.Abs(mean-0.5) > 5*math.Sqrt(1.0/12/n) {
		t.Errorf("mean %v", mean)
	}
	if v := squares/n - sum/n*sum/n; math.Abs(v-1.0/12) > 0.001 {
		t.Errorf("variance %v", v)
	}
	for name, c := range map[string][bins]int{"Float64": counts, "IntN": ints} {
		if x := chiSquare(c[:], n); x > 100 { // 49 degrees of freedom: P < 3e-5
			t.Errorf("%s: chi-square %.1f over %d bins", name, x, bins)
		}
	}
}

// Every one of the 24 orders of four must come equally often, and every number land
// in every place of a larger permutation.
func TestPermIsUniform(t *testing.T) {
	const n = 24000
	orders := map[[4]int]int{}
	var place [11][11]int
	for i := range uint64(n) {
		orders[[4]int(New(1, i).Perm(4))]++
		for at, v := range New(2, i).Perm(11) {
			place[at][v]++
		}
	}
	counts := make([]int, 0, 24)
	for _, c := range orders {
		counts = append(counts, c)
	}
	if len(counts) != 24 || chiSquare(counts, n) > 60 { // 23 degrees of freedom
		t.Errorf("%d orders of 4, chi-square %.1f", len(counts), chiSquare(counts, n))
	}
	for at := range place {
		if x := chiSquare(place[at][:], n); x > 40 { // 10 degrees of freedom
			t.Errorf("place %d of 11: chi-square %.1f", at, x)
		}
	}
}

func TestShuffleIsPerm(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 17, 1000} {
		p := make([]int32, n)
		for i := range p {
			p[i] = int32(i)
		}
		New(4).Shuffle(p)
		for i, v := range New(4).Perm(n) {
			if int(p[i]) != v {
				t.Fatalf("n %d: place %d is %d, Perm has %d", n, i, p[i], v)
			}
		}
	}
}

func TestIntNRefusesNothing(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("IntN(0, 0) did not panic")
		}
	}()
	New(1).IntN(0, 0)
}

// testdata/quantiles.json was made by testdata/quantiles.py.
func TestQuantile(t *testing.T) {
	raw, err := os.ReadFile("testdata/quantiles.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden []struct{ P, X float64 }
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	for _, g := range golden {
		if got := quantile(g.P); math.Abs(got-g.X) > 1e-14*max(1, math.Abs(g.X)) {
			t.Errorf("quantile(%v) = %v, want %v", g.P, got, g.X)
		}
	}
}

func TestNormalMoments(t *testing.T) {
	k := New(11)
	checkNormal(t, "Normal", func(i uint64) float64 { return k.Normal(i) }, 400000)
}

func TestNormalsMoments(t *testing.T) {
	x := make([]float32, 2000000)
	New(12).Normals(x, 0)
	checkNormal(t, "Normals", func(i uint64) float64 { return float64(x[i]) }, len(x))
}

// checkNormal compares n numbers with the normal distribution: moments to the fourth
// within five standard errors, the Kolmogorov-Smirnov distance, and the tails.
func checkNormal(t *testing.T, name string, draw func(i uint64) float64, n int) {
	t.Helper()
	var m [5]float64
	const bins = 4096
	var below [bins + 1]int
	beyond := map[float64]int{2: 0, 3: 0, 3.6541528853610088: 0, 4: 0}
	for i := range uint64(n) {
		x := draw(i)
		for p := 1; p <= 4; p++ {
			m[p] += math.Pow(x, float64(p)) / float64(n)
		}
		below[min(int(cdf(x)*bins), bins-1)+1]++
		for z := range beyond {
			if math.Abs(x) > z {
				beyond[z]++
			}
		}
	}
	root := math.Sqrt(float64(n))
	want := [5]float64{0, 0, 1, 0, 3}
	deviation := [5]float64{0, 1, math.Sqrt(2), math.Sqrt(15), math.Sqrt(96)}
	for p := 1; p <= 4; p++ {
		if math.Abs(m[p]-want[p]) > 5*deviation[p]/root {
			t.Errorf("%s: moment %d is %v, want %v", name, p, m[p], want[p])
		}
	}
	sum, worst := 0, 0.0
	for b := 1; b <= bins; b++ {
		sum += below[b]
		worst = max(worst, math.Abs(float64(sum)/float64(n)-float64(b)/bins))
	}
	if worst*root > 2 { // P(sqrt(n) D > 2) = 7e-4
		t.Errorf("%s: Kolmogorov-Smirnov distance %v", name, worst)
	}
	for z, c := range beyond {
		p := 2 * cdf(-z)
		if math.Abs(float64(c)-p*float64(n)) > 5*math.Sqrt(p*float64(n))+1 {
			t.Errorf("%s: %d of %d beyond %v, want about %.0f", name, c, n, z, p*float64(n))
		}
	}
}

func cdf(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }

func chiSquare(counts []int, n int) float64 {
	want := float64(n) / float64(len(counts))
	var x float64
	for _, c := range counts {
		x += (float64(c) - want) * (float64(c) - want) / want
	}
	return x
}

func TestZigguratCloses(t *testing.T) {
	if got := zigEdge[zigLayers-1]; math.Abs(got-0.9774) > 1e-3 {
		t.Errorf("density at the top layer's end is %v", got)
	}
	for l := 1; l < zigLayers; l++ {
		area := float64(zigLayer[l].width) * zigScale * (zigEdge[l+1] - zigEdge[l])
		if math.Abs(area/zigArea-1) > 1e-5 {
			t.Errorf("layer %d has area %v, want %v", l, area, zigArea)
		}
	}
}

// Element i must not depend on the calls that the elements are divided into.
func TestNormalsAreAddressable(t *testing.T) {
	const n = 5001
	whole := make([]float32, n)
	k := New(13)
	k.Normals(whole, 0)
	for _, step := range []int{1, 2, 3, 7, 784} {
		got := make([]float32, n)
		for at := 0; at < n; at += step {
			k.Normals(got[at:min(at+step, n)], uint64(at))
		}
		if !slices.Equal(got, whole) {
			t.Errorf("in steps of %d the numbers differ", step)
		}
	}
	k.Normals(nil, 3)
}

// Noise of published figures depends on these. The moments above say that they are
// normal; here they are held to what they were.
func TestNormalsAreStable(t *testing.T) {
	x := make([]float32, 8)
	New(42, 7).Normals(x, 0)
	want := []float32{-1.6412731, 0.4167086, 0.19341886, 0.7753736, -0.8005219, -1.309878, -0.13548853, 0.2638433}
	for i, w := range want {
		if math.Abs(float64(x[i]-w)) > 1e-6 {
			t.Fatalf("normals %v, want %v", x, want)
		}
	}
}

func TestNormalsAllocateNothing(t *testing.T) {
	x := make([]float32, 784)
	p := make([]int32, 100)
	if a := testing.AllocsPerRun(10, func() { New(1, 2).Normals(x, 0); New(1).Shuffle(p) }); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

func BenchmarkNormals(b *testing.B) {
	x := make([]float32, 784)
	b.SetBytes(int64(4 * len(x)))
	for i := 0; b.Loop(); i++ {
		New(1, uint64(i)).Normals(x, 0)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(x)), "ns/normal")
}

func BenchmarkNormal(b *testing.B) {
	k := New(1)
	for i := uint64(0); b.Loop(); i++ {
		sink = k.Normal(i)
	}
}

var sink float64
