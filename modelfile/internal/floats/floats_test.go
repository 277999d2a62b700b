package floats

import (
	"math"
	"testing"
)

// Every half-precision number, against the formula sign * 2^(e-25) * (1024 + f).
func TestHalfToFloat32(t *testing.T) {
	for h := range 1 << 16 {
		got := float64(halfToFloat32(uint16(h)))
		sign, e, f := 1.0, h>>10&31, float64(h&1023)
		if h>>15 == 1 {
			sign = -1
		}
		want := sign * math.Ldexp(1024+f, e-25)
		switch {
		case e == 0:
			want = sign * math.Ldexp(f, -24)
		case e == 31 && f == 0:
			want = sign * math.Inf(1)
		case e == 31:
			if !math.IsNaN(got) {
				t.Fatalf("%#04x: %v, want NaN", h, got)
			}
			continue
		}
		if got != want {
			t.Fatalf("%#04x: %v, want %v", h, got, want)
		}
	}
}
