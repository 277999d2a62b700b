package plot

import (
	"strings"
	"testing"
)

// labels joins the labelled ticks.
func labels(ticks []tick) string {
	var out []string
	for _, t := range ticks {
		if t.label != "" {
			out = append(out, t.label)
		}
	}
	return strings.Join(out, " ")
}

func TestLinearTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		whole  bool
		want   string
	}{
		{0, 1, false, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{1, 60, true, "10 20 30 40 50 60"},
		{1, 3, true, "1 2 3"},
		{0, 2, true, "0 1 2"},
		{1, 12, true, "2 4 6 8 10 12"},
		{.0811, .0849, false, "0.082 0.083 0.084"},
		{0, 1.3, false, "0.00 0.25 0.50 0.75 1.00 1.25"},
		{-3, 3, false, "-3 -2 -1 0 1 2 3"},
		{0, 5e7, false, "0 1e+07 2e+07 3e+07 4e+07 5e+07"},
		{0, 4e-8, false, "0 1e-08 2e-08 3e-08 4e-08"},
	} {
		if got := labels(linearTicks(c.lo, c.hi, c.whole)); got != c.want {
			t.Errorf("%g to %g, whole %v: %s, want %s", c.lo, c.hi, c.whole, got, c.want)
		}
	}
}

func TestLogTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		want   string
	}{
		{.08, .3, "0.10 0.15 0.20 0.25 0.30"},
		{.02, 1.1, "0.02 0.05 0.1 0.2 0.5 1"},
		{1e-4, 10, "0.0001 0.001 0.01 0.1 1 10"},
		{1e-9, 1e9, "1e-09 1e-06 0.001 1 1000 1e+06 1e+09"},
	} {
		if got := labels(logTicks(c.lo, c.hi)); got != c.want {
			t.Errorf("%g to %g: %s, want %s", c.lo, c.hi, got, c.want)
		}
	}
}
