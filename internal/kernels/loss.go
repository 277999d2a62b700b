package kernels

// BCELogits returns the sum over i of the binary cross-entropy of the logit z[i] with
// the target t[i] in [0, 1],
//
//	max(z,0) - z*t + log(1+exp(-|z|)),
//
// which neither clips nor overflows, and, unless dz is nil, computes its gradient
// dz[i] = scale * (sigmoid(z[i]) - t[i]). dz may be z.
func BCELogits[T Float](dz, z, t []T, scale T) T {
	need("BCELogits", "t", len(t), len(z))
	if dz != nil {
		need("BCELogits", "dz", len(dz), len(z))
	}
	block := sumBlock
	if v := simd[T](); v != nil {
		block = bceVectors * v.lanes
	}
	var total float64
	for at := 0; at < len(z); at += block {
		end := min(at+block, len(z))
		var d []T
		if dz != nil {
			d = dz[at:end]
		}
		total += float64(bceBlock(d, z[at:end], t[at:end], scale))
	}
	return T(total)
}

// bceVectors is how many vectors one call of the assembly takes: every lane multiplies up
// to so many factors of at most 2.
const bceVectors = 64

func bceBlock[T Float](dz, z, t []T, scale T) T {
	switch v := simd[T](); {
	case v == nil:
		return bceLogitsGeneric(dz, z, t, scale)
	case dz == nil:
		return T(v.bce(&f32(z)[0], &f32(t)[0], len(z)))
	default:
		return T(v.bceGrad(&f32(dz)[0], &f32(z)[0], &f32(t)[0], len(z), float32(scale)))
	}
}

func bceLogitsGeneric[T Float](dz, z, t []T, scale T) T {
	var sum float64
	for i, v := range z {
		sum += float64(max(v, 0) - v*t[i] + log1p(exp(-abs(v))))
		if dz != nil {
			dz[i] = scale * (sigmoid(v) - t[i])
		}
	}
	return T(sum)
}
