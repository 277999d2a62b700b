package recipes

import (
	"context"
	"image"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/internal/nearest"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/plot"
	"github.com/hourglass-go/hourglass/tasks"
	"github.com/hourglass-go/hourglass/tensor"
	"github.com/hourglass-go/hourglass/train"
)

// Data of pictures that keep their sizes: networks are trained on patches of them.
const (
	Photographs = "photographs" // a folder of pictures
	Membrane    = "membrane"    // electron microscopy with labels (ISBI 2012)
	Composites  = "composites"  // cut-outs laid over photographs: folders background and cutout
)

// galleryOptions are the settings of such data.
type galleryOptions struct {
	dataset.GalleryOptions
	patch, perPicture int
}

// Augmentation is what training patches go through, at random; see [dataset.Augmentation].
type Augmentation struct {
	Flip    bool    `yaml:"flip"`
	Turn    bool    `yaml:"turn"`
	Rotate  float64 `yaml:"rotate"`
	Scale   float64 `yaml:"scale"`
	Elastic float64 `yaml:"elastic"`
	Grid    int     `yaml:"grid"`

	at string
}

func (a *Augmentation) dataset() dataset.Augmentation {
	if a == nil {
		return dataset.Augmentation{}
	}
	return dataset.Augmentation{Flip: a.Flip, Turn: a.Turn, Rotate: a.Rotate, Scale: a.Scale, Elastic: a.Elastic, Grid: a.Grid}
}

const (
	maxPatch      = 4096
	maxPerPicture = 1 << 16
)

// gallery reads the settings of data whose pictures keep their sizes.
func (c Choice) gallery() (*galleryOptions, error) {
	g := &galleryOptions{patch: 96, perPicture: 1, GalleryOptions: dataset.GalleryOptions{TestFraction: 0.1, Seed: 1}}
	if c.Name == Membrane {
		g.Classes = []int{0, 255}
		g.TestFraction = 5. / 30
	}
	known := []string{"classes", "halve", "patch", "patches", "seed", "test_fraction"}
	for _, key := range slices.Sorted(maps.Keys(c.Settings)) {
		value, at := c.Settings[key], c.settings[key]
		wrong := func(want string) error { return problem(at, "%s is %v, must be %s", key, value, want) }
		number, isInt := value.(int)
		switch key {
		case "patch":
			if g.patch = number; !isInt || number < 1 || number > maxPatch {
				return nil, wrong("the side of a patch, from 1 to 4096 pixels")
			}
		case "patches":
			if g.perPicture = number; !isInt || number < 1 || number > maxPerPicture {
				return nil, wrong("how many patches of each picture an epoch has, from 1 to 65536")
			}
		case "halve":
			var ok bool
			if g.Halve, ok = value.(bool); !ok {
				return nil, wrong("true or false")
			}
		case "classes":
			list, ok := value.([]any)
			g.Classes = nil
			for _, v := range list {
				grey, isGrey := v.(int)
				ok = ok && isGrey && grey >= 0 && grey <= 255
				g.Classes = append(g.Classes, grey)
			}
			if !ok || len(list) < 2 {
				return nil, wrong("the grey values of class 0, 1, ..., such as [0, 255]")
			}
		case "seed":
			if g.Seed = uint64(number); !isInt || number < 0 {
				return nil, wrong("a whole number, 0 or above")
			}
		case "test_fraction":
			if f, ok := value.(float64); ok && f > 0 && f < 1 {
				g.TestFraction = f
				continue
			}
			return nil, wrong("a number above 0 and below 1")
		default:
			return nil, problem(at, "%s: unknown setting %q%s", c.Name, key, nearest.Hint(key, known))
		}
	}
	return g, nil
}

// resolved are the settings with every default written out.
func (g *galleryOptions) resolved() map[string]any {
	settings := map[string]any{
		"patch": g.patch, "patches": g.perPicture, "halve": g.Halve, "seed": g.Seed, "test_fraction": g.TestFraction,
	}
	if g.Classes != nil {
		settings["classes"] = g.Classes
	}
	return settings
}

