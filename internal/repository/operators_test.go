package repository_test

import (
	"context"
	flags "flag"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/plot"
	"github.com/hourglass-go/hourglass/tensor"
)

var updateDrawings = flags.Bool("update", false, "draw docs/images/operators.png anew")

// A block of numbers, under the name of the example that prints it.
var numbers = regexp.MustCompile("(?s)<!-- Example(\\w+) -->\n```text\n(.*?)```")

// Every block of numbers in docs/operators.md is what its example prints.
func TestOperatorNumbers(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "nn", "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var parsed []*ast.File
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	outputs := map[string]string{}
	for _, e := range doc.Examples(parsed...) {
		outputs[e.Name] = e.Output
	}
	raw, err := os.ReadFile(filepath.Join(root, "docs", "operators.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	blocks := numbers.FindAllStringSubmatch(text, -1)
	if all := strings.Count(text, "```text"); len(blocks) != all || all == 0 {
		t.Errorf("%d of the %d blocks of numbers name their example", len(blocks), all)
	}
	for _, b := range blocks {
		if want, ok := outputs[b[1]]; !ok {
			t.Errorf("there is no Example%s", b[1])
		} else if strings.TrimSpace(b[2]) != strings.TrimSpace(want) {
			t.Errorf("Example%s prints\n%s\nthe document says\n%s", b[1], want, b[2])
		}
	}
}

// The drawing in docs/operators.md is what the operators compute.
func TestOperatorDrawing(t *testing.T) {
	img := drawOperators(t)
	name := filepath.Join(root, "docs", "images", "operators.png")
	if *updateDrawings {
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := png.Encode(f, img); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kept, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if kept.Bounds() != img.Bounds() {
		t.Fatalf("the drawing is %v, it should be %v; go test ./internal/repository -update draws it", kept.Bounds(), img.Bounds())
	}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			if !alike(img, kept, x, y) {
				t.Fatalf("the drawing differs at (%d,%d); go test ./internal/repository -update draws it", x, y)
			}
		}
	}
}

// alike allows for the last bit of a float on another processor.
func alike(a, b image.Image, x, y int) bool {
	r, g, bl, _ := a.At(x, y).RGBA()
	r2, g2, bl2, _ := b.At(x, y).RGBA()
	near := func(p, q uint32) bool { return max(p, q)-min(p, q) <= 2*257 }
	return near(r, r2) && near(g, g2) && near(bl, bl2)
}

func drawOperators(t *testing.T) image.Image {
	t.Helper()
	k2, k3, two := [2]int{2, 2}, [2]int{3, 3}, [2]int{2, 2}
	small := picture(t, 2, 1, 2, 3, 4)
	zeros := nn.Conv2DTranspose{Filters: 1, Kernel: [2]int{1, 1}, Stride: two, NoBias: true, KernelInit: nn.Ones, Padding: nn.Explicit(0, 0, 0, 0)}
	pad := nn.ZeroPad{Margins: nn.Margins{Top: 2, Bottom: 2, Left: 2, Right: 2}}
	up := nn.Conv2DTranspose{Filters: 1, Kernel: k3, Stride: two, NoBias: true, KernelInit: nn.Ones}
	pooled := picture(t, 4, 1, 5, 2, 0, 3, 4, 0, 0, 0, 0, 7, 1, 9, 0, 6, 8)
	pool := nn.MaxPool2D{Kernel: k2, Mask: true}
	dot := tensor.New(1, 7, 7, 1)
	dot.Set(1, 0, 3, 3, 0)
	conv := nn.Conv2D{Filters: 1, Kernel: k3, Padding: nn.Same, KernelInit: nn.Ones}
	dilated := conv
	dilated.Dilation = two
	four := [2]int{4, 4}
	img, err := plot.Grid([][]*tensor.Tensor{
		{tiles(small), tiles(through(t, small, zeros)), tiles(through(t, small, zeros, pad)), tiles(through(t, small, up))},
		{tiles(pooled), tiles(through(t, pooled, pool)), tiles(through(t, pooled, pool, nn.MaxUnpool2D{Kernel: k2}))},
		{tiles(small), tiles(through(t, small, nn.UpSampling2D{Factor: four})), tiles(through(t, small, nn.UpSampling2D{Factor: four, Method: nn.ResizeBilinear}))},
		{tiles(dot), tiles(through(t, dot, conv)), tiles(through(t, dot, dilated)), tiles(through(t, dot, conv, dilated))},
	}, []string{
		"Transposed convolution: input, zeros between, padded, result",
		"Max pooling: input, maxima, unpooled by the mask",
		"Enlarging: input, nearest, bilinear",
		"A bright pixel through 3x3: itself, d = 1, d = 2, both",
	}, plot.GridOptions{Title: "What operators do to a picture", Subtitle: "Darker is larger; each picture has its own scale; kernels are all ones", Scale: 1})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func picture(t *testing.T, w int, values ...float32) *tensor.Tensor {
	t.Helper()
	x, err := tensor.FromSlice(values, 1, len(values)/w, w, 1)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// through is the first output of the last of some layers.
func through(t *testing.T, x *tensor.Tensor, layers ...nn.Layer) *tensor.Tensor {
	t.Helper()
	in := nn.Input("x", x.Shape[1:])
	out := []*nn.Node{in}
	for _, l := range layers {
		out = nn.Named("", l).ApplyAll(out...)
	}
	m, err := nn.NewModel(in, out[0])
	if err != nil {
		t.Fatal(err)
	}
	m.Init(1)
	y, err := m.Predict(context.Background(), x)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

// tiles draws every number as a blue tile, from pale (0) to dark (the largest).
func tiles(x *tensor.Tensor) *tensor.Tensor {
	const side = 16
	h, w, most := x.Shape[1], x.Shape[2], slices.Max(x.Data)
	y := tensor.New(h*side, w*side, 3)
	pale, dark := [3]float32{.91, .94, .98}, [3]float32{.05, .20, .50}
	for i := range h * side {
		for j := range w * side {
			v := x.Data[i/side*w+j/side] / most
			for c := range 3 {
				tone := pale[c] + v*(dark[c]-pale[c])
				if i%side == 0 || j%side == 0 {
					tone = 1
				}
				y.Set(tone, i, j, c)
			}
		}
	}
	return y
}
