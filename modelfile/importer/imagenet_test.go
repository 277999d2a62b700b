package importer

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

// VGG-16 with the weights of ImageNet, and pictures normalised as the import says, gives
// Keras's activations at all five pools (testdata/vgg16_pools.py).
func TestImageNet(t *testing.T) {
	const tolerance = 1e-4 // of a pool's largest value
	dir := os.Getenv("HOURGLASS_DATA")
	path := filepath.Join(dir, "vgg16", "vgg16-imagenet-notop.safetensors")
	if _, err := os.Stat(path); dir == "" || err != nil {
		t.Skip("HOURGLASS_DATA names no folder with vgg16/vgg16-imagenet-notop.safetensors")
	}
	text, err := os.ReadFile("testdata/vgg16_pools.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Pools []struct {
			Name       string
			Shape      tensor.Shape
			Mean, Most float64
			Stride     int
			Data       []float32
		}
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	a, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	v, err := FindVGG(a)
	if err != nil {
		t.Fatal(err)
	}
	vgg := must(models.VGG{NoTop: true}.Build())
	if tr, err := Fill(a, vgg); err != nil || len(tr.Left) > 0 {
		t.Fatalf("%+v, %v", tr, err)
	}
	n, err := v.Normalisation()
	if err != nil {
		t.Fatal(err)
	}
	p, err := n.Picture([]int{nn.Any, nn.Any, 3})
	if err != nil {
		t.Fatal(err)
	}
	const h, w = 97, 131
	x := tensor.New(1, h, w, 3)
	for i := range x.Data {
		c, at := i%3, i/3
		x.Data[i] = float32(float64((13*(at%w)+7*(at/w)+5*c)%29) / 28)
	}
	p.Normalise(x.Data)
	var pools []*nn.Node
	for _, g := range golden.Pools {
		pools = append(pools, vgg.Node(g.Name))
	}
	m, err := nn.NewModelOf(vgg.Inputs(), pools)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.Run(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	for i, g := range golden.Pools {
		if !out[i].Shape.Equal(g.Shape) {
			t.Fatalf("%s is %v, want %v", g.Name, out[i].Shape, g.Shape)
		}
		mean, most, off := 0., 0., 0.
		for _, v := range out[i].Data {
			mean += float64(v) / float64(len(out[i].Data))
			most = max(most, float64(v))
		}
		for k, want := range g.Data {
			off = max(off, math.Abs(float64(out[i].Data[k*g.Stride]-want)))
		}
		t.Logf("%s: off by %.2g of the largest value, %.5g", g.Name, off/g.Most, g.Most)
		if !(off <= tolerance*g.Most) || math.Abs(most-g.Most) > tolerance*g.Most || math.Abs(mean-g.Mean) > tolerance*g.Mean {
			t.Errorf("%s: off by %v, mean %v, most %v; Keras has mean %v, most %v", g.Name, off, mean, most, g.Mean, g.Most)
		}
	}
}
