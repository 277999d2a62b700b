package embedding

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/internal/parallel"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// The search finds what sorting all distances finds, ties in the order of the index.
func TestNearestNeighbours(t *testing.T) {
	team := parallel.Start(3)
	defer team.Close()
	for _, d := range []int{1, 2, 15, 16, 17, 33, 50} {
		for _, n := range []int{2, 31, 33, 101} {
			k := rng.New(uint64(d*1000 + n))
			x := tensor.New(n, d)
			for i := range x.Data {
				x.Data[i] = float32(k.IntN(uint64(i), 3)) // whole numbers: ties, and exact sums
			}
			p := mustPoints(t, x)
			for _, want := range []int{1, n / 2, n - 1} {
				got, err := nearestNeighbours(t.Context(), team, p, want)
				if err != nil {
					t.Fatal(err)
				}
				for i := range n {
					if naive := sortedNeighbours(p, i)[:want]; !slices.Equal(got[i*want:(i+1)*want], naive) {
						t.Fatalf("d %d, n %d, k %d: neighbours of %d are %v, want %v", d, n, want, i, got[i*want:(i+1)*want], naive)
					}
				}
			}
		}
	}
}

func sortedNeighbours(p *points, i int) []neighbour {
	var all []neighbour
	for j := range p.n {
		if j == i {
			continue
		}
		sum := 0.0
		for c, v := range p.row(i) {
			sum += (v - p.row(j)[c]) * (v - p.row(j)[c])
		}
		all = append(all, neighbour{sum, int32(j)})
	}
	slices.SortFunc(all, compareNeighbours)
	return all
}

