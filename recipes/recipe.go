// Package recipes holds the named experiments and runs them.
//
// A recipe is a YAML text that says what to train, on what, and how: see [Recipe] for its
// keys. Some are embedded ([List], [Show]); one's own is a file. Load reads either, carries
// out assignments such as "loss=l1", and checks everything that can be checked without
// touching data; every mistake is an [*Error] that names line, cause and remedy.
//
// What a recipe describes is then put together and carried out here, so that the command
// line has nothing left to do but to parse and to print: [Train], [Evaluate], [Demo],
// [Embed], [Sample].
package recipes

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/hourglass-go/hourglass/internal/nearest"
)

//go:embed library/*.yaml
var library embed.FS

// Recipe is an experiment. Its yaml tags are the keys of the text.
type Recipe struct {
	Name        string `yaml:"name"`
	Task        string `yaml:"task"` // a name of Tasks
	Description string `yaml:"description"`
	// Data is a data set of the catalogue, "embedded-digits", or "folder" with the settings
	// fit, test_fraction and seed.
	Data Choice `yaml:"data"`
	// Model is an architecture with its options.
	Model Choice `yaml:"model"`
	// Pretrained names weights to begin with: a file, or the folder of data that holds one; "":
	// none. Freeze are patterns of the parameters that stay as they are, such as "block1_*/*".
	Pretrained string   `yaml:"pretrained"`
	Freeze     []string `yaml:"freeze"`
	// Augmentation is what patches go through; nil: nothing.
	Augmentation *Augmentation `yaml:"augmentation"`
	// Corruption makes the input out of the target, one step after the other.
	Corruption []Choice `yaml:"corruption"`
	Loss       Choice   `yaml:"loss"`
	Optimizer  Choice   `yaml:"optimizer"`
	Schedule   Choice   `yaml:"schedule"`
	// ClipNorm limits the norm of the gradient; 0: no limit.
	ClipNorm float64 `yaml:"clip_norm"`
	// EMA is the decay of averaged weights, which are then evaluated and stored; 0: none.
	EMA float64 `yaml:"ema"`
	// Validation is the share of the training pictures put aside; 0: none.
	Validation    float64        `yaml:"validation"`
	EarlyStopping *EarlyStopping `yaml:"early_stopping"`
	Batch         int            `yaml:"batch"`
	Epochs        int            `yaml:"epochs"`
	Seed          uint64         `yaml:"seed"`
	// Recompute trains with less memory and more time; the result is the same.
	Recompute bool     `yaml:"recompute"`
	Metrics   []string `yaml:"metrics"`
	Expected  string   `yaml:"expected"` // the figure to expect, in words
	Time      string   `yaml:"time"`     // on two cores, in words

	at map[string]string // place of each key
}

// EarlyStopping ends a run that no longer improves.
type EarlyStopping struct {
	Monitor  string  `yaml:"monitor"` // such as val_psnr
	Patience int     `yaml:"patience"`
	MinDelta float64 `yaml:"min_delta"`

	at string
}

// defaults are the values of keys that a recipe does not mention.
func defaults() Recipe {
	return Recipe{
		Task:      Reconstruct,
		Model:     Choice{Name: "autoencoder"},
		Loss:      Choice{Name: "bce"},
		Optimizer: Choice{Name: "adam"},
		Schedule:  Choice{Name: "constant"},
		Batch:     128,
		Epochs:    10,
		Seed:      1,
		Metrics:   []string{"psnr"},
	}
}

// Names lists the embedded recipes in order.
func Names() []string {
	entries, err := library.ReadDir("library")
	if err != nil {
		panic(err) // the folder is embedded
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".yaml")
	}
	slices.Sort(names) // the endings, gone now, had a part in the order
	return names
}

// Show returns the YAML of an embedded recipe.
func Show(name string) (string, error) {
	if !slices.Contains(Names(), name) {
		return "", problem("", "no recipe %q%s", name, nearest.Hint(name, Names()))
	}
	text, err := library.ReadFile("library/" + name + ".yaml")
	return string(text), err
}

