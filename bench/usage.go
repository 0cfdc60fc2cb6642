package main

import (
	"runtime"
	"runtime/debug"
	"time"
)

// Usage is what one process has used since its birth.
type Usage struct {
	CPU            time.Duration // user and system
	Mallocs, Bytes uint64        // of the heap
}

func usageHere() Usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Usage{cpuTime(), m.Mallocs, m.TotalAlloc}
}

// collect gives back to the system what this process does not need. A pool
// (sync.Pool) lets go at the second collection.
func collect() {
	runtime.GC()
	debug.FreeOSMemory()
}
