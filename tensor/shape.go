package tensor

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Any stands, in the shape of a network's input, for a dimension known only when
// the network is compiled.
const Any = -1

// Shape lists the size of every axis, outermost first. The empty shape is a single
// number.
type Shape []int

// Elems is the number of elements of an array of the shape. It panics where a
// dimension is Any or otherwise negative.
func (s Shape) Elems() int {
	n := 1
	for _, d := range s {
		if d < 0 {
			panic(fmt.Sprintf("tensor: shape %v has no number of elements", s))
		}
		n *= d
	}
	return n
}

// Count is the number of elements as Elems gives it, and whether there is such a number:
// false where a dimension is Any or otherwise negative, or the product overflows.
func (s Shape) Count() (n int, ok bool) {
	n = 1
	for _, d := range s {
		if d < 0 || d > 0 && n > math.MaxInt/d {
			return 0, false
		}
		n *= d
	}
	return n, true
}

// Known reports whether no dimension is Any.
func (s Shape) Known() bool { return !slices.Contains(s, Any) }

// Equal reports whether both shapes have the same axes.
func (s Shape) Equal(o Shape) bool { return slices.Equal(s, o) }

// Clone returns a copy of s.
func (s Shape) Clone() Shape { return slices.Clone(s) }

// String writes the shape as [28 28 1], with a ? for Any.
func (s Shape) String() string {
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = strconv.Itoa(d)
		if d == Any {
			parts[i] = "?"
		}
	}
	return "[" + strings.Join(parts, " ") + "]"
}
