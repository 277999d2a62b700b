package recipes

import (
	"fmt"
	"html"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/hourglass-go/hourglass/internal/atomicfile"
)

// The drawing of a network, in pixels.
const (
	barPitch  = 64
	barWidth  = 28
	barMost   = 260 // the longest bar
	barLeast  = 14
	drawSpace = 150 // for the names under the bars
)

// Draw writes the layers side by side as an SVG: a bar a layer, as long as the square root
// of the number of its values, so that a bottleneck shows as one.
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

func (i *Info) svg() string {
	most := 1
	for _, l := range i.Layers {
		if l.Output.Known() {
			most = max(most, l.Output.Elems())
		}
	}
	var b strings.Builder
	width, height := barPitch*(len(i.Layers)+1), barMost+drawSpace
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n",
		width, height, width, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><title>%s</title>`+"\n", html.EscapeString(i.Name))
	middle := barMost/2 + 10
	for n, l := range i.Layers {
		size := float64(barMost)
		if l.Output.Known() {
			size = max(barLeast, barMost*math.Sqrt(float64(l.Output.Elems())/float64(most)))
		}
		x := barPitch/2 + n*barPitch
		fmt.Fprintf(&b, `<rect x="%d" y="%.1f" width="%d" height="%.1f" rx="4" fill="%s"><title>%s</title></rect>`+"\n",
			x, float64(middle)-size/2, barWidth, size, colourOf(l), html.EscapeString(fmt.Sprintf("%s, %d parameters", l.Type, l.Parameters)))
		label := fmt.Sprintf("%s %v", l.Name, l.Output)
		fmt.Fprintf(&b, `<text transform="translate(%d %d) rotate(40)">%s</text>`+"\n", x+4, barMost+28, html.EscapeString(label))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// colourOf tells layers with weights from those without.
func colourOf(l LayerInfo) string {
	if l.Parameters > 0 {
		return "#3b6fb6"
	}
	return "#b9c3d0"
}
