package kernels

// canvas is a batch of pictures of h x w pixels whose channels lie in parts.
type canvas[T Float] struct {
	parts    [][]T
	channels []int
	h, w     int
	border   Border // what lies beyond, where it is read
}

// pixel is where a pixel of a part begins.
func (c *canvas[T]) pixel(part, n, row, col int) int {
	return ((n*c.h+row)*c.w + col) * c.channels[part]
}

// inside reports whether a square of pixels lies in the picture.
func (c *canvas[T]) inside(row, col, side int) bool {
	return row >= 0 && col >= 0 && row+side <= c.h && col+side <= c.w
}

// load transforms the pixels of a square of picture n, whose first pixel is at row and col,
// to numbers at dst, a plane after the other and a part after the other. Pixels outside the
// picture are its border's. patch has room for the square of a part.
func (w *winogradWorker[T]) load(op winogradOp, dst []T, plane int, c *canvas[T], n, row, col int, patch []T) {
	side := w.size.side()
	if op == winogradPixels {
		side = int(w.size)
	}
	planes := square[T]{row: w.size.side() * plane, col: plane}
	at := 0
	for i, data := range c.parts {
		ch := c.channels[i]
		src := square[T]{row: c.w * ch, col: ch}
		if c.inside(row, col, side) {
			src.data = data[c.pixel(i, n, row, col):]
		} else {
			c.cut(patch, i, n, row, col, side)
			src = square[T]{data: patch, row: side * ch, col: ch}
		}
		planes.data = dst[at:]
		w.transform(op, planes, src, ch, nil, 0)
		if op == winogradInputBF16 {
			at += ch / 2
		} else {
			at += ch
		}
	}
}

// cut copies a square of a part's pixels, those of the border where they are outside the picture.
func (c *canvas[T]) cut(patch []T, part, n, row, col, side int) {
	ch := c.channels[part]
	line := side * ch
	lo, hi := min(max(0, -col), side), max(min(side, c.w-col), 0) // columns of the square that are inside
	for i := range side {
		dst := patch[i*line:][:line]
		y := c.border.at(row+i, c.h)
		if y < 0 {
			clear(dst)
			continue
		}
		for j := range side {
			if j == lo && lo < hi {
				copy(dst[lo*ch:hi*ch], c.parts[part][c.pixel(part, n, y, col+lo):])
			}
			if j >= lo && j < hi {
				continue
			}
			if x := c.border.at(col+j, c.w); x >= 0 {
				copy(dst[j*ch:][:ch], c.parts[part][c.pixel(part, n, y, x):])
			} else {
				clear(dst[j*ch:][:ch])
			}
		}
	}
}

// epilogue is what happens to outputs: a bias, which may be nil, a floor (0 is ReLU's), and
// then an activation.
type epilogue[T Float] struct {
	bias  []T
	floor T
	act   Act
}

// store transforms numbers at src, a plane after the other, to some channels of a square of
// outputs, as far as they are in the picture. Parts that are nil are left out.
func (w *winogradWorker[T]) store(src []T, plane int, c *canvas[T], n, row, col, first, beyond int, e *epilogue[T], patch []T) {
	m := int(w.size)
	planes := square[T]{row: w.size.side() * plane, col: plane}
	at := 0
	for i, data := range c.parts {
		ch := c.channels[i]
		lo, hi := max(at, first), min(at+ch, beyond)
		if data == nil || lo >= hi {
			at += ch
			continue
		}
		planes.data = src[lo-first:]
		var bias []T
		if e.bias != nil {
			bias = e.bias[lo:hi]
		}
		pixels, line := data[c.pixel(i, n, row, col)+lo-at:], c.w*ch
		wide := hi - lo
		rows, runs, run := min(m, c.h-row), min(m, c.w-col), wide // of what lies together
		if wide == ch {
			runs, run = 1, runs*wide
		}
		if c.inside(row, col, m) {
			w.transform(winogradOutput, square[T]{data: pixels, row: line, col: ch}, planes, wide, bias, e.floor)
		} else {
			w.transform(winogradOutput, square[T]{data: patch, row: m * wide, col: wide}, planes, wide, bias, e.floor)
			for y := range rows {
				for x := range runs {
					copy(pixels[y*line+x*ch:][:run], patch[(y*m+x)*wide:])
				}
			}
		}
		if e.act.Kind != Identity {
			for y := range rows {
				for x := range runs {
					out := pixels[y*line+x*ch:][:run]
					Activate(e.act, out, out)
				}
			}
		}
		at += ch
	}
}
