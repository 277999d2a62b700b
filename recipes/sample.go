package recipes

import (
	"context"
	"fmt"
	"math"
	"time"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/plot"
	"github.com/hourglass-go/hourglass/tensor"
)

// SampleOptions say what the decoder draws.
type SampleOptions struct {
	Data string // the folder of the data, where the user named one
	N    int    // how many random pictures, at least 0
	Out  string // the grid
	Seed uint64
}

// Sampled is what was drawn.
type Sampled struct {
	Model          string  `json:"input"`
	Output         string  `json:"output"`
	Seconds        float64 `json:"seconds"`
	N              int     `json:"n"`
	Interpolations int     `json:"interpolations"`
}

const (
	gridColumns    = 10
	interpolations = 5
	maxSamples     = 10000
)

// Sample runs the decoder of a model file alone. The first rows lead in equal steps from
// the code of one test picture to that of another; the rest are pictures of N codes drawn
// from a normal distribution with the mean and the covariance of the training pictures'
// codes, each number cut off at the least and the greatest that training pictures have.
func Sample(ctx context.Context, path string, o SampleOptions) (*Sampled, error) {
	if o.N < 0 || o.N > maxSamples {
		return nil, problem("-n", "%d pictures, want 0 to %d", o.N, maxSamples)
	}
	begin := time.Now()
	if err := claimPicture(o.Out); err != nil {
		return nil, err
	}
	model, _, r, err := ofModel(path)
	if err != nil {
		return nil, err
	}
	encoder, err := encoderOf(path, model)
	if err != nil {
		return nil, err
	}
	decoder, err := nn.NewModelOf([]*nn.Node{model.Node(codeNode)}, model.Outputs())
	if err != nil {
		return nil, err
	}
	_, d, err := r.open(ctx, o.Data)
	if err != nil {
		return nil, err
	}
	rows, labels, err := interpolate(ctx, encoder, decoder, d.test.Images)
	if err != nil {
		return nil, err
	}
	out := &Sampled{Model: path, Output: o.Out, N: o.N, Interpolations: len(rows)}
	if o.N > 0 {
		train := d.train.Images
		codes, err := encode(ctx, encoder, train.Tensor(0, train.Len()))
		if err != nil {
			return nil, err
		}
		drawn, err := drawLike(codes, o.N, rng.New(o.Seed, rng.Hash("sample")))
		if err != nil {
			return nil, err
		}
		pictures, err := decoder.Predict(ctx, drawn)
		if err != nil {
			return nil, err
		}
		all := rowOf(pictures)
		for lo := 0; lo < o.N; lo += gridColumns {
			rows = append(rows, all[lo:min(lo+gridColumns, o.N)])
			labels = append(labels, "drawn")
		}
	}
	img, err := plot.Grid(rows, labels, plot.GridOptions{})
	if err != nil {
		return nil, err
	}
	if err := save(img, o.Out); err != nil {
		return nil, err
	}
	out.Seconds = time.Since(begin).Seconds()
	return out, nil
}

// interpolate leads from one test picture to another, in a row each.
func interpolate(ctx context.Context, encoder, decoder *nn.Model, images *dataset.Images) ([][]*tensor.Tensor, []string, error) {
	chosen := chooseSamples(images)
	var rows [][]*tensor.Tensor
	var labels []string
	for i := range min(interpolations, len(chosen)/2) {
		a, b := chosen[i], chosen[i+len(chosen)/2]
		ends := images.Select([]int32{int32(a), int32(b)})
		codes, err := encode(ctx, encoder, ends.Tensor(0, 2))
		if err != nil {
			return nil, nil, err
		}
		size := codes.Shape[1]
		steps := tensor.New(gridColumns, size)
		for s := range gridColumns {
			t := float32(s) / (gridColumns - 1)
			for c := range size {
				steps.Data[s*size+c] = (1-t)*codes.Data[c] + t*codes.Data[size+c]
			}
		}
		pictures, err := decoder.Predict(ctx, steps)
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, rowOf(pictures))
		labels = append(labels, fmt.Sprintf("%s to %s", className(images, a), className(images, b)))
	}
	return rows, labels, nil
}

// className is what a picture is called in a label.
func className(m *dataset.Images, i int) string {
	if m.Labels == nil {
		return m.Name(i)
	}
	if label := int(m.Labels[i]); label < len(m.ClassNames) {
		return m.ClassNames[label]
	}
	return fmt.Sprint(m.Labels[i])
}

// drawLike draws n vectors from the normal distribution that has the mean and the
// covariance of the codes [N, D]: mean + V*sqrt(L)*z, with the covariance's eigenvectors V
// and eigenvalues L, since units that never fire make it singular.
func drawLike(codes *tensor.Tensor, n int, key rng.Key) (*tensor.Tensor, error) {
	count, size := codes.Shape[0], codes.Shape[1]
	x := mat.NewDense(count, size, nil)
	low, high := make([]float64, size), make([]float64, size)
	mean := make([]float64, size)
	for c := range size {
		low[c], high[c] = math.Inf(1), math.Inf(-1)
	}
	for i, v := range codes.Data {
		c := i % size
		x.Set(i/size, c, float64(v))
		low[c], high[c] = min(low[c], float64(v)), max(high[c], float64(v))
		mean[c] += float64(v) / float64(count)
	}
	var covariance mat.SymDense
	stat.CovarianceMatrix(&covariance, x, nil)
	var eigen mat.EigenSym
	if !eigen.Factorize(&covariance, true) {
		return nil, fmt.Errorf("recipes: the covariance of the codes has no eigenvectors that could be found")
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	values := eigen.Values(nil)
	drawn := tensor.New(n, size)
	for i := range n {
		sample := key.Fork(uint64(i))
		for c := range size {
			v := mean[c]
			for k := range size {
				v += vectors.At(c, k) * math.Sqrt(max(values[k], 0)) * sample.Normal(uint64(k))
			}
			drawn.Data[i*size+c] = float32(min(max(v, low[c]), high[c]))
		}
	}
	return drawn, nil
}
