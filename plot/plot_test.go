package plot_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"image"
	"image/color"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/plot"
	"github.com/hourglass-go/hourglass/tensor"
)

// ramp is a picture whose values rise from 0 to 1.
func ramp(shape ...int) *tensor.Tensor {
	t := tensor.New(shape...)
	for i := range t.Data {
		t.Data[i] = float32(i) / float32(max(len(t.Data)-1, 1))
	}
	return t
}

// pixels returns the picture's samples, to compare pictures by.
func pixels(t *testing.T, img image.Image, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return imageio.FromImage(img).Pix
}

// count counts the pixels of the colour.
func count(img image.Image, c color.Color) int {
	want := color.NRGBAModel.Convert(c)
	n := 0
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			if color.NRGBAModel.Convert(img.At(x, y)) == want {
				n++
			}
		}
	}
	return n
}

func TestGridShowsPixels(t *testing.T) {
	// A red and a grey picture of unequal sizes, a clear one, an empty place.
	red := tensor.New(4, 6, 3)
	for i := 0; i < len(red.Data); i += 3 {
		red.Data[i] = 1
	}
	grey := tensor.New(3, 2)
	for i := range grey.Data {
		grey.Data[i] = .5
	}
	img, err := plot.Grid([][]*tensor.Tensor{{red, nil}, {grey, tensor.New(2, 2, 4)}}, []string{"a", "b"}, plot.GridOptions{Scale: 10})
	if err != nil {
		t.Fatal(err)
	}
	if n := count(img, color.NRGBA{255, 0, 0, 255}); n != 60*40 {
		t.Errorf("%d red pixels, want %d", n, 60*40)
	}
	if n := count(img, color.NRGBA{128, 128, 128, 255}); n < 30*20 || n > 30*20+40 { // and of text's edges
		t.Errorf("%d grey pixels, want %d", n, 30*20)
	}
}

func TestGridDeterministic(t *testing.T) {
	draw := func() []byte {
		rows := [][]*tensor.Tensor{{ramp(28, 28, 1), ramp(28, 28, 1)}, {ramp(5, 9, 3)}}
		img, err := plot.Grid(rows, []string{"clean", "restored"},
			plot.GridOptions{Title: "Title", Subtitle: "sub", Columns: []string{"1", "2", "3"}})
		return pixels(t, img, err)
	}
	if !bytes.Equal(draw(), draw()) {
		t.Error("the same grid has other pixels the second time")
	}
}

