package recipes

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLibrary(t *testing.T) {
	list, err := List()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if r.Name == "" || r.Description == "" || r.Expected == "" || r.Time == "" {
			t.Errorf("%s lacks a description, an expected figure or a time", r.Name)
		}
	}
	for _, name := range []string{"mnist-autoencoder", "mnist-autoencoder-simple", "mnist-denoise"} {
		for _, set := range []string{"loss=l1", "loss=l2", "loss=huber", "loss=bce", "data=fashion-mnist"} {
			if _, err := Load(name, set); err != nil {
				t.Errorf("%s with %s: %v", name, set, err)
			}
		}
	}
}

func TestResolvedRecipeReadsBack(t *testing.T) {
	for _, name := range Names() {
		r, err := Load(name, "schedule={name: cosine, final: 0.1, warm_up: 20}")
		if err != nil {
			t.Fatal(err)
		}
		text, err := r.YAML()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse("resolved.yaml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		again, err := back.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(text), string(again)); diff != "" {
			t.Errorf("%s changes on its way (-first +second):\n%s", name, diff)
		}
		if !strings.Contains(string(text), "beta2: 0.999") && r.Optimizer.Name == "adam" {
			t.Errorf("%s: defaults are not written out:\n%s", name, text)
		}
	}
}

func TestSet(t *testing.T) {
	r, err := Load("mnist-denoise", "epochs=3", "optimizer.learning_rate=1e-4", "corruption.0.max=.5",
		"model.hidden=[20, 10]", "loss=huber", "loss.delta=0.5", "early_stopping.patience=4", "validation=0.1")
	if err != nil {
		t.Fatal(err)
	}
	if r.Epochs != 3 || r.Optimizer.Settings["learning_rate"] != 1e-4 || r.Corruption[0].Settings["max"] != .5 ||
		r.Loss.Name != "huber" || r.Loss.Settings["delta"] != .5 || r.EarlyStopping.Patience != 4 {
		t.Errorf("got %+v", r)
	}
	if r.EarlyStopping.Monitor != "val_loss" {
		t.Errorf("monitor %q", r.EarlyStopping.Monitor)
	}
}

const minimal = "data: mnist\n"

