package recipes

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/modelfile"
)

// photographs writes pictures of several sizes to a folder and, where labelled, the class of
// every pixel: 255 where it is bright.
func photographs(t *testing.T, labelled bool) string {
	t.Helper()
	dir := t.TempDir()
	save := func(folder, name string, p *imageio.Picture) {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := p.Save(filepath.Join(dir, folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 5 {
		h, w := 34+n, 41-n
		p, l := imageio.New(w, h, 3, 8), imageio.New(w, h, 1, 8)
		for i := range l.Pix {
			y, x := float64(i/w), float64(i%w)
			v := 128 + 90*math.Sin(x/5+float64(n))*math.Cos(y/4)
			p.Pix[3*i], p.Pix[3*i+1], p.Pix[3*i+2] = byte(v), byte(255-v), byte(x)
			if v > 128 {
				l.Pix[i] = 255
			}
		}
		name := fmt.Sprintf("%d.png", n)
		if !labelled {
			save("", name, p)
			continue
		}
		save("image", name, p.Gray())
		save("label", name, l)
	}
	return dir
}

// brief makes the recipes of patches train in a moment.
var brief = []string{"epochs=2", "batch=4", "data.patch=16", "data.patches=2", "data.test_fraction=0.3", "validation=0.4"}

func TestUpscale(t *testing.T) {
	photos := photographs(t, false)
	for name, set := range map[string][]string{
		"upscale-unet":        {"model.width=4", "model.depth=2", "data.halve=false"},
		"upscale-autoencoder": {"model.filters=[4, 6]", "freeze=[encoder_1/*]"},
		"upscale-fcn8s":       {"model.width=2", `pretrained=""`, "data.halve=false"},
	} {
		r, err := Load(name, append(set, brief...)...)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "run")
		out, err := Train(t.Context(), r, TrainOptions{Dir: dir, Data: photos})
		if err != nil {
			t.Fatal(err)
		}
		if math.IsNaN(out.Metrics["psnr_rgb"]) || !(out.Metrics["psnr_input"] > 10) {
			t.Errorf("%s: %v", name, out.Metrics)
		}
		e, err := Evaluate(t.Context(), out.Model, "test", photos)
		if err != nil || e.Metrics["psnr_rgb"] != out.Metrics["psnr_rgb"] || e.N != 2 {
			t.Errorf("%s: evaluated %+v, %v, the run said %v", name, e, err, out.Metrics)
		}
		for _, split := range []string{"train", "validation"} {
			if _, err := Evaluate(t.Context(), out.Model, split, photos); err != nil {
				t.Error(err)
			}
		}
		big := filepath.Join(dir, "big.png")
		if err := Apply(t.Context(), out.Model, ApplyOptions{Task: Upscale, Inputs: []string{filepath.Join(photos, "2.png")}, Output: big}); err != nil {
			t.Fatal(err)
		}
		if p, err := imageio.Open(big); err != nil || p.Width != 4*39 || p.Height != 4*36 {
			t.Errorf("%s: enlarged to %+v, %v", name, p, err)
		}
	}
}

func TestSegment(t *testing.T) {
	slices := photographs(t, true)
	for _, set := range [][]string{
		{"model.width=4", "model.depth=2"},
		{"model.width=4", "model.depth=2", "model.outputs=2", "model.output_activation=softmax", "loss=cross_entropy"},
		{"model.width=4", "model.depth=2", "loss=dice"},
	} {
		r, err := Load("membrane-unet", append(set, brief...)...)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "run")
		out, err := Train(t.Context(), r, TrainOptions{Dir: dir, Data: slices})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range r.Metrics {
			if v := out.Metrics[name]; !(v >= 0 && v <= 1) {
				t.Errorf("%v: %s is %v", set, name, v)
			}
		}
		classes := filepath.Join(dir, "classes.png")
		if err := Apply(t.Context(), out.Model, ApplyOptions{Task: Segment, Inputs: []string{filepath.Join(slices, "image", "2.png")}, Output: classes}); err != nil {
			t.Fatal(err)
		}
		p, err := imageio.Open(classes)
		if err != nil || p.Width != 39 || p.Height != 36 {
			t.Fatalf("segmented to %+v, %v", p, err)
		}
		for i := range p.Width * p.Height {
			if v := p.At(i%p.Width, i/p.Width, 0); v != 0 && v != 255 {
				t.Fatalf("a pixel of %d, want black or white", v)
			}
		}
	}
}

func TestComposites(t *testing.T) {
	dir := t.TempDir()
	if err := os.Rename(photographs(t, false), filepath.Join(dir, "background")); err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		p := imageio.New(9, 8, 4, 8)
		for i := range 36 { // half of it is transparent
			copy(p.Pix[4*i:], []byte{255, byte(40 * n), 0, 255})
		}
		if err := os.MkdirAll(filepath.Join(dir, "cutout"), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := p.Save(filepath.Join(dir, "cutout", fmt.Sprintf("%d.png", n))); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Load("composites-fcn8s", append([]string{"model.width=2", `pretrained=""`}, brief...)...)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Train(t.Context(), r, TrainOptions{Dir: filepath.Join(t.TempDir(), "run"), Data: dir})
	if err != nil {
		t.Fatal(err)
	}
	e, err := Evaluate(t.Context(), out.Model, "test", dir)
	if err != nil || e.N != 4 || e.Metrics["miou"] != out.Metrics["miou"] || !(e.Metrics["miou"] >= 0 && e.Metrics["miou"] <= 1) {
		t.Errorf("evaluated %+v, %v, the run said %v", e, err, out.Metrics)
	}
	if _, err := Evaluate(t.Context(), out.Model, "train", dir); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "cutout")); err != nil {
		t.Fatal(err)
	}
	if _, err := Train(t.Context(), r, TrainOptions{Dir: filepath.Join(t.TempDir(), "run"), Data: dir}); err == nil || !strings.Contains(err.Error(), "no folder of cut-outs") {
		t.Errorf("error %v", err)
	}
}

