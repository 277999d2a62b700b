package memory

import (
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func total() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	machine := min(uint64(info.Totalram)*uint64(info.Unit), math.MaxInt64)
	// In a container, the root of the hierarchy is the container's own group. Without a
	// limit the file says "max".
	if text, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if limit, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
			machine = min(machine, limit)
		}
	}
	return int64(machine)
}
