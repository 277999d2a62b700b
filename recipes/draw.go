package recipes

import (
	"fmt"
	"html"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hourglass-go/hourglass/internal/atomicfile"
	"github.com/hourglass-go/hourglass/tensor"
)

// The drawing of a network, in pixels.
const (
	drawTall   = 132 // of a value at full size
	drawLeast  = 10
	drawThin   = 7 // of one channel
	drawWide   = 34
	drawGap    = 13 // between boxes
	drawStep   = 30 // between levels
	drawMargin = 60
	drawArc    = 34  // the most that an arc rises
	drawNarrow = 420 // the least width, for the title
	drawText   = 11
)

// Draw writes the network as an SVG to a file: a box a value, as tall as its resolution and
// as thick as it has channels, in the order of the computation from the left to the right; a
// level for each halving of the size, so that a U-Net looks like a U. What a layer reads that
// does not stand to its left comes by an arc. Normalisations, activations and the like are
// part of the box of the layer before them.
func (i *Info) Draw(path string) error {
	if ending := filepath.Ext(path); !strings.EqualFold(ending, ".svg") {
		return problem(path, "the drawing is an SVG, want a name that ends in .svg")
	}
	if err := claimFile(path); err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := io.WriteString(w, i.svg())
		return err
	})
}

// A box is one or more layers of the table.
type box struct {
	layers     []LayerInfo
	from       []int // the boxes that it reads
	x, y, w, h float64
}

func (b *box) shape() tensor.Shape { return b.layers[len(b.layers)-1].Output }

// follows are the layers that are part of the one before.
var follows = []string{"activation", "batch_norm", "group_norm", "instance_norm", "layer_norm", "dropout", "spatial_dropout", "prelu", "gaussian_noise", "weighted_sum"}

// boxes sorts the layers into boxes.
func (i *Info) boxes() []*box {
	var all []*box
	at := make([]int, len(i.Layers)) // the box of each layer
	for n, l := range i.Layers {
		if len(l.From) == 1 && slices.Contains(follows, l.Type) {
			b := all[at[l.From[0]]]
			last := i.Layers[l.From[0]].Name == b.layers[len(b.layers)-1].Name
			if last && i.readers(l.From[0]) == 1 {
				at[n], b.layers = at[l.From[0]], append(b.layers, l)
				continue
			}
		}
		b := &box{layers: []LayerInfo{l}}
		for _, f := range l.values() {
			if !slices.Contains(b.from, at[f]) {
				b.from = append(b.from, at[f])
			}
		}
		at[n], all = len(all), append(all, b)
	}
	return all
}

// values are the lines whose values the layer reads; of others it reads the size alone.
func (l *LayerInfo) values() []int {
	switch l.Type {
	case "crop_to_match", "resize":
		return l.From[:1]
	case "max_unpool_2d":
		return l.From[:min(len(l.From), 2)]
	}
	return l.From
}

// readers counts the layers that read layer n.
func (i *Info) readers(n int) int {
	count := 0
	for _, l := range i.Layers {
		if slices.Contains(l.values(), n) {
			count++
		}
	}
	return count
}

// place gives the boxes their sizes and places and returns the drawing's size.
func place(boxes []*box) (width, height float64) {
	full, most := 1, 1.
	for _, b := range boxes {
		s := b.shape()
		if len(s) == 3 {
			full = max(full, s[0], s[1])
		}
		most = max(most, math.Sqrt(float64(s.Elems())))
	}
	level := func(s tensor.Shape) float64 {
		if len(s) != 3 {
			return -1
		}
		return math.Log2(float64(full) / float64(max(s[0], s[1])))
	}
	tall := func(s tensor.Shape) float64 {
		if len(s) == 3 {
			return max(drawTall*float64(max(s[0], s[1]))/float64(full), drawLeast)
		}
		return max(drawTall*math.Sqrt(float64(s.Elems()))/most, drawLeast)
	}
	// The top of a level lies below the boxes of the level before.
	top := func(l float64) float64 {
		y := float64(drawMargin)
		for k := 0.; k < l; k++ {
			y += (max(drawTall/math.Exp2(k), drawLeast) + drawStep) * min(l-k, 1)
		}
		return y
	}
	x := float64(drawMargin)
	for n, b := range boxes {
		s := b.shape()
		channels := 1
		if len(s) == 3 {
			channels = s[2]
		}
		b.w = min(drawThin+2.2*math.Log2(float64(max(channels, 1))), drawWide)
		b.h = tall(s)
		b.y = top(level(s))
		if len(s) != 3 { // a vector stands in the middle of the largest box
			b.y = drawMargin + (drawTall-b.h)/2
			if n > 0 && len(boxes[n-1].shape()) == 3 {
				b.y = max(boxes[n-1].y+(boxes[n-1].h-b.h)/2, drawMargin)
			}
		}
		b.x = x
		x += b.w + drawGap
		height = max(height, b.y+b.h)
	}
	return max(x-drawGap+drawMargin, drawNarrow), height + drawMargin + 2*drawText
}

