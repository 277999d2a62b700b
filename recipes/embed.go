package recipes

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/hourglass-go/hourglass/embedding"
	"github.com/hourglass-go/hourglass/internal/atomicfile"
	"github.com/hourglass-go/hourglass/internal/nearest"
	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/plot"
	"github.com/hourglass-go/hourglass/tensor"
)

// EmbedOptions say how codes are drawn.
type EmbedOptions struct {
	Data       string  // the folder of the data, where the user named one
	Split      string  // the part of the data: "test" or "train"
	Method     string  // "tsne" or "pca"
	Perplexity float64 // of t-SNE; 0: 30, or less where there are few pictures
	Pictures   bool    // thumbnails in place of points
	Out        string  // the scatter
	CSV        string  // the codes and their places in the plane; "": not written
	Seed       uint64
	Workers    int
	OnStep     func(done, total int) // of t-SNE; may be nil
}

// Embedded is what the codes of a data set look like.
type Embedded struct {
	Model   string  `json:"input"`
	Output  string  `json:"output"`
	Seconds float64 `json:"seconds"`
	Data    string  `json:"data"`
	Split   string  `json:"split"`
	Method  string  `json:"method"`
	N       int     `json:"n"`
	Code    int     `json:"code"` // numbers in a code
	// Divergence is t-SNE's Kullback-Leibler divergence, in nats, without exaggeration;
	// Variance the share of it that PCA's two components hold.
	Divergence float64 `json:"kl_divergence,omitempty"`
	Variance   float64 `json:"explained_variance,omitempty"`
	// Of the codes themselves, not of the plane: the share whose 10 nearest neighbours
	// vote for their own label, and how well as many k-means clusters as there are labels
	// agree with these. Absent without labels.
	KNN *float64 `json:"knn_accuracy,omitempty"`
	NMI *float64 `json:"kmeans_nmi,omitempty"`
}

// Methods lists the ways to bring codes to the plane.
func Methods() []string { return []string{"tsne", "pca"} }

const (
	neighbours        = 10
	defaultPerplexity = 30
)

// Embed runs the encoder of a model file over a part of its data, without corruption,
// brings the codes to the plane and draws them, coloured by label.
func Embed(ctx context.Context, path string, o EmbedOptions) (*Embedded, error) {
	if !slices.Contains(Methods(), o.Method) {
		return nil, problem("--method", "unknown method %q%s", o.Method, nearest.Hint(o.Method, Methods()))
	}
	if known := []string{"test", "train"}; !slices.Contains(known, o.Split) {
		return nil, problem("--split", "unknown split %q%s", o.Split, nearest.Hint(o.Split, known))
	}
	if o.Perplexity != 0 && !(o.Perplexity > 1 && o.Perplexity <= math.MaxFloat64) {
		return nil, problem("--perplexity", "%v, want more than 1, and at most a third of the number of codes", o.Perplexity)
	}
	if o.CSV != "" && (samePath(o.Out, o.CSV) || sameFile(o.Out, o.CSV)) {
		return nil, problem("--csv", "%s is the picture's file too, want another one for the codes", o.CSV)
	}
	begin := time.Now()
	if err := claimPicture(o.Out, path); err != nil {
		return nil, err
	}
	if o.CSV != "" {
		if err := claimFile(o.CSV, path); err != nil {
			return nil, err
		}
	}
	model, _, r, err := ofModel(path)
	if err != nil {
		return nil, err
	}
	encoder, err := models.Encoder(model)
	if err != nil {
		return nil, problem(path, "%s", withoutPackage(err))
	}
	_, d, err := r.open(ctx, o.Data)
	if err != nil {
		return nil, err
	}
	images := d.test.Images
	if o.Split == "train" {
		images = d.train.Images
	}
	pictures := images.Tensor(0, images.Len())
	codes, _, err := encode(ctx, encoder, pictures)
	if err != nil {
		return nil, err
	}
	e := &Embedded{Model: path, Output: o.Out, Data: r.Data.Name, Split: o.Split, Method: o.Method, N: codes.Shape[0], Code: codes.Shape[1]}
	scatter := plot.ScatterOptions{Title: "codes of " + r.Data.Name, Classes: images.ClassNames}
	plane, err := e.project(ctx, codes, o, &scatter)
	if err != nil {
		return nil, err
	}
	if err := e.measure(ctx, codes, images.Labels, o); err != nil {
		return nil, err
	}
	if o.Pictures {
		scatter.Pictures = rowOf(pictures)
	}
	img, err := plot.Scatter(plane, images.Labels, scatter)
	if err != nil {
		return nil, err
	}
	if err := save(img, o.Out); err != nil {
		return nil, err
	}
	if o.CSV != "" {
		if err := writeCodes(o.CSV, codes, plane, images.Labels); err != nil {
			return nil, err
		}
	}
	e.Seconds = time.Since(begin).Seconds()
	return e, nil
}

