package kernels

import "unsafe"

// directTile is what a micro-kernel of direct convolution computes: some rows, whose number
// is part of its name, by cols columns of the result,
//
//	outs[r][column+j] = act(bias[j] + sum over taps and their terms p of
//	                        taps[s].list[first+r][p] * b[..., j] (+ outs[r][column+j]))
//
// Addresses are numbers, so that the many stores to lists of them cost no more than that; the
// pass holds on to what they point to while it runs. limit, first and column are in bytes.
// The assembly knows the offsets of the fields.
type directTile struct {
	taps   uintptr // of the first directTap
	limit  int     // of taps
	first  int
	b      uintptr // a panel: for each term a row as wide as the widest tile
	outs   uintptr // of the first of the rows' addresses
	column int
	bias   uintptr // 0 for none
	cols   int
	add    int // 1 adds the result's old value
	act    int // see Act.inTile
	alpha  float32

	cursor, length int // the kernel's: bytes of taps that are done, and of the tap at hand
}

// directTap are terms of the sum: of each row so many, in bytes, that end so many bytes after
// the row's address in the list.
type directTap struct {
	list        uintptr
	end, length int
}

const (
	addressBytes   = int(unsafe.Sizeof(uintptr(0)))
	directTapBytes = int(unsafe.Sizeof(directTap{}))
)

// addressOf is the address of a slice's first element.
func addressOf[E any](x []E) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(x))) }

// at views the n elements at an address.
func at[E any](address uintptr, n int) []E {
	return unsafe.Slice(*(**E)(unsafe.Pointer(&address)), n)
}

// directGeneric computes a tile of so many rows, without an activation.
func directGeneric[T Float](t *directTile, rows int) {
	size := int(unsafe.Sizeof(T(0)))
	taps, first := at[directTap](t.taps, t.limit/directTapBytes), t.first/addressBytes
	outs := at[uintptr](t.outs, rows)
	column := t.column / size
	var bias [4]T
	if t.bias != 0 {
		copy(bias[:], at[T](t.bias, t.cols))
	}
	for r := 0; r < rows; r += 2 {
		s := min(r+1, rows-1) // of an odd row at the end the sums are computed twice
		var sums [2][4]T
		directPair(t, taps, first+r, first+s, &sums)
		for i, r := range [2]int{r, s} {
			out := at[T](outs[r], column+t.cols)[column:]
			for j := range out {
				v := sums[i][j] + bias[j]
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
func directPair[T Float](t *directTile, taps []directTap, r, s int, sums *[2][4]T) {
	size := int(unsafe.Sizeof(T(0)))
	var a0, a1, a2, a3, b0, b1, b2, b3 T
	done := 0 // terms
	for i := range taps {
		tap := &taps[i]
		n, skip := tap.length/size, (tap.end-tap.length)/size
		list := at[uintptr](tap.list, max(r, s)+1)
		x, y := at[T](list[r], skip+n)[skip:], at[T](list[s], skip+n)[skip:]
		w := at[T](t.b, 4*(done+n))[4*done:]
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
		done += n
	}
	sums[0], sums[1] = [4]T{a0, a1, a2, a3}, [4]T{b0, b1, b2, b3}
}

// directGenericDepth computes so many pixels of a depthwise convolution.
func directGenericDepth[T Float](t *directTile, pixels int) {
	size := int(unsafe.Sizeof(T(0)))
	taps, column := at[directTap](t.taps, t.limit/directTapBytes), t.column/size
	for r, out := range at[uintptr](t.outs, pixels) {
		sums := at[T](out, column+t.cols)[column:]
		clear(sums)
		if t.bias != 0 {
			copy(sums, at[T](t.bias, t.cols))
		}
		for i := range taps {
			skip := (taps[i].end - taps[i].length) / size
			x := at[T](at[uintptr](taps[i].list, r+1)[r], skip+t.cols)[skip:]
			w := at[T](t.b, (i+1)*directReaches[generic].cols)[i*directReaches[generic].cols:]
			for j := range sums {
				sums[j] += x[j] * w[j]
			}
		}
	}
}
