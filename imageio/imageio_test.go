package imageio_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/internal/atomicfile"
	"github.com/hourglass-go/hourglass/tensor"
)

// pattern is a picture whose samples are all different enough to tell them apart.
func pattern(w, h, channels, depth int) *imageio.Picture {
	p := imageio.New(w, h, channels, depth)
	for i := range p.Pix {
		p.Pix[i] = byte(i*i*31 + i*7 + 5)
	}
	return p
}

// TestRoundTrip writes every kind of picture that a lossless format takes and reads
// back the same, with its metadata.
func TestRoundTrip(t *testing.T) {
	for _, format := range []imageio.Format{imageio.PNG, imageio.TIFF, imageio.BMP} {
		for channels := 1; channels <= 4; channels++ {
			for _, depth := range []int{8, 16} {
				if format == imageio.TIFF && channels == 2 || format == imageio.BMP && (depth == 16 || channels%2 == 0) {
					continue
				}
				p := pattern(7, 5, channels, depth)
				if format != imageio.BMP {
					p.Orientation, p.ICC = 6, bytes.Repeat([]byte("profile "), 100)
				}
				var b bytes.Buffer
				if err := imageio.Encode(&b, p, format); err != nil {
					t.Fatalf("%s %v: %v", format, p, err)
				}
				q, err := imageio.Decode(&b)
				if err != nil {
					t.Fatalf("%s %v: %v", format, p, err)
				}
				if d := cmp.Diff(p, q); d != "" {
					t.Errorf("%s %v (-written +read):\n%s", format, p, d)
				}
			}
		}
	}
}

// TestOpaqueAlphaStays: an alpha channel that is opaque everywhere is still one.
func TestOpaqueAlphaStays(t *testing.T) {
	p := imageio.New(3, 2, 4, 8)
	for i := range p.Pix {
		p.Pix[i] = 255
	}
	for _, format := range []imageio.Format{imageio.PNG, imageio.TIFF} {
		var b bytes.Buffer
		if err := imageio.Encode(&b, p, format); err != nil {
			t.Fatal(err)
		}
		if q, err := imageio.Decode(&b); err != nil || q.Channels != 4 {
			t.Errorf("%s: %v, %v", format, q, err)
		}
	}
}

func TestJPEGKeepsMetadata(t *testing.T) {
	for _, channels := range []int{1, 3} {
		p := imageio.New(33, 17, channels, 8)
		for i := range p.Pix {
			p.Pix[i] = byte(100 + i/channels%33)
		}
		p.Orientation, p.ICC = 8, bytes.Repeat([]byte{1, 2, 3}, 50000) // three segments
		var b bytes.Buffer
		if err := (imageio.Encoder{Format: imageio.JPEG, Quality: 95}).Encode(&b, p); err != nil {
			t.Fatal(err)
		}
		q, err := imageio.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(p.Metadata, q.Metadata); d != "" || q.Channels != channels {
			t.Errorf("%v: %s", q, d)
		}
		for i := range p.Pix {
			if d := int(p.Pix[i]) - int(q.Pix[i]); d < -6 || d > 6 {
				t.Fatalf("sample %d: wrote %d, read %d", i, p.Pix[i], q.Pix[i])
			}
		}
	}
}

