package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// rss is the memory in use by this process, in bytes, and the most that it had
// in use since forgetPeak.
func rss() (now, peak int64, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, err
	}
	if now, err = kilobytes(status, "VmRSS:"); err != nil {
		return 0, 0, err
	}
	peak, err = kilobytes(status, "VmHWM:")
	return now, peak, err
}

func kilobytes(status []byte, name string) (int64, error) {
	_, rest, _ := bytes.Cut(status, []byte(name))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0, fmt.Errorf("/proc/self/status has no %s", name)
	}
	n, err := strconv.ParseInt(string(fields[0]), 10, 64)
	return n << 10, err
}

func forgetPeak() error { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }
