package dataset

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/internal/rng"
	"github.com/hourglass-go/hourglass/tensor"
)

// Cutouts are things cut out of their pictures: colour and alpha, each of a class from 1 on.
type Cutouts struct {
	Classes []string // names of class 1, 2, ...
	things  []cutout
}

type cutout struct {
	h, w  int
	pix   []byte // [h, w, 4]: red, green, blue, alpha
	class byte
}

// Len returns the number of things.
func (c *Cutouts) Len() int { return len(c.things) }

// Memory is the number of bytes that the things take.
func (c *Cutouts) Memory() int64 {
	n := 0
	for _, t := range c.things {
		n += len(t.pix)
	}
	return int64(n)
}

// Select returns the things at the indices, without a copy.
func (c *Cutouts) Select(indices []int32) *Cutouts {
	return &Cutouts{Classes: c.Classes, things: pick(c.things, indices)}
}

// mostCutout is the side in pixels that larger things are shrunk to.
const mostCutout = 256

// LoadCutouts reads pictures with transparency from a folder. Each folder in it is a class, in
// the order of their names; pictures that lie in the folder itself are one class. Those
// without a transparent pixel are refused, and so are more than 254 classes.
func LoadCutouts(ctx context.Context, dir string) (*Cutouts, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, &FileError{Path: dir, Offset: -1, Problem: "no folder of cut-outs", Err: cause(err)}
	}
	folders := []string{}
	for _, e := range entries {
		if e.IsDir() {
			folders = append(folders, e.Name())
		}
	}
	if len(folders) == 0 {
		folders = []string{""}
	}
	const mostClasses = 254 // 255 is the label of pixels that do not count
	if len(folders) > mostClasses {
		return nil, problem(dir, "%d folders, each a class; at most %d are right", len(folders), mostClasses)
	}
	c := &Cutouts{}
	for i, folder := range folders {
		files, err := listPictures(dir, folder)
		if err != nil {
			return nil, err
		}
		c.Classes = append(c.Classes, filepath.Base(filepath.Join(dir, folder)))
		for _, name := range files {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			t, err := loadCutout(filepath.Join(dir, name))
			if err != nil {
				return nil, err
			}
			t.class = byte(i + 1)
			c.things = append(c.things, t)
		}
	}
	return c, nil
}

func loadCutout(path string) (cutout, error) {
	p, err := imageio.Open(path)
	if err != nil {
		return cutout{}, &FileError{Offset: -1, Problem: "not a usable picture", Err: err} // err names the path
	}
	p = p.Upright().To8()
	if !p.HasAlpha() {
		return cutout{}, problem(path, "no pixel is transparent, so nothing is cut out")
	}
	if most := max(p.Height, p.Width); most > mostCutout {
		p = p.Resize(max(p.Height*mostCutout/most, 1), max(p.Width*mostCutout/most, 1), imageio.Resampling{Filter: imageio.Bicubic, Antialias: true})
	}
	t := cutout{h: p.Height, w: p.Width, pix: make([]byte, 4*p.Height*p.Width)}
	for i := range p.Height * p.Width {
		from := p.Pix[i*p.Channels : (i+1)*p.Channels]
		copy(t.pix[4*i:4*i+4], []byte{from[0], from[(p.Channels-1)/2], from[max(p.Channels-2, 0)], from[p.Channels-1]})
	}
	return t, nil
}

// mostThings bounds how many things a composite holds.
const mostThings = 3

// composites are patches of backgrounds with things laid over them.
type composites struct {
	*patches
	things *Cutouts
}

// Composites returns patches of a gallery of colour pictures without labels, with one to three
// things laid over each, and the class of every pixel, 0 for the background: exact masks. A
// thing is flipped at random, takes a fifth to two thirds of the patch's side, and lies anywhere
// with its middle inside; a pixel belongs to it from half opacity on. All is drawn from (seed,
// epoch, index), or, with Fixed, from (seed, index).
func Composites(backgrounds *Gallery, things *Cutouts, o PatchOptions) (Set, error) {
	switch {
	case backgrounds.C != 3 || backgrounds.Labelled():
		return nil, fmt.Errorf("dataset: composites want colour pictures without labels")
	case things.Len() == 0:
		return nil, fmt.Errorf("dataset: composites want at least one cut-out")
	}
	set, err := Patches(backgrounds, o)
	if err != nil {
		return nil, err
	}
	return composites{set.(*patches), things}, nil
}

