package metrics_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/metrics"
	"github.com/hourglass-go/hourglass/tensor"
)

// TestSet5 repeats the baseline of all papers on super-resolution: Set5's luma shrunk and
// enlarged again by MATLAB's bicubic interpolation. It holds luma, borders and averaging, and
// the interpolation, to the published protocol.
func TestSet5(t *testing.T) {
	data := os.Getenv("HOURGLASS_DATA")
	if data == "" {
		t.Skip("HOURGLASS_DATA is not set: no Set5")
	}
	files, err := filepath.Glob(filepath.Join(data, "set5", "*_GT.bmp"))
	if err != nil || len(files) != 5 {
		t.Fatalf("%d pictures in %s/set5, want 5", len(files), data)
	}
	for _, c := range []struct {
		scale int
		name  string
		want  float64
	}{{2, "psnr_y_shave2", 33.66}, {3, "psnr_y_shave3", 30.39}, {4, "psnr_y_shave4", 28.42}} {
		m, err := metrics.ByName(c.name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			p, err := imageio.Open(f)
			if err != nil {
				t.Fatal(err)
			}
			y, err := metrics.Luma(multiple(p.ToTensor(), c.scale))
			if err != nil {
				t.Fatal(err)
			}
			h, w := y.Shape[0], y.Shape[1]
			small := resize(t, y, h/c.scale, w/c.scale)
			if err := m.Add(batchOf(resize(t, small, h, w)), batchOf(y)); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("x%d: %.3f dB", c.scale, m.Value())
		if math.Abs(m.Value()-c.want) > .02 {
			t.Errorf("x%d: %.3f dB, want %.2f", c.scale, m.Value(), c.want)
		}
	}
}

// multiple crops a picture at its end to sides that scale divides.
func multiple(x *tensor.Tensor, scale int) *tensor.Tensor {
	h, w, c := x.Shape[0]/scale*scale, x.Shape[1]/scale*scale, x.Shape[2]
	y := tensor.New(h, w, c)
	for r := range h {
		copy(y.Data[r*w*c:(r+1)*w*c], x.Data[r*x.Shape[1]*c:])
	}
	return y
}

func resize(t *testing.T, x *tensor.Tensor, h, w int) *tensor.Tensor {
	t.Helper()
	y, err := imageio.ResizeTensor(x, h, w, imageio.MATLAB(imageio.Bicubic))
	if err != nil {
		t.Fatal(err)
	}
	return y
}

func batchOf(x *tensor.Tensor) *tensor.Tensor {
	return &tensor.Tensor{Shape: append(tensor.Shape{1}, x.Shape...), Data: x.Data}
}
