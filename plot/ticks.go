package plot

import (
	"math"
	"strconv"
)

// tick is a place on an axis, with its label; a minor one has none.
type tick struct {
	value float64
	label string
}

// linearTicks returns about five ticks at multiples of 1, 2, 2.5 or 5 times a power of
// ten between lo and hi; of 1 at least where whole is set.
func linearTicks(lo, hi float64, whole bool) []tick {
	rough := (hi - lo) / 5
	power := math.Floor(math.Log10(rough))
	var step float64
	digits := 0
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		step = m * math.Pow(10, power)
		digits = int(max(-power, 0))
		if m == 2.5 && power <= 0 {
			digits++
		}
		if m == 10 {
			digits = int(max(-power-1, 0))
		}
		if whole && step != math.Trunc(step) {
			continue
		}
		if step >= rough*.8 {
			break
		}
	}
	if whole && step < 1 {
		step, digits = 1, 0
	}
	var ticks []tick
	// Counted in whole steps: adding steps up would add their rounding up too.
	for k := math.Ceil(lo/step - 1e-9); k*step <= hi+step*1e-9; k++ {
		v := k*step + 0 // no minus before a zero
		ticks = append(ticks, tick{v, label(v, digits)})
	}
	return ticks
}

// logTicks returns ticks for a logarithmic axis: like a linear axis' within one decade,
// at 1, 2 and 5 within three, at powers of ten beyond.
func logTicks(lo, hi float64) []tick {
	decades := math.Log10(hi / lo)
	if decades < 1 {
		return linearTicks(lo, hi, false)
	}
	var ticks []tick
	every := math.Ceil(decades / 8)
	for e := math.Floor(math.Log10(lo)); e <= math.Ceil(math.Log10(hi)); e++ {
		for m := 1.; m < 10; m++ {
			v := m * math.Pow(10, e)
			if v < lo*(1-1e-9) || v > hi*(1+1e-9) {
				continue
			}
			text := ""
			if m == 1 && math.Mod(e, every) == 0 || decades <= 3 && (m == 2 || m == 5) {
				text = label(v, int(max(-e, 0)))
			}
			ticks = append(ticks, tick{v, text})
		}
	}
	return ticks
}

// label writes a tick's value with the given decimals, or in exponents where that would
// be long.
func label(v float64, digits int) string {
	if math.Abs(v) >= 1e6 || digits > 5 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}
