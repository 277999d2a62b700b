package recipes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tasks"
)

// StandardStream, as an input or output, is standard input or output.
const StandardStream = "-"

// ApplyOptions say which pictures go through a model, and where to.
type ApplyOptions struct {
	Task   string   // what the model must do; "": whatever it does
	Inputs []string // pictures, folders of pictures, or StandardStream
	// Output is a picture's file, for a single input that is no folder; else a folder, made
	// where it is missing. StandardStream gets a PNG.
	Output string
	// Precision is what the network computes in, float32 where it is not set.
	Precision nn.Precision
	Stdin     io.Reader
	Stdout    io.Writer
	// OnPicture is called after each picture.
	OnPicture func(Applied)
}

// Applied is a picture that went through.
type Applied struct {
	Input   string   `json:"input"`
	Output  string   `json:"output"`
	Seconds float64  `json:"seconds"`
	Steps   []string `json:"steps,omitempty"` // what was done to it beside the network
}

// job is a picture and where its result goes.
type job struct{ in, out string }

// Apply runs a model file on pictures, one after the other. All inputs and outputs are
// looked at before the first picture is read. It ends at the first picture that fails;
// the results before it are there, and whole.
func Apply(ctx context.Context, path string, o ApplyOptions) error {
	if err := checkModelFile(path); err != nil {
		return err
	}
	pipeline, err := tasks.Open(path)
	if err != nil {
		return err
	}
	if o.Task != "" && pipeline.Task() != o.Task {
		return problem(path, "the model was trained to %s, not to %s; `hourglass apply` runs it as what it is", pipeline.Task(), o.Task)
	}
	if o.Precision != "" {
		if pipeline, err = pipeline.WithPrecision(o.Precision); err != nil {
			return problem("--precision", "%v", err)
		}
	}
	jobs, err := o.plan(path)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		begin := time.Now()
		in, err := j.read(o.Stdin)
		if err != nil {
			return err
		}
		result, err := pipeline.Apply(ctx, in)
		if err != nil {
			return fmt.Errorf("%s: %w", j.in, err)
		}
		if err := j.write(result.Picture, o.Stdout); err != nil {
			return err
		}
		if o.OnPicture != nil {
			o.OnPicture(Applied{j.in, j.out, time.Since(begin).Seconds(), result.Steps})
		}
	}
	return nil
}

func (j job) read(stdin io.Reader) (*imageio.Picture, error) {
	if j.in != StandardStream {
		return imageio.Open(j.in)
	}
	p, err := imageio.Decoder{}.Decode(stdin)
	if err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	return p, nil
}

func (j job) write(p *imageio.Picture, stdout io.Writer) error {
	if j.out == StandardStream {
		return imageio.Encode(stdout, p, imageio.PNG)
	}
	if format, err := imageio.FormatOf(j.out); err == nil && (format == imageio.JPEG || format == imageio.BMP) {
		p = p.To8() // they hold no more
	}
	return p.Save(j.out)
}

// plan pairs every picture with a place for its result, and makes sure that it can be
// written there and that neither a picture nor the model file is.
func (o *ApplyOptions) plan(model string) ([]job, error) {
	inputs, folder, err := o.inputs()
	if err != nil {
		return nil, err
	}
	info, statErr := os.Stat(o.Output)
	switch {
	case o.Output == "":
		return nil, problem("", "nowhere to write to, want -o OUT")
	case o.Output == StandardStream:
		if len(inputs) != 1 {
			return nil, problem("-o", "%d pictures do not fit on standard output, want a folder", len(inputs))
		}
		return []job{{inputs[0], StandardStream}}, nil
	case statErr == nil && info.IsDir() || os.IsPathSeparator(o.Output[len(o.Output)-1]):
		folder = true
	}
	if !folder {
		return []job{{inputs[0], o.Output}}, claimPicture(o.Output, inputs[0], model)
	}
	if _, err := imageio.FormatOf(o.Output); err == nil && errors.Is(statErr, fs.ErrNotExist) {
		return nil, problem(o.Output, "%d pictures do not fit into one, want a folder", len(inputs))
	}
	if _, err := claimFolder(o.Output); err != nil {
		return nil, err
	}
	from := map[string]string{}
	var jobs []job
	for _, in := range inputs {
		name := filepath.Base(in)
		if in == StandardStream {
			name = "stdin.png"
		} else if _, err := imageio.FormatOf(name); err != nil { // read, but not written: GIF, WebP
			name = strings.TrimSuffix(name, filepath.Ext(name)) + ".png"
		}
		if other, twice := from[name]; twice {
			return nil, problem(o.Output, "%s and %s would both become %s there", other, in, name)
		}
		from[name] = in
		j := job{in, filepath.Join(o.Output, name)}
		if sameFile(j.in, j.out) {
			return nil, problem(o.Output, "%s would be overwritten by its own result, want another folder", in)
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

var pictureEndings = []string{".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}

// inputs lists the pictures, and reports whether their results need a folder.
func (o *ApplyOptions) inputs() (paths []string, folder bool, err error) {
	for _, in := range o.Inputs {
		if in == StandardStream {
			paths = append(paths, in)
			continue
		}
		info, err := os.Stat(in)
		switch {
		case err != nil:
			return nil, false, problem(in, "%v, want a picture or a folder of pictures", underlying(err))
		case !info.IsDir():
			paths = append(paths, in)
			continue
		}
		folder = true
		entries, err := os.ReadDir(in)
		if err != nil {
			return nil, false, problem(in, "the folder cannot be read: %v", underlying(err))
		}
		before := len(paths)
		for _, e := range entries {
			ending := strings.ToLower(filepath.Ext(e.Name()))
			if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") && slices.Contains(pictureEndings, ending) {
				paths = append(paths, filepath.Join(in, e.Name()))
			}
		}
		if len(paths) == before {
			return nil, false, problem(in, "no pictures in this folder, want files ending in %s", strings.Join(pictureEndings, ", "))
		}
	}
	if len(paths) == 0 {
		return nil, false, errors.New("no pictures given")
	}
	return paths, folder || len(paths) > 1, nil
}
