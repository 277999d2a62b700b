// Package codec stores pictures as small files, through the bottleneck of an autoencoder: the
// encoder makes a code of a picture, which is rounded to whole numbers and entropy coded; the decoder
// makes a picture of the whole numbers. Both need the same model, which the file names by a
// fingerprint and does not contain.
//
// What is coded depends on the model. Of one with an [nn.VectorQuantizer] called "quantized" it is
// the numbers of the vectors. Of one whose code is an [nn.EntropyBottleneck] it is the code, and
// the probabilities of its numbers are what the model has learnt. Of any other model that
// [models.Encoder] and [models.Decoder] take apart it is the code in whole multiples of a step, and
// their probabilities are learnt from the picture on the way.
//
// A model that takes pictures of one size sees a picture in tiles of that size, from the top
// left, the last ones filled up with the pixels of the border; so pictures that are sheets of such
// tiles suit it best. A model for any size sees tiles of 512x512 and what is left.
package codec

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

const (
	// MaxPixels is how many pixels a picture may have.
	MaxPixels = 1 << 24
	// freeTile is the side of the tiles for a model that takes any size.
	freeTile = 512
	// tileBatch is how many tiles of a size are run at once.
	tileBatch = 128
	// maxSymbol bounds what is coded: a sum of probabilities stays exact, and so does a float32.
	maxSymbol = 1 << 20
)

// kind is what a file holds.
type kind byte

const (
	adaptive   kind = iota // multiples of a step, their probabilities learnt on the way
	bottleneck             // multiples of a step, their probabilities the model's
	vectors                // numbers of vectors of a code book
	kinds
)

// Codec compresses pictures by a model, and decompresses what was compressed by the same.
// It is safe for concurrent use.
type Codec struct {
	kind             kind
	id               [8]byte
	shape            nn.Shape // [H, W, C] of the encoder's input; H and W may be free
	encoder, decoder *nn.Model
	prior            *mixture    // of a bottleneck
	book             [][]float32 // of vectors
}