// project brings the codes to the plane and tells the scatter how.
func (e *Embedded) project(ctx context.Context, codes *tensor.Tensor, o EmbedOptions, s *plot.ScatterOptions) (*tensor.Tensor, error) {
	if o.Method == "pca" {
		pca, err := embedding.FitPCA(codes, 2)
		if err != nil {
			return nil, err
		}
		e.Variance = pca.VarianceRatio[0] + pca.VarianceRatio[1]
		s.Subtitle = fmt.Sprintf("PCA, %.0f %% of the variance", 100*e.Variance)
		s.XLabel, s.YLabel = "first component", "second component"
		return pca.Transform(codes)
	}
	if most := float64(e.N-1) / 3; o.Perplexity > most {
		return nil, problem("--perplexity", "%v is too large for %d codes, want more than 1 and at most %.4g", o.Perplexity, e.N, most)
	}
	perplexity := o.Perplexity
	if perplexity == 0 {
		perplexity = min(defaultPerplexity, float64(e.N-1)/3)
	}
	t := embedding.TSNEOptions{Perplexity: perplexity, Seed: o.Seed, Workers: o.Workers}
	if o.OnStep != nil {
		t.Progress = func(p embedding.TSNEProgress) { o.OnStep(p.Iteration, p.Iterations) }
	}
	result, err := embedding.TSNE(ctx, codes, t)
	if err != nil {
		return nil, err
	}
	e.Divergence = result.Divergence
	s.Subtitle = fmt.Sprintf("t-SNE, perplexity %g, divergence %.3f", perplexity, e.Divergence)
	return result.Map, nil
}

// measure tells how the codes group by label.
func (e *Embedded) measure(ctx context.Context, codes *tensor.Tensor, labels []int32, o EmbedOptions) error {
	if labels == nil || e.N < 2 {
		return nil
	}
	knn, err := embedding.NearestNeighbourAccuracy(ctx, codes, labels, min(neighbours, e.N-1))
	if err != nil {
		return err
	}
	classes := slices.Compact(slices.Sorted(slices.Values(labels)))
	clusters, err := embedding.KMeans(ctx, codes, embedding.KMeansOptions{Clusters: len(classes), Seed: o.Seed, Workers: o.Workers})
	if err != nil {
		return err
	}
	nmi, err := embedding.NMI(clusters.Labels, labels)
	if err != nil {
		return err
	}
	e.KNN, e.NMI = &knn, &nmi
	return nil
}

// writeCodes writes a line a picture: index, label (where there are labels), x, y, and the
// code.
func writeCodes(path string, codes, plane *tensor.Tensor, labels []int32) error {
	return atomicfile.Write(path, func(out io.Writer) error {
		w := bufio.NewWriter(out)
		head := "index"
		if labels != nil {
			head += ",label"
		}
		head += ",x,y"
		for c := range codes.Shape[1] {
			head += fmt.Sprintf(",code_%d", c)
		}
		fmt.Fprintln(w, head)
		var line []byte
		for i := range codes.Shape[0] {
			line = strconv.AppendInt(line[:0], int64(i), 10)
			if labels != nil {
				line = strconv.AppendInt(append(line, ','), int64(labels[i]), 10)
			}
			for _, v := range slices.Concat(plane.Sample(i).Data, codes.Sample(i).Data) {
				line = strconv.AppendFloat(append(line, ','), float64(v), 'g', -1, 32)
			}
			if _, err := w.Write(append(line, '\n')); err != nil {
				return err
			}
		}
		return w.Flush()
	})
}
