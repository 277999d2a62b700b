package nn

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/hourglass-go/hourglass/internal/rng"
)

// Initializer says how a parameter's values start. It is written as its name, with
// its argument in brackets if it has one: glorot_uniform, constant(0.1). The zero value
// leaves the choice to the layer.
type Initializer struct {
	name  string
	value float64
}

// The initialisers. Fans are those of [ParamSpec].
var (
	Zeros = Initializer{name: "zeros"}
	Ones  = Initializer{name: "ones"}
	// GlorotUniform draws from ±sqrt(6/(fan_in+fan_out)) (Glorot and Bengio 2010, 4.2.1).
	GlorotUniform = Initializer{name: "glorot_uniform"}
	// GlorotNormal draws with variance 2/(fan_in+fan_out), truncated as below.
	GlorotNormal = Initializer{name: "glorot_normal"}
	// HeUniform draws from ±sqrt(6/fan_in) (He et al. 2015, 2.2).
	HeUniform = Initializer{name: "he_uniform"}
	// HeNormal draws with variance 2/fan_in from a normal distribution cut off at two
	// standard deviations, and widened so that the variance stands, as Keras does.
	HeNormal = Initializer{name: "he_normal"}
	// Orthogonal makes the array, seen as a matrix with the last axis as columns, have
	// orthonormal rows or columns, whichever are fewer (Saxe et al. 2014).
	Orthogonal = Initializer{name: "orthogonal"}
	// Bilinear makes a kernel [KH, KW, C, C'] of a transposed convolution one that
	// interpolates (Long et al. 2015, 3.3): with n = ceil(k/2) along each axis, tap i weighs
	// 1 - |i-centre|/n, and channels do not mix. With k = 2n - n%2 and stride n it enlarges
	// n times. C = 1 is for depthwise layers.
	Bilinear = Initializer{name: "bilinear"}

	// scaleLadder starts the components of a mixture, along the first axis, at scales from a
	// third of a step to twenty: the logarithm of the first is -1, and each has 2 more.
	scaleLadder = Initializer{name: "scale_ladder"}
)

// Constant starts every value at v.
func Constant(v float64) Initializer { return Initializer{name: "constant", value: v} }

// Uniform draws from ±limit, which is not negative.
func Uniform(limit float64) Initializer { return Initializer{name: "uniform", value: limit} }

func (i Initializer) or(d Initializer) Initializer {
	if i.name == "" {
		return d
	}
	return i
}

// MarshalText writes the initialiser's name.
func (i Initializer) MarshalText() ([]byte, error) {
	if i.name == "constant" || i.name == "uniform" {
		return fmt.Appendf(nil, "%s(%s)", i.name, strconv.FormatFloat(i.value, 'g', -1, 64)), nil
	}
	return []byte(i.name), nil
}

// UnmarshalText reads what MarshalText writes.
func (i *Initializer) UnmarshalText(text []byte) error {
	s := string(text)
	if name, arg, ok := strings.Cut(s, "("); ok && (name == "constant" || name == "uniform") {
		number, closed := strings.CutSuffix(arg, ")")
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || !closed {
			return fmt.Errorf("nn: initializer %q: want %s(NUMBER)", s, name)
		}
		if name == "uniform" && !(v >= 0) {
			return fmt.Errorf("nn: initializer %q: the limit is %v, want a number that is not negative", s, v)
		}
		*i = Initializer{name: name, value: v}
		return nil
	}
	switch s {
	case "", "zeros", "ones", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "orthogonal", "bilinear":
		*i = Initializer{name: s}
		return nil
	}
	return fmt.Errorf("nn: unknown initializer %q: want zeros, ones, constant(V), uniform(LIMIT), glorot_uniform, glorot_normal, he_uniform, he_normal, orthogonal or bilinear", s)
}

// fill sets v, which holds a parameter of the spec, from the key's draws.
func (i Initializer) fill(v []float32, spec ParamSpec, k rng.Key) {
	in, out := float64(max(spec.FanIn, 1)), float64(max(spec.FanOut, 1))
	switch i.name {
	case "", "zeros":
		clear(v)
	case "ones":
		fillConstant(v, 1)
	case "constant":
		fillConstant(v, float32(i.value))
	case "uniform":
		fillUniform(v, i.value, k)
	case "glorot_uniform":
		fillUniform(v, math.Sqrt(6/(in+out)), k)
	case "he_uniform":
		fillUniform(v, math.Sqrt(6/in), k)
	case "glorot_normal":
		fillTruncatedNormal(v, math.Sqrt(2/(in+out)), k)
	case "he_normal":
		fillTruncatedNormal(v, math.Sqrt(2/in), k)
	case "orthogonal":
		cols := 1
		if n := len(spec.Shape); n > 0 {
			cols = spec.Shape[n-1]
		}
		fillOrthogonal(v, cols, k)
	case "bilinear":
		fillBilinear(v, spec.Shape)
	case "scale_ladder":
		for i := range v {
			v[i] = float32(2*(i*spec.Shape[0]/len(v)) - 1)
		}
	}
}

func fillConstant(v []float32, c float32) {
	for i := range v {
		v[i] = c
	}
}

func fillUniform(v []float32, limit float64, k rng.Key) {
	for i := range v {
		v[i] = float32((2*k.Float64(uint64(i)) - 1) * limit)
	}
}

// truncatedStd is the standard deviation of a unit normal distribution cut off at ±2.
const truncatedStd = 0.87962566103423978

func fillTruncatedNormal(v []float32, std float64, k rng.Key) {
	draw := uint64(0)
	for i := range v {
		z := 3.0
		for ; math.Abs(z) > 2; draw++ {
			z = k.Normal(draw)
		}
		v[i] = float32(z * std / truncatedStd)
	}
}

// fillBilinear sets v, of the shape of a convolution's kernel; of another it makes zeros.
func fillBilinear(v []float32, s Shape) {
	clear(v)
	if len(s) != 4 {
		return
	}
	weight := func(i, k int) float64 {
		centre, n := float64(k-1)/2, float64((k+1)/2)
		return 1 - math.Abs(float64(i)-centre)/n
	}
	for i := range s[0] {
		for j := range s[1] {
			for c := range s[3] {
				v[((i*s[1]+j)*s[2]+c%s[2])*s[3]+c] = float32(weight(i, s[0]) * weight(j, s[1]))
			}
		}
	}
}

// fillOrthogonal orthonormalises random vectors by Gram and Schmidt, twice over each, as
// once is not accurate enough.
func fillOrthogonal(v []float32, cols int, k rng.Key) {
	if len(v) == 0 {
		return
	}
	rows := len(v) / cols
	count, length := min(rows, cols), max(rows, cols)
	q := make([][]float64, count)
	for j := range q {
		q[j] = make([]float64, length)
		for i := range q[j] {
			q[j][i] = k.Normal(uint64(j*length + i))
		}
		for pass := 0; pass < 2; pass++ {
			for _, b := range q[:j] {
				axpy(q[j], -dot(q[j], b), b)
			}
		}
		norm := math.Sqrt(dot(q[j], q[j]))
		for i := range q[j] {
			q[j][i] /= norm
		}
	}
	for j := range q {
		for i, x := range q[j] {
			if rows >= cols {
				v[i*cols+j] = float32(x)
			} else {
				v[j*cols+i] = float32(x)
			}
		}
	}
}

func dot(a, b []float64) (s float64) {
	for i, x := range a {
		s += x * b[i]
	}
	return s
}

func axpy(y []float64, alpha float64, x []float64) {
	for i, v := range x {
		y[i] += alpha * v
	}
}
