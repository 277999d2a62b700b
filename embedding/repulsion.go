package embedding

import (
	"math"
	"slices"

	"github.com/hourglass-go/hourglass/internal/parallel"
)

// vec is a point of the map, or a force on it.
type vec struct{ x, y float64 }

// A repulsion computes the force by which the points of a map push one another away:
// for point i, the sum over j of (y_i-y_j)/(1+|y_i-y_j|^2)^2.
type repulsion interface {
	// repel leaves the forces where forces finds them and returns the normalisation
	// z, the sum of 1/(1+|y_i-y_j|^2) over all ordered pairs i != j.
	repel(team *parallel.Team, y []vec) (z float64)
	forces() []vec
}

// source is what pushes: one point, or a cell's mass of points at their mean.
type source struct{ x, y, mass float64 }

// pushed returns the force of the sources on y, and their part of z.
func pushed(y vec, by []source) (force vec, z float64) {
	for i := range by {
		s := &by[i]
		dx, dy := y.x-s.x, y.y-s.y
		q := 1 / (1 + (dx*dx + dy*dy))
		m := s.mass * q
		z += m
		m *= q
		force.x += m * dx
		force.y += m * dy
	}
	return force, z
}

// allPairs is the exact repulsion, in time that grows with the square of the points.
type allPairs struct {
	sources []source
	force   []vec
	y       []vec
	part    []float64
	work    each
}

func newAllPairs(n int) *allPairs {
	r := &allPairs{sources: make([]source, n), force: make([]vec, n), work: each{n: n, size: 64}}
	r.part = make([]float64, r.work.chunks())
	r.work.do = func(chunk, lo, hi, _ int) {
		sum := 0.0
		for i := lo; i < hi; i++ {
			force, z := pushed(r.y[i], r.sources)
			r.force[i] = force
			sum += z
		}
		r.part[chunk] = sum
	}
	return r
}

func (r *allPairs) forces() []vec { return r.force }

func (r *allPairs) repel(team *parallel.Team, y []vec) float64 {
	for i, v := range y {
		r.sources[i] = source{v.x, v.y, 1}
	}
	r.y = y
	r.work.run(team)
	// Every point met itself, at distance 0: without a force, but with a 1 in z.
	return total(r.part) - float64(len(y))
}

func total(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum
}

const (
	// leafSize is up to how many points a cell keeps undivided.
	leafSize = 12
	// leavesPerTile is how many leaves are one tile of parallel work.
	leavesPerTile = 16
	// axisBits is to how many bits a coordinate is rounded to order the points.
	axisBits = 16
)

// A quadtree approximates the repulsion (Barnes and Hut 1986, van der Maaten 2014): a
// cell of points far away acts as all its mass at their mean. All points of a leaf
// share one list of sources, gathered once: a cell is far if its width is below theta
// times the distance of its mean from the leaf's bounding box, and so from each point.
// The tree depends on the points alone, and so do the sums.
type quadtree struct {
	theta2  float64
	force   []vec
	sources []source // the points along the Z-order curve, each of mass 1
	order   []int32  // their original indices
	cells   []cell   // depth first
	leaves  []int32  // indices of cells
	part    []float64
	scratch [][]source // per worker
	keys    []key
	spare   []key
}

// cell is a square of the plane, with the bounding box of the points in it.
type cell struct {
	source
	width2 float64 // the square of the box's longer side
	next   int32   // the first cell after this one that is not inside it
	lo, hi int32   // its points are sources[lo:hi]; of a cell with children, lo < 0
	box    box
}

type box struct{ x0, x1, y0, y1 float64 }

func (b box) join(o box) box {
	return box{min(b.x0, o.x0), max(b.x1, o.x1), min(b.y0, o.y0), max(b.y1, o.y1)}
}

// squaredDistance from the box to a point, 0 inside.
func (b *box) squaredDistance(x, y float64) float64 {
	dx := max(b.x0-x, x-b.x1, 0)
	dy := max(b.y0-y, y-b.y1, 0)
	return dx*dx + dy*dy
}

// key is a point's place along the Z-order curve.
type key struct {
	place uint32
	index int32
}

func newQuadtree(n int, theta float64, workers int) *quadtree {
	return &quadtree{
		theta2: theta * theta, force: make([]vec, n), sources: make([]source, n), order: make([]int32, n),
		scratch: make([][]source, workers), keys: make([]key, n), spare: make([]key, n),
	}
}

func (t *quadtree) forces() []vec { return t.force }

func (t *quadtree) repel(team *parallel.Team, y []vec) float64 {
	t.sort(y)
	t.cells, t.leaves = t.cells[:0], t.leaves[:0]
	t.build(0, int32(len(y)), 2*axisBits-2)
	tiles := (len(t.leaves) + leavesPerTile - 1) / leavesPerTile
	t.part = slices.Grow(t.part[:0], tiles)[:tiles]
	team.Run(tiles, t)
	return total(t.part) - float64(len(y))
}

