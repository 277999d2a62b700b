package main

import "runtime"

// systemMemory is the number of bytes that the Go runtime has got from the system.
func systemMemory() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}