func TestNearestNeighbourAccuracy(t *testing.T) {
	line := tensorOf(t, []float32{0, 1, 2.5, 10, 11, 12.5}, 6, 1)
	labels := []int32{7, 7, -2, -2, -2, -2}
	for _, c := range []struct {
		k    int
		want float64
	}{
		{1, 5. / 6}, // 2.5 is nearest to 1
		{2, 3. / 6}, // 0 and 1 see one of each: the smaller label wins; 2.5 sees two of the other
		{5, 4. / 6},
	} {
		got, err := NearestNeighbourAccuracy(t.Context(), line, labels, c.k)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "accuracy", got, c.want, 1e-12, 0)
	}
	for _, c := range []struct {
		labels []int32
		k      int
		want   string
	}{
		{labels[1:], 1, "5 labels for 6 codes"},
		{labels, 0, "0 nearest neighbours among 6 codes; want 1 to 5"},
		{labels, 6, "6 nearest neighbours among 6 codes; want 1 to 5"},
	} {
		_, err := NearestNeighbourAccuracy(t.Context(), line, c.labels, c.k)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

func TestTrustworthiness(t *testing.T) {
	x, _ := blobs(90, 2, 3, 12)
	same, err := Trustworthiness(t.Context(), x, x, 7)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "trustworthiness of the codes themselves", same, 1, 0, 0)
	for _, c := range []struct {
		plane *tensor.Tensor
		k     int
		want  string
	}{
		{tensor.New(89, 2), 5, "89 map points for 90 codes"},
		{x, 45, "45 neighbours among 90 codes; want 1 to 44"},
		{x, 0, "want 1 to 44"},
	} {
		if _, err := Trustworthiness(t.Context(), x, c.plane, c.k); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

func TestKMeans(t *testing.T) {
	x, labels := blobs(1301, 3, 6, 13)
	var first *Clusters
	for _, workers := range []int{1, 2, 5} {
		c, err := KMeans(t.Context(), x, KMeansOptions{Clusters: 6, Seed: 3, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = c
		}
		if !slices.Equal(c.Labels, first.Labels) || !slices.Equal(c.Centres.Data, first.Centres.Data) || c.Inertia != first.Inertia {
			t.Errorf("%d workers find other clusters than one", workers)
		}
	}
	if nmi, err := NMI(labels, first.Labels); err != nil || nmi < 0.95 {
		t.Errorf("mutual information %v, %v", nmi, err)
	}
	// Every label is that of the nearest centre, every centre the mean of its points.
	p, centres := mustPoints(t, x), mustPoints(t, first.Centres)
	means, counts := make([]float64, 18), make([]float64, 6)
	for i, l := range first.Labels {
		own := squaredDistance(p.row(i), centres.row(int(l)), math.Inf(1))
		for c := range centres.n {
			if squaredDistance(p.row(i), centres.row(c), math.Inf(1)) < own-1e-4 {
				t.Errorf("point %d is nearer to centre %d than to its own", i, c)
			}
		}
		counts[l]++
		for j, v := range p.row(i) {
			means[int(l)*3+j] += v
		}
	}
	for i := range means {
		near(t, "centre", centres.v[i], means[i]/counts[i/3], 0.02, 0)
	}
}

func TestKMeansEdges(t *testing.T) {
	for _, c := range []struct {
		name           string
		data           []float32
		clusters, used int
		inertia        float64
	}{
		{"one point", []float32{3}, 1, 1, 0},
		{"one cluster", []float32{1, 2, 3}, 1, 1, 2},
		{"a cluster each", []float32{1, 2, 4, 8}, 4, 4, 0},
		{"fewer different points", []float32{5, 5, 5, 9, 9}, 4, 2, 0},
		{"all equal", []float32{5, 5, 5}, 2, 1, 0},
	} {
		got, err := KMeans(t.Context(), tensorOf(t, c.data, len(c.data), 1), KMeansOptions{Clusters: c.clusters})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		used := slices.Clone(got.Labels)
		slices.Sort(used)
		if n := len(slices.Compact(used)); n != c.used || got.Inertia != c.inertia {
			t.Errorf("%s: %d clusters of inertia %v, want %d of %v", c.name, n, got.Inertia, c.used, c.inertia)
		}
	}
	for _, o := range []KMeansOptions{{}, {Clusters: 4}, {Clusters: 2, Restarts: -1}, {Clusters: 2, Tolerance: math.NaN()}} {
		if _, err := KMeans(t.Context(), tensor.New(3, 2), o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

// A centre without points takes the farthest one.
func TestKMeansRefill(t *testing.T) {
	p := mustPoints(t, tensorOf(t, []float32{0, 1, 2, 50}, 4, 1))
	l := newLloyd(nil, p, 2)
	copy(l.centres.v, []float64{1, 1000})
	l.assignAll()
	l.update()
	nearAll(t, "centre", l.centres.v, []float64{1, 50}, 0, 0)
}

func TestNMI(t *testing.T) {
	for _, c := range []struct {
		a, b []int32
		want float64
	}{
		{[]int32{0, 0, 1, 1}, []int32{5, 5, -3, -3}, 1},
		{[]int32{0, 0, 1, 1}, []int32{0, 1, 0, 1}, 0},
		{[]int32{4, 4}, []int32{9, 9}, 1},
		{[]int32{4, 4}, []int32{9, 8}, 0},
		{[]int32{0, 0, 1, 1}, []int32{0, 0, 1, 2}, 2 * math.Ln2 / (math.Ln2 + 1.5*math.Ln2)},
	} {
		got, err := NMI(c.a, c.b)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "mutual information", got, c.want, 1e-12, 0)
	}
	for _, b := range [][]int32{nil, {1}} {
		if _, err := NMI([]int32{1, 2}[:2*len(b)], b); err == nil {
			t.Errorf("no error for %d labels", len(b))
		}
	}
}

func TestPCA(t *testing.T) {
	// More rows than axes and the other way round; variance in two directions only.
	for _, shape := range [][2]int{{60, 5}, {5, 60}, {7, 7}} {
		n, d := shape[0], shape[1]
		x := tensor.New(n, d)
		k := rng.New(14)
		for i := range n {
			for j := range d {
				x.Data[i*d+j] = float32(3 + 5*k.Normal(uint64(i))*math.Sin(float64(j)) + k.Normal(uint64(1000+i))*math.Cos(2*float64(j)))
			}
		}
		fit, err := FitPCA(x, min(n, d))
		if err != nil {
			t.Fatal(err)
		}
		for a := range 2 {
			for b := range a + 1 {
				dot := 0.0
				for j := range d {
					dot += fit.Components[a][j] * fit.Components[b][j]
				}
				want := 0.0
				if a == b {
					want = 1
				}
				near(t, "product of components", dot, want, 1e-6, 0)
			}
		}
		near(t, "share of two components", fit.VarianceRatio[0]+fit.VarianceRatio[1], 1, 1e-6, 0)
		y, err := fit.Transform(x)
		if err != nil {
			t.Fatal(err)
		}
		for c := range 2 {
			sum, squares := 0.0, 0.0
			for i := range n {
				v := float64(y.At(i, c))
				sum += v
				squares += v * v
			}
			near(t, "mean", sum/float64(n), 0, 1e-5, 0)
			near(t, "variance", squares/float64(n-1), fit.Variance[c], 0, 1e-5)
		}
	}
}

func TestPCAEdges(t *testing.T) {
	for _, shape := range [][2]int{{1, 3}, {4, 1}, {4, 3}} {
		x := tensor.New(shape[0], shape[1])
		for i := range x.Data {
			x.Data[i] = 2.5
		}
		fit, err := FitPCA(x, min(shape[0], shape[1]))
		if err != nil {
			t.Fatal(err)
		}
		y, err := fit.Transform(x)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(y.Data, func(v float32) bool { return v != 0 }) || fit.Variance[0] != 0 {
			t.Errorf("equal points %v: coordinates %v, variance %v", shape, y.Data, fit.Variance)
		}
		if _, err := fit.Transform(tensor.New(2, shape[1]+1)); err == nil {
			t.Error("no error for points of other dimensions")
		}
		for _, k := range []int{0, min(shape[0], shape[1]) + 1} {
			if _, err := FitPCA(x, k); err == nil {
				t.Errorf("no error for %d components of %v", k, shape)
			}
		}
	}
}
