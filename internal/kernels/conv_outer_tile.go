package kernels

import "unsafe"

// outerTile is what a micro-kernel of a weight gradient computes: rows x cols elements of
// c, rows being part of its name, as the sum of outer products over pixels,
//
//	c[r,j] = sum over the pixels of a[r] * b[j] (+ c[r,j] where add is 1)
//
// The embedded tile has c, a, b, strideC, cols and add, the number k of pixels in a line, and
// the steps stepA and strideB from pixel to pixel. Everything is in bytes. The assembly knows
// the offsets of the fields.
type outerTile struct {
	tile
	lines, pictures    int // of either at least 1, unless lines is 0: then there are no pixels
	lineA, lineB       int // from the end of a line to the next
	pictureA, pictureB int // from there to the next picture

	ahead     *float32 // what to prefetch with the first pixel; never nil
	aheadStep int
}

// outerWalk is how the pixels of a tile lie in the arrays of a and of b: pictures of lines of
// pixels, each at a fixed distance, in elements, from the one before.
type outerWalk struct {
	pixels, lines, pictures int
	stepA, lineA, pictureA  int
	stepB, lineB, pictureB  int
	a, b                    int // where the first pixel is
}

// join makes one line of lines that follow each other without a gap, and likewise of pictures.
func (w *outerWalk) join() {
	w.joinLines()
	if w.lines == 1 {
		w.lines, w.lineA, w.lineB, w.pictures = w.pictures, w.pictureA, w.pictureB, 1
		w.joinLines()
	}
}

func (w *outerWalk) joinLines() {
	if w.lineA == w.pixels*w.stepA && w.lineB == w.pixels*w.stepB {
		w.pixels, w.lines = w.pixels*w.lines, 1
	}
}

// outerReaches are the register tiles of the micro-kernels; in plain Go, what keeps loops
// short.
var outerReaches = [...]reach{generic: {8, 32}, avx2: reaches[avx2], avx512: reaches[avx512]}

// outerAhead is memory that is going to be read: it is prefetched while tiles are computed. A
// group's next chunk comes from memory otherwise, and has to be waited for.
type outerAhead[T Float] struct{ list [4][]T }

// note adds memory to the list, if there is a place left.
func (h *outerAhead[T]) note(x []T) {
	for i := range h.list {
		if len(h.list[i]) == 0 {
			h.list[i] = x
			return
		}
	}
}

// take is the first address of as many cache lines as a tile has pixels, nil at the end.
func (h *outerAhead[T]) take(pixels int) *T {
	const line = 16 // elements of float32
	for i := range h.list {
		if x := h.list[i]; len(x) > 0 {
			h.list[i] = x[min(line*pixels, len(x)):]
			return &x[0]
		}
	}
	return nil
}

// outerProducts computes a tile of rows x cols elements of c, stride elements apart.
func outerProducts[T Float](i isa, c, a, b []T, rows, cols, stride int, add bool, w *outerWalk, h *outerAhead[T]) {
	if i == generic || !isFloat32[T]() {
		outerGeneric(c, a, b, rows, cols, stride, add, w)
		return
	}
	var t outerTile
	t.c, t.cols, t.strideC = &f32(c)[0], cols, 4*stride
	if add {
		t.add = 1
	}
	if w.pixels > 0 {
		t.a, t.b = &f32(a)[w.a], &f32(b)[w.b]
		t.k, t.lines, t.pictures = w.pixels, w.lines, w.pictures
		t.stepA, t.lineA, t.pictureA = 4*w.stepA, 4*(w.lineA-w.pixels*w.stepA), 4*(w.pictureA-w.lines*w.lineA)
		t.strideB, t.lineB, t.pictureB = 4*w.stepB, 4*(w.lineB-w.pixels*w.stepB), 4*(w.pictureB-w.lines*w.lineB)
	}
	t.ahead = t.c
	if p := h.take(w.pixels * w.lines * w.pictures); p != nil {
		t.ahead, t.aheadStep = (*float32)(unsafe.Pointer(p)), 64
	}
	i.outerTile(rows, &t)
}

func outerGeneric[T Float](c, a, b []T, rows, cols, stride int, add bool, w *outerWalk) {
	for r := 0; r < rows && !add; r++ {
		clear(c[r*stride:][:cols])
	}
	for n := range w.pictures {
		for p := range w.lines {
			i, j := w.a+n*w.pictureA+p*w.lineA, w.b+n*w.pictureB+p*w.lineB
			for range w.pixels {
				y := b[j : j+cols]
				for r, v := range a[i : i+rows] {
					axpyGeneric(v, c[r*stride:][:cols], y)
				}
				i, j = i+w.stepA, j+w.stepB
			}
		}
	}
}
