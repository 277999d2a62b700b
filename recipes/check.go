package recipes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/internal/nearest"
	"github.com/hourglass-go/hourglass/metrics"
	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/optim"
	"github.com/hourglass-go/hourglass/train"
)

// The tasks: what a network makes of a picture.
const (
	Reconstruct = "reconstruct" // the same picture
	Denoise     = "denoise"     // the picture before it was corrupted
	Upscale     = "upscale"     // the picture before it was shrunk, at the size that it had
	Segment     = "segment"     // the class of every pixel
)

// Tasks lists the tasks.
func Tasks() []string { return []string{Reconstruct, Denoise, Upscale, Segment} }

// Data that is not in the catalogue.
const (
	EmbeddedDigits = "embedded-digits"
	Folder         = "folder"
)

// psnrInput is the one metric that is about the input: what corruption left of it.
const psnrInput = "psnr_input"

const (
	maxEpochs = 1_000_000
	maxBatch  = 1 << 20
)

func dataNames() []string {
	var names []string
	for _, e := range dataset.Catalogue() {
		names = append(names, e.Name)
	}
	return append(names, EmbeddedDigits, Folder, Photographs, Membrane, Composites)
}

// losses are values with their defaults; the fields are the settings.
var losses = map[string]nn.Layer{
	"bce":   nn.BinaryCrossEntropy{},
	"l1":    nn.MeanAbsoluteError{},
	"l2":    nn.MeanSquaredError{},
	"huber": nn.Huber{Delta: 1},
	// Of classes of pixels; 255 is the label of those that do not count.
	"cross_entropy": nn.CategoricalCrossEntropy{Sparse: true, Ignore: []int{255}, Divisor: nn.PixelCount},
	"dice":          nn.DiceLoss{Sparse: true, Ignore: []int{255}, Smooth: 1},
}

// corruptions, likewise.
var corruptions = map[string]dataset.Corruption{
	"gaussian":    dataset.GaussianNoise{},
	"salt_pepper": dataset.SaltPepper{},
	"poisson":     dataset.Poisson{},
	"erase":       dataset.Erase{Count: 1},
	"downscale":   dataset.Downscale{Factor: 4},
}

// parts are what the names in a recipe stand for.
type parts struct {
	model       *nn.Model
	loss        nn.Layer
	optimizer   optim.Optimizer
	schedule    optim.Schedule
	corruptions []dataset.Corruption
	folder      dataset.FolderOptions // without the pictures' size, which the model gives
	gallery     *galleryOptions       // nil for data whose pictures have one size
	settings    map[string]any        // of the model, with its defaults
}

// check finds the first mistake that can be found without data.
func (r *Recipe) check() error {
	if err := r.checkNumbers(); err != nil {
		return err
	}
	if !slices.Contains(Tasks(), r.Task) {
		return problem(r.at["task"], "unknown task %q%s", r.Task, nearest.Hint(r.Task, Tasks()))
	}
	switch {
	case r.Task == Denoise && len(r.Corruption) == 0 && r.Data.Name != Folder: // which may hold pairs
		return problem(r.at["task"], "the task denoise needs a corruption, such as {name: gaussian, min: 0.3, max: 0.6}")
	case r.Task == Upscale && !slices.ContainsFunc(r.Corruption, func(c Choice) bool { return c.Name == "downscale" }):
		return problem(r.at["task"], "the task upscale needs the corruption downscale, such as {name: downscale, factor: 4}")
	case (r.Task == Reconstruct || r.Task == Segment) && len(r.Corruption) > 0:
		return problem(r.at["corruption"], "the task %s takes no corruption; task: denoise does", r.Task)
	}
	if s := r.EarlyStopping; s != nil {
		if err := r.checkEarlyStopping(s); err != nil {
			return err
		}
	}
	p, err := r.parts()
	if err != nil {
		return err
	}
	return r.checkMetrics(p)
}

// checkMetrics makes sure that the run can be scored as the recipe wants it.
func (r *Recipe) checkMetrics(p *parts) error {
	costs := train.Costs(p.model)
	for _, name := range r.Metrics {
		if name == psnrInput {
			if r.Task != Denoise && r.Task != Upscale {
				return problem(r.at["metrics"], "%s is about a corrupted input, and there is no corruption", name)
			}
			continue
		}
		if _, err := metrics.ByName(name); err != nil && !slices.Contains(costs, name) {
			return problem(r.at["metrics"], "unknown metric %q%s", name, nearest.Hint(name, append(metricNames(), costs...)))
		}
	}
	return nil
}

func metricNames() []string {
	names := []string{psnrInput}
	for _, p := range metrics.Protocols() {
		if p.Name != psnrInput {
			names = append(names, p.Name)
		}
	}
	return names
}

