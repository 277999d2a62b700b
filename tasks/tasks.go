// Package tasks runs a model on a picture: whatever picture a user has is brought to what
// the network expects, and the network's answer is brought back to a picture.
//
// Whatever is done to a picture on the way is told, one sentence a step, in the result.
package tasks

import (
	"context"
	"fmt"
	"strconv"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/internal/memory"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/nn"
)

// FitKey is the key, in a model file's extra metadata, that says how a picture of another
// size is fitted. The only value is FitDigit; without the key the whole picture is shrunk
// or enlarged and centred.
const (
	FitKey   = "hourglass.picture.fit"
	FitDigit = "digit" // as MNIST was made; see [Pipeline.Apply]
)

// EnlargeKey is the key, in a model file's extra metadata, that says how many times a picture
// is enlarged, bilinearly, before the network sees it: it was trained to restore the details
// that are then missing.
const EnlargeKey = "hourglass.picture.enlarge"

// segment is the task of a network that gives scores of classes, [H, W, C], for pixels.
const segment = "segment"

// Pipeline applies a model to pictures. It is safe for concurrent use.
type Pipeline struct {
	model *nn.Model
	meta  modelfile.Metadata
	shape nn.Shape // [H, W, C] of the network's input; H and W may be free

	enlarge int // how many times a picture is enlarged before; 1 for not
}

// Result is what became of a picture.
type Result struct {
	// Prepared is what the network saw, Picture what it made of that.
	Prepared, Picture *imageio.Picture
	// Steps tells, one sentence each, what was done to the picture before and after the
	// network; empty where it fitted as it was.
	Steps []string
}

// Open reads a model file and returns its pipeline.
func Open(path string) (*Pipeline, error) {
	m, meta, err := modelfile.Load(path)
	if err != nil {
		return nil, err
	}
	p, err := New(m, meta)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// New returns the pipeline of a model from one picture [H, W, C], C 1 or 3, to one of the
// same shape or, for the task segment, to scores of classes [H, W, K]; H and W are fixed or
// both free. Other models are refused.
func New(m *nn.Model, meta modelfile.Metadata) (*Pipeline, error) {
	in, err := meta.Picture.Takes(m)
	if err != nil {
		return nil, err
	}
	if out := m.Outputs()[0].Shape(); !in.Equal(out) && !(meta.Task == segment && len(out) == 3 && out[0] == in[0] && out[1] == in[1]) {
		return nil, fmt.Errorf("the model makes %v of %v, want a picture of the same shape", out, in)
	}
	p := &Pipeline{model: m, meta: meta, shape: in, enlarge: 1}
	if text, ok := meta.Extra[EnlargeKey]; ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostEnlarge {
			return nil, fmt.Errorf("metadata %q is %q, want a whole number from 1 to %d", EnlargeKey, text, mostEnlarge)
		}
		p.enlarge = n
	}
	return p, nil
}

// WithPrecision is the pipeline with a network that computes in another precision. It fails
// where the processor cannot.
func (p *Pipeline) WithPrecision(precision nn.Precision) (*Pipeline, error) {
	m, err := p.model.WithPrecision(precision)
	if err != nil {
		return nil, err
	}
	q := *p
	q.model = m
	return &q, nil
}

// Task is what the model was trained to do: "denoise", "reconstruct".
func (p *Pipeline) Task() string { return p.meta.Task }

// Metadata is that of the model.
func (p *Pipeline) Metadata() modelfile.Metadata { return p.meta }

// Model is the network.
func (p *Pipeline) Model() *nn.Model { return p.model }

// room refuses a picture, as the network gets it, for which the machine has not the memory.
func (p *Pipeline) room(height, width int) error {
	const surelyFits = 1 << 20
	pixels, have := int64(height)*int64(width), memory.Total()
	if pixels <= surelyFits || have == 0 {
		return nil
	}
	s, err := p.model.Summary(nn.Shape{height, width, p.shape[2]})
	if err != nil {
		return err
	}
	values := int64(height*width*p.shape[2] + p.model.Outputs()[0].Shape()[2]*height*width)
	need := s.ArenaBytes + 4*(values+int64(s.Parameters))
	if need > have {
		return fmt.Errorf("%dx%d pixels take %s of memory in this network, this machine has %s: %w", width, height,
			memory.Bytes(need), memory.Bytes(have),
			&imageio.LimitError{Unit: "pixels", Got: pixels, Max: int64(float64(pixels) * float64(have) / float64(need))})
	}
	return nil
}