func TestGridErrors(t *testing.T) {
	nan := ramp(2, 2, 1)
	nan.Data[1] = float32(math.NaN())
	for _, c := range []struct {
		rows   [][]*tensor.Tensor
		labels []string
		want   string
	}{
		{nil, nil, "without a picture"},
		{[][]*tensor.Tensor{{}, {nil}}, nil, "without a picture"},
		{[][]*tensor.Tensor{{ramp(2, 2)}}, []string{"a", "b"}, "1 rows has 2 row labels"},
		{[][]*tensor.Tensor{{ramp(2, 2), ramp(2, 2, 7)}}, nil, "row 1, column 2"},
		{[][]*tensor.Tensor{{nan}}, nil, "not a number"},
	} {
		if _, err := plot.Grid(c.rows, c.labels, plot.GridOptions{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

func TestCurves(t *testing.T) {
	long := make([]float64, 100)
	for i := range long {
		long[i] = math.Exp(-float64(i) / 10)
	}
	charts := []plot.Chart{
		{Title: "Loss", XLabel: "epoch", YLabel: "nats", LogY: true, Series: []plot.Series{
			{Name: "training", Y: long}, {Name: "validation", Y: []float64{1, math.NaN(), -1, .5}},
			{Name: "published", Y: []float64{.1}, Dashed: true}}},
		{Series: []plot.Series{{Y: []float64{3}}}},
		{Series: []plot.Series{{X: []float64{.5, 2}, Y: []float64{0, 0}}}},
		{Series: []plot.Series{{Name: "only a line", Y: []float64{2}, Dashed: true}}},
		{LogY: true, Series: []plot.Series{{Y: []float64{1e-9, 1e9}}}},
	}
	img, err := plot.Curves(charts...)
	first := pixels(t, img, err)
	if img.Bounds().Dx()%len(charts) != 0 {
		t.Errorf("%d charts are %d wide", len(charts), img.Bounds().Dx())
	}
	img, err = plot.Curves(charts...)
	if !bytes.Equal(first, pixels(t, img, err)) {
		t.Error("the same curves have other pixels the second time")
	}
}

func TestCurvesErrors(t *testing.T) {
	for _, c := range []struct {
		charts []plot.Chart
		want   string
	}{
		{nil, "without a chart"},
		{[]plot.Chart{{Title: "Loss"}}, `"Loss" has no value`},
		{[]plot.Chart{{Series: []plot.Series{{Y: []float64{math.NaN(), math.Inf(1)}}}}}, "no value"},
		{[]plot.Chart{{LogY: true, Series: []plot.Series{{Y: []float64{0, -1}}}}}, "no value"},
		{[]plot.Chart{{Series: []plot.Series{{Name: "a", X: []float64{1}, Y: []float64{1, 2}}}}}, `"a" has 1 abscissae for 2`},
	} {
		if _, err := plot.Curves(c.charts...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

func TestScatter(t *testing.T) {
	const n = 60
	xy := tensor.New(n, 2)
	labels := make([]int32, n)
	pictures := make([]*tensor.Tensor, n)
	for i := range n {
		labels[i] = int32(i % 12) // two more than there are colours
		xy.Data[2*i], xy.Data[2*i+1] = float32(i%7), float32(i%11)
		pictures[i] = ramp(28, 20, 1+i%4)
	}
	for _, o := range []plot.ScatterOptions{
		{}, {Title: "Codes", Subtitle: "PCA", XLabel: "first", YLabel: "second", Classes: []string{"zero", "one"}}, {Pictures: pictures},
	} {
		img, err := plot.Scatter(xy, labels, o)
		first := pixels(t, img, err)
		img, err = plot.Scatter(xy, labels, o)
		if !bytes.Equal(first, pixels(t, img, err)) {
			t.Error("the same scatter has other pixels the second time")
		}
	}
	if _, err := plot.Scatter(tensor.New(1, 2), nil, plot.ScatterOptions{}); err != nil {
		t.Errorf("one point without labels: %v", err)
	}
}

func TestScatterErrors(t *testing.T) {
	bad := tensor.New(2, 2)
	bad.Data[2] = float32(math.Inf(1))
	two := tensor.New(2, 2)
	for _, c := range []struct {
		xy     *tensor.Tensor
		labels []int32
		o      plot.ScatterOptions
		want   string
	}{
		{tensor.New(2, 3), nil, plot.ScatterOptions{}, "[2 3]"},
		{tensor.New(0, 2), nil, plot.ScatterOptions{}, "[0 2]"},
		{two, []int32{1}, plot.ScatterOptions{}, "1 labels"},
		{two, []int32{1, -1}, plot.ScatterOptions{}, "label -1"},
		{two, nil, plot.ScatterOptions{Pictures: []*tensor.Tensor{ramp(2, 2)}}, "1 pictures"},
		{two, nil, plot.ScatterOptions{Pictures: []*tensor.Tensor{ramp(2), ramp(2)}}, "picture 0"},
		{bad, nil, plot.ScatterOptions{}, "point 1"},
	} {
		if _, err := plot.Scatter(c.xy, c.labels, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

func TestReport(t *testing.T) {
	img, err := plot.Grid([][]*tensor.Tensor{{ramp(4, 4)}}, nil, plot.GridOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := plot.Report{
		Title: `A <b>title</b> & "more"`, Lead: "lead", Footer: "foot",
		Facts: []plot.Fact{{Value: "19.2 dB", Label: "PSNR"}},
		Sections: []plot.Section{{
			Heading: "What it does", Paragraphs: []string{"<script>alert(1)</script>"}, Code: "hourglass demo -o <DIR>",
			Figures: []plot.Figure{{Image: img, Caption: `a "grid"`}},
			Tables:  []plot.Table{{Caption: "figures", Head: []string{"metric", "value"}, Rows: [][]string{{"psnr", "-19.2"}, {"", "."}}}},
		}},
	}
	var b, again bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteHTML(&again); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("the second writing differs, or fails: %v", err)
	}
	page := b.String()
	for _, bad := range []string{"<script", "<b>", "<DIR>", "http:", "https:", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	for _, good := range []string{"&lt;b&gt;title", `alt="a &#34;grid&#34;"`, "19.2 dB", `<td class="number">-19.2</td>`, "<td>.</td>", "hourglass demo -o &lt;DIR&gt;", "<footer>foot"} {
		if !strings.Contains(page, good) {
			t.Errorf("the page lacks %q", good)
		}
	}
	uri := regexp.MustCompile(`src="data:image/png;base64,([^"]*)"`).FindStringSubmatch(page)
	if uri == nil {
		t.Fatal("the page holds no picture")
	}
	data, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(uri[1], "&#43;", "+"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := imageio.Decode(bytes.NewReader(data))
	if err != nil || !bytes.Equal(p.Pix, imageio.FromImage(img).Pix) {
		t.Errorf("the inlined picture is %v, %v", p, err)
	}
}

func TestReportErrors(t *testing.T) {
	r := plot.Report{Sections: []plot.Section{{Heading: "H", Figures: []plot.Figure{{}}}}}
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err == nil || !strings.Contains(err.Error(), `section "H"`) || b.Len() != 0 {
		t.Errorf("error %v and %d bytes", err, b.Len())
	}
	if err := (&plot.Report{}).WriteHTML(full{}); !errors.Is(err, errFull) {
		t.Errorf("error %v", err)
	}
}

var errFull = errors.New("disk full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
