package kernels

// NormShape is how normalisation by layer sees one sample: Positions x Groups x Width numbers
// in row-major order. Each group, all its positions and all its width, has one mean and one
// variance; scale and shift differ by position and width, and are the same for all groups.
// With H x W pixels of C channels {1, 1, C} normalises each pixel, {1, 1, H*W*C} a picture.
type NormShape struct {
	Positions, Groups, Width int
}

// Size is the number of elements in a sample.
func (s NormShape) Size() int { return s.Positions * s.Groups * s.Width }

// Affine is the number of scales and of shifts.
func (s NormShape) Affine() int { return s.Positions * s.Width }

// Work is the length of the sums that NormMoments and NormGrad work with.
func (s NormShape) Work() int { return 2 * s.Groups }

// NormMoments computes the mean and the variance (of the population, in two passes) of
// each group of the sample x. work holds Work() numbers.
func NormMoments[T Float](s NormShape, mean, variance, x []T, work []float64) {
	need("NormMoments", "x", len(x), s.Size())
	n := float64(s.Positions * s.Width)
	sum, squares := work[:s.Groups], work[s.Groups:2*s.Groups]
	clear(work[:2*s.Groups])
	if s.Width == 1 {
		channelMoments(sum, squares, x[:s.Size()], n)
	} else {
		for at := 0; at < s.Size(); {
			for g := range sum {
				sum[g] += sum4(x[at:at+s.Width], 0, false)
				at += s.Width
			}
		}
		for g := range sum {
			sum[g] /= n
		}
		for at := 0; at < s.Size(); {
			for g, m := range sum {
				squares[g] += sum4(x[at:at+s.Width], m, true)
				at += s.Width
			}
		}
	}
	for g, m := range sum {
		mean[g] = T(m)
	}
	for g, v := range squares {
		variance[g] = T(v / n)
	}
}

// channelMoments is NormMoments for groups of a single channel: all sums proceed side by side.
func channelMoments[T Float](mean, squares []float64, x []T, n float64) {
	ch := len(mean)
	squares = squares[:ch]
	for at := 0; at < len(x); at += ch {
		for g, v := range x[at : at+ch] {
			mean[g] += float64(v)
		}
	}
	for g := range mean {
		mean[g] /= n
	}
	for at := 0; at < len(x); at += ch {
		for g, v := range x[at : at+ch] {
			d := float64(v) - mean[g]
			squares[g] += d * d
		}
	}
}

// sum4 is the sum of x-m, or of its squares, as four sums of every fourth element, which
// need not wait for each other.
func sum4[T Float](x []T, m float64, square bool) float64 {
	var s0, s1, s2, s3 float64
	if square {
		for ; len(x) >= 4; x = x[4:] {
			d0, d1, d2, d3 := float64(x[0])-m, float64(x[1])-m, float64(x[2])-m, float64(x[3])-m
			s0, s1, s2, s3 = s0+d0*d0, s1+d1*d1, s2+d2*d2, s3+d3*d3
		}
	}
	for ; len(x) >= 4; x = x[4:] {
		s0, s1, s2, s3 = s0+float64(x[0])-m, s1+float64(x[1])-m, s2+float64(x[2])-m, s3+float64(x[3])-m
	}
	for _, v := range x {
		d := float64(v) - m
		if square {
			d *= d
		}
		s0 += d
	}
	return s0 + s1 + (s2 + s3)
}

// Normalise computes for one sample y = gamma * (x-mean)*rstd + beta. y may be x.
func Normalise[T Float](s NormShape, y, x, mean, rstd, gamma, beta []T) {
	need("Normalise", "y", len(y), s.Size())
	need("Normalise", "x", len(x), s.Size())
	at := 0
	for p := range s.Positions {
		for g := range s.Groups {
			a, m, r := p*s.Width, mean[g], rstd[g]
			scale, shift := gamma[a:a+s.Width], beta[a:a+s.Width]
			to := y[at : at+s.Width]
			for k, v := range x[at : at+s.Width] {
				to[k] = (v-m)*r*scale[k] + shift[k]
			}
			at += s.Width
		}
	}
}

// NormGrad computes the gradients of Normalise for one sample. It adds to dgamma and dbeta
// and, where dx is not nil, sets dx. With xh = (x-mean)*rstd and means over the group,
//
//	dgamma += dy*xh, dbeta += dy
//	dx = rstd * (dy*gamma - mean(dy*gamma) - xh*mean(dy*gamma*xh))
//
// work holds Work() numbers.
func NormGrad[T Float](s NormShape, dx, dgamma, dbeta, dy, x, mean, rstd, gamma []T, work []float64) {
	need("NormGrad", "dy", len(dy), s.Size())
	need("NormGrad", "x", len(x), s.Size())
	first, second := work[:s.Groups], work[s.Groups:2*s.Groups] // sums of dy*gamma and of dy*gamma*xh
	clear(work[:2*s.Groups])
	normSums(s, dgamma, dbeta, dy, x, mean, rstd, gamma, first, second)
	if dx == nil {
		return
	}
	n := float64(s.Positions * s.Width)
	at := 0
	for p := range s.Positions {
		for g := range s.Groups {
			a, m, r := p*s.Width, mean[g], rstd[g]
			scale := gamma[a : a+s.Width]
			m1, m2 := T(first[g]/n), T(second[g]/n)
			to, from, d := dx[at:at+s.Width], x[at:at+s.Width], dy[at:at+s.Width]
			for k, gk := range scale {
				xh := (from[k] - m) * r
				to[k] = r * (d[k]*gk - m1 - xh*m2)
			}
			at += s.Width
		}
	}
}

func normSums[T Float](s NormShape, dgamma, dbeta, dy, x, mean, rstd, gamma []T, first, second []float64) {
	at := 0
	for p := range s.Positions {
		for g := range s.Groups {
			a, m, r := p*s.Width, mean[g], rstd[g]
			for k := range s.Width {
				d, xh := dy[at+k], (x[at+k]-m)*r
				dbeta[a+k] += d
				dgamma[a+k] += d * xh
				first[g] += float64(d * gamma[a+k])
				second[g] += float64(d * gamma[a+k] * xh)
			}
			at += s.Width
		}
	}
}
