package recipes

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/models"
)

// A U-Net's drawing goes down to the bottom and back up, an arc for each skip connection.
func TestDrawUNet(t *testing.T) {
	info, err := Describe("unet", []string{"width=4", "norm=batch"}, []int{64, 48})
	if err != nil {
		t.Fatal(err)
	}
	boxes := info.boxes()
	place(boxes)
	named := map[string]*box{}
	for _, b := range boxes {
		named[b.layers[0].Name] = b
	}
	path := []string{"down1_conv1", "down2_conv1", "down3_conv1", "down4_conv1", "bottom_conv1"}
	for i := 1; i < len(path); i++ {
		a, b := named[path[i-1]], named[path[i]]
		up := strings.Replace(path[i-1], "down", "up", 1)
		if !(b.y > a.y+a.h && b.h < a.h && b.w > a.w && b.x > a.x) {
			t.Errorf("%s is not below, smaller and thicker than %s: %+v, %+v", path[i], path[i-1], *b, *a)
		}
		if c := named[up]; c.y != a.y || c.h != a.h || !(c.x > named["bottom_conv1"].x) {
			t.Errorf("%s does not stand across from %s", up, path[i-1])
		}
	}
	if n := len(named["down1_conv1"].layers); n != 3 {
		t.Errorf("a convolution's box holds %d layers, want its normalisation and activation too", n)
	}
	if arcs := strings.Count(info.svg(), "C"); arcs != 4 {
		t.Errorf("%d arcs, want 4: one a skip connection", arcs)
	}
}

// Every architecture is drawn, as an XML document, and nothing lies outside it.
func TestDrawAll(t *testing.T) {
	for _, a := range models.All() {
		info, err := Describe(a.Name, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "net.svg")
		if err := info.Draw(path); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Width  float64 `xml:"width,attr"`
			Height float64 `xml:"height,attr"`
			Rects  []struct {
				X      float64 `xml:"x,attr"`
				Y      float64 `xml:"y,attr"`
				Height float64 `xml:"height,attr"`
			} `xml:"rect"`
		}
		text = []byte(strings.ReplaceAll(string(text), `"100%"`, `"100"`))
		if err := xml.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%s: %v", a.Name, err)
		}
		for _, r := range doc.Rects {
			if r.X < 0 || r.Y < 0 || r.X > doc.Width || r.Y+r.Height > max(doc.Height, 100) {
				t.Errorf("%s: a box at %v, %v of a drawing of %v x %v", a.Name, r.X, r.Y, doc.Width, doc.Height)
			}
		}
	}
}
