package kernels

import "unsafe"

// directTile is what a micro-kernel of direct convolution computes: some rows, whose number
// is part of its name, by cols columns of the result,
//
//	outs[r][column+j] = act(bias[j] + sum over taps and their channels p of
//	                        taps[s].list[first+r][p] * b[..., j] (+ outs[r][column+j]))
//
// limit, first and column are in bytes. The assembly knows the offsets of the fields.
type directTile[T Float] struct {
	taps   *directTap[T]
	limit  int // of taps
	first  int
	b      *T  // a panel: for each term a row as wide as the widest tile
	outs   **T // a pointer for each row
	column int
	bias   *T // may be nil
	cols   int
	add    int // 1 adds the result's old value
	act    int // see Act.inTile
	alpha  float32

	cursor, length int // the kernel's: bytes of taps that are done, and of the tap at hand
}

// directTap are terms of the sum: of each row so many channels, in bytes, that end so many
// bytes after the row's pointer in the list.
type directTap[T Float] struct {
	list        **T
	end, length int
}

const (
	pointerBytes   = int(unsafe.Sizeof(uintptr(0)))
	directTapBytes = int(unsafe.Sizeof(directTap[float32]{}))
)

type directTile32 = directTile[float32]

// directGeneric computes a tile of so many rows, without an activation.
func directGeneric[T Float](t *directTile[T], rows int) {
	size := int(unsafe.Sizeof(T(0)))
	taps, first := unsafe.Slice(t.taps, t.limit/directTapBytes), t.first/pointerBytes
	outs := unsafe.Slice(t.outs, rows)
	cols := t.column / size
	for r := 0; r < rows; r += 2 {
		s := min(r+1, rows-1) // of an odd row at the end the sums are computed twice
		var sums [2][4]T
		directPair(t, taps, first+r, first+s, &sums)
		for i, r := range [2]int{r, s} {
			out := unsafe.Slice(outs[r], cols+t.cols)[cols:]
			var bias []T
			if t.bias != nil {
				bias = unsafe.Slice(t.bias, t.cols)
			}
			for j := range out {
				v := sums[i][j]
				if bias != nil {
					v += bias[j]
				}
				if t.add != 0 {
					v += out[j]
				}
				out[j] = v
			}
			if s == r {
				break
			}
		}
	}
}

// directPair computes the products of two rows and a panel of four columns.
func directPair[T Float](t *directTile[T], taps []directTap[T], r, s int, sums *[2][4]T) {
	size := int(unsafe.Sizeof(T(0)))
	var a0, a1, a2, a3, b0, b1, b2, b3 T
	at := 0 // terms
	for i := range taps {
		tap := &taps[i]
		n, skip := tap.length/size, (tap.end-tap.length)/size
		list := unsafe.Slice(tap.list, max(r, s)+1)
		x, y := unsafe.Slice(list[r], skip+n)[skip:], unsafe.Slice(list[s], skip+n)[skip:]
		w := unsafe.Slice(t.b, 4*(at+n))[4*at:]
		for len(x) > 0 && len(y) > 0 && len(w) >= 4 {
			u, v := x[0], y[0]
			w0, w1, w2, w3 := w[0], w[1], w[2], w[3]
			a0 += u * w0
			a1 += u * w1
			a2 += u * w2
			a3 += u * w3
			b0 += v * w0
			b1 += v * w1
			b2 += v * w2
			b3 += v * w3
			x, y, w = x[1:], y[1:], w[4:]
		}
		at += n
	}
	sums[0], sums[1] = [4]T{a0, a1, a2, a3}, [4]T{b0, b1, b2, b3}
}
