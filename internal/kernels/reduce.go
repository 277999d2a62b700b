package kernels

// Reductions add in an order that the length alone fixes: blocks of sumBlock
// elements, each in T, and their sums in float64.
const sumBlock = 4096

// Sum returns the sum of x.
func Sum[T Float](x []T) T {
	var total float64
	for len(x) > 0 {
		b := x[:min(sumBlock, len(x))]
		x = x[len(b):]
		if v := simd[T](); v != nil {
			total += float64(v.sum(&f32(b)[0], len(b)))
		} else {
			total += float64(sumGeneric(b))
		}
	}
	return T(total)
}

func sumGeneric[T Float](x []T) T {
	var s T
	for _, v := range x {
		s += v
	}
	return s
}

// SumSquares returns the sum of x[i]².
func SumSquares[T Float](x []T) T { return Dot(x, x) }

// Dot returns the sum of x[i]*y[i] over the length of x.
func Dot[T Float](x, y []T) T {
	need("Dot", "y", len(y), len(x))
	var total float64
	for len(x) > 0 {
		n := min(sumBlock, len(x))
		if v := simd[T](); v != nil {
			total += float64(v.dot(&f32(x)[0], &f32(y)[0], n))
		} else {
			total += float64(dotGeneric(x[:n], y[:n]))
		}
		x, y = x[n:], y[n:]
	}
	return T(total)
}

func dotGeneric[T Float](x, y []T) T {
	var s T
	for i, v := range x {
		s += v * y[i]
	}
	return s
}

// ColumnSums computes dst[j] = sum over i of x[i,j] for x of shape [len(x)/N, N] with
// N = len(dst): the gradient of a bias. dst must not overlap x.
func ColumnSums[T Float](dst, x []T) {
	if len(dst) == 0 {
		return
	}
	sumColumns(dst, x, len(x)/len(dst), len(dst))
}

// sumColumns computes the sums of the columns of rows rows, stride elements apart.
func sumColumns[T Float](dst, x []T, rows, stride int) {
	clear(dst)
	for i := 0; i < rows; i += sumRows {
		addColumns(dst, x[i*stride:], min(sumRows, rows-i), stride)
	}
}

// sumRows is the number of rows that are summed in one go: few enough for one call into
// assembly.
const sumRows = 256

// addColumns adds the columns of rows rows, stride elements apart, to dst.
func addColumns[T Float](dst, x []T, rows, stride int) {
	if v := simd[T](); v != nil {
		v.columnSums(&f32(dst)[0], &f32(x)[0], rows, len(dst), 4*stride)
		return
	}
	for i := range rows {
		addGeneric(dst, dst, x[i*stride:])
	}
}