// TestEncodeRefuses: what a format cannot hold is named, and nothing is written.
func TestEncodeRefuses(t *testing.T) {
	withICC := pattern(2, 2, 3, 8)
	withICC.ICC = []byte("profile")
	turned := pattern(2, 2, 3, 8)
	turned.Orientation = 3
	broken := pattern(2, 2, 3, 8)
	broken.Width = 3
	for _, c := range []struct {
		encoder imageio.Encoder
		p       *imageio.Picture
		want    string
	}{
		{imageio.Encoder{Format: imageio.JPEG}, pattern(2, 2, 4, 8), "alpha"},
		{imageio.Encoder{Format: imageio.JPEG}, pattern(2, 2, 1, 16), "16 bits"},
		{imageio.Encoder{Format: imageio.JPEG, Quality: 101}, pattern(2, 2, 1, 8), "quality"},
		{imageio.Encoder{Format: imageio.BMP}, pattern(2, 2, 2, 8), "alpha"},
		{imageio.Encoder{Format: imageio.BMP}, withICC, "profile"},
		{imageio.Encoder{Format: imageio.BMP}, turned, "orientation"},
		{imageio.Encoder{Format: imageio.TIFF}, pattern(2, 2, 2, 8), "grey with alpha"},
		{imageio.Encoder{Format: imageio.WebP}, pattern(2, 2, 3, 8), "not written"},
		{imageio.Encoder{Format: imageio.PNG}, broken, "needs 18 bytes, Pix has 12"},
	} {
		var b bytes.Buffer
		err := c.encoder.Encode(&b, c.p)
		if err == nil || !strings.Contains(err.Error(), c.want) || b.Len() != 0 {
			t.Errorf("%+v %v: error %v, %d bytes; want %q and none", c.encoder, c.p, err, b.Len(), c.want)
		}
	}
}

// TestDecodeCutShort: every beginning of every picture is an error or a picture, and
// where it is an error it has a type.
func TestDecodeCutShort(t *testing.T) {
	entries, err := os.ReadDir("testdata/pictures")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join("testdata/pictures", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(data); n += 1 + len(data)/40 {
			_, err := imageio.Decode(bytes.NewReader(data[:n]))
			checkTyped(t, e.Name(), err)
			if err == nil && n < len(data)/3 {
				t.Errorf("%s: %d of %d bytes are a picture", e.Name(), n, len(data))
			}
		}
	}
}

// checkTyped fails the test where err is an error without one of the package's types.
func checkTyped(t *testing.T, name string, err error) {
	t.Helper()
	var corrupt *imageio.CorruptError
	var unsupported *imageio.UnsupportedError
	var limit *imageio.LimitError
	if err != nil && !errors.Is(err, imageio.ErrUnknownFormat) &&
		!errors.As(err, &corrupt) && !errors.As(err, &unsupported) && !errors.As(err, &limit) {
		t.Errorf("%s: untyped error %T %v", name, err, err)
	}
}

