package codec

import (
	"fmt"
	"math"
)

// logistic is the distribution that a bottleneck has learnt: each element's is logistic, with a
// location and a scale of its own, and their list repeats along the code.
//
// Both sides of a file must come to the very same probabilities, on whatever processor. So these are
// whole numbers from a table, and the place in the table is found by operations that IEEE 754
// defines to the last bit; a conversion keeps the compiler from joining two of them.
type logistic struct {
	location, scale []float64 // in steps
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

// newLogistic takes the parameters of a bottleneck.
func newLogistic(location, logScale []float32) (*logistic, error) {
	if len(location) == 0 || len(location) != len(logScale) {
		return nil, fmt.Errorf("the entropy bottleneck has %d locations and %d scales, want as many of both", len(location), len(logScale))
	}
	l := &logistic{}
	for i, v := range location {
		// Rounded far above the last bit, in which processors may differ about exp.
		scale := math.Round(math.Exp(float64(logScale[i]))*1024) / 1024
		l.location = append(l.location, float64(min(max(v, -maxSymbol/2), maxSymbol/2)))
		l.scale = append(l.scale, min(max(scale, 1./1024), maxSymbol/(4*widest)))
	}
	return l, nil
}

// inSteps is the distribution of the code in multiples of a step.
func (l *logistic) inSteps(step float64) *logistic {
	s := &logistic{make([]float64, len(l.location)), make([]float64, len(l.scale))}
	for i := range l.location {
		s.location[i] = min(max(l.location[i]/step, -maxSymbol/2), maxSymbol/2)
		s.scale[i] = min(l.scale[i]/step, maxSymbol/(4*widest))
	}
	return s
}

func (l *logistic) interval(i int) (low, high int32) {
	at, reach := l.location[i%len(l.location)], float64(widest*l.scale[i%len(l.scale)])
	return int32(math.Floor(float64(at - reach))), int32(math.Ceil(float64(at + reach)))
}

// below is the distribution function half a step above k.
func (l *logistic) below(i int, k int32) int64 {
	x := float64(float64(float64(k)+0.5)-l.location[i%len(l.location)]) / l.scale[i%len(l.scale)]
	at := math.Round(float64(x * perUnit))
	return sigmoids[int(min(max(at, -most*perUnit), most*perUnit))+most*perUnit]
}

func (l *logistic) upper(i int, low, mid, high int32) int {
	a, m, b := l.below(i, low-1), l.below(i, mid), l.below(i, high)
	if a == b {
		return 2048
	}
	return int(min(max((4096*(b-m)+(b-a)/2)/(b-a), 1), 4095))
}

func (l *logistic) learn(int, int32, int32, bool) {}
