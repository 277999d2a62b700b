package nn

import "slices"

// parted is implemented by a layer that can read an input in parts along the last axis:
// Compile then gets the shape of each, and an Op an array for each. Nobody has to
// concatenate them.
type parted interface {
	Layer
	takesParts(input, of int) bool
}

// partsMax bounds the parts that one layer reads: of many, each is a short piece of a
// pixel, and reading them piece by piece costs more than one copy.
const partsMax = 4

// dropConcatenations gives layers that take parts what would have been joined for them, and
// concatenations of concatenations all the pieces. A concatenation that somebody else reads
// stays.
func (g *graph) dropConcatenations() {
	for i := 0; i < len(g.steps); i++ {
		if s := g.steps[i]; !g.joinsChannels(s) || !g.canDrop(s) {
			continue
		}
		joined := g.steps[i].out[0]
		parts := g.steps[i].in
		g.remove(i)
		i--
		for j := range g.steps {
			g.steps[j].in = replaced(g.steps[j].in, joined, parts)
		}
	}
}

// joinsChannels reports whether the step concatenates along the last axis.
func (g *graph) joinsChannels(s graphStep) bool {
	c, ok := s.layer.(Concatenate)
	if !ok {
		return false
	}
	rank := len(g.shapes[s.in[0]])
	axis, _ := sampleAxis(c.withDefaults().(Concatenate).Axis, rank)
	return axis == rank-1
}

// canDrop reports whether all who read what the concatenation makes can do with its parts.
func (g *graph) canDrop(concat graphStep) bool {
	joined := concat.out[0]
	if slices.Contains(g.outputs, joined) {
		return false
	}
	for _, s := range g.steps {
		if !slices.Contains(s.in, joined) || g.joinsChannels(s) {
			continue
		}
		p, ok := s.layer.(parted)
		if !ok || len(replaced(s.in, joined, concat.in)) > partsMax {
			return false
		}
		for i, v := range s.in {
			if v == joined && !p.takesParts(i, len(s.in)) {
				return false
			}
		}
	}
	return true
}

func (g *graph) shapesOf(values []int) []Shape {
	shapes := make([]Shape, len(values))
	for i, v := range values {
		shapes[i] = g.shapes[v]
	}
	return shapes
}

// replaced is list with every v in it replaced by others.
func replaced(list []int, v int, others []int) []int {
	if !slices.Contains(list, v) {
		return list
	}
	var out []int
	for _, w := range list {
		if w == v {
			out = append(out, others...)
		} else {
			out = append(out, w)
		}
	}
	return out
}
