// Package nearest finds, for a name that nobody knows, the known one that was probably
// meant.
package nearest

import (
	"fmt"
	"strings"
)

// Name returns the known name with the fewest edits from name, upper and lower case
// taken as one, and "" where none is within a third of its length and one edit more.
// Among equals the first wins.
func Name(name string, known []string) string {
	best, fewest := "", 1+len(name)
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < fewest && d <= 1+len(k)/3 {
			best, fewest = k, d
		}
	}
	return best
}

// Hint is the end of an error message about an unknown name: a comma or a semicolon, the
// nearest known name if there is one, and all that are known.
func Hint(name string, known []string) string {
	if len(known) == 0 {
		return "; none is known here"
	}
	list := strings.Join(known, ", ")
	if best := Name(name, known); best != "" {
		return fmt.Sprintf(", did you mean %q? (known: %s)", best, list)
	}
	return "; known are " + list
}

// distance counts the insertions, deletions, substitutions and swaps of neighbours that
// turn a into b, byte by byte (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			substitute := last[j-1]
			if a[i-1] != b[j-1] {
				substitute++
			}
			row[j] = min(last[j]+1, row[j-1]+1, substitute)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
