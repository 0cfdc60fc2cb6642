// Package mono holds the engine's clock value: a monotonic instant that never reads a clock itself.
//
// Every room, core and algorithm takes the current Time as an argument. The engine reads the clock once a batch and
// hands the value down; the simulator hands down a virtual one.
package mono

import "time"

// Time is an instant in nanoseconds since the engine was born. The zero Time means "never" or "not set": engines
// start their clock above zero.
type Time int64

// Never is later than every other Time. It is what an unset deadline compares as in Earliest.
const Never Time = 1<<63 - 1

// Add returns the instant d after t.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub returns the duration from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Before reports whether t is earlier than u.
func (t Time) Before(u Time) bool { return t < u }

// After reports whether t is later than u.
func (t Time) After(u Time) bool { return t > u }

// IsZero reports whether t is not set.
func (t Time) IsZero() bool { return t == 0 }

// Earliest returns the earlier of two deadlines, taking zero as not set.
func Earliest(a, b Time) Time {
	switch {
	case a == 0:
		return b
	case b == 0 || a < b:
		return a
	}
	return b
}
