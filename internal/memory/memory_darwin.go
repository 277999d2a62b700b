package memory

import (
	"math"

	"golang.org/x/sys/unix"
)

func total() int64 {
	machine, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0
	}
	return int64(min(machine, math.MaxInt64))
}
