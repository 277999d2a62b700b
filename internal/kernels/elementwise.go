package kernels

// Add computes dst[i] = a[i] + b[i].
func Add[T Float](dst, a, b []T) {
	need("Add", "a", len(a), len(dst))
	need("Add", "b", len(b), len(dst))
	if v := simd[T](); v != nil {
		v.add.over(f32(dst), f32(a), f32(b), 0)
		return
	}
	addGeneric(dst, a, b)
}

func addGeneric[T Float](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

// Mul computes dst[i] = a[i] * b[i].
func Mul[T Float](dst, a, b []T) {
	need("Mul", "a", len(a), len(dst))
	need("Mul", "b", len(b), len(dst))
	if v := simd[T](); v != nil {
		v.mul.over(f32(dst), f32(a), f32(b), 0)
		return
	}
	mulGeneric(dst, a, b)
}

func mulGeneric[T Float](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

// Scale computes dst[i] = alpha * x[i].
func Scale[T Float](alpha T, dst, x []T) {
	need("Scale", "x", len(x), len(dst))
	if v := simd[T](); v != nil {
		v.scale.over(f32(dst), f32(x), float32(alpha))
		return
	}
	scaleGeneric(alpha, dst, x)
}

func scaleGeneric[T Float](alpha T, dst, x []T) {
	for i, v := range x[:len(dst)] {
		dst[i] = alpha * v
	}
}

// Axpy computes dst[i] += alpha * x[i].
func Axpy[T Float](alpha T, dst, x []T) {
	need("Axpy", "x", len(x), len(dst))
	if v := simd[T](); v != nil {
		v.axpy.over(f32(dst), f32(x), float32(alpha))
		return
	}
	axpyGeneric(alpha, dst, x)
}

func axpyGeneric[T Float](alpha T, dst, x []T) {
	for i, v := range x[:len(dst)] {
		dst[i] += alpha * v
	}
}

// Fill sets every element of dst to v.
func Fill[T Float](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// FromBytes computes dst[i] = src[i] / whole, rounded once: pixels of 8 bits to [0, 1]
// with whole 255.
func FromBytes[T Float](whole T, dst []T, src []byte) {
	need("FromBytes", "src", len(src), len(dst))
	if v := simd[T](); v != nil {
		d := f32(dst)
		for len(d) >= v.lanes {
			n := min(span, len(d)) &^ (v.lanes - 1)
			v.fromBytes(&d[0], &src[0], n, float32(whole))
			d, src = d[n:], src[n:]
		}
		dst = dst[len(dst)-len(d):]
	}
	fromBytesGeneric(whole, dst, src)
}

func fromBytesGeneric[T Float](whole T, dst []T, src []byte) {
	for i, v := range src[:len(dst)] {
		dst[i] = T(v) / whole
	}
}