func (i *Info) svg() string {
	boxes := i.boxes()
	width, height := place(boxes)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="%d">`+"\n",
		width, height, width, height, drawText)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><title>%s</title>`+"\n", html.EscapeString(i.Name))
	fmt.Fprintf(&b, `<text x="%d" y="18">%s: %d parameters; picture %v</text>`+"\n", drawMargin, html.EscapeString(i.Name), i.Parameters, boxes[0].shape())
	for n, to := range boxes {
		for _, f := range to.from {
			b.WriteString(edge(boxes, f, n))
		}
	}
	for n, x := range boxes {
		b.WriteString(x.svg(n == 0 || !x.shape()[:1].Equal(boxes[n-1].shape()[:1])))
	}
	b.WriteString(i.legend(height))
	b.WriteString("</svg>\n")
	return b.String()
}

// edge draws what box n reads from box f: a line from the one before, an arc from others.
func edge(boxes []*box, f, n int) string {
	from, to := boxes[f], boxes[n]
	x1, y1, x2, y2 := from.x+from.w, from.y+from.h/2, to.x, to.y+to.h/2
	if f == n-1 {
		return fmt.Sprintf(`<path d="M%.1f %.1fL%.1f %.1f" stroke="#7a8797" fill="none"/>`+"\n", x1, y1, x2, y2)
	}
	// Between boxes of one level that have lower ones between them a straight line is free.
	free := true
	for _, b := range boxes[f+1 : n] {
		free = free && (b.y > max(y1, y2) || b.y+b.h < min(y1, y2))
	}
	if free {
		return fmt.Sprintf(`<path d="M%.1f %.1fL%.1f %.1f" stroke="#d08a2c" stroke-width="1.6" fill="none"/>`+"\n", x1, y1, x2, y2)
	}
	x1, x2 = from.x+from.w/2, to.x+to.w/2
	y1, y2 = from.y, to.y
	over := min(y1, y2) - min(8+0.05*(x2-x1), drawArc)
	return fmt.Sprintf(`<path d="M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f" stroke="#d08a2c" stroke-width="1.6" fill="none"/>`+"\n",
		x1, y1, x1, over, x2, over, x2, y2)
}

// svg draws the box, with its number of channels below and, where it changes, its size.
func (b *box) svg(sized bool) string {
	var names []string
	for _, l := range b.layers {
		names = append(names, fmt.Sprintf("%s (%s) %v, %d parameters", l.Name, l.Type, l.Output, l.Parameters))
	}
	s := b.shape()
	text := fmt.Sprintf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2" fill="%s"><title>%s</title></rect>`+"\n",
		b.x, b.y, b.w, b.h, colourOf(b.layers[0]), html.EscapeString(strings.Join(names, "\n")))
	text += fmt.Sprintf(`<text x="%.1f" y="%.1f" text-anchor="middle" font-size="9">%d</text>`+"\n", b.x+b.w/2, b.y+b.h+10, s[len(s)-1])
	if sized && len(s) == 3 {
		text += fmt.Sprintf(`<text x="%.1f" y="%.1f" text-anchor="middle" font-size="9" fill="#555">%dx%d</text>`+"\n", b.x+b.w/2, b.y+b.h+20, s[0], s[1])
	}
	return text
}

// kindsOfBoxes are what boxes are told apart by: colour, word, types of layers.
var kindsOfBoxes = []struct {
	colour, word string
	types        []string
}{
	{"#3b6fb6", "convolution", []string{"conv_2d", "depthwise_conv_2d", "separable_conv_2d"}},
	{"#7a4fa3", "dense", []string{"dense"}},
	{"#c2504a", "pooling", []string{"max_pool_2d", "avg_pool_2d", "global_avg_pool_2d", "global_max_pool_2d"}},
	{"#3f9a63", "enlarging", []string{"conv_2d_transpose", "up_sampling_2d", "resize", "depth_to_space", "max_unpool_2d", "avg_unpool_2d"}},
	{"#d9a441", "joining", []string{"add", "concatenate", "multiply", "subtract"}},
	{"#b9c3d0", "other", nil},
}

func kindOf(l LayerInfo) int {
	for k, kind := range kindsOfBoxes {
		if slices.Contains(kind.types, l.Type) {
			return k
		}
	}
	return len(kindsOfBoxes) - 1
}

func colourOf(l LayerInfo) string { return kindsOfBoxes[kindOf(l)].colour }

// legend explains the colours that are used.
func (i *Info) legend(height float64) string {
	var text strings.Builder
	x := float64(drawMargin)
	for k, kind := range kindsOfBoxes {
		if !slices.ContainsFunc(i.Layers, func(l LayerInfo) bool { return kindOf(l) == k && !slices.Contains(follows, l.Type) }) {
			continue
		}
		fmt.Fprintf(&text, `<rect x="%.1f" y="%.1f" width="10" height="10" rx="2" fill="%s"/><text x="%.1f" y="%.1f">%s</text>`+"\n",
			x, height-20, kind.colour, x+14, height-11, kind.word)
		x += 30 + 7*float64(len(kind.word))
	}
	return text.String()
}
