package recipes

import (
	"context"
	"slices"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/internal/nearest"
	"github.com/hourglass-go/hourglass/train"
)

// Evaluation is how a model does on a part of its data.
type Evaluation struct {
	Model   string             `json:"model"`
	Data    string             `json:"data"`
	Split   string             `json:"split"`
	N       int                `json:"n"`
	Metrics map[string]float64 `json:"metrics"`
}

// Splits lists the parts of a data set.
func Splits() []string { return []string{"test", "train", "validation"} }

// Evaluate scores a model file by the metrics of the recipe that it was trained by, on a
// part of the data of that recipe; dataDir is the user's own choice of its folder, or "".
// Corruptions are fixed, as in the run's own test.
func Evaluate(ctx context.Context, path, split, dataDir string) (*Evaluation, error) {
	if !slices.Contains(Splits(), split) {
		return nil, problem("--split", "unknown split %q%s", split, nearest.Hint(split, Splits()))
	}
	model, _, r, err := ofModel(path)
	if err != nil {
		return nil, err
	}
	if split == "validation" && r.Validation == 0 {
		return nil, problem("--split", "the model was trained without a validation split")
	}
	p, d, err := r.open(ctx, dataDir)
	if err != nil {
		return nil, err
	}
	if p.gallery != nil {
		return r.evaluateGallery(ctx, path, split, model, d, p)
	}
	part := d.test
	if split != "test" {
		part = d.train
	}
	var set dataset.Set
	if len(p.corruptions) > 0 {
		set = dataset.Restoration(part.Images, r.Seed, true, p.corruptions...)
	} else if set, err = part.Set(); err != nil {
		return nil, err
	}
	if r.Validation > 0 && split != "test" {
		keep, aside := dataset.Split(part.Images.Len(), r.Validation, r.Seed)
		if split == "validation" {
			keep = aside
		}
		set = dataset.Subset(set, keep)
	}
	scores, err := train.Evaluate(ctx, model, set, evaluationBatch, r.Metrics...)
	if err != nil {
		return nil, err
	}
	return &Evaluation{path, r.Data.Name, split, set.Len(), scores}, nil
}

// open finds and reads the recipe's data.
func (r *Recipe) open(ctx context.Context, dataDir string) (*parts, *data, error) {
	p, err := r.parts()
	if err != nil {
		return nil, nil, err
	}
	dir, err := r.find(dataDir)
	if err != nil {
		return nil, nil, err
	}
	d, err := r.load(ctx, dir, p)
	return p, d, err
}