func (r *Recipe) checkNumbers() error {
	for _, c := range []struct {
		key  string
		good bool
		got  any
		want string
	}{
		{"epochs", r.Epochs >= 1 && r.Epochs <= maxEpochs, r.Epochs, fmt.Sprintf("from 1 to %d", maxEpochs)},
		{"batch", r.Batch >= 1 && r.Batch <= maxBatch, r.Batch, fmt.Sprintf("from 1 to %d", maxBatch)},
		{"clip_norm", r.ClipNorm >= 0, r.ClipNorm, "above 0, or 0 for none"},
		{"ema", r.EMA >= 0 && r.EMA < 1, r.EMA, "a decay from 0 (none) to below 1"},
		{"validation", r.Validation >= 0 && r.Validation < 1, r.Validation, "a share of the training pictures from 0 to below 1"},
		{"metrics", len(r.Metrics) > 0, "empty", "at least one of " + strings.Join(metricNames(), ", ")},
	} {
		if !c.good {
			return problem(r.at[c.key], "%s is %v, must be %s", c.key, c.got, c.want)
		}
	}
	return nil
}

func (r *Recipe) checkEarlyStopping(s *EarlyStopping) error {
	if r.Validation == 0 {
		return problem(s.at, "early_stopping needs a validation share above 0")
	}
	if s.Monitor == "" {
		s.Monitor = "val_loss"
	}
	known := []string{"val_loss"}
	for _, name := range r.Metrics {
		if name != psnrInput {
			known = append(known, "val_"+name)
		}
	}
	switch {
	case !slices.Contains(known, s.Monitor):
		return problem(s.at, "early_stopping watches %q, which the run does not measure%s", s.Monitor, nearest.Hint(s.Monitor, known))
	case s.Patience < 1:
		return problem(s.at, "patience is %d, must be a number of epochs, at least 1", s.Patience)
	case s.MinDelta < 0:
		return problem(s.at, "min_delta is %v, must be 0 or above", s.MinDelta)
	}
	return nil
}

// parts builds what the recipe names.
func (r *Recipe) parts() (*parts, error) {
	var p parts
	var err error
	if slices.Contains([]string{Photographs, Membrane, Composites}, r.Data.Name) {
		p.gallery, err = r.Data.gallery()
	} else {
		p.folder, err = r.Data.folder()
	}
	if err != nil {
		return nil, err
	}
	if err := r.checkGallery(&p); err != nil {
		return nil, err
	}
	architecture, err := models.ByName(r.Model.Name)
	if err != nil {
		return nil, problem(r.Model.at, "%s", withoutPackage(err))
	}
	build := func(settings map[string]any) (err error) {
		p.model, err = architecture.Build(settings)
		return err
	}
	if err := build(r.Model.Settings); err != nil {
		return nil, r.Model.explain(err, build)
	}
	p.settings = architecture.Resolve(r.Model.Settings)
	for _, pattern := range r.Freeze {
		n, err := p.model.Store().SetFrozen(pattern, true)
		if err != nil {
			return nil, problem(r.at["freeze"], "%s", withoutPackage(err))
		}
		if n == 0 {
			return nil, problem(r.at["freeze"], "%q is the name of no parameter, such as %s", pattern, p.model.Params()[0].Name)
		}
	}
	if p.loss, err = configured("loss", r.Loss, losses); err != nil {
		return nil, err
	}
	build = func(settings map[string]any) (err error) {
		p.optimizer, err = optim.New(r.Optimizer.Name, settings)
		return err
	}
	if err := build(r.Optimizer.Settings); err != nil {
		return nil, r.Optimizer.explain(err, build)
	}
	build = func(settings map[string]any) (err error) {
		p.schedule, err = optim.NewSchedule(r.Schedule.Name, settings)
		return err
	}
	if err := build(r.Schedule.Settings); err != nil {
		return nil, r.Schedule.explain(err, build)
	}
	for _, choice := range r.Corruption {
		c, err := configured("corruption", choice, corruptions)
		if err != nil {
			return nil, err
		}
		if err := dataset.Validate(c); err != nil {
			return nil, problem(choice.at, "%s", withoutPackage(err))
		}
		p.corruptions = append(p.corruptions, c)
	}
	return &p, nil
}

// checkGallery makes sure that what is about patches has some.
func (r *Recipe) checkGallery(p *parts) error {
	switch {
	case p.gallery == nil && r.Augmentation != nil:
		return problem(r.Augmentation.at, "augmentation is for patches of pictures that keep their sizes: data %s, %s or %s", Photographs, Membrane, Composites)
	case p.gallery == nil && r.Task == Segment:
		return problem(r.at["task"], "the task segment needs data with the class of every pixel: %s or %s, or a folder of image and label as %s", Membrane, Composites, Photographs)
	case p.gallery == nil && r.Task == Upscale:
		return problem(r.at["task"], "the task upscale needs pictures that keep their sizes: %s", Photographs)
	case p.gallery == nil || r.Augmentation == nil:
		return nil
	}
	if err := r.Augmentation.dataset().Validate(); err != nil {
		return problem(r.Augmentation.at, "%s", withoutPackage(err))
	}
	return nil
}

