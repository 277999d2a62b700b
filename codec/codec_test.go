package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/nn"
)

// small are models of every kind, with weights drawn from a seed.
var small = []struct {
	name, architecture string
	options            map[string]any
}{
	{"dense", "autoencoder", map[string]any{"picture": []int{6, 5, 1}, "hidden": []int{7}, "code": 3}},
	{"convolutional", "conv-autoencoder", map[string]any{"channels": 3, "filters": []int{3, 2}}},
	{"variational", "vae", map[string]any{"picture": []int{8, 4, 1}, "filters": []int{2}, "latent": 3}},
	{"code book", "vqvae", map[string]any{"width": 4, "blocks": 1, "residual": 2, "size": 3, "codes": 300}},
	{"bottleneck", "compressive-autoencoder", map[string]any{"picture": []int{6, 7, 1}, "width": 3, "code": 2}},
	{"bottleneck of any size", "compressive-autoencoder", map[string]any{"picture": []int{-1, -1, 1}, "width": 3, "code": 2}},
}

func build(t testing.TB, architecture string, options map[string]any, seed uint64) *nn.Model {
	t.Helper()
	a, err := models.ByName(architecture)
	if err != nil {
		t.Fatal(err)
	}
	m, err := a.Build(options)
	if err != nil {
		t.Fatal(err)
	}
	m.Init(seed)
	for _, p := range m.Params() { // so that the codes of models that were not trained are not all 0
		v := m.Store().Value(p)
		for i := range v {
			v[i] *= 2
			if p.Name == "code/log_scale" {
				v[i] = 5 // as wide as the codes are
			}
		}
	}
	return m
}