func TestDecodeLimits(t *testing.T) {
	var b bytes.Buffer
	if err := imageio.Encode(&b, pattern(30, 20, 3, 8), imageio.PNG); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	for _, c := range []struct {
		d    imageio.Decoder
		want string
	}{
		{imageio.Decoder{MaxSide: 29}, "has 30 pixels on its longer side; the limit is 29"},
		{imageio.Decoder{MaxPixels: 599}, "has 600 pixels; the limit is 599"},
		{imageio.Decoder{MaxBytes: 10}, "has 11 bytes or more; the limit is 10"},
		{imageio.Decoder{MaxSide: 30, MaxPixels: 600, MaxBytes: int64(len(data))}, ""},
	} {
		_, err := c.d.Decode(bytes.NewReader(data))
		var limit *imageio.LimitError
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &limit) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: error %v, want %q", c.d, err, c.want)
		}
	}

	// A header that promises 16,384 x 16,384 pixels over a few bytes allocates nothing.
	lie := bytes.Clone(data)
	copy(lie[16:], []byte{0, 0, 64, 0, 0, 0, 64, 0})
	_, err := imageio.Decode(bytes.NewReader(lie))
	var corrupt *imageio.CorruptError
	if !errors.As(err, &corrupt) {
		t.Errorf("error %v", err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "a.png")
	if err := os.WriteFile(text, []byte("no picture"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := imageio.Open(text); !errors.Is(err, imageio.ErrUnknownFormat) || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v", err)
	}
	for _, path := range []string{filepath.Join(dir, "missing.png"), dir} {
		if _, err := imageio.Open(path); err == nil || strings.Count(err.Error(), dir) != 1 {
			t.Errorf("error %v", err)
		}
	}
}

func TestSave(t *testing.T) {
	dir := t.TempDir()
	p := pattern(5, 4, 3, 8)
	for _, name := range []string{"a.png", "a.JPG", "a.bmp", "a.tiff"} {
		path := filepath.Join(dir, name)
		if err := p.Save(path); err != nil {
			t.Fatal(err)
		}
		if q, err := imageio.Open(path); err != nil || q.Width != 5 || q.Height != 4 || q.Channels != 3 {
			t.Errorf("%s: %v, %v", name, q, err)
		}
	}
	err := p.Save(filepath.Join(dir, "a.webp"))
	var unsupported *imageio.UnsupportedError
	if !errors.As(err, &unsupported) || !strings.Contains(err.Error(), "a.webp") {
		t.Errorf("error %v", err)
	}
	var written *atomicfile.Error
	if err := pattern(2, 2, 4, 8).Save(filepath.Join(dir, "b.jpg")); !errors.As(err, &written) || !errors.As(err, &unsupported) {
		t.Errorf("error %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 4 {
		t.Errorf("the folder holds %v", entries)
	}
}

func TestTensorRoundTrip(t *testing.T) {
	for _, depth := range []int{8, 16} {
		p := imageio.New(256, 257, 1, depth) // every value of either depth
		for i := range 256 * 257 {
			p.Set(i%256, i/256, 0, i&p.Max())
		}
		q, err := imageio.FromTensor(p.ToTensor(), depth)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(p.Pix, q.Pix) {
			t.Errorf("%d bits changed", depth)
		}
	}
}

func TestFromTensor(t *testing.T) {
	x, _ := tensor.FromSlice([]float32{-1, 0, .49 / 255, .5 / 255, 1, 2, float32(math.Inf(1)), .5}, 2, 4)
	p, err := imageio.FromTensor(x, 8)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]byte{0, 0, 0, 1, 255, 255, 255, 128}, p.Pix); d != "" {
		t.Error(d)
	}
	for _, bad := range []*tensor.Tensor{tensor.New(3), tensor.New(2, 2, 5), tensor.New(0, 2, 1), tensor.New(1, 2, 2, 1)} {
		if _, err := imageio.FromTensor(bad, 8); err == nil {
			t.Errorf("shape %v was taken", bad.Shape)
		}
	}
	x.Data[3] = float32(math.NaN())
	if _, err := imageio.FromTensor(x, 8); err == nil || !strings.Contains(err.Error(), "value 3") {
		t.Errorf("error %v", err)
	}
}

// TestUpright turns a picture as each orientation says and compares with the corner
// that EXIF's table (CIPA DC-008) puts first.
func TestUpright(t *testing.T) {
	p := imageio.New(3, 2, 1, 8)
	copy(p.Pix, []byte{1, 2, 3, 4, 5, 6})
	for orientation, want := range [][]byte{
		1: {1, 2, 3, 4, 5, 6}, 2: {3, 2, 1, 6, 5, 4}, 3: {6, 5, 4, 3, 2, 1}, 4: {4, 5, 6, 1, 2, 3},
		5: {1, 4, 2, 5, 3, 6}, 6: {4, 1, 5, 2, 6, 3}, 7: {6, 3, 5, 2, 4, 1}, 8: {3, 6, 2, 5, 1, 4},
	} {
		if orientation == 0 {
			continue
		}
		q := p.Clone()
		q.Orientation = orientation
		q = q.Upright()
		if !bytes.Equal(q.Pix, want) || q.Orientation != 1 {
			t.Errorf("orientation %d gives %v as %v", orientation, q.Pix, q)
		}
	}
}

