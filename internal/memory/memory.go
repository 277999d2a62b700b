// Package memory tells how much memory there is to work with.
package memory

import "fmt"

// Total is the number of bytes of memory that this process may come to use: the machine's,
// or what its control group allows where that is less. It is 0 where the system does not
// tell.
func Total() int64 { return total() }

// Bytes prints a number of bytes for a person: "26.4 GiB", "512 MiB".
func Bytes(n int64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20)
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}