// The weights of a file replace those of equal layers, and what is frozen stays.
func TestPretrained(t *testing.T) {
	photos := photographs(t, false)
	vgg := filepath.Join(t.TempDir(), "vgg.safetensors")
	if _, err := Import(foreign+"keras-notop-old-names.safetensors", ImportOptions{Output: vgg}); err != nil {
		t.Fatal(err)
	}
	set := append([]string{
		"model={name: vgg-unet, layers: 11, width: 1, outputs: 3, normalise: bgr-mean}", "pretrained=" + vgg, "freeze=[block*/*]",
	}, brief...)
	r, err := Load("upscale-unet", set...)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	dir := filepath.Join(t.TempDir(), "run")
	out, err := Train(t.Context(), r, TrainOptions{Dir: dir, Data: photos, Tell: func(s string) { told = append(told, s) }})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(told[0], "16 of 42 parameters begin as those of") {
		t.Errorf("told %q", told)
	}
	before, _, err := modelfile.Load(vgg)
	if err != nil {
		t.Fatal(err)
	}
	after, _, err := modelfile.Load(out.Model)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range before.Params() {
		for _, q := range after.Params() {
			if p.Name != q.Name {
				continue
			}
			a, b := before.Store().Value(p), after.Store().Value(q)
			for i := range a {
				if a[i] != b[i] {
					t.Fatalf("%s changed, though it is frozen", p.Name)
				}
			}
		}
	}
}

func TestGalleryMistakes(t *testing.T) {
	for _, c := range []struct{ recipe, set, want string }{
		{"upscale-unet", "data.patch=0", "patch is 0, must be the side of a patch"},
		{"upscale-unet", "data.patches=many", "patches is many, must be how many"},
		{"upscale-unet", "data.halve=3", "halve is 3, must be true or false"},
		{"upscale-unet", "data.test_fraction=1", "test_fraction is 1, must be a number above 0"},
		{"upscale-unet", "data.seed=-1", "seed is -1, must be a whole number"},
		{"upscale-unet", "data.size=3", `unknown setting "size"`},
		{"upscale-unet", "corruption=[]", "needs the corruption downscale"},
		{"upscale-unet", "corruption.0.factor=1", "factor 1, want 2 to 16"},
		{"upscale-unet", "data=mnist", "augmentation is for patches"},
		{"upscale-unet", "freeze=[nothing/*]", `"nothing/*" is the name of no parameter, such as down1_conv1/kernel`},
		{"upscale-unet", "freeze=['[']", "syntax error in pattern"},
		{"upscale-unet", "augmentation.turns=true", `unknown key "turns", did you mean "turn"?`},
		{"upscale-unet", "augmentation.flip=3", "flip is 3, must be true or false"},
		{"upscale-unet", "augmentation.rotate=200", "rotate is 200, want 0 to 180"},
		{"membrane-unet", "data.classes=[0]", "classes is [0], must be the grey values"},
		{"membrane-unet", "data.classes=[0, 256]", "must be the grey values"},
		{"membrane-unet", "corruption=[{name: downscale}]", "the task segment takes no corruption"},
		{"membrane-unet", "metrics=[psnr_input]", "there is no corruption"},
	} {
		if _, err := Load(c.recipe, c.set); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %s: error %v, want %q", c.recipe, c.set, err, c.want)
		}
	}
	for _, c := range []struct {
		recipe, data string
		set          []string
		want         string
	}{
		{"upscale-unet", photographs(t, true), nil, "the pictures have labels"},
		{"membrane-unet", photographs(t, false), nil, "needs the class of every pixel"},
		{"upscale-unet", photographs(t, false), []string{"pretrained=none.safetensors"}, "there is no file none.safetensors"},
		{"upscale-unet", photographs(t, false), []string{"pretrained=" + foreign + "vgg.py"}, "no file of weights"},
		{"upscale-unet", photographs(t, false), []string{"model={name: vgg-unet, layers: 11, width: 1, outputs: 3}", "pretrained=" + foreign + "torch.pth"}, "model.normalise must be rgb, it is none"},
		{"upscale-unet", photographs(t, false), []string{"model={name: autoencoder, picture: [28, 28, 3]}"}, "want a model of any size"},
	} {
		r, err := Load(c.recipe, append(c.set, brief...)...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Train(t.Context(), r, TrainOptions{Dir: filepath.Join(t.TempDir(), "run"), Data: c.data}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: error %v, want %q", c.recipe, c.set, err, c.want)
		}
	}
}