func TestColour(t *testing.T) {
	p := pattern(5, 3, 4, 16)
	colour, alpha := p.SplitAlpha()
	back, err := colour.JoinAlpha(alpha)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p, back); d != "" {
		t.Error(d)
	}
	if _, err := p.JoinAlpha(alpha); err == nil {
		t.Error("a second alpha channel was taken")
	}
	if got := p.Invert().Invert(); !bytes.Equal(got.Pix, p.Pix) {
		t.Error("twice negative is not the same")
	}
	if got := pattern(4, 4, 3, 8).To16().To8(); !bytes.Equal(got.Pix, pattern(4, 4, 3, 8).Pix) {
		t.Error("8 bits do not survive 16")
	}
	half := imageio.New(1, 1, 2, 8)
	half.Pix = []byte{200, 128}
	if got := half.Flatten(1).Pix[0]; got != (200*128+255*127+127)/255 {
		t.Errorf("half opaque over white is %d", got)
	}
	if g := p.Gray(); g.Channels != 2 || g.Depth != 16 || g.At(2, 1, 1) != p.At(2, 1, 3) {
		t.Errorf("grey is %v", g)
	}
	if c := p.Gray().RGB(); c.Channels != 4 || c.At(2, 1, 0) != c.At(2, 1, 2) {
		t.Errorf("grey in RGB is %v", c)
	}
	if c := imageio.New(2, 2, 1, 8).RGB(); c.Channels != 3 {
		t.Errorf("grey in RGB is %v", c)
	}
}

func TestFromImage(t *testing.T) {
	r := image.Rect(3, 2, 5, 3)
	premultiplied := image.NewRGBA(r)
	premultiplied.Set(3, 2, color.RGBA{100, 50, 0, 128})
	greys := image.NewPaletted(r, color.Palette{color.Gray{7}, color.Gray{200}})
	greys.Pix[1] = 1
	opaque := image.NewRGBA64(r)
	opaque.Set(3, 2, color.RGBA64{1, 2, 3, 65535})
	opaque.Set(4, 2, color.RGBA64{4, 5, 6, 65535})
	for _, c := range []struct {
		img  image.Image
		want imageio.Picture
	}{
		{premultiplied, imageio.Picture{Channels: 4, Depth: 8, Pix: []byte{199, 100, 0, 128, 0, 0, 0, 0}}},
		{greys, imageio.Picture{Channels: 1, Depth: 8, Pix: []byte{7, 200}}},
		{opaque, imageio.Picture{Channels: 3, Depth: 16, Pix: []byte{0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6}}},
	} {
		c.want.Width, c.want.Height = 2, 1
		if d := cmp.Diff(&c.want, imageio.FromImage(c.img)); d != "" {
			t.Errorf("%T (-want +got):\n%s", c.img, d)
		}
	}
}

// TestResizeConstant: no filter changes a uniform picture, whatever the sizes, and an
// alpha channel does not darken what it covers.
func TestResizeConstant(t *testing.T) {
	p := imageio.New(9, 5, 4, 8)
	for i := range p.Pix {
		p.Pix[i] = []byte{10, 100, 250, 77}[i%4]
	}
	for f := imageio.Nearest; f <= imageio.Lanczos3; f++ {
		for _, size := range [][2]int{{1, 1}, {2, 17}, {23, 3}, {5, 4}} {
			q := p.Resize(size[0], size[1], imageio.Resampling{Filter: f, Antialias: true})
			for i, v := range q.Pix {
				if v != p.Pix[i%4] {
					t.Fatalf("%v to %v: sample %d is %d", f, size, i, v)
				}
			}
		}
	}
}

func TestResizeErrors(t *testing.T) {
	x := tensor.New(2, 3, 1)
	for _, c := range []struct {
		x    *tensor.Tensor
		h, w int
		f    imageio.Filter
	}{{x, 0, 1, 0}, {x, 1, -1, 0}, {x, 1, 1, 9}, {x, 1, 1, -1}, {tensor.New(2, 3), 1, 1, 0}, {tensor.New(0, 3, 1), 1, 1, 0}} {
		if _, err := imageio.ResizeTensor(c.x, c.h, c.w, imageio.Resampling{Filter: c.f}); err == nil {
			t.Errorf("%v to %dx%d by %v was done", c.x.Shape, c.w, c.h, c.f)
		}
	}
}

