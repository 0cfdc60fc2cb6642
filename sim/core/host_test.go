package core

import (
	"testing"
	"time"
)

func TestAClockThatDriftsNeverGoesBack(t *testing.T) {
	for _, drift := range []int64{0, 1, -1, 20_000, -20_000, 500_000, -999_999} {
		h := &Host{clock: Clock{Drift: drift}}
		for _, from := range []time.Duration{0, 999_000, time.Second, 20 * time.Hour} {
			before := h.shows(from)
			for age := from + 1; age < from+3000; age++ {
				now := h.shows(age)
				if now < before {
					t.Fatalf("drift %d: at %d the clock shows %d, one ns before %d", drift, age, now, before)
				}
				if then := h.when(now); h.shows(then) < now {
					t.Fatalf("drift %d: %d is shown at %d, but then it is %d", drift, now, then, h.shows(then))
				}
				before = now
			}
			want := from + time.Duration(float64(from)*float64(drift)/1e6)
			if got := time.Duration(h.shows(from)) - birthTime; max(got-want, want-got) > time.Microsecond {
				t.Errorf("drift %d: %v after %v, want %v", drift, got, from, want)
			}
		}
	}
}