// sort orders the points along the Z-order curve, those of one place by index.
func (t *quadtree) sort(y []vec) {
	b := box{y[0].x, y[0].x, y[0].y, y[0].y}
	for _, v := range y[1:] {
		b = b.join(box{v.x, v.x, v.y, v.y})
	}
	scale := 0.0
	if side := max(b.x1-b.x0, b.y1-b.y0); side > 0 {
		scale = (1<<axisBits - 1) / side
	}
	for i, v := range y {
		t.keys[i] = key{interleave(uint32((v.x-b.x0)*scale)) | interleave(uint32((v.y-b.y0)*scale))<<1, int32(i)}
	}
	// Least significant digit first, an even number of passes: the result is in keys.
	const digit = axisBits / 2
	for shift := 0; shift < 2*axisBits; shift += digit {
		var count [1<<digit + 1]int
		for _, k := range t.keys {
			count[k.place>>shift&(1<<digit-1)+1]++
		}
		for d := range 1 << digit {
			count[d+1] += count[d]
		}
		for _, k := range t.keys {
			d := k.place >> shift & (1<<digit - 1)
			t.spare[count[d]] = k
			count[d]++
		}
		t.keys, t.spare = t.spare, t.keys
	}
	for i, k := range t.keys {
		t.order[i] = k.index
		t.sources[i] = source{y[k.index].x, y[k.index].y, 1}
	}
}

// interleave puts a zero before each of the low 16 bits of v.
func interleave(v uint32) uint32 {
	v = (v | v<<8) & 0x00ff00ff
	v = (v | v<<4) & 0x0f0f0f0f
	v = (v | v<<2) & 0x33333333
	return (v | v<<1) & 0x55555555
}

// build appends the cell of points [lo, hi) and all inside it; the points agree in the
// bits of their places above shift+1. It returns the cell's index.
func (t *quadtree) build(lo, hi int32, shift int) int32 {
	at := int32(len(t.cells))
	if hi-lo <= leafSize || shift < 0 {
		t.leaves = append(t.leaves, at)
		t.cells = append(t.cells, t.leaf(lo, hi))
		t.cells[at].next = at + 1
		return at
	}
	quarter := func(i int32) uint32 { return t.keys[i].place >> shift & 3 }
	if quarter(lo) == quarter(hi-1) {
		return t.build(lo, hi, shift-2)
	}
	t.cells = append(t.cells, cell{})
	c := cell{lo: -1, box: box{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)}}
	for from := lo; from < hi; {
		to := from + 1
		for to < hi && quarter(to) == quarter(from) {
			to++
		}
		child := &t.cells[t.build(from, to, shift-2)]
		c.x += child.mass * child.x
		c.y += child.mass * child.y
		c.mass += child.mass
		c.box = c.box.join(child.box)
		from = to
	}
	c.finish()
	c.next = int32(len(t.cells))
	t.cells[at] = c
	return at
}

// leaf is the cell of the points [lo, hi), undivided.
func (t *quadtree) leaf(lo, hi int32) cell {
	c := cell{lo: lo, hi: hi, box: box{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)}}
	for _, s := range t.sources[lo:hi] {
		c.x += s.x
		c.y += s.y
		c.box = c.box.join(box{s.x, s.x, s.y, s.y})
	}
	c.mass = float64(hi - lo)
	c.finish()
	return c
}

// finish turns the sum of coordinates into their mean and measures the box.
func (c *cell) finish() {
	c.x /= c.mass
	c.y /= c.mass
	side := max(c.box.x1-c.box.x0, c.box.y1-c.box.y0)
	c.width2 = side * side
}

// Do computes the forces on the points of a few leaves.
func (t *quadtree) Do(tile, worker int) {
	sum := 0.0
	for _, at := range t.leaves[tile*leavesPerTile : min((tile+1)*leavesPerTile, len(t.leaves))] {
		leaf := &t.cells[at]
		near := t.gather(t.scratch[worker][:0], at)
		for i := leaf.lo; i < leaf.hi; i++ {
			force, z := pushed(vec{t.sources[i].x, t.sources[i].y}, near)
			t.force[t.order[i]] = force
			sum += z
		}
		t.scratch[worker] = near
	}
	t.part[tile] = sum
}

// gather appends what pushes the points of a leaf: far cells and near points. Points in
// one and the same place, a cell of width 0, are always one source. A cell around the
// leaf itself never is.
func (t *quadtree) gather(list []source, leaf int32) []source {
	b := &t.cells[leaf].box
	for at := int32(0); at < int32(len(t.cells)); {
		c := &t.cells[at]
		around := at < leaf && leaf < c.next
		switch {
		case !around && c.width2 <= t.theta2*b.squaredDistance(c.x, c.y):
			list = append(list, c.source)
			at = c.next
		case c.lo >= 0:
			list = append(list, t.sources[c.lo:c.hi]...)
			at = c.next
		default:
			at++
		}
	}
	return list
}