func TestFit(t *testing.T) {
	page := imageio.New(120, 60, 1, 8)
	for i := range page.Pix {
		page.Pix[i] = 230
	}
	for y := 10; y < 50; y++ {
		page.Set(60, y, 0, 10)
	}
	p := page.Fit(28, 28)
	if p.Width != 28 || p.Height != 28 {
		t.Fatal(p)
	}
	if p.At(0, 0, 0) != 230 || p.At(5, 14, 0) != 230 || p.At(27, 27, 0) != 230 {
		t.Error("the background is not the paper's")
	}
	if v := p.At(14, 14, 0); v > 200 {
		t.Errorf("the stroke is %d", v)
	}
	if q := imageio.New(1, 1000, 3, 16).Fit(7, 5); q.Width != 5 || q.Height != 7 || q.Channels != 3 || q.Depth != 16 {
		t.Error(q)
	}
}

func TestContentCropPad(t *testing.T) {
	page := imageio.New(40, 30, 3, 16)
	for i := range page.Pix {
		page.Pix[i] = 200
	}
	if r := page.Content(.5); !r.Empty() {
		t.Errorf("a blank page holds %v", r)
	}
	page.Set(3, 4, 1, 60000)  // faint
	page.Set(10, 7, 2, 100)   // the pen
	page.Set(17, 21, 0, 1000) // the pen
	want := image.Rect(10, 7, 18, 22)
	if r := page.Content(.5); r != want {
		t.Errorf("the pen is in %v, want %v", r, want)
	}
	if r := page.Content(0); r != want.Union(image.Rect(3, 4, 4, 5)) {
		t.Errorf("something is in %v", r)
	}
	cut := page.Crop(want)
	if cut.Width != 8 || cut.Height != 15 || cut.At(0, 0, 2) != 100 || cut.At(7, 14, 0) != 1000 {
		t.Errorf("cut out: %v", cut)
	}
	padded := cut.Pad(16, 11, []int{1, 2, 3})
	if padded.At(1, 0, 2) != 100 || padded.At(0, 0, 1) != 2 || padded.At(10, 15, 2) != 3 || padded.At(8, 14, 0) != 1000 {
		t.Errorf("padded: %v", padded)
	}
	if back := padded.Crop(image.Rect(1, 0, 9, 15)); !bytes.Equal(back.Pix, cut.Pix) {
		t.Error("cropping does not undo padding")
	}
}

// TestEncodeWriteErrors: a writer that fails at any byte is heard of.
func TestEncodeWriteErrors(t *testing.T) {
	p := pattern(40, 30, 3, 8)
	for _, format := range []imageio.Format{imageio.PNG, imageio.JPEG, imageio.TIFF, imageio.BMP} {
		var whole bytes.Buffer
		if err := imageio.Encode(&whole, p, format); err != nil {
			t.Fatal(err)
		}
		for n := 0; n < whole.Len(); n += 97 {
			if err := imageio.Encode(&failing{n}, p, format); !errors.Is(err, errFull) {
				t.Errorf("%s: a disk full after %d bytes gives %v", format, n, err)
			}
		}
	}
}

var errFull = errors.New("disk full")

// failing is a writer with room for n bytes.
type failing struct{ n int }

func (f *failing) Write(b []byte) (int, error) {
	if len(b) > f.n {
		return 0, errFull
	}
	f.n -= len(b)
	return len(b), nil
}

// FuzzDecode: any bytes are a valid picture, which can be written and read again, or
// a typed error.
func FuzzDecode(f *testing.F) {
	paths, _ := filepath.Glob("testdata/pictures/*")
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	d := imageio.Decoder{MaxPixels: 1 << 16}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := d.Decode(bytes.NewReader(data))
		if err != nil {
			checkTyped(t, "fuzz", err)
			return
		}
		var b bytes.Buffer
		if err := imageio.Encode(&b, p, imageio.PNG); err != nil {
			t.Fatal(err)
		}
		q, err := imageio.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.ICC) == 0 { // an empty profile is none
			p.ICC, q.ICC = nil, nil
		}
		if d := cmp.Diff(p, q); d != "" {
			t.Errorf("written and read again (-want +got):\n%s", d)
		}
		if err := imageio.Encode(io.Discard, p, imageio.JPEG); err != nil {
			checkTyped(t, "JPEG", err)
		}
	})
}
