package congestion

import "time"

// RFC 9406 s4.3: the recommended constants.
const (
	hystartMinThreshold = 4 * time.Millisecond
	hystartMaxThreshold = 16 * time.Millisecond
	hystartSamples      = 8
	hystartDivisor      = 4
	hystartRounds       = 5
)

// hystart ends the first slow start when the round trips grow, before packets are lost (RFC 9406).
type hystart struct {
	last     time.Duration // smallest sample of the last round, zero if it had none
	current  time.Duration // smallest sample of this round, zero before the first
	samples  int           // samples in this round
	baseline time.Duration // smallest sample when conservative slow start was entered; zero outside of it
	rounds   int           // rounds spent in conservative slow start
}

// conservative reports whether slow start has become careful (CSS).
func (h *hystart) conservative() bool { return h.baseline != 0 }

// growth returns by how much acknowledged bytes grow the window. A paced sender takes no limit L (RFC 9406 s4.2).
func (h *hystart) growth(acked int) int {
	if h.conservative() {
		return acked / hystartDivisor
	}
	return acked
}

// onRound begins a round trip and reports whether slow start is over.
func (h *hystart) onRound() (exit bool) {
	h.last, h.current, h.samples = h.current, 0, 0
	if !h.conservative() {
		return false
	}
	// RFC 9406 s4.2: CSS lasts at most CSS_ROUNDS rounds, a partial first one included.
	h.rounds++
	return h.rounds >= hystartRounds
}

// onSample takes a round-trip sample, which is not zero.
func (h *hystart) onSample(rtt time.Duration) {
	if h.current == 0 || rtt < h.current {
		h.current = rtt
	}
	h.samples++
	if h.samples < hystartSamples {
		return
	}
	if h.conservative() {
		// RFC 9406 s4.2: the round trips fell again, so the exit was spurious; resume slow start.
		if h.current < h.baseline {
			h.baseline, h.rounds = 0, 0
		}
		return
	}
	if h.last == 0 {
		return
	}
	threshold := max(hystartMinThreshold, min(h.last/8, hystartMaxThreshold))
	if h.current >= h.last+threshold {
		h.baseline, h.rounds = h.current, 0
	}
}