func open(t testing.TB, m *nn.Model) *Codec {
	t.Helper()
	c, err := New(m, modelfile.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func noise(w, h, channels, depth int) *imageio.Picture {
	p := imageio.New(w, h, channels, depth)
	for i := range p.Pix {
		p.Pix[i] = byte(rng.New(5).IntN(uint64(i), 256))
	}
	return p
}

// TestRoundTrip: what is decompressed is what the decoder makes of the rounded code, has the
// picture's size and depth, and does not depend on the codec's past.
func TestRoundTrip(t *testing.T) {
	for _, s := range small {
		t.Run(s.name, func(t *testing.T) {
			m := build(t, s.architecture, s.options, 3)
			c := open(t, m)
			channels := m.Inputs()[0].Shape()[2]
			for _, p := range []*imageio.Picture{noise(1, 1, channels, 8), noise(23, 14, channels, 16), noise(5, 40, channels, 8)} {
				out, err := c.Compress(t.Context(), p, Options{})
				if err != nil {
					t.Fatal(err)
				}
				again, err := open(t, m).Decompress(t.Context(), out.File)
				if err != nil {
					t.Fatal(err)
				}
				if again.Width != p.Width || again.Height != p.Height || again.Channels != channels || again.Depth != p.Depth {
					t.Fatalf("%v has become %v", p, again)
				}
				if !bytes.Equal(again.Pix, out.Picture.Pix) {
					t.Error("another codec of the same model makes another picture")
				}
				if len(out.Steps) != 0 {
					t.Errorf("told %q", out.Steps)
				}
			}
		})
	}
}

// TestFineStepsAreThePrediction: with small steps the picture is the model's own reconstruction, of
// each tile by itself.
func TestFineStepsAreThePrediction(t *testing.T) {
	for _, s := range small {
		if s.name == "code book" || s.architecture == "compressive-autoencoder" { // whose predictions are of rounded codes
			continue
		}
		m := build(t, s.architecture, s.options, 3)
		shape := m.Inputs()[0].Shape()
		h, w := shape[0], shape[1]
		if h == nn.Any {
			h, w = 13, 9
		}
		p := noise(w, h, shape[2], 16)
		out, err := open(t, m).Compress(t.Context(), p, Options{Step: 1e-4})
		if err != nil {
			t.Fatal(err)
		}
		x, err := p.ToTensor().Reshape(1, h, w, shape[2])
		if err != nil {
			t.Fatal(err)
		}
		want, err := m.Predict(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range out.Picture.ToTensor().Data {
			if math.Abs(float64(v-want.Data[i])) > 2e-3 {
				t.Fatalf("%s: pixel %d is %v, predicted %v", s.name, i, v, want.Data[i])
			}
		}
	}
}

// TestQuantisedPrediction: at the usual step, a bottleneck and a code book give what the model
// predicts.
func TestQuantisedPrediction(t *testing.T) {
	for _, s := range small[3:] {
		m := build(t, s.architecture, s.options, 3)
		shape := m.Inputs()[0].Shape()
		h, w := shape[0], shape[1]
		if h == nn.Any {
			h, w = 13, 9
		}
		p := noise(w, h, 1, 8)
		out, err := open(t, m).Compress(t.Context(), p, Options{})
		if err != nil {
			t.Fatal(err)
		}
		x, err := p.ToTensor().Reshape(1, h, w, 1)
		if err != nil {
			t.Fatal(err)
		}
		want, err := m.Predict(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		picture, err := imageio.FromTensor(want.Sample(0), 8)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range out.Picture.Pix { // rounding of sums may differ by the size of the batch
			if d := int(v) - int(picture.Pix[i]); d < -1 || d > 1 {
				t.Fatalf("%s: pixel %d is %d, predicted %d", s.name, i, v, picture.Pix[i])
			}
		}
	}
}

func TestPrepared(t *testing.T) {
	c := open(t, build(t, "autoencoder", map[string]any{"picture": []int{6, 5, 1}, "hidden": []int{}, "code": 3}, 1))
	p := noise(4, 7, 4, 8)
	p.Orientation, p.ICC = 6, []byte("profile")
	out, err := c.Compress(t.Context(), p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	told := strings.Join(out.Steps, "; ")
	for _, want := range []string{"turned upright", "laid on white", "made grey", "colour profile"} {
		if !strings.Contains(told, want) {
			t.Errorf("%q does not tell %q", told, want)
		}
	}
	if out.Picture.Width != 7 || out.Picture.Height != 4 {
		t.Errorf("the picture is %v, want it upright", out.Picture)
	}
}

func TestRefuses(t *testing.T) {
	dense := build(t, "autoencoder", map[string]any{"picture": []int{6, 5, 1}, "hidden": []int{}, "code": 3}, 1)
	book := open(t, build(t, "vqvae", small[3].options, 1))
	p := noise(5, 6, 1, 8)
	for _, step := range []float64{-1, math.NaN(), math.Inf(1), 1e-30} {
		if _, err := open(t, dense).Compress(t.Context(), p, Options{Step: step}); err == nil {
			t.Errorf("a step of %v passed", step)
		}
	}
	if _, err := book.Compress(t.Context(), p, Options{Step: 1}); err == nil {
		t.Error("a step for a code book passed")
	}
	if _, err := book.Compress(t.Context(), imageio.New(1<<12+1, 1<<12, 1, 8), Options{}); err == nil {
		t.Error("a picture that is too large passed")
	}
	for _, name := range []string{"unpool-autoencoder", "dncnn"} {
		if _, err := New(build(t, name, nil, 1), modelfile.Metadata{}); err == nil {
			t.Errorf("a model without a decoder of its code passed: %s", name)
		}
	}
	if _, err := New(dense, modelfile.Metadata{Picture: modelfile.Picture{Order: modelfile.BGR}}); err == nil || !strings.Contains(err.Error(), "normalised") {
		t.Errorf("a model that wants blue first: error %v", err)
	}
	out, err := open(t, dense).Compress(t.Context(), p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var other *ModelError
	if _, err := open(t, build(t, "autoencoder", map[string]any{"picture": []int{6, 5, 1}, "hidden": []int{}, "code": 3}, 2)).Decompress(t.Context(), out.File); !errors.As(err, &other) {
		t.Errorf("the file of another model: error %v", err)
	}
}

// TestDamage: any one byte changed, and any end cut off, is refused.
func TestDamage(t *testing.T) {
	for _, s := range small {
		c := open(t, build(t, s.architecture, s.options, 3))
		out, err := c.Compress(t.Context(), noise(9, 8, c.shape[2], 8), Options{})
		if err != nil {
			t.Fatal(err)
		}
		var bad *FormatError
		for i := range out.File {
			damaged := slices.Clone(out.File)
			damaged[i] ^= 1 << (i % 8)
			if _, err := c.Decompress(t.Context(), damaged); !errors.As(err, &bad) {
				t.Errorf("%s: byte %d changed: error %v", s.name, i, err)
			}
			if _, err := c.Decompress(t.Context(), out.File[:i]); !errors.As(err, &bad) {
				t.Errorf("%s: %d bytes left: error %v", s.name, i, err)
			}
		}
	}
}

// signed gives a file a checksum that is right.
func signed(data []byte) []byte {
	if len(data) < 4 {
		return data
	}
	body := slices.Clone(data[:len(data)-4])
	return binary.LittleEndian.AppendUint32(body, crc32.ChecksumIEEE(body))
}

// FuzzDecompress: no bytes, the checksum of which is right, make Decompress panic or take much
// memory; they give a picture of the size that they state, or a typed error.
func FuzzDecompress(f *testing.F) {
	var codecs []*Codec
	for i, s := range small {
		c := open(f, build(f, s.architecture, s.options, 3))
		codecs = append(codecs, c)
		out, err := c.Compress(f.Context(), noise(9, 8, c.shape[2], 8), Options{})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(i, out.File)
	}
	f.Fuzz(func(t *testing.T, which int, data []byte) {
		data = signed(data)
		c := codecs[uint(which)%uint(len(codecs))]
		if len(data) >= 12 {
			copy(data[4:], c.id[:])
			data = signed(data)
		}
		if head, err := parse(data); err == nil && head.width*head.height > 1<<14 {
			t.Skip("a large picture takes long")
		}
		p, err := c.Decompress(t.Context(), data)
		if err == nil {
			if head, _ := parse(data); p.Width != head.width || p.Height != head.height {
				t.Errorf("%v of a file for %dx%d", p, head.width, head.height)
			}
			return
		}
		var format *FormatError
		var model *ModelError
		if !errors.As(err, &format) && !errors.As(err, &model) {
			t.Errorf("error %v is of no known type", err)
		}
	})
}