// configured returns the known value of the choice's name with its settings, which are
// its struct's fields in lower case.
func configured[T any](what string, c Choice, known map[string]T) (T, error) {
	var none T
	names := slices.Sorted(maps.Keys(known))
	sample, ok := known[c.Name]
	if !ok {
		return none, problem(c.at, "unknown %s %q%s", what, c.Name, nearest.Hint(c.Name, names))
	}
	v := reflect.New(reflect.TypeOf(sample))
	v.Elem().Set(reflect.ValueOf(sample))
	keys := slices.Sorted(maps.Keys(settingsOf(sample)))
	for _, key := range slices.Sorted(maps.Keys(c.Settings)) {
		if !slices.Contains(keys, key) {
			return none, problem(c.settings[key], "%s: unknown setting %q%s", c.Name, key, nearest.Hint(key, keys))
		}
		text, err := json.Marshal(map[string]any{key: c.Settings[key]})
		if err == nil && bytes.HasSuffix(text, []byte(":null}")) {
			err = errors.New("no value")
		}
		if err == nil {
			err = json.Unmarshal(text, v.Interface())
		}
		if err != nil {
			want := "a number"
			if _, ok := settingsOf(sample)[key].(bool); ok {
				want = "true or false"
			}
			return none, problem(c.settings[key], "%s: %s is %v, must be %s", c.Name, key, c.Settings[key], want)
		}
	}
	if huber, ok := v.Interface().(*nn.Huber); ok && !(huber.Delta > 0) {
		return none, problem(c.at, "huber: delta is %v, must be above 0", huber.Delta)
	}
	return v.Elem().Interface().(T), nil
}

// settingsOf lists the fields of a struct under their names in lower case. A loss' field
// that says how it is compiled is none of the reader's business.
func settingsOf(sample any) map[string]any {
	v := reflect.ValueOf(sample)
	settings := map[string]any{}
	for i := range v.NumField() {
		if name := strings.ToLower(v.Type().Field(i).Name); name != "logits" {
			settings[name] = v.Field(i).Interface()
		}
	}
	return settings
}

var fits = map[string]dataset.Fit{
	"exact": dataset.FitExact, "resize": dataset.FitResize, "inside": dataset.FitInside, "crop": dataset.FitCrop,
}

// folder reads the settings of a folder of pictures; other data has none.
func (c Choice) folder() (dataset.FolderOptions, error) {
	o := dataset.FolderOptions{Fit: dataset.FitInside, TestFraction: 0.1, Seed: 1}
	if !slices.Contains(dataNames(), c.Name) {
		return o, problem(c.at, "unknown data %q%s", c.Name, nearest.Hint(c.Name, dataNames()))
	}
	known := []string{"fit", "seed", "test_fraction"}
	for _, key := range slices.Sorted(maps.Keys(c.Settings)) {
		value, at := c.Settings[key], c.settings[key]
		if c.Name != Folder {
			return o, problem(at, "the data %s takes no settings, it was given %q", c.Name, key)
		}
		wrong := func(want string) error { return problem(at, "%s is %v, must be %s", key, value, want) }
		switch key {
		case "fit":
			name, _ := value.(string)
			fit, ok := fits[name]
			if !ok {
				return o, wrong("one of " + strings.Join(slices.Sorted(maps.Keys(fits)), ", "))
			}
			o.Fit = fit
		case "seed":
			seed, ok := value.(int)
			if !ok || seed < 0 {
				return o, wrong("a whole number, 0 or above")
			}
			o.Seed = uint64(seed)
		case "test_fraction":
			switch v := value.(type) {
			case float64:
				o.TestFraction = v
			case int:
				o.TestFraction = float64(v)
			default:
				o.TestFraction = math.NaN()
			}
			if !(o.TestFraction > 0 && o.TestFraction < 1) {
				return o, wrong("a number above 0 and below 1")
			}
		default:
			return o, problem(at, "folder: unknown setting %q%s", key, nearest.Hint(key, known))
		}
	}
	return o, nil
}

// resolve writes every default out.
func (r *Recipe) resolve() (*Recipe, error) {
	p, err := r.parts()
	if err != nil {
		return nil, err
	}
	out := *r
	if r.Data.Name == Folder {
		fit := ""
		for name, f := range fits {
			if f == p.folder.Fit {
				fit = name
			}
		}
		out.Data.Settings = map[string]any{"fit": fit, "test_fraction": p.folder.TestFraction, "seed": p.folder.Seed}
	}
	if p.gallery != nil {
		out.Data.Settings = p.gallery.resolved()
	}
	out.Model.Settings = p.settings
	out.Loss.Settings = settingsOf(p.loss)
	if out.Optimizer.Settings, err = optim.Settings(p.optimizer); err != nil {
		return nil, err
	}
	out.Corruption = slices.Clone(r.Corruption)
	for i, c := range p.corruptions {
		out.Corruption[i].Settings = settingsOf(c)
	}
	return &out, nil
}
