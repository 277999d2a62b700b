//go:build !unix

package main

// peakMemory is what the Go runtime has got from the system, which here stands in for the
// largest resident set.
func peakMemory() int64 { return systemMemory() }
