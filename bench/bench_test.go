package main

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The tests' program is its own child, as the command is.
func TestMain(m *testing.M) {
	if os.Getenv(childMark) != "" {
		if err := obey(); err != nil {
			panic(err)
		}
		return
	}
	patience = 30 * time.Second
	goleak.VerifyTestMain(m)
}