// Open reads a model file.
func Open(path string) (*Codec, error) {
	m, meta, err := modelfile.Load(path)
	if err != nil {
		return nil, err
	}
	c, err := New(m, meta)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// New returns the codec of a model from one picture [H, W, C], C 1 or 3, to one of the same
// shape, that has a code. Other models are refused.
func New(m *nn.Model, meta modelfile.Metadata) (*Codec, error) {
	in, err := meta.Picture.Takes(m)
	if err != nil {
		return nil, err
	}
	if out := m.Outputs()[0].Shape(); !in.Equal(out) {
		return nil, fmt.Errorf("the model makes %v of %v, want a picture of the same shape", out, in)
	}
	c := &Codec{shape: in}
	if c.id, err = fingerprint(m); err != nil {
		return nil, err
	}
	return c, c.takeApart(m)
}

// takeApart finds the encoder, the decoder and what lies between.
func (c *Codec) takeApart(m *nn.Model) error {
	code := m.Node("code")
	if code == nil {
		return fmt.Errorf("the model has no layer called %q, so there is nothing to store", "code")
	}
	store := m.Store()
	param := func(name string) []float32 {
		for _, p := range m.Params() {
			if p.Name == name {
				return store.Value(p)
			}
		}
		return nil
	}
	end, begin := code, code
	if q := m.Node("quantized"); q != nil {
		if layer, ok := q.Layer().(nn.VectorQuantizer); ok {
			c.kind, end, begin = vectors, m.Node("quantized:2"), q
			size := q.Shape()[len(q.Shape())-1]
			for k := range layer.Codes {
				c.book = append(c.book, param("quantized/codebook")[k*size:][:size])
			}
		}
	}
	if layer, ok := code.Layer().(nn.EntropyBottleneck); ok {
		c.kind, end = bottleneck, code.Inputs()[0]
		var err error
		if c.prior, err = newMixture(param("code/location"), param("code/log_scale"), param("code/logit"), layer.Components); err != nil {
			return err
		}
	}
	var err error
	if c.encoder, err = nn.NewModel(m.Inputs()[0], end); err != nil {
		return err
	}
	c.decoder, err = models.DecoderFrom(m, begin)
	return err
}

// fingerprint tells models apart by their graph and their weights.
func fingerprint(m *nn.Model) (id [8]byte, err error) {
	graph, err := m.MarshalGraph()
	if err != nil {
		return id, err
	}
	h := sha256.New()
	h.Write(graph)
	var word [4]byte
	for _, p := range m.Params() {
		for _, v := range m.Store().Value(p) {
			binary.LittleEndian.PutUint32(word[:], math.Float32bits(v))
			h.Write(word[:])
		}
	}
	copy(id[:], h.Sum(nil))
	return id, nil
}

// Options are the choices of [Codec.Compress].
type Options struct {
	// Step is what the code is stored in multiples of: a larger one makes smaller files and worse
	// pictures. 0 stands for 1 where the model was trained for a step of 1, and else for an eighth
	// of the standard deviation of the picture's code. Code books have no step: it must be 0.
	Step float64
}

// Compressed is a picture as a file's content, and what became of it.
type Compressed struct {
	File []byte
	// Prepared is what the encoder saw, Picture what Decompress makes of File.
	Prepared, Picture *imageio.Picture
	Step              float64 // 0 for a code book
	// Steps tells, one sentence each, what was done to the picture before.
	Steps []string
}

// Compress makes a file's content of a picture with 8 or 16 bits. In this order, and only where
// needed, the picture is turned upright, laid on white, and made grey or coloured. Colour
// profiles are not stored.
func (c *Codec) Compress(ctx context.Context, p *imageio.Picture, o Options) (*Compressed, error) {
	if !(o.Step >= 0) || math.IsInf(o.Step, 1) {
		return nil, fmt.Errorf("the step is %v, want a number above 0, or 0 for the usual", o.Step)
	}
	if c.kind == vectors && o.Step != 0 {
		return nil, fmt.Errorf("the step is %v, but this model has a code book, which has none", o.Step)
	}
	if int64(p.Width)*int64(p.Height) > MaxPixels {
		return nil, fmt.Errorf("the picture is %dx%d, want at most %d pixels", p.Width, p.Height, MaxPixels)
	}
	out := &Compressed{}
	out.Prepared = c.prepare(p, func(s string) { out.Steps = append(out.Steps, s) })
	p = out.Prepared
	tiles := c.layOut(p.Height, p.Width)
	var values []float32
	x := p.ToTensor()
	for _, t := range tiles {
		v, err := c.encode(ctx, x, t)
		if err != nil {
			return nil, err
		}
		values = append(values, v...)
	}
	f := &file{kind: c.kind, id: c.id, width: p.Width, height: p.Height, channels: c.shape[2], depth: p.Depth}
	step := o.Step
	if step == 0 && c.kind != vectors {
		if step = 1; c.kind == adaptive {
			step = max(deviation(values)/8, 1e-6)
		}
	}
	f.step = float32(step)
	out.Step = float64(f.step)
	symbols, err := quantise(values, f.step)
	if err != nil {
		return nil, err
	}
	if f.kind == adaptive {
		f.low, f.high = bounds(symbols)
	}
	if f.payload, f.bytes, err = encodeSymbols(c.distribution(f), symbols); err != nil {
		return nil, err
	}
	out.File = f.marshal()
	out.Picture, err = c.Decompress(ctx, out.File)
	return out, err
}

// prepare brings a picture to the model's channels.
func (c *Codec) prepare(p *imageio.Picture, tell func(string)) *imageio.Picture {
	if p.ICC != nil {
		tell("its colour profile left out")
	}
	if p.Orientation > 1 {
		p = p.Upright()
		tell("turned upright, as its camera noted")
	}
	if p.HasAlpha() {
		p = p.Flatten(1)
		tell("laid on white, for it is partly transparent")
	}
	switch {
	case c.shape[2] == 1 && p.Channels != 1:
		p = p.Gray()
		tell("made grey (luma, BT.601)")
	case c.shape[2] == 3 && p.Channels == 1:
		p = p.RGB()
		tell("made coloured")
	}
	return p
}

// deviation is the standard deviation of values.
func deviation(values []float32) float64 {
	sum, square := 0.0, 0.0
	for _, v := range values {
		sum, square = sum+float64(v), square+float64(v)*float64(v)
	}
	n := float64(max(len(values), 1))
	return math.Sqrt(max(square/n-sum/n*sum/n, 0))
}

// quantise returns values in multiples of the step, or, without a step, as they are: whole.
func quantise(values []float32, step float32) ([]int32, error) {
	if step == 0 {
		step = 1
	}
	symbols := make([]int32, len(values))
	for i, v := range values {
		q := math.RoundToEven(float64(v) / float64(step))
		if !(math.Abs(q) <= maxSymbol) {
			return nil, fmt.Errorf("the code's number %v in steps of %v is beyond %d, want a larger step", v, step, maxSymbol)
		}
		symbols[i] = int32(q)
	}
	return symbols, nil
}

func bounds(symbols []int32) (low, high int32) {
	low, high = symbols[0], symbols[0]
	for _, s := range symbols {
		low, high = min(low, s), max(high, s)
	}
	return low, high
}

// distribution is what the file's symbols are coded by.
func (c *Codec) distribution(f *file) distribution {
	switch c.kind {
	case bottleneck:
		return c.prior.inSteps(float64(f.step))
	case vectors:
		return newAdaptive(0, int32(len(c.book)-1), 1)
	}
	shape := c.encoder.Outputs()[0].Shape()
	return newAdaptive(f.low, f.high, shape[len(shape)-1])
}

// Decompress makes the picture of a file's content. What is wrong with it is a [*FormatError]; a file
// of another model is a [*ModelError].
func (c *Codec) Decompress(ctx context.Context, data []byte) (*imageio.Picture, error) {
	f, err := parse(data)
	if err != nil {
		return nil, err
	}
	switch {
	case f.id != c.id:
		return nil, &ModelError{File: f.id, Model: c.id}
	case f.kind != c.kind:
		return nil, &FormatError{Where: "kind", What: fmt.Sprintf("%d; this model's is %d", f.kind, c.kind)}
	case f.channels != c.shape[2]:
		return nil, &FormatError{Where: "channels", What: fmt.Sprintf("%d; this model's are %d", f.channels, c.shape[2])}
	}
	tiles := c.layOut(f.height, f.width)
	total := 0
	for i := range tiles {
		if tiles[i].code, err = c.codeShape(tiles[i]); err != nil {
			return nil, err
		}
		total += tiles[i].code.Elems() * len(tiles[i].at)
	}
	symbols, err := decodeSymbols(c.distribution(f), f.payload, f.bytes, total)
	if err != nil {
		return nil, err
	}
	picture := tensor.New(f.height, f.width, f.channels)
	for _, t := range tiles {
		n := t.code.Elems() * len(t.at)
		if err := c.decode(ctx, picture, t, symbols[:n], f.step); err != nil {
			return nil, err
		}
		symbols = symbols[n:]
	}
	for _, v := range picture.Data {
		if math.IsNaN(float64(v)) {
			return nil, &FormatError{Where: "payload", What: "its code makes a picture with values that are no numbers"}
		}
	}
	return imageio.FromTensor(picture, f.depth)
}
