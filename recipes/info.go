package recipes

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hourglass-go/hourglass/internal/nearest"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

// Info describes a model, whether it is a file, a recipe's or an architecture's.
type Info struct {
	Name       string              `json:"name"`
	Kind       string              `json:"kind"` // "model", "recipe" or "architecture"
	Parameters int                 `json:"parameters"`
	Trainable  int                 `json:"trainable"`
	FLOPs      int64               `json:"flops"`
	Memory     int64               `json:"memory_bytes"` // of activations and weights, for one picture
	Layers     []LayerInfo         `json:"layers"`
	Metadata   *modelfile.Metadata `json:"metadata,omitempty"` // of a model file

	model *nn.Model
	input nn.Shape
}

// Model is what is described, and the shape of the picture that figures are for.
func (i *Info) Model() (*nn.Model, nn.Shape) { return i.model, i.input }

// LayerInfo is a line of a model's table.
type LayerInfo struct {
	Name       string       `json:"name"`
	Type       string       `json:"type"`
	Output     tensor.Shape `json:"output"`
	Parameters int          `json:"parameters"`
	FLOPs      int64        `json:"flops"`
	Memory     int64        `json:"memory_bytes"`             // of the output
	Field      [2]int       `json:"receptive_field,omitzero"` // in pixels of the picture
	From       []int        `json:"-"`                        // the lines of the table that it reads
}

// anySide is the height and the width that a model which takes any is described for.
const anySide = 256

// Describe describes the model file, recipe (embedded, or a file in YAML) or architecture
// called what. Assignments are for recipes and architectures; size is the height and the
// width of a picture, or nil for the model's own, 256 where it takes any.
func Describe(what string, set []string, size []int) (*Info, error) {
	var m *nn.Model
	info := &Info{Name: what}
	var err error
	ext := filepath.Ext(what)
	switch architecture, unknown := models.ByName(what); {
	case slices.Contains(Names(), what) || ext == ".yaml" || ext == ".yml":
		var r *Recipe
		if r, err = Load(what, set...); err != nil {
			return nil, err
		}
		info.Kind, info.Name = "recipe", r.Name
		m, err = r.Build()
	case unknown == nil:
		info.Kind = "architecture"
		m, err = ofArchitecture(architecture, set)
	case isFile(what):
		if len(set) > 0 {
			return nil, problem("--set", "%s is a model file, whose graph is what it is", what)
		}
		var meta modelfile.Metadata
		if m, meta, err = loadModel(what); err != nil {
			return nil, err
		}
		info.Kind, info.Metadata = "model", &meta
	default:
		known := slices.Concat(Names(), models.Names())
		return nil, problem("", "%q is no file, no recipe and no architecture%s", what, nearest.Hint(what, known))
	}
	if err != nil {
		return nil, err
	}
	return info, info.fill(m, size)
}

func isFile(path string) bool {
	_, err := os.Stat(path)
	return err == nil || !errors.Is(err, os.ErrNotExist)
}

func ofArchitecture(a models.Architecture, set []string) (*nn.Model, error) {
	root := &node{value: newMapping()}
	for _, assignment := range set {
		key, _, _ := strings.Cut(assignment, "=")
		if !a.Takes(key) {
			var known []string
			for _, o := range a.Options {
				known = append(known, o.Name)
			}
			return nil, problem("--set "+assignment, "%s has no option %q%s", a.Name, key, nearest.Hint(key, known))
		}
		if err := assign(root, assignment); err != nil {
			return nil, err
		}
	}
	m, err := a.Build(root.plain().(map[string]any))
	if err != nil {
		return nil, problem("", "%s", withoutPackage(err))
	}
	return m, nil
}

// fill takes the figures from the model's summary.
func (i *Info) fill(m *nn.Model, size []int) error {
	in := m.Inputs()[0].Shape()
	if size == nil && len(in) == 3 && !in.Known() {
		size = []int{anySide, anySide}
		for axis := range size {
			if in[axis] != nn.Any {
				size[axis] = in[axis]
			}
		}
	}
	if size != nil {
		if len(in) != 3 {
			return problem("--size", "the model takes %v, no picture", in)
		}
		for axis, n := range size {
			if in[axis] != nn.Any && in[axis] != n {
				return problem("--size", "the model takes %dx%d pictures only, not %dx%d", in[0], in[1], size[0], size[1])
			}
		}
		in = nn.Shape{size[0], size[1], in[2]}
	}
	i.model, i.input = m, in
	s, err := m.Summary(in)
	if err != nil && len(size) > 0 {
		return problem("--size", "%s", withoutPackage(err))
	}
	if err != nil {
		return err
	}
	i.Parameters, i.Trainable, i.FLOPs = s.Parameters, s.Trainable, s.FLOPs
	i.Memory = s.ArenaBytes + 4*int64(s.Parameters)
	for _, l := range s.Layers {
		i.Layers = append(i.Layers, LayerInfo{l.Name, l.Type, l.Output, l.Parameters, l.FLOPs, 4 * int64(l.Output.Elems()), l.Field, l.From})
	}
	return nil
}
