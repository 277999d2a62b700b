package recipes

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/plot"
	"github.com/hourglass-go/hourglass/tensor"
	"github.com/hourglass-go/hourglass/train"
)

// SampleOptions say what the decoder draws.
type SampleOptions struct {
	Data string // the folder of the data, where the user named one
	N    int    // how many random pictures, at least 0
	Side int    // pictures in a row of the plane of codes of two numbers, at least 0
	Out  string // the grid
	Seed uint64
}

// Sampled is what was drawn.
type Sampled struct {
	Model          string  `json:"input"`
	Output         string  `json:"output"`
	Seconds        float64 `json:"seconds"`
	N              int     `json:"n"`
	Prior          string  `json:"prior"` // what random codes are drawn from: "standard normal" or "fitted normal"
	Interpolations int     `json:"interpolations"`
	Side           int     `json:"plane"` // of the plane of codes, 0 where they have not two numbers
}

const (
	gridColumns    = 10
	interpolations = 5
	maxSamples     = 10000
	maxPlane       = 100
	// maxFitted is how many training pictures' codes a distribution is fitted to.
	maxFitted = 10000
)

// Sample runs the decoder of a model file alone. The first rows lead in equal steps from
// the code of one test picture to that of another. Then come pictures of N random codes: of a
// variational autoencoder drawn from the standard normal distribution, of another model from a
// normal distribution with the mean and the covariance of the codes of training pictures, at
// most 10,000, each number cut off at the least and the greatest that they have. The last rows,
// where codes have two numbers, are the plane that these span.
func Sample(ctx context.Context, path string, o SampleOptions) (*Sampled, error) {
	if o.N < 0 || o.N > maxSamples {
		return nil, problem("-n", "%d pictures, want 0 to %d", o.N, maxSamples)
	}
	if o.Side < 0 || o.Side > maxPlane {
		return nil, problem("--plane", "%d pictures a row, want 0 to %d", o.Side, maxPlane)
	}
	begin := time.Now()
	if err := claimPicture(o.Out, path); err != nil {
		return nil, err
	}
	s, err := openSampler(ctx, path, o.Data)
	if err != nil {
		return nil, err
	}
	g, err := s.interpolate(ctx)
	if err != nil {
		return nil, err
	}
	out := &Sampled{Model: path, Output: o.Out, N: o.N, Prior: s.priorName(), Interpolations: len(g.rows)}
	prior, err := s.prior(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.add(ctx, g, prior.draw(o.N, rng.New(o.Seed, rng.Hash("sample"))), gridColumns, "drawn"); err != nil {
		return nil, err
	}
	if len(prior.mean) == 2 {
		out.Side = o.Side
		if err := s.add(ctx, g, prior.plane(o.Side), o.Side, "plane"); err != nil {
			return nil, err
		}
	}
	img, err := plot.Grid(g.rows, g.labels, plot.GridOptions{})
	if err != nil {
		return nil, err
	}
	if err := save(img, o.Out); err != nil {
		return nil, err
	}
	out.Seconds = time.Since(begin).Seconds()
	return out, nil
}

// sampler is an autoencoder taken apart, and the pictures that it was made for.
type sampler struct {
	model, encoder, decoder *nn.Model
	shape                   tensor.Shape // of a code as the decoder takes it
	data                    *data
}

// rowsOf is a grid of pictures as it grows.
type rowsOf struct {
	rows   [][]*tensor.Tensor
	labels []string
}

func openSampler(ctx context.Context, path, dataDir string) (*sampler, error) {
	model, _, r, err := ofModel(path)
	if err != nil {
		return nil, err
	}
	s := &sampler{model: model}
	if s.encoder, err = models.Encoder(model); err == nil {
		s.decoder, err = models.Decoder(model)
	}
	if err != nil {
		return nil, problem(path, "%s", withoutPackage(err))
	}
	if _, s.data, err = r.open(ctx, dataDir); err != nil {
		return nil, err
	}
	_, s.shape, err = encode(ctx, s.encoder, s.data.test.Images.Tensor(0, 1))
	return s, err
}

func (s *sampler) priorName() string {
	if slices.Contains(train.Costs(s.model), train.ELBO) {
		return "standard normal"
	}
	return "fitted normal"
}

// prior is the distribution of codes.
func (s *sampler) prior(ctx context.Context) (*distribution, error) {
	if s.priorName() == "standard normal" {
		return standardNormal(s.shape.Elems()), nil
	}
	pictures := s.data.train.Images
	if pictures.Len() < 2 {
		return nil, problem("", "a distribution cannot be fitted to the code of one training picture")
	}
	codes, _, err := encode(ctx, s.encoder, pictures.Tensor(0, min(pictures.Len(), maxFitted)))
	if err != nil {
		return nil, err
	}
	return fitNormal(codes), nil
}

// add decodes codes to rows of the grid.
func (s *sampler) add(ctx context.Context, g *rowsOf, codes *tensor.Tensor, columns int, label string) error {
	if codes.Shape[0] == 0 {
		return nil
	}
	pictures, err := decodeCodes(ctx, s.decoder, codes, s.shape)
	if err != nil {
		return err
	}
	for all := rowOf(pictures); len(all) > 0; all = all[min(columns, len(all)):] {
		g.rows = append(g.rows, all[:min(columns, len(all))])
		g.labels = append(g.labels, label)
	}
	return nil
}

// interpolate leads from one test picture to another, in a row each.
func (s *sampler) interpolate(ctx context.Context) (*rowsOf, error) {
	images, g := s.data.test.Images, &rowsOf{}
	chosen := chooseSamples(images)
	for i := range min(interpolations, len(chosen)/2) {
		a, b := chosen[i], chosen[i+len(chosen)/2]
		ends := images.Select([]int32{int32(a), int32(b)})
		codes, _, err := encode(ctx, s.encoder, ends.Tensor(0, 2))
		if err != nil {
			return nil, err
		}
		size := codes.Shape[1]
		steps := tensor.New(gridColumns, size)
		for step := range gridColumns {
			t := float32(step) / (gridColumns - 1)
			for c := range size {
				steps.Data[step*size+c] = (1-t)*codes.Data[c] + t*codes.Data[size+c]
			}
		}
		if err := s.add(ctx, g, steps, gridColumns, fmt.Sprintf("%s to %s", className(images, a), className(images, b))); err != nil {
			return nil, err
		}
	}
	return g, nil
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