// List returns the embedded recipes.
func List() ([]*Recipe, error) {
	var list []*Recipe
	for _, name := range Names() {
		r, err := Load(name)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// Load returns the embedded recipe of that name, or the one in the file of that path,
// which ends in .yaml or .yml, with assignments (key=value) carried out on it.
func Load(nameOrFile string, set ...string) (*Recipe, error) {
	if ext := filepath.Ext(nameOrFile); ext != ".yaml" && ext != ".yml" {
		text, err := Show(nameOrFile)
		if err != nil {
			if info, statErr := os.Stat(nameOrFile); statErr == nil && !info.IsDir() {
				return nil, problem(nameOrFile, "a recipe's file name ends in .yaml")
			}
			return nil, err
		}
		return Parse("recipe "+nameOrFile, []byte(text), set...)
	}
	text, err := readFile(nameOrFile)
	if err != nil {
		return nil, err
	}
	return Parse(nameOrFile, text, set...)
}

// readFile reads a file no longer than a recipe may be.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, problem(path, "no such file; embedded recipes are %s", strings.Join(Names(), ", "))
	case err == nil && !info.Mode().IsRegular():
		return nil, problem(path, "no regular file, want a recipe in YAML")
	case err == nil && info.Size() > maxRecipe:
		return nil, problem(path, "%d bytes, a recipe has at most %d", info.Size(), maxRecipe)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, problem(path, "cannot be read: %v", err)
	}
	return text, nil
}

// Parse reads a recipe from YAML text, carries out the assignments and checks the result.
// Name is how errors call the text.
func Parse(name string, text []byte, set ...string) (*Recipe, error) {
	doc, err := parseDocument(name, text)
	if err != nil {
		return nil, err
	}
	for _, assignment := range set {
		if err := assign(doc, assignment); err != nil {
			return nil, err
		}
	}
	r := defaults()
	if err := decode(doc, &r); err != nil {
		return nil, err
	}
	m := doc.value.(*mapping) // decode has seen to that
	r.at = maps.Clone(m.keysAt)
	if r.Name == "" {
		r.Name = strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
	}
	if r.Data.Name == "" {
		return nil, problem(name, "the key data is missing: one of %s", strings.Join(dataNames(), ", "))
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	return &r, nil
}

// YAML writes the recipe with every default in it, as [Parse] reads it.
func (r *Recipe) YAML() ([]byte, error) {
	resolved, err := r.resolve()
	if err != nil {
		return nil, err
	}
	doc := yaml.MapSlice{
		{Key: "name", Value: resolved.Name},
		{Key: "task", Value: resolved.Task},
		{Key: "description", Value: resolved.Description},
		{Key: "data", Value: resolved.Data.yaml()},
		{Key: "model", Value: resolved.Model.yaml()},
	}
	add := func(key string, value any) { doc = append(doc, yaml.MapItem{Key: key, Value: value}) }
	if resolved.Pretrained != "" {
		add("pretrained", resolved.Pretrained)
	}
	if len(resolved.Freeze) > 0 {
		add("freeze", resolved.Freeze)
	}
	if a := resolved.Augmentation; a != nil {
		add("augmentation", yaml.MapSlice{
			{Key: "flip", Value: a.Flip}, {Key: "turn", Value: a.Turn}, {Key: "rotate", Value: a.Rotate},
			{Key: "scale", Value: a.Scale}, {Key: "elastic", Value: a.Elastic}, {Key: "grid", Value: a.Grid},
		})
	}
	if len(resolved.Corruption) > 0 {
		var steps []any
		for _, c := range resolved.Corruption {
			steps = append(steps, c.yaml())
		}
		add("corruption", steps)
	}
	add("loss", resolved.Loss.yaml())
	add("optimizer", resolved.Optimizer.yaml())
	add("schedule", resolved.Schedule.yaml())
	add("clip_norm", resolved.ClipNorm)
	add("ema", resolved.EMA)
	add("validation", resolved.Validation)
	if s := resolved.EarlyStopping; s != nil {
		add("early_stopping", yaml.MapSlice{
			{Key: "monitor", Value: s.Monitor}, {Key: "patience", Value: s.Patience}, {Key: "min_delta", Value: s.MinDelta},
		})
	}
	add("batch", resolved.Batch)
	add("epochs", resolved.Epochs)
	add("seed", resolved.Seed)
	add("recompute", resolved.Recompute)
	add("metrics", resolved.Metrics)
	add("expected", resolved.Expected)
	add("time", resolved.Time)
	text, err := yaml.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("recipes: %w", err)
	}
	return text, nil
}

// yaml is the choice as a mapping with sorted settings, or its name alone.
func (c Choice) yaml() any {
	if len(c.Settings) == 0 {
		return c.Name
	}
	m := yaml.MapSlice{{Key: "name", Value: c.Name}}
	for _, key := range slices.Sorted(maps.Keys(c.Settings)) {
		m = append(m, yaml.MapItem{Key: key, Value: c.Settings[key]})
	}
	return m
}
