package codec

import (
	"fmt"
	"math"
)

// mixture is the distribution that a bottleneck has learnt: each element's is a mixture of logistic
// ones, with a location, a scale and a weight for each, and their list repeats along the code.
//
// Both sides of a file must come to the very same probabilities, on whatever processor. So these are
// whole numbers from a table, and the place in the table is found by operations that IEEE 754
// defines to the last bit; a conversion keeps the compiler from joining two of them. What exp has
// a part in is rounded far above the last bit, in which processors may differ about it.
type mixture struct{ elements [][]component }

type component struct {
	location, scale float64 // in steps
	weight          int64   // in 4096ths, roughly
}

const (
	// The table has the distribution function at multiples of 1/perUnit from -most to most, in
	// parts of 1<<28.
	perUnit = 32
	most    = 18
	whole   = 1 << 28
	// widest is how many scales an element may be from its location: beyond lies less than a
	// millionth.
	widest = 14
)

// sigmoids is the table.
var sigmoids = func() (table [2*most*perUnit + 1]int64) {
	// exp(1/perUnit), and its powers by multiplication alone.
	const base = 1.0317434074991027 // exp(1/32)
	power := 1.0
	for i := range most*perUnit + 1 {
		above := float64(1 / float64(1+power)) // 1/(1+exp(x)) for x = i/perUnit
		table[most*perUnit-i] = int64(float64(above * whole))
		table[most*perUnit+i] = whole - table[most*perUnit-i]
		power = float64(power * base)
	}
	return table
}()

// newMixture takes the parameters of a bottleneck, each [components, elements].
func newMixture(location, logScale, logit []float32, components int) (*mixture, error) {
	if n := len(location); n == 0 || components < 1 || n%components != 0 || n != len(logScale) || n != len(logit) {
		return nil, fmt.Errorf("the entropy bottleneck has %d locations, %d scales and %d weights, want as many of each", n, len(logScale), len(logit))
	}
	m := &mixture{make([][]component, len(location)/components)}
	for i := range m.elements {
		most := math.Inf(-1)
		for at := i; at < len(logit); at += len(m.elements) {
			most = max(most, float64(logit[at]))
		}
		for at := i; at < len(location); at += len(m.elements) {
			weight := int64(math.Round(4096 * math.Exp(float64(logit[at])-most)))
			if weight == 0 {
				continue
			}
			scale := math.Round(math.Exp(float64(logScale[at]))*1024) / 1024
			m.elements[i] = append(m.elements[i], component{
				location: float64(min(max(location[at], -maxSymbol/2), maxSymbol/2)),
				scale:    min(max(scale, 1./1024), maxSymbol/(4*widest)),
				weight:   weight,
			})
		}
	}
	return m, nil
}

// inSteps is the distribution of the code in multiples of a step.
func (m *mixture) inSteps(step float64) *mixture {
	s := &mixture{make([][]component, len(m.elements))}
	for i, element := range m.elements {
		for _, c := range element {
			c.location = min(max(c.location/step, -maxSymbol/2), maxSymbol/2)
			c.scale = min(c.scale/step, maxSymbol/(4*widest))
			s.elements[i] = append(s.elements[i], c)
		}
	}
	return s
}

func (m *mixture) interval(i int) (low, high int32) {
	low, high = math.MaxInt32, math.MinInt32
	for _, c := range m.elements[i%len(m.elements)] {
		reach := float64(widest * c.scale)
		low = min(low, int32(math.Floor(float64(c.location-reach))))
		high = max(high, int32(math.Ceil(float64(c.location+reach))))
	}
	return low, high
}

// below is the distribution function half a step above k.
func (m *mixture) below(i int, k int32) int64 {
	sum := int64(0)
	for _, c := range m.elements[i%len(m.elements)] {
		x := float64(float64(float64(k)+0.5)-c.location) / c.scale
		at := math.Round(float64(x * perUnit))
		sum += c.weight * sigmoids[int(min(max(at, -most*perUnit), most*perUnit))+most*perUnit]
	}
	return sum
}

func (m *mixture) upper(i int, low, mid, high int32) int {
	a, at, b := m.below(i, low-1), m.below(i, mid), m.below(i, high)
	if a == b {
		return 2048
	}
	return int(min(max((4096*(b-at)+(b-a)/2)/(b-a), 1), 4095))
}

func (m *mixture) learn(int, int32, int32, bool) {}
