package recipes

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/modelfile/importer"
	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/nn"
)

// ImportOptions say what becomes of a file of weights.
type ImportOptions struct {
	Output string // the model file
	// Architecture is that of the model, with Set as its options; "": the VGG that the file
	// holds, as large as it is.
	Architecture  string
	Set           []string
	Normalisation string // one of the importer's; "": that of the library the file is from
}

// Imported is what an import came to.
type Imported struct {
	Input         string   `json:"input"`
	Format        string   `json:"format"`
	Output        string   `json:"output"`
	Architecture  string   `json:"architecture"`
	Parameters    int      `json:"parameters"`
	Normalisation string   `json:"normalisation"`
	Left          []string `json:"left,omitempty"` // parameters that the file has no weights for
}

// Import makes a model file of weights that another program wrote: safetensors, ONNX or
// PyTorch.
func Import(path string, o ImportOptions) (*Imported, error) {
	if err := checkModelFile(path); err != nil {
		return nil, err
	}
	if err := claimFile(o.Output, path); err != nil {
		return nil, err
	}
	a, err := importer.Open(path)
	if err != nil {
		return nil, wrongWeights(path, err)
	}
	defer a.Close()
	out := &Imported{Input: path, Format: string(a.Format), Output: o.Output}
	vgg, unknown := importer.FindVGG(a)
	if unknown != nil && o.Architecture == "" {
		return nil, wrongWeights(path, unknown)
	}
	var m *nn.Model
	if o.Architecture == "" {
		out.Architecture, m, err = ofVGG(vgg)
	} else {
		var architecture models.Architecture
		out.Architecture = o.Architecture
		if architecture, err = models.ByName(o.Architecture); err != nil {
			return nil, problem("--architecture", "%s", withoutPackage(err))
		}
		m, err = ofArchitecture(architecture, o.Set)
	}
	if err != nil {
		return nil, err
	}
	filled, err := importer.Fill(a, m)
	if err != nil {
		return nil, wrongWeights(path, err)
	}
	picture, err := pictureOf(a, vgg, m, importer.Normalisation(o.Normalisation))
	if err != nil {
		return nil, wrongWeights(path, err)
	}
	out.Normalisation, out.Left = describeNormalisation(&picture), filled.Left
	for _, p := range m.Params() {
		out.Parameters += p.Shape.Elems()
	}
	return out, modelfile.Save(o.Output, m, modelfile.Metadata{Name: out.Architecture, Picture: picture})
}

// ofVGG builds the classifier that a file holds, without its top where the file has none.
func ofVGG(v *importer.VGG) (name string, m *nn.Model, err error) {
	name = fmt.Sprintf("vgg-%d", v.Layers)
	if v.BatchNorm {
		name += "-bn"
	}
	architecture := models.VGG{
		Picture: nn.Shape{224, 224, v.Channels}, Width: v.Width, Hidden: v.Hidden, Classes: v.Classes,
		NoTop: v.Classes == 0, Layers: v.Layers, BatchNorm: v.BatchNorm,
	}
	if m, err = architecture.Build(); err != nil {
		return "", nil, problem("", "%s", withoutPackage(err))
	}
	return name, m, nil
}

// pictureOf is how the model wants its pictures: as a model file says, as asked for, or as
// the library does that the weights are from.
func pictureOf(a *importer.Archive, v *importer.VGG, m *nn.Model, asked importer.Normalisation) (modelfile.Picture, error) {
	shape := m.Inputs()[0].Shape()
	if asked == "" {
		own, err := modelfile.ParseMetadata(a.Metadata)
		if err != nil {
			return modelfile.Picture{}, err
		}
		if own.Picture.Shape != nil {
			own.Picture.Shape = shape
			return own.Picture, nil
		}
		asked = importer.NoNormalisation
		if v != nil {
			if asked, err = v.Normalisation(); err != nil {
				return modelfile.Picture{}, fmt.Errorf("%w: --normalisation", err)
			}
		}
	}
	return asked.Picture(shape)
}

// describeNormalisation says it in a few words.
func describeNormalisation(p *modelfile.Picture) string {
	if !p.Normalises() {
		return "none"
	}
	low, high, order := 0., 1., "RGB"
	if p.Range != nil {
		low, high = p.Range[0], p.Range[1]
	}
	if p.Order != "" {
		order = string(p.Order)
	}
	text := fmt.Sprintf("%s from %g to %g", order, low, high)
	if p.Mean != nil {
		text += fmt.Sprintf(", minus %v", p.Mean)
	}
	if p.Deviation != nil {
		text += fmt.Sprintf(", divided by %v", p.Deviation)
	}
	return text
}

// wrongWeights makes a fault of a file of weights a mistake of the user's, with the path.
func wrongWeights(path string, err error) error {
	var whole *importer.FormatError
	text := strings.TrimPrefix(err.Error(), path+": ")
	if errors.As(err, &whole) || !isSystem(err) {
		return problem(filepath.Clean(path), "%s", strings.TrimPrefix(text, "importer: "))
	}
	return err
}

// isSystem reports whether the error is one of the file system, which may be well next time.
func isSystem(err error) bool {
	return underlying(err) != err
}