// loadGallery reads the pictures, of as many channels as the model takes.
func (r *Recipe) loadGallery(ctx context.Context, dir string, p *parts) (*data, error) {
	shape := p.model.Inputs()[0].Shape()
	if len(shape) != 3 || shape[2] != 1 && shape[2] != 3 {
		return nil, problem(r.Model.at, "the model takes %v, want pictures of 1 or 3 channels", shape)
	}
	if patch := (nn.Shape{p.gallery.patch, p.gallery.patch, shape[2]}); !fitsShape(patch, shape) {
		return nil, problem(r.Model.at, "patches are %v, the model takes %v; pictures that keep their sizes want a model of any size", patch, shape)
	}
	o := p.gallery.GalleryOptions
	o.Channels = shape[2]
	if r.Data.Name == Composites {
		return r.loadComposites(ctx, dir, o)
	}
	train, test, err := dataset.LoadGallery(ctx, dir, o)
	switch {
	case err != nil:
		return nil, err
	case r.Task == Segment && !train.Labelled():
		return nil, problem(dir, "the task segment needs the class of every pixel: folders image and label with pictures of the same names")
	case r.Task != Segment && train.Labelled():
		return nil, problem(dir, "the pictures have labels, which the task %s has no use for: want a folder without image and label", r.Task)
	}
	return &data{wholes: [2]*dataset.Gallery{train, test}}, nil
}

// loadComposites reads backgrounds and cut-outs, and divides both.
func (r *Recipe) loadComposites(ctx context.Context, dir string, o dataset.GalleryOptions) (*data, error) {
	if r.Task != Segment || o.Channels != 3 {
		return nil, problem(r.at["task"], "composites are for the task segment and a model of 3 channels, got %s and %d", r.Task, o.Channels)
	}
	train, test, err := dataset.LoadGallery(ctx, filepath.Join(dir, "background"), o)
	if err != nil {
		return nil, err
	}
	if train.Labelled() {
		return nil, problem(dir, "the backgrounds have labels, want pictures alone")
	}
	all, err := dataset.LoadCutouts(ctx, filepath.Join(dir, "cutout"))
	if err != nil {
		return nil, err
	}
	d := &data{wholes: [2]*dataset.Gallery{train, test}}
	d.things[0], d.things[1] = dataset.SplitCutouts(all, o.TestFraction, o.Seed)
	if d.things[0].Len() == 0 || d.things[1].Len() == 0 {
		return nil, problem(dir, "%d cut-outs cannot be divided into a training and a test part", all.Len())
	}
	return d, nil
}

// gallerySets returns patches to train and to validate on, and whole pictures to test on.
func (r *Recipe) gallerySets(d *data, p *parts) (training, validation, test dataset.Set, err error) {
	pictures := d.wholes[0]
	var aside *dataset.Gallery
	if r.Validation > 0 {
		keep, out, err := r.divide(pictures.Len())
		if err != nil {
			return nil, nil, nil, err
		}
		pictures, aside = pictures.Select(keep), pictures.Select(out)
	}
	if training, err = r.patches(pictures, d.things[0], p, false); err != nil {
		return nil, nil, nil, err
	}
	if aside != nil {
		if validation, err = r.patches(aside, d.things[0], p, true); err != nil {
			return nil, nil, nil, err
		}
	}
	test, err = r.wholes(d, 1, p)
	return training, validation, test, err
}

// wholes are the whole pictures of a part, 0 to train and 1 to test on, always the same, or, where
// things are laid over them, patches.
func (r *Recipe) wholes(d *data, part int, p *parts) (dataset.Set, error) {
	if d.things[part] != nil {
		return r.patches(d.wholes[part], d.things[part], p, true)
	}
	var set dataset.Set = dataset.Wholes(d.wholes[part])
	if len(p.corruptions) > 0 {
		set = dataset.Degraded(set, r.Seed, true, p.corruptions...)
	}
	return set, nil
}

