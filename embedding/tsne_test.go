package embedding

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// blobs returns n points in d dimensions around as many centres as classes, far apart.
func blobs(n, d, classes int, seed uint64) (*tensor.Tensor, []int32) {
	k := rng.New(seed)
	x, labels := tensor.New(n, d), make([]int32, n)
	for i := range n {
		labels[i] = int32(i % classes)
		for j := range d {
			centre := 6 * k.Fork(uint64(labels[i])).Normal(uint64(j))
			x.Data[i*d+j] = float32(centre + k.Fork(100).Normal(uint64(i*d+j)))
		}
	}
	return x, labels
}

func mustPoints(t testing.TB, x *tensor.Tensor) *points {
	t.Helper()
	p, err := pointsOf(x, "codes")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTSNESeparatesBlobs(t *testing.T) {
	x, labels := blobs(401, 7, 5, 1)
	var seen []TSNEProgress
	r, err := TSNE(t.Context(), x, TSNEOptions{Perplexity: 20, Iterations: 520, Progress: func(p TSNEProgress) { seen = append(seen, p) }})
	if err != nil {
		t.Fatal(err)
	}
	accuracy, err := NearestNeighbourAccuracy(t.Context(), r.Map, labels, 5)
	if err != nil {
		t.Fatal(err)
	}
	if accuracy < 0.99 {
		t.Errorf("accuracy in the map is %v", accuracy)
	}
	c, err := KMeans(t.Context(), r.Map, KMeansOptions{Clusters: 5})
	if err != nil {
		t.Fatal(err)
	}
	if nmi, err := NMI(labels, c.Labels); err != nil || nmi < 0.98 {
		t.Errorf("mutual information of the map's clusters is %v, %v", nmi, err)
	}
	exact, err := Divergence(t.Context(), x, r.Map, 20)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "divergence", r.Divergence, exact, 0.02, 0)
	var at []int
	for _, p := range seen {
		at = append(at, p.Iteration)
	}
	if want := []int{50, 100, 150, 200, 250, 300, 350, 400, 450, 500, 520}; !slices.Equal(at, want) {
		t.Errorf("progress after iterations %v, want %v", at, want)
	}
	near(t, "last divergence reported", seen[len(seen)-1].Divergence, r.Divergence, 1e-3, 0)
}