// mostEnlarge bounds how many times a picture is enlarged.
const mostEnlarge = 16

// Apply runs the network on a picture of any size, with 8 or 16 bits, grey or coloured,
// with alpha or without. In this order, and only where needed, the picture is turned
// upright, laid on white, made grey or coloured, inverted where the model's training
// pictures are drawn the other way round (the result is then inverted back), and brought
// to the network's size, if it has one. The result has the size of what the network saw, and
// the depth of the input; that of a grey picture is grey.
//
// Where the model says "digit", bringing to size is done as MNIST was made: the ink is
// found and cut out, scaled so that its longer side takes 20 of 28 pixels, and set down with
// its centre of mass in the middle, on black, with its contrast stretched to black and
// white. A picture that has the network's size already is left as it is. For the task segment
// the result is the classes in the colours of the model's palette.
func (p *Pipeline) Apply(ctx context.Context, in *imageio.Picture) (*Result, error) {
	r := &Result{}
	tell := func(format string, args ...any) { r.Steps = append(r.Steps, fmt.Sprintf(format, args...)) }
	pic := in
	if pic.Orientation > 1 {
		pic = pic.Upright()
		tell("turned upright, as its camera noted")
	}
	if pic.HasAlpha() {
		pic = pic.Flatten(1)
		tell("laid on white, for it is partly transparent")
	}
	if p.shape[2] == 1 && pic.Channels != 1 {
		pic = pic.Gray()
		tell("made grey (luma, BT.601)")
	}
	grey := p.shape[2] == 3 && pic.Channels == 1
	if grey {
		pic = pic.RGB()
		tell("its grey taken as red, green and blue")
	}
	inverted := false
	ink := findInk(pic)
	if polarity := ink.polarity(pic); p.meta.Picture.Polarity != "" && polarity != "" && polarity != p.meta.Picture.Polarity {
		pic, inverted = pic.Invert(), true
		tell("inverted: it is %s, the model was trained on pictures that are %s", polarity, p.meta.Picture.Polarity)
	}
	if h, w := p.shape[0], p.shape[1]; h != nn.Any && (pic.Height != h || pic.Width != w) {
		from := fmt.Sprintf("%dx%d", pic.Width, pic.Height)
		if p.meta.Extra[FitKey] == FitDigit && p.shape[2] == 1 && ink.found() {
			pic = ink.fit(pic, h, w)
			tell("fitted from %s to %dx%d as MNIST's digits are: the ink at %v cut out, scaled, centred by its mass, its contrast stretched", from, w, h, ink.box)
		} else {
			pic = pic.Fit(h, w)
			tell("fitted from %s to %dx%d: scaled undistorted, on its own background", from, w, h)
		}
	}
	if err := p.room(pic.Height*p.enlarge, pic.Width*p.enlarge); err != nil {
		return nil, err
	}
	if p.enlarge > 1 {
		pic = pic.Resize(pic.Height*p.enlarge, pic.Width*p.enlarge, imageio.Resampling{Filter: imageio.Bilinear})
		tell("enlarged %d times, bilinearly", p.enlarge)
	}
	r.Prepared = pic
	x, err := pic.ToTensor().Reshape(1, pic.Height, pic.Width, p.shape[2])
	if err != nil {
		return nil, err
	}
	y, err := p.model.Predict(ctx, x)
	if err != nil {
		return nil, err
	}
	if p.meta.Task == segment {
		r.Picture, err = p.coloured(Classes(y).Sample(0))
		return r, err
	}
	if r.Picture, err = imageio.FromTensor(y.Sample(0), in.Depth); err != nil {
		return nil, err
	}
	if grey {
		r.Picture = r.Picture.Gray()
		tell("the result made grey again")
	}
	if inverted {
		r.Picture = r.Picture.Invert()
		tell("the result inverted back")
	}
	if r.Picture.Channels == 3 {
		r.Picture.ICC = pic.ICC
	}
	return r, nil
}
