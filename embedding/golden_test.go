package embedding

import (
	_ "embed"
	"encoding/json"
	"math"
	"strconv"
	"testing"

	"github.com/hourglass-go/hourglass/tensor"
)

// golden is what testdata/golden.py wrote.
type golden struct {
	N, D, Classes      int
	Perplexity         float64
	X                  []float32
	Labels             []int32
	PCAComponents      []float64          `json:"pca_components"`
	PCAVariance        []float64          `json:"pca_variance"`
	PCARatio           []float64          `json:"pca_ratio"`
	PCAPoints          []float64          `json:"pca_points"`
	KNNAccuracy        map[string]float64 `json:"knn_accuracy"`
	KMeansInertia      float64            `json:"kmeans_inertia"`
	KMeansLabels       []int32            `json:"kmeans_labels"`
	NMI                float64
	Conditional        []float64
	JointRow           []float64 `json:"joint_row"`
	TSNEDivergence     []float64 `json:"tsne_divergence"`
	Map                []float32
	MapExactDivergence float64 `json:"map_exact_divergence"`
	Trustworthiness    map[string]float64
}

//go:embed testdata/golden.json
var goldenJSON []byte

func readGolden(t testing.TB) (g golden, codes *tensor.Tensor) {
	t.Helper()
	if err := json.Unmarshal(goldenJSON, &g); err != nil {
		t.Fatal(err)
	}
	return g, tensorOf(t, g.X, g.N, g.D)
}

func tensorOf(t testing.TB, data []float32, shape ...int) *tensor.Tensor {
	t.Helper()
	x, err := tensor.FromSlice(data, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// near compares with both an absolute and a relative tolerance.
func near(t *testing.T, what string, got, want, atol, rtol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= atol+rtol*math.Abs(want)) {
		t.Errorf("%s is %v, want %v (atol %v, rtol %v)", what, got, want, atol, rtol)
	}
}

func nearAll(t *testing.T, what string, got, want []float64, atol, rtol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		near(t, what+"["+strconv.Itoa(i)+"]", got[i], want[i], atol, rtol)
	}
}

func widen(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

func TestGoldenPCA(t *testing.T) {
	g, x := readGolden(t)
	fit, err := FitPCA(x, 3)
	if err != nil {
		t.Fatal(err)
	}
	var components []float64
	for _, c := range fit.Components {
		components = append(components, c...)
	}
	nearAll(t, "component", components, g.PCAComponents, 1e-10, 0)
	nearAll(t, "variance", fit.Variance, g.PCAVariance, 0, 1e-10)
	nearAll(t, "variance ratio", fit.VarianceRatio, g.PCARatio, 0, 1e-10)
	points, err := fit.Transform(x)
	if err != nil {
		t.Fatal(err)
	}
	nearAll(t, "point", widen(points.Data), g.PCAPoints, 1e-6, 1e-6)
}

func TestGoldenNeighbours(t *testing.T) {
	g, x := readGolden(t)
	for k, want := range g.KNNAccuracy {
		n, err := strconv.Atoi(k)
		if err != nil {
			t.Fatal(err)
		}
		got, err := NearestNeighbourAccuracy(t.Context(), x, g.Labels, n)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "accuracy with k "+k, got, want, 1e-12, 0)
	}
	for k, want := range g.Trustworthiness {
		n, err := strconv.Atoi(k)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Trustworthiness(t.Context(), x, tensorOf(t, g.Map, g.N, 2), n)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "trustworthiness with k "+k, got, want, 1e-12, 0)
	}
}

func TestGoldenClusters(t *testing.T) {
	g, x := readGolden(t)
	c, err := KMeans(t.Context(), x, KMeansOptions{Clusters: g.Classes})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "inertia", c.Inertia, g.KMeansInertia, 0, 1e-3)
	nmi, err := NMI(g.Labels, g.KMeansLabels)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "mutual information", nmi, g.NMI, 1e-12, 0)
}

func TestGoldenAffinities(t *testing.T) {
	g, x := readGolden(t)
	p, err := pointsOf(x, "codes")
	if err != nil {
		t.Fatal(err)
	}
	k := neighboursFor(g.Perplexity, p.n)
	found, err := nearestNeighbours(t.Context(), nil, p, k)
	if err != nil {
		t.Fatal(err)
	}
	conditional := make([]float64, len(found))
	for i := range p.n {
		calibrate(conditional[i*k:(i+1)*k], found[i*k:(i+1)*k], g.Perplexity)
	}
	// Both bisections stop within 1e-5 of the entropy, not at the same place.
	nearAll(t, "conditional probability", conditional, g.Conditional, 1e-6, 2e-4)

	a := symmetric(found, conditional, p.n, k)
	row := make([]float64, p.n)
	for e := a.start[7]; e < a.start[8]; e++ {
		row[a.index[e]] = float64(a.p[e])
	}
	nearAll(t, "joint probability", row, g.JointRow, 1e-8, 2e-4)
}

func TestGoldenDivergence(t *testing.T) {
	g, x := readGolden(t)
	got, err := Divergence(t.Context(), x, tensorOf(t, g.Map, g.N, 2), g.Perplexity)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "divergence of scikit-learn's map", got, g.MapExactDivergence, 0, 1e-4)

	least, most := math.Inf(1), 0.0
	for _, d := range g.TSNEDivergence {
		least, most = min(least, d), max(most, d)
	}
	for _, exact := range []bool{false, true} {
		r, err := TSNE(t.Context(), x, TSNEOptions{Perplexity: g.Perplexity, Exact: exact})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("divergence %.4f with exact %v; scikit-learn's %.4f to %.4f", r.Divergence, exact, least, most)
		if r.Divergence < 0.95*least || r.Divergence > 1.05*most {
			t.Errorf("divergence %v with exact %v is over 5 %% outside scikit-learn's %v", r.Divergence, exact, g.TSNEDivergence)
		}
	}
}
