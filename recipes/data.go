package recipes

import (
	"context"
	"errors"
	"slices"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/dataset/digits"
	"github.com/hourglass-go/hourglass/internal/memory"
	"github.com/hourglass-go/hourglass/nn"
)

// data is what a recipe's data key stands for, read.
type data struct {
	train, test dataset.Pictures
	wholes      [2]*dataset.Gallery // training and test pictures that keep their sizes, in their place
	things      [2]*dataset.Cutouts // what is laid over them; nil for nothing
}

// errPairs and its like are about what a folder of pictures holds, which only reading it
// tells.
var (
	errPairs   = errors.New("the folder holds pairs of pictures, so the recipe must have no corruption (--set corruption=[]): the pairs are input and target")
	errNoPairs = errors.New("the recipe has no corruption, so the folder must hold pairs of pictures, input/ and target/ with the same names")
)

// find returns the folder of the data, "" for embedded data, without reading any.
func (r *Recipe) find(flagDir string) (string, error) {
	if r.Data.Name == EmbeddedDigits {
		if flagDir != "" {
			return "", problem("--data", "the data %s comes with the program, there is no folder to name", EmbeddedDigits)
		}
		return "", nil
	}
	return dataset.Find(r.Data.Name, flagDir)
}

// load reads the data from the folder that find returned, and makes sure that its
// pictures are what the model takes.
func (r *Recipe) load(ctx context.Context, dir string, p *parts) (*data, error) {
	if p.gallery != nil {
		return r.loadGallery(ctx, dir, p)
	}
	var d data
	var err error
	shape := p.model.Inputs()[0].Shape()
	switch r.Data.Name {
	case EmbeddedDigits:
		d.train.Images, d.test.Images, err = digits.Load()
	case Folder:
		if !shape.Known() {
			return nil, problem(r.Model.at, "%s takes pictures of any size, and a folder's have to be brought to one: want a model with a picture size, such as autoencoder", r.Model.Name)
		}
		o := p.folder
		o.H, o.W, o.Channels = shape[0], shape[1], shape[2]
		d.train, d.test, err = dataset.LoadFolder(ctx, dir, o)
	default:
		if d.train.Images, d.test.Images, err = dataset.LoadMNIST(dir); err == nil {
			entry, _ := dataset.Lookup(r.Data.Name)
			d.train.Images.ClassNames, d.test.Images.ClassNames = entry.ClassNames, entry.ClassNames
		}
	}
	switch {
	case err != nil:
		return nil, err
	case !fitsShape(d.train.Images.Shape(), shape):
		option := "picture"
		if !shape.Known() {
			option = "channels"
		}
		return nil, problem(r.Model.at, "the pictures in %s are %v, the model's %v; set model.%s", dir, d.train.Images.Shape(), shape, option)
	case d.train.Targets != nil && len(p.corruptions) > 0:
		return nil, problem(dir, "%v", errPairs)
	case d.train.Targets == nil && len(p.corruptions) == 0 && r.Task == Denoise:
		return nil, problem(dir, "%v", errNoPairs)
	}
	return &d, nil
}

// fitsShape reports whether a shape is one that want, in which dimensions may be free, allows.
func fitsShape(got, want nn.Shape) bool {
	return slices.EqualFunc(got, want, func(g, w int) bool { return g == w || w == nn.Any })
}

// sets returns the sets that the recipe trains on, validates on (nil for none) and tests
// on. Validation comes out of the training pictures; its corruption, and the test's, is
// always the same.
func (r *Recipe) sets(d *data, p *parts) (training, validation, test dataset.Set, err error) {
	if p.gallery != nil {
		return r.gallerySets(d, p)
	}
	make := func(pictures dataset.Pictures, fixed bool) (dataset.Set, error) {
		if len(p.corruptions) > 0 {
			return dataset.Restoration(pictures.Images, r.Seed, fixed, p.corruptions...), nil
		}
		return pictures.Set()
	}
	if training, err = make(d.train, false); err != nil {
		return nil, nil, nil, err
	}
	if test, err = make(d.test, true); err != nil {
		return nil, nil, nil, err
	}
	if r.Validation > 0 {
		keep, aside, err := r.divide(d.train.Images.Len())
		if err != nil {
			return nil, nil, nil, err
		}
		fixed, err := make(d.train, true)
		if err != nil {
			return nil, nil, nil, err
		}
		training, validation = dataset.Subset(training, keep), dataset.Subset(fixed, aside)
	}
	return training, validation, test, nil
}

// divide puts some of n training pictures aside for the validation.
func (r *Recipe) divide(n int) (keep, aside []int32, err error) {
	if n < 2 {
		return nil, nil, problem(r.at["validation"], "one training picture cannot be divided, want more of them, or validation=0")
	}
	keep, aside = dataset.Split(n, r.Validation, r.Seed)
	return keep, aside, nil
}

// Build returns the recipe's model with weights drawn from its seed.
func (r *Recipe) Build() (*nn.Model, error) {
	p, err := r.parts()
	if err != nil {
		return nil, err
	}
	return p.model, r.initialise(p.model)
}

// initialise draws the weights, if the machine can hold them.
func (r *Recipe) initialise(m *nn.Model) error {
	values := int64(0)
	for _, n := range m.Store().Sizes() {
		values += int64(n)
	}
	if err := r.room(4*values, "the model"); err != nil {
		return err
	}
	m.Init(r.Seed)
	return nil
}

// room refuses what takes more memory than there is.
func (r *Recipe) room(need int64, what string) error {
	if have := memory.Total(); have > 0 && need > have {
		return problem("", "%s of %s takes %s of memory, this machine has %s: want a smaller model or batch",
			what, r.Name, memory.Bytes(need), memory.Bytes(have))
	}
	return nil
}
