package dataset

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/imageio"
)

// disc is a thing: opaque inside a circle, transparent outside.
func disc(side int, colour byte, class byte) cutout {
	t := cutout{h: side, w: side, pix: make([]byte, 4*side*side), class: class}
	for i := range side * side {
		y, x := float64(i/side)+.5-float64(side)/2, float64(i%side)+.5-float64(side)/2
		t.pix[4*i], t.pix[4*i+1], t.pix[4*i+2] = colour, colour, colour
		if math.Hypot(y, x) < float64(side)/2 {
			t.pix[4*i+3] = 255
		}
	}
	return t
}

// Where the mask says background the picture is, but for blurred edges, the background's, and
// where it says a class, that class's colour.
func TestComposites(t *testing.T) {
	g := &Gallery{C: 3, pictures: []exhibit{{h: 50, w: 60, pix: make([]byte, 3*50*60)}}} // black
	things := &Cutouts{Classes: []string{"grey", "white"}, things: []cutout{disc(40, 128, 1), disc(30, 255, 2)}}
	o := PatchOptions{H: 32, W: 40, PerPicture: 50, Seed: 3}
	set, err := Composites(g, things, o)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[float32]int{}
	for i := range set.Len() {
		in, labels := cut(t, set, 0, i)
		edges := 0
		for at, class := range labels {
			seen[class]++
			want := []float32{0, 128. / 255, 1}[int(class)]
			if v := in[3*at]; math.Abs(float64(v-want)) > 0.02 {
				edges++
			}
		}
		if edges > 200 { // three discs have some 60 pixels of edge each
			t.Errorf("sample %d: %d pixels are not of their class's colour", i, edges)
		}
	}
	if len(seen) != 3 || seen[1] < 1000 || seen[2] < 1000 {
		t.Errorf("classes %v", seen)
	}
	first, _ := cut(t, set, 0, 7)
	if again, _ := cut(t, set, 0, 7); !slices.Equal(first, again) {
		t.Error("a sample differs from itself")
	}
	if other, _ := cut(t, set, 1, 7); slices.Equal(first, other) {
		t.Error("two epochs show the same")
	}
	o.Fixed = true
	if set, err = Composites(g, things, o); err != nil {
		t.Fatal(err)
	}
	a, _ := cut(t, set, 0, 7)
	if b, _ := cut(t, set, 1, 7); !slices.Equal(a, b) {
		t.Error("fixed composites differ between epochs")
	}
	if _, err := Composites(gallery(1, false, [2]int{9, 9}), things, o); err == nil {
		t.Error("grey backgrounds were taken")
	}
	if _, err := Composites(g, &Cutouts{}, o); err == nil {
		t.Error("composites of nothing were made")
	}
}

func TestLoadCutouts(t *testing.T) {
	dir := t.TempDir()
	thing := imageio.New(300, 100, 4, 8)
	thing.Pix[0], thing.Pix[1], thing.Pix[2], thing.Pix[3] = 1, 2, 3, 255
	small := imageio.New(2, 1, 4, 8)
	copy(small.Pix, []byte{10, 20, 30, 255, 0, 0, 0, 0})
	save(t, filepath.Join(dir, "cat", "a.png"), small)
	save(t, filepath.Join(dir, "dog", "b.png"), thing)
	save(t, filepath.Join(dir, "dog", "c.png"), small)
	c, err := LoadCutouts(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Classes, []string{"cat", "dog"}) || c.Len() != 3 || c.things[1].class != 2 || c.things[1].w != mostCutout ||
		!slices.Equal(c.things[0].pix, small.Pix) {
		t.Errorf("%v, %d things", c.Classes, c.Len())
	}
	train, test := SplitCutouts(c, 0.5, 1)
	if train.Len()+test.Len() != 3 || test.Len() == 0 {
		t.Errorf("%d and %d things", train.Len(), test.Len())
	}
	save(t, filepath.Join(dir, "cat", "opaque.png"), imageio.New(3, 3, 3, 8))
	if _, err := LoadCutouts(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "nothing is cut out") {
		t.Errorf("error %v", err)
	}
	if _, err := LoadCutouts(t.Context(), filepath.Join(dir, "none")); err == nil {
		t.Error("a folder that is not there was read")
	}
}
