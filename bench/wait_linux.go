package main

import (
	"syscall"
	"time"
)

// waitUntil asks the system: the runtime's timers are late by up to a
// millisecond, nine datagrams of W8's link, when nothing else runs.
func waitUntil(at time.Time) {
	for {
		left := time.Until(at)
		if left <= 0 {
			return
		}
		t := syscall.NsecToTimespec(int64(left))
		_ = syscall.Nanosleep(&t, nil)
	}
}
