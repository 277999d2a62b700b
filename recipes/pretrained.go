package recipes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/modelfile/importer"
)

// pretrain gives the model the weights that the recipe begins with: those of a file, or of
// the only file in the folder that data of that name is sought in.
func (r *Recipe) pretrain(p *parts, o TrainOptions) error {
	if r.Pretrained == "" {
		return nil
	}
	path, err := r.findWeights()
	if err != nil {
		return err
	}
	a, err := importer.Open(path)
	if err != nil {
		return wrongWeights(path, err)
	}
	defer a.Close()
	filled, err := importer.Fill(a, p.model)
	if err != nil {
		return wrongWeights(path, err)
	}
	if err := r.checkNormalise(a, p); err != nil {
		return err
	}
	o.tell("%d of %d parameters begin as those of %s, the others at random", len(filled.Filled), len(filled.Filled)+len(filled.Left), path)
	return nil
}

// findWeights returns the path of the file.
func (r *Recipe) findWeights() (string, error) {
	if info, err := os.Stat(r.Pretrained); err == nil && !info.IsDir() {
		return r.Pretrained, nil
	}
	if strings.ContainsRune(r.Pretrained, os.PathSeparator) || filepath.Ext(r.Pretrained) != "" {
		return "", problem(r.at["pretrained"], "there is no file %s with weights", r.Pretrained)
	}
	dir, err := dataset.Find(r.Pretrained, "")
	if err != nil {
		return "", fmt.Errorf("%w; pretrained=FILE names a file of weights, pretrained=\"\" begins without", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		return "", problem(dir, "%d files, want one, of weights", len(files))
	}
	return files[0], nil
}

// checkNormalise makes sure that a network that can normalise its pictures does so as the
// weights of a library want it.
func (r *Recipe) checkNormalise(a *importer.Archive, p *parts) error {
	v, err := importer.FindVGG(a)
	if err != nil {
		return nil // another network's weights, which fit by name
	}
	want, err := v.Normalisation()
	got, takes := p.settings["normalise"]
	if err != nil || !takes || fmt.Sprint(got) == string(want) || a.Metadata["hourglass.graph"] != "" {
		return nil
	}
	return problem(r.Model.at, "the weights want pictures normalised: model.normalise must be %s, it is %v", want, got)
}