// patches are those of an epoch, or fixed ones, with things laid over them if there are some.
func (r *Recipe) patches(g *dataset.Gallery, things *dataset.Cutouts, p *parts, fixed bool) (dataset.Set, error) {
	o := dataset.PatchOptions{
		H: p.gallery.patch, W: p.gallery.patch, PerPicture: p.gallery.perPicture, Seed: r.Seed, Fixed: fixed, Augment: r.Augmentation.dataset(),
	}
	var set dataset.Set
	var err error
	if things != nil {
		set, err = dataset.Composites(g, things, o)
	} else {
		set, err = dataset.Patches(g, o)
	}
	if err != nil {
		return nil, problem("", "%s", withoutPackage(err))
	}
	if len(p.corruptions) > 0 {
		set = dataset.Degraded(set, r.Seed, fixed, p.corruptions...)
	}
	return set, nil
}

// palette are the colours of class 0, 1, ...; of two classes, black and white.
var palette = []string{"#000000", "#ffffff", "#d1495b", "#3b6fb6", "#3f9a63", "#d9a441", "#7a4fa3", "#66c2c4"}

// galleryMetadata adds what a model of pictures that keep their sizes says of itself.
func (r *Recipe) galleryMetadata(p *parts, meta modelfile.Metadata) modelfile.Metadata {
	switch r.Task {
	case Upscale:
		for _, c := range p.corruptions {
			if d, ok := c.(*dataset.Downscale); ok {
				meta.Extra = map[string]string{tasks.EnlargeKey: strconv.Itoa(d.Factor)}
			} else if d, ok := c.(dataset.Downscale); ok {
				meta.Extra = map[string]string{tasks.EnlargeKey: strconv.Itoa(d.Factor)}
			}
		}
	case Segment:
		out := p.model.Outputs()[0].Shape()
		if classes := max(out[len(out)-1], 2); classes <= len(palette) {
			meta.Palette = palette[:classes]
		}
	}
	return meta
}

// evaluateGallery scores a model on whole pictures or, for validation, on the run's patches.
func (r *Recipe) evaluateGallery(ctx context.Context, path, split string, model *nn.Model, d *data, p *parts) (*Evaluation, error) {
	_, validation, test, err := r.gallerySets(d, p)
	if err != nil {
		return nil, err
	}
	set := test
	switch split {
	case "validation":
		set = validation
	case "train":
		if set, err = r.wholes(d, 0, p); err != nil {
			return nil, err
		}
	}
	scores, err := train.Evaluate(ctx, model, set, evaluationBatch, r.Metrics...)
	if err != nil {
		return nil, err
	}
	return &Evaluation{path, r.Data.Name, split, set.Len(), scores}, nil
}

// testSamples draws what the model makes of a few test pictures.
func (r *Recipe) testSamples(ctx context.Context, model *nn.Model, test dataset.Set, d *data) (image.Image, error) {
	if d.wholes[1] == nil {
		return r.samples(ctx, model, test, d.test.Images)
	}
	p, err := r.parts()
	if err != nil {
		return nil, err
	}
	shown := d.wholes[1]
	if shown.Len() > sampleCount/2 {
		shown = shown.Select([]int32{0, 1, 2, 3, 4})
	}
	set, err := r.patches(shown, d.things[1], p, true)
	if err != nil {
		return nil, err
	}
	var first []int
	for i := range shown.Len() {
		first = append(first, i*p.gallery.perPicture)
	}
	t, err := see(ctx, model, set, first)
	if err != nil {
		return nil, err
	}
	if r.Task == Segment {
		return plot.Grid([][]*tensor.Tensor{rowOf(t.input), rowOf(inGrey(t.target)), rowOf(inGrey(tasks.Classes(t.output)))},
			[]string{"picture", "classes", "predicted"}, plot.GridOptions{})
	}
	return plot.Grid([][]*tensor.Tensor{rowOf(t.target), rowOf(t.input), rowOf(t.output)},
		[]string{"original", "input " + meanPSNR(t.input, t.target), "restored " + meanPSNR(t.output, t.target)}, plot.GridOptions{})
}

// inGrey spreads the numbers of classes over black to white.
func inGrey(classes *tensor.Tensor) *tensor.Tensor {
	most := max(slices.Max(classes.Data), 1)
	grey := tensor.New(classes.Shape...)
	for i, v := range classes.Data {
		grey.Data[i] = v / most
	}
	return grey
}
