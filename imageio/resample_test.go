package imageio_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/tensor"
)

// TestResizeEqualsPILAndMATLAB holds the named behaviours against testdata/resample.json,
// which testdata/resample.py writes: the 8 bits of a picture one by one, and its first
// channel as real numbers.
func TestResizeEqualsPILAndMATLAB(t *testing.T) {
	data, err := os.ReadFile("testdata/resample.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Shape, Pix []int
		Cases      []struct {
			Program, Filter string
			Size            [2]int
			Pix             []int
			Real            []float64
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	filters := map[string]imageio.Filter{}
	for f := imageio.Nearest; f <= imageio.Hamming; f++ {
		filters[f.String()] = f
	}
	h, w := golden.Shape[0], golden.Shape[1]
	p, real := imageio.New(w, h, 3, 8), tensor.New(h, w, 1)
	for i, v := range golden.Pix {
		p.Pix[i] = byte(v)
		if i%3 == 0 {
			real.Data[i/3] = float32(v)
		}
	}
	programs := map[string]func(imageio.Filter) imageio.Resampling{"PIL": imageio.PIL, "MATLAB": imageio.MATLAB}
	exact := 0
	for _, c := range golden.Cases {
		f, ok := filters[c.Filter]
		if !ok {
			t.Fatalf("no filter is called %q", c.Filter)
		}
		r := programs[c.Program](f)
		q := p.Resize(c.Size[0], c.Size[1], r)
		if len(c.Pix) > 0 {
			exact++
		}
		for i, want := range c.Pix {
			if int(q.Pix[i]) != want {
				t.Errorf("%s %s to %v: sample %d is %d, want %d", c.Program, c.Filter, c.Size, i, q.Pix[i], want)
				break
			}
		}
		out, err := imageio.ResizeTensor(real, c.Size[0], c.Size[1], r)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.Real {
			if math.Abs(float64(out.Data[i])-want) > 1e-6*255 {
				t.Errorf("%s %s to %v: number %d is %v, want %v", c.Program, c.Filter, c.Size, i, out.Data[i], want)
				break
			}
		}
	}
	if len(golden.Cases) < 100 || exact < 70 {
		t.Errorf("only %d cases, %d of them exact", len(golden.Cases), exact)
	}
}

// TestResizeNamedConstant: the named behaviours leave a uniform picture of 16 bits, and one
// with an alpha channel, as it is.
func TestResizeNamedConstant(t *testing.T) {
	deep, clear := imageio.New(9, 5, 3, 16), imageio.New(9, 5, 2, 8)
	for i := range 9 * 5 {
		for c := range 3 {
			deep.Set(i%9, i/9, c, 65535-7*c)
		}
		clear.Set(i%9, i/9, 0, 100)
		clear.Set(i%9, i/9, 1, 77)
	}
	for f := imageio.Nearest; f <= imageio.Hamming; f++ {
		for _, r := range []imageio.Resampling{imageio.MATLAB(f), imageio.PIL(f)} {
			for _, p := range []*imageio.Picture{deep, clear} {
				q := p.Resize(4, 23, r)
				for i := range 4 * 23 {
					for c := range p.Channels {
						if got, want := q.At(i%23, i/23, c), p.At(0, 0, c); got != want {
							t.Fatalf("%+v of %v: sample %d is %d, want %d", r, p, c, got, want)
						}
					}
				}
			}
		}
	}
}

func TestResamplingErrors(t *testing.T) {
	for _, r := range []imageio.Resampling{{Border: -1}, {Border: 3}, {Steps: -1}, {Steps: 4}} {
		if _, err := imageio.ResizeTensor(tensor.New(2, 3, 1), 1, 1, r); err == nil {
			t.Errorf("%+v was done", r)
		}
	}
}
