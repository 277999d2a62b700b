package dataset

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/tensor"
)

// gallery has pictures of the sizes, in which each value tells its place; labels are the
// parity of row plus column.
func gallery(channels int, labelled bool, sizes ...[2]int) *Gallery {
	g := &Gallery{C: channels}
	for n, s := range sizes {
		e := exhibit{name: fmt.Sprint("picture ", n), h: s[0], w: s[1], pix: make([]byte, s[0]*s[1]*channels)}
		for i := range e.pix {
			at := i / channels
			e.pix[i] = byte(7*(at/s[1]) + at%s[1] + 50*n + i%channels)
		}
		if labelled {
			e.labels = make([]byte, s[0]*s[1])
			for i := range e.labels {
				e.labels[i] = byte((i/s[1] + i%s[1]) % 2)
			}
		}
		g.pictures = append(g.pictures, e)
	}
	return g
}

func cut(t *testing.T, s Set, epoch, index int) (input, target []float32) {
	t.Helper()
	in, out := s.Shapes()
	input, target = make([]float32, in.Elems()), make([]float32, out.Elems())
	if err := s.Fill(epoch, index, input, target); err != nil {
		t.Fatal(err)
	}
	return input, target
}

func patchSet(t *testing.T, g *Gallery, o PatchOptions) Set {
	t.Helper()
	s, err := Patches(g, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Without augmentation a patch is a part of its picture, bit by bit, its labels beside it.
func TestPatchesAreParts(t *testing.T) {
	g := gallery(3, true, [2]int{9, 11}, [2]int{5, 6})
	s := patchSet(t, g, PatchOptions{H: 5, W: 4, PerPicture: 3, Seed: 2})
	if s.Len() != 6 || s.(namer).Name(5) != "picture 1" {
		t.Errorf("%d patches", s.Len())
	}
	places := map[string]bool{}
	for epoch := range 4 {
		for i := range s.Len() {
			in, labels := cut(t, s, epoch, i)
			e := g.pictures[i/3]
			found := false
			for top := 0; top <= e.h-5; top++ {
				for left := 0; left <= e.w-4; left++ {
					same := true
					for k := range in {
						at := (top+k/12)*e.w + left + k/3%4
						same = same && in[k] == float32(e.pix[3*at+k%3])/255 && labels[k/3] == float32(e.labels[at])
					}
					if same {
						found = true
						places[fmt.Sprint(i/3, top, left)] = true
					}
				}
			}
			if !found {
				t.Fatalf("epoch %d, patch %d is no part of picture %d", epoch, i, i/3)
			}
		}
	}
	if len(places) < 10 {
		t.Errorf("24 patches at %d places", len(places))
	}
}

func TestPatchesDependOnSeedEpochAndIndex(t *testing.T) {
	g := gallery(1, false, [2]int{40, 50})
	a := Augmentation{Flip: true, Turn: true, Rotate: 20, Scale: 1.2, Elastic: 3}
	anew := patchSet(t, g, PatchOptions{H: 8, W: 8, PerPicture: 4, Seed: 1, Augment: a})
	fixed := patchSet(t, g, PatchOptions{H: 8, W: 8, PerPicture: 4, Seed: 1, Augment: a, Fixed: true})
	first, _ := cut(t, anew, 0, 1)
	for name, c := range map[string]struct {
		s            Set
		epoch, index int
		same         bool
	}{
		"again":         {anew, 0, 1, true},
		"another epoch": {anew, 1, 1, false},
		"another index": {anew, 0, 2, false},
		"another seed":  {patchSet(t, g, PatchOptions{H: 8, W: 8, PerPicture: 4, Seed: 2, Augment: a}), 0, 1, false},
		"another set":   {patchSet(t, g, PatchOptions{H: 8, W: 8, PerPicture: 4, Seed: 1, Augment: a}), 0, 1, true},
	} {
		if got, _ := cut(t, c.s, c.epoch, c.index); slices.Equal(got, first) != c.same {
			t.Errorf("%s: the same %v, want %v", name, !c.same, c.same)
		}
	}
	one, _ := cut(t, fixed, 0, 1)
	two, _ := cut(t, fixed, 5, 1)
	if !slices.Equal(one, two) {
		t.Error("fixed patches differ between epochs")
	}
}

// Flips and turns are exact: the eight symmetries of a square picture, all of them, with the
// labels along.
func TestSymmetries(t *testing.T) {
	g := gallery(1, true, [2]int{4, 4})
	s := patchSet(t, g, PatchOptions{H: 4, W: 4, PerPicture: 200, Augment: Augmentation{Flip: true, Turn: true}})
	e := g.pictures[0]
	seen := map[int]bool{}
	for i := range s.Len() {
		in, labels := cut(t, s, 0, i)
		which := -1
		for k := range 8 {
			same := true
			for at := range 16 {
				y, x := at/4, at%4
				for range k % 4 {
					y, x = 3-x, y
				}
				if k >= 4 {
					x = 3 - x
				}
				same = same && in[at] == float32(e.pix[4*y+x])/255 && labels[at] == float32(e.labels[4*y+x])
			}
			if same {
				which = k
			}
		}
		if which < 0 {
			t.Fatalf("patch %d is no symmetry: %v", i, in)
		}
		seen[which] = true
	}
	if len(seen) != 8 {
		t.Errorf("%d symmetries among 200 patches, want 8", len(seen))
	}
}

// Rotation and scaling keep the middle and the distances, up to the factor; the elastic
// displacement has the standard deviation that it should at the grid's points.
func TestWarp(t *testing.T) {
	o := PatchOptions{H: 65, W: 65, Augment: Augmentation{Rotate: 30, Scale: 1.5}}
	e := &exhibit{h: 65, w: 65}
	widest := 0.
	for n := range 200 {
		var w warp
		o.draw(&w, Key(n), e)
		y, x := w.at(32, 32)
		y2, x2 := w.at(32, 42)
		length, angle := math.Hypot(y2-y, x2-x), math.Abs(math.Atan2(y2-y, x2-x))*180/math.Pi
		if math.Abs(y-32) > 1e-9 || math.Abs(x-32) > 1e-9 || length < 10/1.5-1e-9 || length > 15+1e-9 || angle > 30+1e-9 {
			t.Fatalf("middle at %v, %v, ten pixels are %v, at %v degrees", y, x, length, angle)
		}
		widest = max(widest, angle)
	}
	if widest < 25 {
		t.Errorf("no angle above %v of 200", widest)
	}
	o.Augment = Augmentation{Elastic: 10}
	sum, count := 0., 0.
	for n := range 500 {
		var w warp
		o.draw(&w, Key(n), e)
		for _, at := range []float64{0, 32, 64} {
			y, x := w.at(at, at)
			sum += (y-at)*(y-at) + (x-at)*(x-at)
			count += 2
		}
		// Between the points it runs without jumps.
		y, _ := w.at(20, 20)
		if y2, _ := w.at(20, 20.01); math.Abs(y2-y) > 0.05 {
			t.Fatalf("a jump of %v", y2-y)
		}
	}
	if sigma := math.Sqrt(sum / count); math.Abs(sigma-10) > 0.5 {
		t.Errorf("displacements of standard deviation %v, want 10", sigma)
	}
}

func TestPatchesOfSmallPictures(t *testing.T) {
	g := gallery(1, false, [2]int{3, 1})
	in, _ := cut(t, patchSet(t, g, PatchOptions{H: 5, W: 3}), 0, 0)
	e := g.pictures[0]
	for i, row := range []int{0, 1, 2, 1, 0} {
		for x := range 3 {
			if in[3*i+x] != float32(e.pix[row])/255 {
				t.Fatalf("%v is not the mirrored picture", in)
			}
		}
	}
}

func TestPatchesRefuse(t *testing.T) {
	g := gallery(1, false, [2]int{9, 9})
	for _, o := range []PatchOptions{
		{H: 0, W: 4}, {H: 4, W: 4, PerPicture: -1}, {H: 4, W: 6, Augment: Augmentation{Turn: true}},
		{H: 4, W: 4, Augment: Augmentation{Rotate: 181}}, {H: 4, W: 4, Augment: Augmentation{Scale: 0.5}},
		{H: 4, W: 4, Augment: Augmentation{Elastic: math.NaN()}}, {H: 4, W: 4, Augment: Augmentation{Elastic: 1, Grid: 1}},
	} {
		if _, err := Patches(g, o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

// A picture that changes linearly is hardly touched by shrinking and enlarging but at its border;
// a chessboard is gone.
func TestDownscale(t *testing.T) {
	const h, w = 22, 35
	ramp, chess := make([]float32, h*w*2), make([]float32, h*w*2)
	for i := range ramp {
		y, x := i/2/w, i/2%w
		ramp[i], chess[i] = float32(y+2*x)/100, float32((y+x)%2)
	}
	for _, x := range [][]float32{ramp, chess} {
		before := slices.Clone(x)
		Downscale{4}.Corrupt(0, x, tensor.Shape{h, w, 2})
		for i, v := range x {
			y, c := i/2/w, i/2%w
			if y < 5 || c < 5 || y >= h-5 || c >= w-5 {
				continue
			}
			want := before[i]
			if &x[0] == &chess[0] {
				want = 0.5
			}
			if math.Abs(float64(v-want)) > 0.02 {
				t.Fatalf("%v at %d, %d, want %v", v, y, c, want)
			}
		}
	}
	for _, factor := range []int{0, 1, 17} {
		if Validate(Downscale{factor}) == nil {
			t.Errorf("a factor of %d was accepted", factor)
		}
	}
}

func TestDegradedSets(t *testing.T) {
	g := gallery(1, false, [2]int{12, 9}, [2]int{7, 16})
	whole, ok := Degraded(Wholes(g), 1, true, Downscale{3}).(Sized)
	if !ok {
		t.Fatal("wholes lost their sizes")
	}
	in, out := whole.SampleShapes(1)
	if all, _ := whole.Shapes(); !all.Equal(tensor.Shape{tensor.Any, tensor.Any, 1}) || !in.Equal(tensor.Shape{7, 16, 1}) || !out.Equal(in) {
		t.Errorf("shapes %v, %v of %v", in, out, all)
	}
	input, target := make([]float32, 7*16), make([]float32, 7*16)
	if err := whole.Fill(0, 1, input, target); err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(target)
	Downscale{3}.Corrupt(0, want, in)
	if target[17] != float32(g.pictures[1].pix[17])/255 || !slices.Equal(input, want) {
		t.Error("not the degraded picture and the picture")
	}
	labelled := Wholes(gallery(1, true, [2]int{4, 4}))
	if err := Degraded(labelled, 1, true, Downscale{3}).Fill(0, 0, make([]float32, 16), make([]float32, 16)); err == nil {
		t.Error("a set with labels was corrupted")
	}
}

func save(t *testing.T, path string, p *imageio.Picture) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := p.Save(path); err != nil {
		t.Fatal(err)
	}
}

func TestLoadGallery(t *testing.T) {
	dir := t.TempDir()
	for i, part := range []string{"train", "test"} {
		p, l := imageio.New(5+i, 4, 3, 8), imageio.New(5+i, 4, 1, 8)
		for k := range l.Pix {
			l.Pix[k] = byte(255 * (k % 2))
			p.Pix[3*k] = byte(k)
		}
		save(t, filepath.Join(dir, part, "image", "a.png"), p)
		save(t, filepath.Join(dir, part, "label", "a.png"), l)
	}
	o := GalleryOptions{Channels: 1, Classes: []int{255, 0}}
	train, test, err := LoadGallery(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	h, w := test.Size(0)
	if train.Len() != 1 || !train.Labelled() || h != 4 || w != 6 || train.pictures[0].labels[0] != 1 || train.pictures[0].labels[1] != 0 {
		t.Errorf("%+v, %+v", train, test)
	}
	o.Halve = true
	if train, _, err = LoadGallery(t.Context(), dir, o); err != nil {
		t.Fatal(err)
	}
	if h, w := train.Size(0); h != 2 || w != 2 || train.Memory() != 8 {
		t.Errorf("halved to %dx%d, %d bytes", h, w, train.Memory())
	}
	for want, o := range map[string]GalleryOptions{
		"is none of the classes [0 1]": {Channels: 1, Classes: []int{0, 1}},
		"more than the 10 bytes":       {Channels: 1, MaxBytes: 10},
	} {
		if _, _, err := LoadGallery(t.Context(), dir, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	save(t, filepath.Join(dir, "train", "label", "a.png"), imageio.New(5, 3, 1, 8))
	if _, _, err := LoadGallery(t.Context(), dir, GalleryOptions{Channels: 1}); err == nil || !strings.Contains(err.Error(), "labels of 3x5 for a picture of 4x5") {
		t.Errorf("error %v", err)
	}
}
