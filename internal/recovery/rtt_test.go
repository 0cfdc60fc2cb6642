package recovery

import (
	"testing"
	"time"
)

// The expectations are computed by hand from the formulas of RFC 9002 s5.3.
func TestRTTFollowsTheFormulas(t *testing.T) {
	const u = time.Microsecond
	type want struct{ latest, min, smoothed, variation time.Duration }
	type step struct {
		sample, delay time.Duration
		want          want
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"the first sample replaces the assumption, and its delay is not subtracted", []step{
			{100000 * u, 20000 * u, want{100000 * u, 100000 * u, 100000 * u, 50000 * u}},
		}},
		{"a plausible delay is subtracted", []step{
			{100000 * u, 0, want{100000 * u, 100000 * u, 100000 * u, 50000 * u}},
			// adjusted 180 ms: var (3*50+80)/4, smoothed (7*100+180)/8
			{200000 * u, 20000 * u, want{200000 * u, 100000 * u, 110000 * u, 57500 * u}},
		}},
		{"a delay that would go below min_rtt is not subtracted", []step{
			{100000 * u, 0, want{100000 * u, 100000 * u, 100000 * u, 50000 * u}},
			{110000 * u, 20000 * u, want{110000 * u, 100000 * u, 101250 * u, 40000 * u}},
		}},
		{"down to min_rtt it is", []step{
			{100000 * u, 0, want{100000 * u, 100000 * u, 100000 * u, 50000 * u}},
			{120000 * u, 20000 * u, want{120000 * u, 100000 * u, 100000 * u, 37500 * u}},
		}},
		{"min_rtt ignores the delay", []step{
			{100000 * u, 0, want{100000 * u, 100000 * u, 100000 * u, 50000 * u}},
			{60000 * u, 50000 * u, want{60000 * u, 60000 * u, 95000 * u, 47500 * u}},
		}},
		{"an absurd delay changes nothing", []step{
			{100000 * u, 0, want{100000 * u, 100000 * u, 100000 * u, 50000 * u}},
			{100000 * u, 1<<63 - 1, want{100000 * u, 100000 * u, 100000 * u, 37500 * u}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NewRTT(InitialRTT)
			for i, s := range c.steps {
				r.Update(at(int64(i)), s.sample, s.delay)
				if got := (want{r.Latest(), r.Min(), r.Smoothed(), r.Variation()}); got != s.want {
					t.Fatalf("step %d: %v, want %v", i, got, s.want)
				}
			}
		})
	}
}

func TestPTOPeriod(t *testing.T) {
	r := NewRTT(InitialRTT)
	// RFC 9002 s6.2.1: 100 + 4 * 50.
	if got := r.PTO(0); got != 300*time.Millisecond {
		t.Errorf("initial PTO %v, want 300ms", got)
	}
	if r.HasSample() {
		t.Error("there is a sample before any")
	}
	for range 200 {
		r.Update(epoch, 10*time.Millisecond, 0)
	}
	// The variation has vanished: the granularity holds its place.
	if got := r.PTO(25 * time.Millisecond); got < 36*time.Millisecond-time.Microsecond || got > 36*time.Millisecond {
		t.Errorf("steady PTO %v, want 36ms", got)
	}
	r.Update(epoch, 0, 0)
	if r.Latest() <= 0 || r.Min() <= 0 {
		t.Error("a sample of zero must not give a round trip of zero")
	}
}
