package kernels

// Softmax computes, for each row of cols elements,
//
//	dst[j] = exp(x[j]-max(x)) / sum over k of exp(x[k]-max(x))
//
// len(dst) must be a multiple of cols.
func Softmax[T Float](dst, x []T, cols int) {
	need("Softmax", "x", len(x), len(dst))
	needRows("Softmax", len(dst), cols)
	for at := 0; at < len(dst); at += cols {
		in, out := x[at:at+cols], dst[at:at+cols]
		top := in[0]
		for _, v := range in {
			top = max(top, v)
		}
		if v := simd[T](); v != nil {
			v.exp.over(f32(out), f32(in), float32(top))
		} else {
			for j, v := range in {
				out[j] = exp(v - top)
			}
		}
		Scale(1/Sum(out), out, out)
	}
}

// SoftmaxGrad computes, for each row of cols elements, from the output y:
//
//	dx[j] = y[j] * (dy[j] - sum over k of dy[k]*y[k])
func SoftmaxGrad[T Float](dx, dy, y []T, cols int) {
	need("SoftmaxGrad", "dy", len(dy), len(dx))
	need("SoftmaxGrad", "y", len(y), len(dx))
	needRows("SoftmaxGrad", len(dx), cols)
	for at := 0; at < len(dx); at += cols {
		g, out := dy[at:at+cols], y[at:at+cols]
		dot := Dot(g, out)
		for j, v := range out {
			dx[at+j] = v * (g[j] - dot)
		}
	}
}

func needRows(op string, n, cols int) {
	if cols < 1 || n%cols != 0 {
		panic("kernels: " + op + ": the length is not a multiple of cols")
	}
}
