package memory

import (
	"runtime"
	"testing"
)

func TestTotal(t *testing.T) {
	switch got := Total(); {
	case runtime.GOOS != "linux" && runtime.GOOS != "darwin":
		if got != 0 {
			t.Errorf("%d bytes, want 0 for unknown", got)
		}
	case got < 64<<20 || got > 1<<50:
		t.Errorf("%d bytes of memory", got)
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 MiB", 1: "1 MiB", 512 << 20: "512 MiB", 1 << 30: "1.0 GiB", 27<<30 + 1<<29: "27.5 GiB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d bytes: %q, want %q", n, got, want)
		}
	}
}
