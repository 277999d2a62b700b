package kernels

// vectors are the passes over slices of one variant. Each function handles n elements,
// the last vector masked, and is given pointers to the first elements; lengths have
// been checked. Alpha is a parameter that some of them ignore.
type vectors struct {
	add, mul         binaryFunc
	scale, axpy, exp unaryFunc // exp computes exp(x-alpha)
	act              [Softplus + 1]unaryFunc
	actGrad          [Softplus + 1]binaryFunc
	sum              func(x *float32, n int) float32
	dot              func(x, y *float32, n int) float32
	bce              func(z, t *float32, n int) float32
	bceGrad          func(dz, z, t *float32, n int, scale float32) float32
	adam             func(p, grad, m, v *float32, n int, keep, alpha, c1, c2, epsilon float32)
	adamPast         func(p, grad, m, v *float32, n int, keep, alpha, c1, c2, epsilon float32) // p aligned to vectors
	rmsprop          func(p, grad, v *float32, n int, rate, rho, rest, epsilon float32)
	momentum         func(p, grad, m *float32, n int, rate, momentum float32)
	nesterov         func(p, grad, m *float32, n int, rate, momentum float32)
	ema              func(avg, p *float32, n int, c float32)
	fromBytes        func(dst *float32, src *byte, n int, whole float32)    // n a multiple of lanes
	columnSums       func(dst, x *float32, rows, n, stride int)             // dst += sums; stride in bytes
	copyPanel        func(dst, src *float32, k, stride int)                 // 2*lanes columns of k > 0 rows
	copyStrip        func(dst, src *float32, k, stride, cols int)           // cols <= lanes columns of k > 0 rows
	nonzeroColumns   func(list *int32, a *float32, rows, k, stride int) int // of rows > 0 rows of k
	nonzeroRows      func(list *int32, a *float32, cols, k, stride int) int // of k > 0 rows of cols <= lanes
	transpose        func(dst, src *float32, k, stride int)                 // lanes columns, k a multiple of lanes
	lanes            int
}

type (
	unaryFunc  func(dst, x *float32, n int, alpha float32)
	binaryFunc func(dst, a, b *float32, n int, alpha float32)
)

// simd returns the passes of the active variant, nil where plain Go does the work.
func simd[T Float]() *vectors {
	if isFloat32[T]() {
		return vectorSets[active]
	}
	return nil
}

// span is the number of elements that one call into assembly handles: far less than a
// millisecond, because such a call cannot be interrupted.
const span = 1 << 16

func (f unaryFunc) over(dst, x []float32, alpha float32) {
	for at := 0; at < len(dst); at += span {
		f(&dst[at], &x[at], min(span, len(dst)-at), alpha)
	}
}

func (f binaryFunc) over(dst, a, b []float32, alpha float32) {
	for at := 0; at < len(dst); at += span {
		f(&dst[at], &a[at], &b[at], min(span, len(dst)-at), alpha)
	}
}
