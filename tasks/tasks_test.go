package tasks

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/dataset/digits"
	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/internal/memory"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/nn"
)

// identity is a network that gives back what it sees.
func identity(t *testing.T, shape nn.Shape, meta modelfile.Metadata) *Pipeline {
	t.Helper()
	x := nn.Input("picture", shape)
	m, err := nn.NewModel(x, nn.Apply(nn.Reshape{Shape: shape}, nn.Apply(nn.Flatten{}, x)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(m, meta)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func digitModel(t *testing.T) *Pipeline {
	return identity(t, nn.Shape{28, 28, 1}, modelfile.Metadata{
		Task:    "denoise",
		Picture: modelfile.Picture{Polarity: modelfile.LightOnDark},
		Extra:   map[string]string{FitKey: FitDigit},
	})
}

var loadOnce = sync.OnceValues(func() (*dataset.Images, error) {
	_, test, err := digits.Load()
	return test, err
})

func testDigits(t *testing.T) *dataset.Images {
	t.Helper()
	test, err := loadOnce()
	if err != nil {
		t.Fatal(err)
	}
	return test
}

// onPaper draws a digit of the embedded set, dark on bright paper of another size, lit from
// one side, with noise.
func onPaper(t *testing.T, index, w, h, left, top int, scale, slope, sigma float64) *imageio.Picture {
	t.Helper()
	test := testDigits(t)
	digit, err := imageio.FromTensor(test.Tensor(index, index+1).Sample(0), 8)
	if err != nil {
		t.Fatal(err)
	}
	side := int(28 * scale)
	digit = digit.Resize(side, side, imageio.Resampling{Filter: imageio.Bicubic})
	p := imageio.New(w, h, 3, 8)
	key := rng.New(7)
	for i := range w * h {
		x, y := i%w, i/w
		v := 0.85 - slope*float64(x)/float64(w)
		if u := x - left; u >= 0 && u < side {
			if o := y - top; o >= 0 && o < side {
				v -= 0.6 * float64(digit.At(u, o, 0)) / 255
			}
		}
		v += sigma * key.Normal(uint64(i))
		for c := range 3 {
			p.Set(x, y, c, int(255*min(max(v, 0), 1)))
		}
	}
	return p
}

func TestOwnDigit(t *testing.T) {
	p := digitModel(t)
	for _, c := range []struct {
		name         string
		w, h         int
		left, top    int
		scale        float64
		slope, sigma float64
	}{
		{"large page", 640, 480, 300, 40, 10, 0, 0},
		{"lit from one side", 201, 333, 20, 150, 5, 0.3, 0},
		{"noisy", 300, 300, 90, 70, 5, 0, 0.15},
		{"small", 60, 44, 12, 7, 1.1, 0, 0},
	} {
		for _, index := range []int{0, 3, 11, 18, 400, 1999} {
			t.Run(fmt.Sprint(c.name, " ", index), func(t *testing.T) {
				in := onPaper(t, index, c.w, c.h, c.left, c.top, c.scale, c.slope, c.sigma)
				r, err := p.Apply(context.Background(), in)
				if err != nil {
					t.Fatal(err)
				}
				checkDigit(t, r.Prepared)
				told := strings.Join(r.Steps, "\n")
				for _, want := range []string{"made grey", "dark on light", "fitted from", "inverted back"} {
					if !strings.Contains(told, want) {
						t.Errorf("told %q, want %q in it", told, want)
					}
				}
				if got := r.Picture.At(0, 0, 0); got < 250 {
					t.Errorf("the result's corner is %d: not on white, as the drawing was", got)
				}
			})
		}
	}
}

// checkDigit holds a picture against what MNIST's digits are: 20 pixels, centred by mass,
// light on black.
func checkDigit(t *testing.T, p *imageio.Picture) {
	t.Helper()
	if p.Width != 28 || p.Height != 28 || p.Channels != 1 {
		t.Fatalf("prepared %v", p)
	}
	mass, mx, my, most := 0.0, 0.0, 0.0, 0.0
	left, right, top, bottom := 28, -1, 28, -1
	for y := range 28 {
		for x := range 28 {
			v := float64(p.At(x, y, 0)) / float64(p.Max())
			mass, mx, my, most = mass+v, mx+v*(float64(x)+.5), my+v*(float64(y)+.5), max(most, v)
			if v > .3 {
				left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
			}
		}
	}
	if d := math.Hypot(mx/mass-14, my/mass-14); d > 1.2 {
		t.Errorf("centre of mass is %.1f pixels off", d)
	}
	if side := max(right-left, bottom-top) + 1; side < 16 || side > 21 {
		t.Errorf("the ink is %d pixels long, want about 20", side)
	}
	if most < .95 || p.At(0, 0, 0) > p.Max()/10 {
		t.Errorf("ink at %.2f, corner at %d: want white on black", most, p.At(0, 0, 0))
	}
	if mean := mass / 784; mean < .03 || mean > .35 {
		t.Errorf("mean %.2f, MNIST's digits have about 0.13", mean)
	}
}

func TestLeavesWhatFits(t *testing.T) {
	test := testDigits(t)
	p := digitModel(t)
	in, err := imageio.FromTensor(test.Tensor(5, 6).Sample(0), 8)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Apply(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Steps) != 0 || !slices.Equal(r.Picture.Pix, in.Pix) {
		t.Errorf("a picture that fits was changed: %v", r.Steps)
	}
	r, err = p.Apply(context.Background(), in.Invert())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Steps) != 2 || !slices.Equal(r.Prepared.Pix, in.Pix) || !slices.Equal(r.Picture.Pix, in.Invert().Pix) {
		t.Errorf("an inverted one was not handled by inverting alone: %v", r.Steps)
	}
}

func TestOtherPictures(t *testing.T) {
	p := identity(t, nn.Shape{9, 14, 3}, modelfile.Metadata{Task: "reconstruct"})
	in := imageio.New(31, 20, 4, 16)
	in.Orientation = 6
	for i := range in.Pix {
		in.Pix[i] = byte(i * 7)
	}
	r, err := p.Apply(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Picture.String(); got != "14x9 RGB 16 bits" {
		t.Errorf("result is %s", got)
	}
	if len(r.Steps) != 3 {
		t.Errorf("told %q, want upright, laid on white, fitted", r.Steps)
	}
	if r, err = p.Apply(context.Background(), imageio.New(14, 9, 1, 16)); err != nil {
		t.Fatal(err)
	}
	if got := r.Picture.String(); got != "14x9 grey 16 bits" || len(r.Steps) != 2 {
		t.Errorf("a grey picture through a network for colours is %s, told %q", got, r.Steps)
	}
	for _, side := range [][2]int{{1, 1}, {1, 300}, {300, 2}} { // nothing to find a drawing in
		if _, err := digitModel(t).Apply(context.Background(), imageio.New(side[0], side[1], 1, 8)); err != nil {
			t.Errorf("%v: %v", side, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Apply(ctx, in); err == nil {
		t.Error("a cancelled context is ignored")
	}
}

// A picture that no machine has the memory for is refused before any is taken.
func TestRefusesTooLargePictures(t *testing.T) {
	if memory.Total() == 0 {
		t.Skip("the system does not tell how much memory there is")
	}
	p := identity(t, nn.Shape{9, 14, 3}, modelfile.Metadata{})
	if err := p.room(1<<10, 1<<10); err != nil {
		t.Errorf("a small picture: %v", err)
	}
	x := nn.Input("picture", nn.Shape{nn.Any, nn.Any, 3})
	m, err := nn.NewModel(x, nn.Apply(nn.Conv2D{Filters: 3, Kernel: [2]int{3, 3}, Padding: nn.Same}, x))
	if err != nil {
		t.Fatal(err)
	}
	if p, err = New(m, modelfile.Metadata{}); err != nil {
		t.Fatal(err)
	}
	var limit *imageio.LimitError
	if err := p.room(1<<19, 1<<19); !errors.As(err, &limit) || limit.Got != 1<<38 {
		t.Fatalf("error %v", err)
	}
	side := math.Sqrt(float64(limit.Max))
	if below, above := int(0.95*side), int(1.05*side); p.room(below, below) != nil || p.room(above, above) == nil {
		t.Errorf("the limit of %d pixels is not about where it is said to be", limit.Max)
	}
}

func TestRefusesModels(t *testing.T) {
	x := nn.Input("x", nn.Shape{28, 28, 1})
	flat := nn.Apply(nn.Flatten{}, x)
	classifier, err := nn.NewModel(x, nn.Apply(nn.Dense{Units: 10}, flat))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(classifier, modelfile.Metadata{}); err == nil || !strings.Contains(err.Error(), "want a picture of the same shape") {
		t.Error(err)
	}
	same, err := nn.NewModel(x, nn.Apply(nn.Reshape{Shape: nn.Shape{28, 28, 1}}, flat))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(same, modelfile.Metadata{Picture: modelfile.Picture{Range: []float64{-1, 1}}}); err == nil {
		t.Error("a model of normalised pictures is accepted")
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.safetensors")); err == nil {
		t.Error("a missing file is accepted")
	}
}