// The map is the same in every bit, however many workers made it.
func TestTSNEDeterministic(t *testing.T) {
	x, _ := blobs(307, 5, 3, 2)
	run := func(workers int, seed uint64) []float32 {
		r, err := TSNE(t.Context(), x, TSNEOptions{Iterations: 60, ExaggerationIterations: 30, Workers: workers, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return r.Map.Data
	}
	want := run(1, 7)
	for _, workers := range []int{2, 3, 5} {
		if !slices.Equal(run(workers, 7), want) {
			t.Errorf("the map of %d workers differs from that of one", workers)
		}
	}
	if slices.Equal(run(1, 8), want) {
		t.Error("another seed gives the same map")
	}
}

// The gradient is that of the divergence.
func TestTSNEGradient(t *testing.T) {
	x, _ := blobs(40, 3, 2, 3)
	a, err := newAffinities(t.Context(), nil, mustPoints(t, x), 6)
	if err != nil {
		t.Fatal(err)
	}
	y := make([]vec, 40)
	for i := range y {
		y[i] = vec{rng.New(4).Normal(uint64(i)), rng.New(5).Normal(uint64(i))}
	}
	o := TSNEOptions{Exact: true, LearningRate: 1}
	d := newDescent(nil, a, slices.Clone(y), o)
	d.z, d.exaggeration = d.repulsion.repel(nil, d.y), 1
	for i := range d.gain {
		d.gain[i] = vec{1 / 0.8, 1 / 0.8} // adapt makes it 1 in the first step
	}
	d.move(0, 40)
	loss := func() float64 {
		r := newAllPairs(40)
		return a.divergence(y, r.repel(nil, y), 0, 40)
	}
	// The affinities were rounded to float32: they sum to 1 within that.
	const h, atol, rtol = 1e-5, 1e-8, 1e-5
	for i := range y {
		for _, axis := range []*float64{&y[i].x, &y[i].y} {
			at := *axis
			*axis = at + h
			up := loss()
			*axis = at - h
			down := loss()
			*axis = at
			got := y[i].x - d.next[i].x
			if axis == &y[i].y {
				got = y[i].y - d.next[i].y
			}
			near(t, "gradient", got, (up-down)/(2*h), atol, rtol)
		}
	}
}

// Layouts of points on which a quadtree might stumble.
func layouts(n int) map[string][]vec {
	k := rng.New(6)
	l := map[string][]vec{}
	for i := range n {
		u, v := k.Normal(uint64(2*i)), k.Normal(uint64(2*i+1))
		l["cloud"] = append(l["cloud"], vec{20 * u, 20 * v})
		l["tight"] = append(l["tight"], vec{1e-6 * u, 1e-6 * v})
		l["line"] = append(l["line"], vec{float64(i), 3})
		l["one place"] = append(l["one place"], vec{-2, 5})
		l["half in one place"] = append(l["half in one place"], vec{float64(i%2) * u, float64(i%2) * v})
		l["far outlier"] = append(l["far outlier"], vec{u + 1e9*float64(1-min(i, 1)), v})
		l["lattice"] = append(l["lattice"], vec{float64(i % 13), float64(i / 13)})
		l["shifted"] = append(l["shifted"], vec{1e6 + u, -1e6 + v})
	}
	return l
}

func TestQuadtreeNearExact(t *testing.T) {
	team := parallel.Start(3)
	defer team.Close()
	for _, n := range []int{1, 2, leafSize, leafSize + 1, 700} {
		for name, y := range layouts(n) {
			exact := newAllPairs(n)
			z := exact.repel(team, y)
			for _, c := range []struct{ theta, tolerance float64 }{{1e-3, 1e-6}, {0.3, 0.01}, {0.5, 0.03}, {1, 0.25}} {
				tree := newQuadtree(n, c.theta, team.Workers())
				near(t, name+": z", tree.repel(team, y), z, 1e-9*float64(n*n), c.tolerance)
				var difference, norm float64
				for i, f := range exact.force {
					g := tree.force[i]
					difference += (f.x-g.x)*(f.x-g.x) + (f.y-g.y)*(f.y-g.y)
					norm += f.x*f.x + f.y*f.y
				}
				if !(math.Sqrt(difference) <= c.tolerance*math.Sqrt(norm)+1e-9*float64(n)) {
					t.Errorf("%s, %d points, theta %v: the force is wrong by %v of %v", name, n, c.theta, math.Sqrt(difference), math.Sqrt(norm))
				}
			}
		}
	}
}

func TestTSNEUnusualCodes(t *testing.T) {
	cloud, _ := blobs(120, 4, 2, 8)
	change := func(do func(i, j int, v float32) float32) *tensor.Tensor {
		x := cloud.Clone()
		for at, v := range x.Data {
			x.Data[at] = do(at/4, at%4, v)
		}
		return x
	}
	line := tensor.New(120, 1)
	for i := range line.Data {
		line.Data[i] = float32(i)
	}
	wide, _ := blobs(50, 90, 3, 9)
	for name, x := range map[string]*tensor.Tensor{
		"one dimension":       line,
		"more axes than rows": wide,
		"half duplicates": change(func(i, _ int, v float32) float32 {
			if i%2 == 0 {
				return 0
			}
			return v
		}),
		"all but one equal": change(func(i, j int, _ float32) float32 { return float32(max(0, i-118) * j) }),
		"tiny":              change(func(_, _ int, v float32) float32 { return v * 1e-30 }),
		"huge":              change(func(_, _ int, v float32) float32 { return v * 1e36 }),
		"offset":            change(func(_, _ int, v float32) float32 { return v + 1e6 }),
		"dead axes":         change(func(_, j int, v float32) float32 { return v * float32(j%2) }),
	} {
		r, err := TSNE(t.Context(), x, TSNEOptions{Perplexity: 12, Iterations: 300})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := pointsOf(r.Map, name); err != nil {
			t.Error(err)
		}
		if !(r.Divergence >= 0 && r.Divergence < 4) {
			t.Errorf("%s: divergence %v", name, r.Divergence)
		}
	}
}

func TestTSNEErrors(t *testing.T) {
	good, _ := blobs(120, 4, 2, 8)
	with := func(v float32) *tensor.Tensor {
		x := good.Clone()
		x.Data[4*17+3] = v
		return x
	}
	for _, c := range []struct {
		name  string
		codes *tensor.Tensor
		o     TSNEOptions
		want  string
	}{
		{"nil", nil, TSNEOptions{}, "no codes"},
		{"pictures", tensor.New(4, 28, 28, 1), TSNEOptions{}, "[4 28 28 1]; want [N D]"},
		{"empty", tensor.New(0, 4), TSNEOptions{}, "[0 4]; want [N D]"},
		{"short data", &tensor.Tensor{Shape: tensor.Shape{3, 2}, Data: make([]float32, 5)}, TSNEOptions{}, "hold 5 values"},
		{"NaN", with(float32(math.NaN())), TSNEOptions{}, "value 3 of row 17 is NaN"},
		{"infinite", with(float32(math.Inf(-1))), TSNEOptions{}, "value 3 of row 17 is -Inf"},
		{"equal", tensor.New(120, 4), TSNEOptions{}, "all codes are equal"},
		{"few", tensor.New(90, 4), TSNEOptions{}, "90 codes are too few for perplexity 30, which needs 91"},
		{"perplexity", good, TSNEOptions{Perplexity: 1}, "perplexity 1; want more than 1"},
		{"NaN perplexity", good, TSNEOptions{Perplexity: math.NaN()}, "perplexity NaN"},
		{"exaggeration", good, TSNEOptions{Exaggeration: 0.5}, "exaggeration 0.5"},
		{"theta", good, TSNEOptions{Theta: 1.5}, "theta 1.5"},
		{"rate", good, TSNEOptions{LearningRate: -1}, "learning rate -1"},
		{"iterations", good, TSNEOptions{Iterations: 250}, "250 t-SNE iterations, 250 of them exaggerated"},
		{"init shape", good, TSNEOptions{Init: tensor.New(120, 3)}, "want [120 2]"},
		{"divergent", good, TSNEOptions{LearningRate: 1e60}, "diverged in iteration"},
	} {
		_, err := TSNE(t.Context(), c.codes, c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

func TestTSNECancelled(t *testing.T) {
	x, _ := blobs(200, 4, 2, 8)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := TSNE(ctx, x, TSNEOptions{Progress: func(p TSNEProgress) {
		if p.Iteration > 50 {
			t.Errorf("went on to iteration %d", p.Iteration)
		}
		cancel()
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if _, err := Trustworthiness(ctx, x, tensor.New(200, 2), 5); !errors.Is(err, context.Canceled) {
		t.Errorf("trustworthiness: error %v", err)
	}
	if _, err := KMeans(ctx, x, KMeansOptions{Clusters: 3}); !errors.Is(err, context.Canceled) {
		t.Errorf("k-means: error %v", err)
	}
}

// Probabilities sum to 1 and have the perplexity, whatever the scale of the codes.
func TestCalibrate(t *testing.T) {
	for _, scale := range []float32{1e-30, 1e-3, 1, 1e3, 1e30} {
		x, _ := blobs(130, 6, 3, 10)
		for i := range x.Data {
			x.Data[i] *= scale
		}
		for _, perplexity := range []float64{2, 5.5, 30, 43} {
			k := neighboursFor(perplexity, 130)
			found, err := nearestNeighbours(t.Context(), nil, mustPoints(t, x), k)
			if err != nil {
				t.Fatal(err)
			}
			p := make([]float64, k)
			for i := range 130 {
				calibrate(p, found[i*k:(i+1)*k], perplexity)
				near(t, "sum", total(p), 1, 1e-12, 0)
				near(t, "perplexity", math.Exp(entropy(p, 1)), perplexity, 0, 2e-5)
			}
		}
	}
}

func TestAffinitiesSymmetric(t *testing.T) {
	x, _ := blobs(97, 3, 4, 11)
	a, err := newAffinities(t.Context(), nil, mustPoints(t, x), 9)
	if err != nil {
		t.Fatal(err)
	}
	full, sum := make(map[[2]int]float32), 0.0
	for i := range 97 {
		if row := a.index[a.start[i]:a.start[i+1]]; !slices.IsSorted(row) || slices.Contains(row, int32(i)) {
			t.Errorf("row %d has columns %v", i, row)
		}
		for e := a.start[i]; e < a.start[i+1]; e++ {
			full[[2]int{i, int(a.index[e])}] = a.p[e]
			sum += float64(a.p[e])
		}
	}
	near(t, "sum", sum, 1, 1e-6, 0)
	for at, p := range full {
		if full[[2]int{at[1], at[0]}] != p {
			t.Errorf("p%v is %v, its mirror image %v", at, p, full[[2]int{at[1], at[0]}])
		}
	}
}