func TestMistakes(t *testing.T) {
	cases := []struct{ name, text, set, want string }{
		{"unknown key", "data: mnist\nepoch: 3", "", `mine.yaml:2: unknown key "epoch", did you mean "epochs"?`},
		{"unknown nested key", "data: mnist\nmodel:\n  name: autoencoder\n  hiden: [3]", "", `mine.yaml:4: autoencoder: unknown option "hiden", did you mean "hidden"?`},
		{"optimizer setting", "data: mnist\noptimizer:\n  name: adam\n  learning_rat: 3", "", `mine.yaml:4: adam: unknown setting "learning_rat", did you mean "learning_rate"?`},
		{"optimizer value", "data: mnist\noptimizer:\n  name: adam\n  beta2: 3", "", "mine.yaml:4: adam: beta2 is 3"},
		{"optimizer name", "data: mnist\noptimizer: adma", "", `mine.yaml:2: unknown optimizer "adma"`},
		{"text for a number", "data: mnist\nepochs: many", "", `mine.yaml:2: epochs is "many", must be a whole number`},
		{"fraction for a count", "data: mnist\nbatch: 2.5", "", "mine.yaml:2: batch is 2.5, must be a whole number"},
		{"number for text", "data: mnist\nname: 3", "", "mine.yaml:2: name is 3, must be text"},
		{"text for a switch", "data: mnist\nrecompute: maybe", "", `mine.yaml:2: recompute is "maybe", must be true or false`},
		{"number for a list", "data: mnist\nmetrics: 3", "", "must be a list of names"},
		{"number in a list", "data: mnist\nmetrics: [3]", "", "metrics holds 3, must hold names"},
		{"list for a choice", "data: [mnist]", "", "mine.yaml:1: data is a list, must be a name, or a mapping"},
		{"choice without name", "data: mnist\nloss:\n  delta: 3", "", "loss has no name"},
		{"corruption", "data: mnist\ntask: denoise\ncorruption:\n  - {name: gausian, min: 1}", "", `mine.yaml:4: unknown corruption "gausian", did you mean "gaussian"?`},
		{"corruption setting", "data: mnist\ntask: denoise\ncorruption:\n  - name: gaussian\n    mix: 1", "", `mine.yaml:5: gaussian: unknown setting "mix", did you mean`},
		{"corruption range", "data: mnist\ntask: denoise\ncorruption:\n  - {name: gaussian, min: 2, max: 1}", "", "mine.yaml:4:"},
		{"corruption of a wrong type", "data: mnist\ntask: denoise\ncorruption:\n  - {name: gaussian, min: a}", "", "min is a, must be a number"},
		{"denoise without corruption", "data: mnist\ntask: denoise", "", "mine.yaml:2: the task denoise needs a corruption"},
		{"task", "data: mnist\ntask: denoize", "", `did you mean "denoise"?`},
		{"data", "data: mnits", "", `mine.yaml:1: unknown data "mnits", did you mean "mnist"?`},
		{"no data", "epochs: 3", "", "mine.yaml: the key data is missing"},
		{"data with settings", "data: {name: mnist, fit: crop}", "", "the data mnist takes no settings"},
		{"folder fit", "data: {name: folder, fit: tight}", "", "fit is tight, must be one of crop, exact, inside, resize"},
		{"folder share", "data: {name: folder, test_fraction: 1}", "", "must be a number above 0 and below 1"},
		{"loss", "data: mnist\nloss: l3", "", `unknown loss "l3", did you mean "l1"?`},
		{"huber", "data: mnist\nloss: {name: huber, delta: 0}", "", "delta is 0, must be above 0"},
		{"metric", "data: mnist\nmetrics: [pnsr]", "", `unknown metric "pnsr", did you mean "psnr"?`},
		{"cost of another model", "data: mnist\nmetrics: [elbo]", "", `unknown metric "elbo"`},
		{"sum", "data: mnist\nloss: {name: bce, sum: 1}", "", "bce: sum is 1, must be true or false"},
		{"beta", "data: mnist\nmodel:\n  name: vae\n  beta: 0", "", "mine.yaml:4: vae: beta is 0, must be above 0"},
		{"psnr_input", "data: mnist\nmetrics: [psnr_input]", "", "there is no corruption"},
		{"epochs", "data: mnist\nepochs: 0", "", "mine.yaml:2: epochs is 0, must be from 1"},
		{"nan", "data: mnist\nclip_norm: .nan", "", "must be a number"},
		{"early stopping", "data: mnist\nearly_stopping: {patience: 3}", "", "needs a validation share"},
		{"early stopping key", "data: mnist\nvalidation: .1\nearly_stopping: {patiense: 3}", "", `did you mean "patience"?`},
		{"monitor", "data: mnist\nvalidation: .1\nearly_stopping: {patience: 3, monitor: val_ssim}", "", "does not measure"},
		{"twice", "data: mnist\ndata: mnist", "", "mine.yaml:2:"},
		{"no mapping", "- a\n- b", "", "mine.yaml:1: a list, want keys"},
		{"empty", "", "", "want one"},
		{"two documents", "data: mnist\n---\ndata: mnist", "", "2 YAML documents, want one"},
		{"no YAML", "data: [mnist", "", "mine.yaml:1: not YAML"},
		{"alias", "data: &a mnist\nname: *a", "", "anchors, aliases and tags"},
		{"set unknown", minimal, "epoch=3", `--set epoch=3: unknown key "epoch", did you mean "epochs"?`},
		{"set unknown nested", minimal, "optimiser.name=3", `did you mean "optimizer"?`},
		{"set type", minimal, "epochs=many", `--set epochs=many: epochs is "many", must be a whole number`},
		{"set without value", minimal, "epochs", "want key=value"},
		{"set empty", minimal, "epochs=", "must be a whole number"},
		{"set no YAML", minimal, "epochs=[", "the value is not YAML"},
		{"set below a number", "data: mnist\nepochs: 3", "epochs.x=3", `epochs is 3 and has no key "x"`},
		{"set no index", "data: mnist\nmetrics: [psnr]", "metrics.first=bce", "must be a number from 0 to 0"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var set []string
			if c.set != "" {
				set = []string{c.set}
			}
			_, err := Parse("mine.yaml", []byte(c.text), set...)
			var bad *Error
			if err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, &bad) {
				t.Errorf("error %v, want an Error with %q", err, c.want)
			}
		})
	}
}

func TestLoadFile(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "mine.yaml")
	if err := os.WriteFile(mine, []byte(minimal), 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := Load(mine)
	if err != nil {
		t.Fatal(err)
	}
	if r.Name != "mine" {
		t.Errorf("called %q, want mine: after its file", r.Name)
	}
	for path, want := range map[string]string{
		"mnist-denoize":                      `no recipe "mnist-denoize", did you mean "mnist-denoise"?`,
		filepath.Join(dir, "missing.yaml"):   "no such file",
		dir + string(filepath.Separator):     "no recipe",
		filepath.Join(dir, "large", "x.yml"): "no such file",
	} {
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%q): %v, want %q", path, err, want)
		}
	}
}

// FuzzParse looks for text and assignments that make the reader panic, or a recipe that
// passes the checks and cannot be written and read again.
func FuzzParse(f *testing.F) {
	for _, name := range Names() {
		text, err := Show(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(text), "loss=l1")
	}
	f.Add([]byte("data: {name: folder, fit: crop}\nmetrics:\n- psnr"), "corruption.0.min=.2")
	f.Add([]byte("a: &b [*b, !!int 3, .nan, 0x1f, 1_000]"), "optimizer.name=sgd")
	f.Add([]byte("data: mnist\nmodel: {name: autoencoder, picture: [3, 2, 1], hidden: [], code: 1}"), "model.hidden=[1]")
	f.Fuzz(func(t *testing.T, text []byte, set string) {
		r, err := Parse("fuzz.yaml", text, set)
		if err != nil {
			return
		}
		resolved, err := r.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse("resolved.yaml", resolved); err != nil {
			t.Fatalf("%v\n%s", err, resolved)
		}
	})
}
