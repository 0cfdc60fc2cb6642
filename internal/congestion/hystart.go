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

// hystartFull is how much longer than without a queue, as 1/hystartFull, the round trips are when the careful growth of
// conservative slow start pauses.
const hystartFull = 4

// hystart ends the first slow start when the round trips grow, before packets are lost (RFC 9406).
//
// It differs in two ways, which both end the growth sooner. RFC 9406 compares the smallest sample of a round, so that a
// queue that rises within one shows only in the next, when the window has doubled again: here each group of N_RTT_SAMPLE
// samples is compared. And conservative slow start, which would go on to grow for five rounds, pauses while a queue of a
// quarter of the round trip stands: the path is full then, and only whether that lasts is still to be found out.
type hystart struct {
	last     time.Duration // smallest sample of the last round, zero if it had none
	current  time.Duration // smallest sample of this round, zero before the first
	group    time.Duration // smallest sample of the present group, zero before the first
	samples  int           // samples in the group
	floor    time.Duration // last when conservative slow start was entered
	baseline time.Duration // smallest sample when conservative slow start was entered; zero outside of it
	full     bool          // the last group of samples in conservative slow start found a queue
	judged   bool          // a group has ended in this round
	rounds   int           // rounds spent in conservative slow start
}

// conservative reports whether slow start has become careful (CSS).
func (h *hystart) conservative() bool { return h.baseline != 0 }

// growth returns by how much acknowledged bytes grow the window. A paced sender takes no limit L (RFC 9406 s4.2).
func (h *hystart) growth(acked int) int {
	switch {
	case !h.conservative():
		return acked
	case h.full:
		return 0
	}
	return acked / hystartDivisor
}

// onRound begins a round trip and reports whether slow start is over.
func (h *hystart) onRound() (exit bool) {
	h.last, h.current = h.current, 0
	if !h.conservative() {
		h.group, h.samples = 0, 0
		return false
	}
	// RFC 9406 s4.2: CSS lasts at most CSS_ROUNDS rounds, a partial first one included. A round with fewer samples than one can
	// judge by says nothing: after a pause of the receiver's, five exchanges of a packet or two would end slow start for good.
	if h.judged {
		h.rounds++
	}
	h.judged = false
	return h.rounds >= hystartRounds
}

// onSample takes a round-trip sample, which is not zero.
func (h *hystart) onSample(rtt time.Duration) {
	h.current, h.group = smaller(h.current, rtt), smaller(h.group, rtt)
	h.samples++
	if h.samples < hystartSamples {
		return
	}
	h.onGroup(h.group)
	h.group, h.samples, h.judged = 0, 0, true
}

// onGroup takes the smallest one of N_RTT_SAMPLE samples in a row.
func (h *hystart) onGroup(rtt time.Duration) {
	if h.conservative() {
		// RFC 9406 s4.2: the round trips fell again, so the exit was spurious; resume slow start.
		if rtt < h.baseline {
			h.baseline, h.rounds = 0, 0
			return
		}
		h.full = rtt >= h.floor+h.floor/hystartFull
		return
	}
	if h.last == 0 {
		return
	}
	threshold := max(hystartMinThreshold, min(h.last/8, hystartMaxThreshold))
	if rtt >= h.last+threshold {
		h.floor, h.baseline, h.full, h.rounds = h.last, rtt, false, 0
	}
}
