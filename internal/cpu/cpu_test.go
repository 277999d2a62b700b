package cpu

import (
	"os"
	"os/exec"
	"testing"
)

// TestSwitches runs itself again under GODEBUG, because features are read once, at
// start-up.
func TestSwitches(t *testing.T) {
	if want := os.Getenv("HOURGLASS_TEST_CPU"); want != "" {
		f := Detect()
		if f.AVX512 || want == "noavx2" && f.AVX2 {
			t.Fatalf("GODEBUG=%s, and still %+v", os.Getenv("GODEBUG"), f)
		}
		return
	}
	if (Detect() == Features{}) {
		t.Skip("nothing is reported here that could be switched off")
	}
	for want, debug := range map[string]string{"noavx512": "cpu.avx512f=off", "noavx2": "cpu.avx2=off"} {
		c := exec.Command(os.Args[0], "-test.run=^TestSwitches$")
		c.Env = append(os.Environ(), "HOURGLASS_TEST_CPU="+want, "GODEBUG="+debug)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("GODEBUG=%s: %v\n%s", debug, err, out)
		}
	}
}

func TestAVX512ImpliesAVX2(t *testing.T) {
	if f := Detect(); f.AVX512 && !f.AVX2 {
		t.Fatalf("%+v", f)
	}
}
