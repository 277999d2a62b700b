package nn

import (
	"cmp"
	"slices"
)

// buffer is a piece of memory, and the spans of time in which it is in use.
type buffer struct {
	elems    int
	spans    []span
	offset   int
	external bool // memory of the caller, not of the arena
}

// lasting is a buffer that is in use from one moment to another.
func lasting(elems, first, last int) buffer {
	return buffer{elems: elems, spans: []span{{first, last}}}
}

// buffers share an arena.
type buffers []buffer

func (b *buffers) add(x buffer) (number int) {
	*b = append(*b, x)
	return len(*b) - 1
}

// arenaAlign is in elements: 64 bytes of float32.
const arenaAlign = 16

func alignUp(n int) int { return (n + arenaAlign - 1) &^ (arenaAlign - 1) }

// promotions is how often a layout is tried again.
const promotions = 40

// place lays the buffers out one by one, each at the lowest offset where none that is alive
// at the same time lies: the largest first, or those that live longest, or both weighed,
// whichever gives the smallest arena (Pisarchyk and Lee 2020 compare such orders). Where that
// is more than what is alive at once, the buffer that reaches the arena's end comes first, and
// all are laid out again. It returns the arena's elements; end is the last moment.
func (b buffers) place(end int) (arena int) {
	size := func(b *buffer) int { return b.elems }
	life := func(b *buffer) int { return b.spans[len(b.spans)-1].last - b.spans[0].first + 1 }
	least, _ := b.live(end)
	meets := b.meetings()
	for _, weight := range []func(b *buffer) int{size, life, func(b *buffer) int { return size(b) * life(b) }} {
		order := b.order(weight)
		for range promotions {
			offsets, needed := b.layout(order, meets)
			if arena == 0 || needed < arena {
				arena = needed
				for i := range b {
					b[i].offset = offsets[i]
				}
			}
			if arena == least {
				return arena
			}
			last := slices.IndexFunc(order, func(i int) bool { return offsets[i]+alignUp(b[i].elems) == needed })
			promoted := order[last]
			order = slices.Insert(slices.Delete(order, last, last+1), 0, promoted)
		}
	}
	return arena
}

// order lists the buffers of the arena, those of the largest weight first, and of equal
// weight the largest.
func (b buffers) order(weight func(b *buffer) int) []int {
	order := make([]int, 0, len(b))
	for i := range b {
		if !b[i].external {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int {
		return cmp.Or(cmp.Compare(weight(&b[j]), weight(&b[i])), cmp.Compare(b[j].elems, b[i].elems))
	})
	return order
}

// meetings says of each two buffers whether they are alive at the same time.
func (b buffers) meetings() [][]bool {
	meets := make([][]bool, len(b))
	for i := range b {
		meets[i] = make([]bool, len(b))
		for j := range i {
			meets[i][j] = overlap(b[i].spans, b[j].spans)
			meets[j][i] = meets[i][j]
		}
	}
	return meets
}

// layout returns the offsets of the buffers, laid out in the order, and the arena that they
// need.
func (b buffers) layout(order []int, meets [][]bool) (offsets []int, arena int) {
	offsets = make([]int, len(b))
	placed := make([]int, 0, len(order)) // by offset
	for _, i := range order {
		at, size := 0, alignUp(b[i].elems)
		for _, j := range placed {
			if at+size <= offsets[j] {
				break
			}
			if end := offsets[j] + alignUp(b[j].elems); end > at && meets[i][j] {
				at = end
			}
		}
		offsets[i], arena = at, max(arena, at+size)
		k, _ := slices.BinarySearchFunc(placed, at, func(j, off int) int { return cmp.Compare(offsets[j], off) })
		placed = slices.Insert(placed, k, i)
	}
	return offsets, arena
}

// live is the largest number of elements of the arena that are in use at one moment, which
// no place for the buffers can go below.
func (b buffers) live(end int) (most, moment int) {
	change := make([]int, end+2)
	for i := range b {
		if b[i].external {
			continue
		}
		for _, s := range b[i].spans {
			change[s.first] += alignUp(b[i].elems)
			change[s.last+1] -= alignUp(b[i].elems)
		}
	}
	sum := 0
	for now, by := range change {
		if sum += by; sum > most {
			most, moment = sum, now
		}
	}
	return most, moment
}
