package embedding

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/hourglass-go/hourglass/tensor"
)

// digits returns the first n digits of the MNIST test set as points [n, 784] of values
// 0 to 1, with their labels.
func digits(t testing.TB, n int) (*tensor.Tensor, []int32) {
	t.Helper()
	root := os.Getenv("HOURGLASS_DATA")
	if root == "" {
		t.Skip("needs the MNIST test set; HOURGLASS_DATA is unset")
	}
	read := func(name string, header, bytes int) []byte {
		f, err := os.Open(filepath.Join(root, "mnist", name))
		if err != nil {
			t.Skip(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, header+bytes)
		if _, err := io.ReadFull(z, b); err != nil {
			t.Fatal(err)
		}
		return b[header:]
	}
	x := tensor.New(n, 784)
	for i, b := range read("t10k-images-idx3-ubyte.gz", 16, n*784) {
		x.Data[i] = float32(b) / 255
	}
	labels := make([]int32, n)
	for i, b := range read("t10k-labels-idx1-ubyte.gz", 8, n) {
		labels[i] = int32(b)
	}
	return x, labels
}

// codesOf stands in for an encoder: the first 32 principal components.
func codesOf(t testing.TB, x *tensor.Tensor) *tensor.Tensor {
	t.Helper()
	fit, err := FitPCA(x, 32)
	if err != nil {
		t.Fatal(err)
	}
	codes, err := fit.Transform(x)
	if err != nil {
		t.Fatal(err)
	}
	return codes
}

// The first 2,000 digits against scikit-learn 1.9.1 on the same codes: divergence 1.2448
// (exact, of its map), 10-nearest-neighbour accuracy .9055 of the codes and .8805 of its
// map, k-means inertia 48134.6 and mutual information .5087.
func TestDigits(t *testing.T) {
	x, labels := digits(t, 2000)
	codes := codesOf(t, x)
	r, err := TSNE(t.Context(), codes, TSNEOptions{})
	if err != nil {
		t.Fatal(err)
	}
	exact, err := Divergence(t.Context(), codes, r.Map, 30)
	if err != nil {
		t.Fatal(err)
	}
	accuracy, err := NearestNeighbourAccuracy(t.Context(), codes, labels, 10)
	if err != nil {
		t.Fatal(err)
	}
	inMap, err := NearestNeighbourAccuracy(t.Context(), r.Map, labels, 10)
	if err != nil {
		t.Fatal(err)
	}
	c, err := KMeans(t.Context(), codes, KMeansOptions{Clusters: 10})
	if err != nil {
		t.Fatal(err)
	}
	nmi, err := NMI(labels, c.Labels)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("divergence %.4f, exact %.4f; accuracy %.4f, in the map %.4f; inertia %.1f, mutual information %.4f", r.Divergence, exact, accuracy, inMap, c.Inertia, nmi)
	near(t, "divergence", exact, 1.2448, 0, 0.02)
	near(t, "accuracy", accuracy, 0.9055, 0.001, 0)
	near(t, "accuracy in the map", inMap, 0.8805, 0.015, 0)
	near(t, "inertia", c.Inertia, 48134.6, 0, 0.005)
	near(t, "mutual information", nmi, 0.5087, 0.03, 0)
}

// The figures of the package on 10,000 codes of 32 numbers.
func BenchmarkDigits(b *testing.B) {
	x, labels := digits(b, 10000)
	codes := codesOf(b, x)
	clusters := func(b *testing.B, x *tensor.Tensor) float64 {
		c, err := KMeans(b.Context(), x, KMeansOptions{Clusters: 10})
		if err != nil {
			b.Fatal(err)
		}
		nmi, err := NMI(labels, c.Labels)
		if err != nil {
			b.Fatal(err)
		}
		return nmi
	}
	var plane *tensor.Tensor
	b.Run("op=pca/d=784", func(b *testing.B) {
		for b.Loop() {
			codesOf(b, x)
		}
	})
	b.Run("op=tsne/d=32", func(b *testing.B) {
		for b.Loop() {
			r, err := TSNE(b.Context(), codes, TSNEOptions{Progress: func(p TSNEProgress) {
				if testing.Verbose() {
					b.Logf("%+v", p)
				}
			}})
			if err != nil {
				b.Fatal(err)
			}
			exact, err := Divergence(b.Context(), codes, r.Map, 30)
			if err != nil {
				b.Fatal(err)
			}
			plane = r.Map
			b.ReportMetric(r.Divergence, "nats")
			b.ReportMetric(exact, "exact-nats")
		}
	})
	b.Run("op=knn/d=32/k=10", func(b *testing.B) {
		for b.Loop() {
			v, err := NearestNeighbourAccuracy(b.Context(), codes, labels, 10)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(v, "accuracy")
		}
	})
	b.Run("op=kmeans/d=32/k=10", func(b *testing.B) {
		for b.Loop() {
			b.ReportMetric(clusters(b, codes), "NMI")
		}
	})
	if plane == nil {
		return
	}
	b.Run("op=trustworthiness/d=32/k=5", func(b *testing.B) {
		for b.Loop() {
			v, err := Trustworthiness(b.Context(), codes, plane, 5)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(v, "trustworthiness")
		}
	})
	b.Run("op=knn/d=2/k=10", func(b *testing.B) {
		for b.Loop() {
			v, err := NearestNeighbourAccuracy(b.Context(), plane, labels, 10)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(v, "accuracy")
		}
	})
}