func (c composites) targetIsInput() bool { return false }

// Memory is that of backgrounds and things.
func (c composites) Memory() int64 { return c.Gallery.Memory() + c.things.Memory() }

func (c composites) Shapes() (input, target tensor.Shape) {
	return tensor.Shape{c.o.H, c.o.W, 3}, tensor.Shape{c.o.H, c.o.W, 1}
}

func (c composites) Fill(epoch, index int, input, target []float32) error {
	if err := c.patches.Fill(epoch, index, input, input); err != nil {
		return err
	}
	clear(target)
	key := c.o.drawn(c.key.Fork(rng.Hash("things")), epoch, index)
	for n := range 1 + key.IntN(0, mostThings) {
		c.lay(key.Fork(uint64(n+1)), input, target)
	}
	return nil
}

// lay lays a thing over the patch.
func (c composites) lay(k rng.Key, input, target []float32) {
	const which, size, row, column, flip = 0, 1, 2, 3, 4
	t := &c.things.things[k.IntN(which, c.things.Len())]
	share := 0.2 + (2./3-0.2)*k.Float64(size)
	scale := float64(max(t.h, t.w)) / (share * float64(min(c.o.H, c.o.W))) // pixels of the thing for one
	cy, cx := k.Float64(row)*float64(c.o.H), k.Float64(column)*float64(c.o.W)
	mirror := k.IntN(flip, 2) == 1
	for y := range c.o.H {
		ty := (float64(y)+0.5-cy)*scale + float64(t.h)/2 - 0.5
		for x := range c.o.W {
			tx := (float64(x)+0.5-cx)*scale + float64(t.w)/2 - 0.5
			if mirror {
				tx = float64(t.w-1) - tx
			}
			rgb, alpha := t.at(ty, tx)
			if alpha == 0 {
				continue
			}
			at := y*c.o.W + x
			for i, v := range rgb {
				input[3*at+i] = input[3*at+i]*(1-alpha) + v // v is weighted by alpha already
			}
			if alpha >= 0.5 {
				target[at] = float32(t.class)
			}
		}
	}
}

// at interpolates colour, times alpha, and alpha at a place; outside there is nothing.
func (t *cutout) at(y, x float64) (rgb [3]float32, alpha float32) {
	if y <= -1 || x <= -1 || y >= float64(t.h) || x >= float64(t.w) {
		return rgb, 0
	}
	y0, x0 := math.Floor(y), math.Floor(x)
	for j := range 2 {
		for i := range 2 {
			row, col := int(y0)+j, int(x0)+i
			if row < 0 || col < 0 || row >= t.h || col >= t.w {
				continue
			}
			weight := (1 - math.Abs(y-y0-float64(j))) * (1 - math.Abs(x-x0-float64(i)))
			p := t.pix[4*(row*t.w+col):][:4]
			a := float32(weight) * float32(p[3]) / 255
			alpha += a
			for c := range rgb {
				rgb[c] += a * float32(p[c]) / 255
			}
		}
	}
	return rgb, alpha
}

// SplitCutouts puts a fraction of the things of every class aside, chosen by the seed.
func SplitCutouts(c *Cutouts, fraction float64, seed uint64) (train, test *Cutouts) {
	var keep, aside []int32
	for class := range len(c.Classes) {
		var of []int32
		for i, t := range c.things {
			if int(t.class) == class+1 {
				of = append(of, int32(i))
			}
		}
		k, a := Split(len(of), fraction, seed)
		keep, aside = append(keep, pick(of, k)...), append(aside, pick(of, a)...)
	}
	slices.Sort(keep)
	slices.Sort(aside)
	return c.Select(keep), c.Select(aside)
}
