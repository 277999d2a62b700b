package kernels

// The passes below see a matrix x of rows of len(mean) columns, one after the other, and
// normalise column by column. They are called for a part of the rows at a time, whose sums
// the caller adds up in a fixed order.

// columnPasses are the passes in assembly of one variant, over at least one row of n columns.
// Strides are in bytes.
type columnPasses struct {
	moments   func(x, pivot, sum, squares *float32, rows, n, stride int) // adds
	normalise func(y, x, mean, scale, shift *float32, rows, n, stride int)
	normSums  func(dy, x, mean, sum, dots *float32, rows, n, stride int) // adds
	normGrad  func(dx, dy, x, mean, a, b, c *float32, rows, n, stride int)

	// Rows of 2x2 pooling, see MaxPool.
	maxPool2     func(y, top, bottom *float32, pixels, n int)
	maxPool2Mask func(y, mask, top, bottom *float32, pixels, n int)
	maxPool2Grad func(dy, mask, top, bottom *float32, pixels, n int)
}

// columnSet returns the passes for at least one number, nil where plain Go does the work.
func columnSet[T Float](x []T, n int) *columnPasses {
	if isFloat32[T]() && len(x) >= n && n > 0 {
		return columnSets[active]
	}
	return nil
}

// ColumnRows is the number of rows of n columns that one call of these passes should be
// given at most: as many as stay in a cache between two passes.
func ColumnRows(n int) int { return max(1, 1<<14/n) }

// ColumnMoments sets for each column
//
//	sum[j] = sum over i of x[i,j]-pivot[j]    squares[j] = sum over i of (x[i,j]-pivot[j])²
//
// With a pivot that is one of the column's own values, the variance made of them,
// (squares - sum²/rows)/rows, loses at most as many times the precision as there are rows.
func ColumnMoments[T Float](sum, squares, pivot, x []T) {
	n := len(pivot)
	clear(sum[:n])
	clear(squares[:n])
	if v := columnSet(x, n); v != nil {
		v.moments(&f32(x)[0], &f32(pivot)[0], &f32(sum)[0], &f32(squares)[0], len(x)/n, n, 4*n)
		return
	}
	sum, squares = sum[:n], squares[:n]
	for ; len(x) > 0; x = x[n:] {
		for j, v := range x[:n] {
			d := v - pivot[j]
			sum[j] += d
			squares[j] += d * d
		}
	}
}

// ColumnNormalise computes y = (x-mean)*scale + shift. y may be x.
func ColumnNormalise[T Float](y, x, mean, scale, shift []T) {
	n := len(mean)
	need("ColumnNormalise", "y", len(y), len(x))
	need("ColumnNormalise", "scale", len(scale), n)
	need("ColumnNormalise", "shift", len(shift), n)
	if v := columnSet(x, n); v != nil {
		v.normalise(&f32(y)[0], &f32(x)[0], &f32(mean)[0], &f32(scale)[0], &f32(shift)[0], len(x)/n, n, 4*n)
		return
	}
	for ; len(x) > 0; x, y = x[n:], y[n:] {
		for j, v := range x[:n] {
			y[j] = (v-mean[j])*scale[j] + shift[j]
		}
	}
}

// ColumnNormSums sets for each column
//
//	sum[j] = sum over i of dy[i,j]    dots[j] = sum over i of dy[i,j]*(x[i,j]-mean[j])
//
// of which the gradients of a normalisation are made.
func ColumnNormSums[T Float](sum, dots, dy, x, mean []T) {
	n := len(mean)
	need("ColumnNormSums", "x", len(x), len(dy))
	clear(sum[:n])
	clear(dots[:n])
	if v := columnSet(dy, n); v != nil {
		v.normSums(&f32(dy)[0], &f32(x)[0], &f32(mean)[0], &f32(sum)[0], &f32(dots)[0], len(dy)/n, n, 4*n)
		return
	}
	for ; len(dy) > 0; x, dy = x[n:], dy[n:] {
		for j, d := range dy[:n] {
			sum[j] += d
			dots[j] += d * (x[j] - mean[j])
		}
	}
}

// ColumnNormGrad computes dx = a*dy + b*(x-mean) + c. dx may be dy.
func ColumnNormGrad[T Float](dx, dy, x, mean, a, b, c []T) {
	n := len(mean)
	need("ColumnNormGrad", "dx", len(dx), len(dy))
	need("ColumnNormGrad", "x", len(x), len(dy))
	need("ColumnNormGrad", "a, b or c", min(len(a), len(b), len(c)), n)
	if v := columnSet(dy, n); v != nil {
		v.normGrad(&f32(dx)[0], &f32(dy)[0], &f32(x)[0], &f32(mean)[0], &f32(a)[0], &f32(b)[0], &f32(c)[0], len(dy)/n, n, 4*n)
		return
	}
	for ; len(dy) > 0; dx, dy, x = dx[n:], dy[n:], x[n:] {
		for j, d := range dy[:n] {
			dx[j] = a[j]*d + (b[j]*(x[j]-mean[j]) + c[j])
		}
	}
}
