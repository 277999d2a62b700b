package imageio_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/tensor"
)

// golden is testdata/golden.json, written by testdata/golden.py.
var golden struct {
	Files map[string]struct {
		Shape       []int
		Orientation int
		ICC         bool
		Pix         []int
	}
	Input struct {
		Shape  []int
		Values []float32
	}
	Resizes []struct {
		Filter    string
		Antialias bool
		Size      [2]int
		Values    []float64
	}
	Smooth, Luma []int
}

func loadGolden(t *testing.T) {
	t.Helper()
	if golden.Files != nil {
		return
	}
	data, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
}

// TestDecodeEqualsPillow holds every picture in testdata against what Pillow reads.
func TestDecodeEqualsPillow(t *testing.T) {
	loadGolden(t)
	for name, want := range golden.Files {
		t.Run(name, func(t *testing.T) {
			p, err := imageio.Open(filepath.Join("testdata/pictures", name))
			if name == "cmyk.jpg" {
				var unsupported *imageio.UnsupportedError
				if !errors.As(err, &unsupported) || !strings.Contains(err.Error(), "CMYK") || !strings.Contains(err.Error(), name) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if p.Height != want.Shape[0] || p.Width != want.Shape[1] || p.Channels != want.Shape[2] {
				t.Fatalf("got %v, want shape %v", p, want.Shape)
			}
			if wide := strings.Contains(name, "16") || strings.Contains(name, "sixteen"); wide != (p.Depth == 16) {
				t.Errorf("got %v", p)
			}
			if p.Orientation != want.Orientation || (p.ICC != nil) != want.ICC {
				t.Errorf("orientation %d, want %d; %d bytes of profile, want some: %v", p.Orientation, want.Orientation, len(p.ICC), want.ICC)
			}
			if filepath.Ext(name) == ".tif" {
				p = p.Upright() // as Pillow does to this format alone
			}
			tolerance := 0
			switch filepath.Ext(name) {
			case ".jpg": // two inverse transforms may round apart
				tolerance = 2
			case ".webp": // Pillow interpolates chroma, the decoder here repeats it
				if strings.HasPrefix(name, "lossy") {
					tolerance = 12
				}
			}
			worst, sum := 0, 0
			for i := range want.Pix {
				c, x, y := i%p.Channels, i/p.Channels%p.Width, i/p.Channels/p.Width
				if p.HasAlpha() && p.At(x, y, p.Channels-1) == 0 {
					continue
				}
				d := p.At(x, y, c) - want.Pix[i]
				worst, sum = max(worst, d, -d), sum+d
			}
			if worst > tolerance {
				t.Errorf("a sample differs by %d, at most %d is allowed", worst, tolerance)
			}
			if mean := float64(sum) / float64(len(want.Pix)); math.Abs(mean) > .5 {
				t.Errorf("the samples are %.2f brighter in the mean", mean)
			}
		})
	}
}

func TestResizeEqualsTensorFlow(t *testing.T) {
	loadGolden(t)
	filters := map[string]imageio.Filter{"nearest": imageio.Nearest, "area": imageio.Area, "bilinear": imageio.Bilinear,
		"bicubic": imageio.Bicubic, "lanczos3": imageio.Lanczos3}
	in, err := tensor.FromSlice(golden.Input.Values, golden.Input.Shape...)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range golden.Resizes {
		r := imageio.Resampling{Filter: filters[c.Filter], Antialias: c.Antialias}
		out, err := imageio.ResizeTensor(in, c.Size[0], c.Size[1], r)
		if err != nil {
			t.Fatal(err)
		}
		worst := 0.
		for i, want := range c.Values {
			worst = max(worst, math.Abs(float64(out.Data[i])-want))
		}
		// TensorFlow's bicubic without antialiasing takes its weights from a table of
		// 1024 positions; the rest differs by float32 rounding only.
		limit := 1e-6
		if c.Filter == "bicubic" && !c.Antialias {
			limit = 1e-3
		}
		if worst > limit {
			t.Errorf("%s, antialias %v, to %v: differs by %.2g", c.Filter, c.Antialias, c.Size, worst)
		}
	}
}

func TestGrayEqualsPillow(t *testing.T) {
	loadGolden(t)
	p := imageio.New(13, 9, 3, 8)
	for i, v := range golden.Smooth {
		p.Pix[i] = byte(v)
	}
	for i, v := range p.Gray().Pix {
		if d := int(v) - golden.Luma[i]; d != 0 {
			t.Errorf("pixel %d: luma %d, Pillow has %d", i, v, golden.Luma[i])
		}
	}
}
